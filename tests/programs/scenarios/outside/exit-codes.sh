# The program's exit code, 128 + signal, 125 for sockeye's own failures, 126 and 127 as a shell has them.
. "$STAGE/scenarios/lib.sh"
for expected in 0 1 3 42 125 255; do
    code_of "${run[@]}" -- sh -c "exit $expected"
    equal "exit $expected" $expected $code
done
for pair in HUP:129 INT:130 KILL:137 SEGV:139 PIPE:141 TERM:143; do
    code_of "${run[@]}" -- $python -c 'import os, signal, sys
number = getattr(signal, "SIG" + sys.argv[1])
if number != signal.SIGKILL: signal.signal(number, signal.SIG_DFL)
os.kill(os.getpid(), number)' "${pair%:*}"
    equal "signal ${pair%:*}" "${pair#*:}" $code
done
for command in no-such-program /no/such/program ./no-such-program; do
    code_of "${run[@]}" -- $command 2> error.log
    equal "$command" 127 $code
    grep -q -- "$command" error.log || fail "the message does not name $command: $(cat error.log)"
done
touch not-executable
mkdir folder
for command in ./not-executable ./folder; do
    code_of "${run[@]}" -- $command 2> error.log
    equal "$command" 126 $code
    grep -q -- "$command" error.log || fail "the message does not name $command: $(cat error.log)"
done
# A child's end is not the run's.
code_of "${run[@]}" -- sh -c '(exit 9); sh -c "kill -KILL \$\$"; exit 4'
equal 'after its children' 4 $code
