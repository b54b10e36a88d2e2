# A killed supervisor leaves no reachable network and no hung process.
. "$STAGE/scenarios/lib.sh"
"${run[@]}" --name doomed -p 8080:8000 -- bash -c "
    . $STAGE/scenarios/lib.sh
    $python '$fixtures/http_echo.py' 8000 > server.log 2>&1 &
    $python -c 'import socket; socket.create_server((\"127.0.0.1\", 7000)).accept()' &
    wait_tcp 127.0.0.1 8000
    (while :; do curl -sS --max-time 5 -o /dev/null http://127.0.0.1:8000/ || break; done; sleep 100) > curls.log 2>&1 &
    : > ready
    wait" > run.log 2>&1 &
pid=$!
until_true 20 test -e ready
until_true 20 curl -sS --max-time 5 -o /dev/null http://127.0.0.1:8080/
supervisor=$("$sockeye" ps --json | $python -c 'import json, sys; print(json.load(sys.stdin)[0]["pid"])')
kill -KILL "$supervisor"
ends_within 15 $pid
[ $code != 0 ] || fail 'a killed run ended well'
code_of curl -sS --max-time 5 http://127.0.0.1:8080/ 2> curl.log
equal 'the published port' 7 $code
equal 'sockeye ps' '[]' "$("$sockeye" ps --json | tr -d ' \n')"
# That no process of it is left is checked by who runs this.
