# A host port that is taken, or not ours to have, is sockeye's own failure, and said.
. "$STAGE/scenarios/lib.sh"
$python "$fixtures/echo.py" 9000 > echo.log 2>&1 &
echo_pid=$!
wait_tcp 127.0.0.1 9000
for port in 9000:80 127.0.0.1:9000:80 9000:80/udp; do
    code_of "${run[@]}" -p $port -- touch started 2> error.log
    equal "-p $port" 125 $code
    grep -q 9000 error.log || fail "the message does not name the port: $(cat error.log)"
    [ ! -e started ] || fail 'the program was started all the same'
done
code_of "${run[@]}" -p 192.0.2.1:9001:80 -- true 2> error.log
equal 'an address that the host does not have' 125 $code
kill $echo_pid
