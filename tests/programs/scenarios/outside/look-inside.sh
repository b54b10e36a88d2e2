# sockeye ss, ps: iproute2's columns and values, for the same sockets as a native program has.
. "$STAGE/scenarios/lib.sh"
rows() { sed -E 's/[[:space:]]+/ /g; s/ $//' | $python "$fixtures/ss_rows.py"; }
$python "$fixtures/some_sockets.py" &
native=$!
until_true 20 test -e ready
for options in -tan -tln -uan -tuan -tn -xan -xln -xn; do
    ss $options | rows > "native$options.out"
done
kill $native
ends_within 10 $native
rm ready unix.sock
"${run[@]}" --name looked -- $python "$fixtures/some_sockets.py" &
pid=$!
until_true 20 test -e ready
for options in -tan -tln -uan -tuan -tn -xan -xln -xn; do
    "$sockeye" ss looked $options | rows > "sockeye$options.out"
    diff "native$options.out" "sockeye$options.out" >&2 || fail "ss $options: see the differences above"
done
# Of a pair that the kernel carries only its path is known.
if [ "$LOOPBACK" = direct ]; then known='joined mss:'; else known='cwnd:'; fi
"$sockeye" ss -tlnp looked | grep -q 'users:(("python3",pid=[0-9]*,fd=[0-9]*))' || fail "-p: $("$sockeye" ss looked -tlnp)"
"$sockeye" ss -tni looked | grep -q "$known" || fail "-i: $("$sockeye" ss looked -tni)"
"$sockeye" ss -tnm looked | grep -q 'skmem:(' || fail "-m: $("$sockeye" ss looked -tnm)"
"$sockeye" ss -xam looked | grep -A 1 unix.sock | grep -q 'skmem:(r0,rb' || fail "-xm: $("$sockeye" ss looked -xam)"
"$sockeye" ss -xap looked | grep -q 'unix.sock .*users:(("python3",pid=' || fail "-xp: $("$sockeye" ss looked -xap)"
code_of "$sockeye" ss nobody-is-called-so > unknown.out 2> unknown.err
equal 'code for an unknown run' 1 "$code"
grep -q '`nobody-is-called-so`.*sockeye ps' unknown.err || fail "an unknown run: $(cat unknown.err)"
equal 'an unknown run on stdout' '' "$(cat unknown.out)"
"$sockeye" ss --json -a | $python -c 'import json, sys
runs = json.load(sys.stdin)
assert any(run["name"] == "looked" and run["sockets"] for run in runs), runs'
"$sockeye" ps | grep -q looked || fail 'ps does not list the run'
"$sockeye" ps --json | $python -c 'import json, sys
assert [run["name"] for run in json.load(sys.stdin)] == ["looked"]'
kill -TERM $pid
ends_within 10 $pid
equal 'ss without runs' 1 "$("$sockeye" ss -ta | wc -l)"
equal 'ps after the end' '[]' "$("$sockeye" ps --json | tr -d ' \n')"
# The ss of iproute2 inside of the run shows what sockeye ss shows from outside.
rm -f ready unix.sock
"${run[@]}" --name twice -- bash -c '
    $0 "$1" &
    until [ -e ready ]; do sleep 0.05; done
    for options in -tan -tln -uan -tuan -tn -xan -xln -tanp -uanp -tanm; do
        ss $options > "inside$options.out"
    done
    touch shown
    wait' $python "$fixtures/some_sockets.py" &
pid=$!
until_true 20 test -e shown
for options in -tan -tln -uan -tuan -tn -xan -xln -tanp -uanp -tanm; do
    rows < "inside$options.out" > "theirs$options.out"
    "$sockeye" ss twice $options | rows > "ours$options.out"
    diff "ours$options.out" "theirs$options.out" >&2 || fail "ss $options inside: see the differences above"
done
kill -TERM $pid
ends_within 10 $pid
# -i and -o: iproute2's words in iproute2's order for the same exchange. Only our own TCP has them all.
$python "$fixtures/one_exchange.py" &
native=$!
until_true 20 test -e exchanged
ss -tnio > native.words
kill $native
ends_within 10 $native
rm exchanged
"$sockeye" run --loopback stack --name exchanged -- bash -c '
    $0 "$1" &
    until [ -e exchanged ]; do sleep 0.05; done
    ss -tnio > inside.words
    touch shown-words
    wait' $python "$fixtures/one_exchange.py" &
pid=$!
until_true 20 test -e shown-words
"$sockeye" ss -tnio exchanged > sockeye.words
$python "$fixtures/ss_words.py" native.words sockeye.words || fail "ss -tnio: $(cat native.words sockeye.words)"
$python "$fixtures/ss_words.py" native.words inside.words || fail "ss -tnio inside: $(cat native.words inside.words)"
kill -TERM $pid
ends_within 10 $pid
# What stands for clients outside is no socket of the run, while it speaks and when it is over.
"$sockeye" run --loopback stack --name stands -p 127.0.0.1:8080:8000 -p 127.0.0.1:8080:7000/udp -- bash -c '
    $0 "$1/http_echo.py" 8000 > http.log 2>&1 &
    $0 "$1/udp_echo.py" serve 7000 > udp.log 2>&1 &
    until [ -e asked ]; do sleep 0.05; done
    ss -Htuan > inside.out
    ss -tuaKn src 127.0.0.1 > killed.out
    touch shown-both
    wait' $python "$fixtures" &
pid=$!
until_true 20 curl -sS --max-time 5 -o answer.out http://127.0.0.1:8080/
answered() { [ "$(printf echo | timeout 10 socat -t 0.3 - UDP4:127.0.0.1:8080)" = echo ]; }
until_true 20 answered
exec 3<> /dev/tcp/127.0.0.1/8080
until_true 20 eval '"$sockeye" ss stands -tn | grep -q ESTAB'
touch asked
until_true 20 test -e shown-both
"$sockeye" ss stands -tuan | tail -n +2 > outside.out
for list in inside.out outside.out; do
    equal "local ports of $list" '7000 8000' "$(awk '{ print $5 }' $list | sed 's/.*://' | sort -u | xargs)"
    grep -q 'ESTAB.*127.0.0.1' $list || fail "$list lacks the connection: $(cat $list)"
done
exec 3>&-
kill -TERM $pid
ends_within 15 $pid
