# --netem shapes the network in tc's words; what is lost is sent again; bad words are named.
. "$STAGE/scenarios/lib.sh"
# A packet takes 40 ms, so that an answer takes 80. The answer may be waited for a little less than since it was asked for.
equal 'round trips' ok "$("${run[@]}" --netem 'delay 40ms' -- $python "$fixtures/round_trips.py" 75)"
# The same without: less than a round trip of 80 ms for all of them.
began=$(date +%s%N)
equal 'round trips' ok "$("${run[@]}" --netem 'delay 0ms' -- $python "$fixtures/round_trips.py" 0)"
[ $(($(date +%s%N) - began)) -lt 2000000000 ] || fail 'an ideal network is slow'
fetch="
    . $STAGE/scenarios/lib.sh
    $python '$fixtures/http_echo.py' 8000 > server.log 2>&1 &
    wait_tcp 127.0.0.1 8000
    curl -sS --max-time 60 http://127.0.0.1:8000/bytes/20000000 | sum"
# In bursts, but not such that one transfer in fifty loses eight retransmissions of one segment in a row: with the timeout doubled
# each time, that is a minute.
for words in 'delay 5ms loss 1%' 'loss gemodel 2% 75%' 'delay 5ms 3ms distribution normal duplicate 2% reorder 5% corrupt 0.5%' \
    'rate 200mbit fq_codel'; do
    "${run[@]}" --netem "$words" --pcap capture.pcapng -- bash -c "$fetch" > sum.out
    equal "a download with: $words" "$(bytes 20000000 | sum)" "$(cat sum.out)"
done
# 2.5 MB at 10 Mbit/s take two seconds.
began=$(date +%s%N)
"${run[@]}" --netem 'rate 10mbit limit 100' -- bash -c "${fetch/20000000/2500000}" > sum.out
equal 'a slow download' "$(bytes 2500000 | sum)" "$(cat sum.out)"
took=$((($(date +%s%N) - began) / 1000000))
[ $took -ge 1900 ] || fail "2.5 MB at 10 Mbit/s took $took ms"
# A network that loses all: nothing connects.
code_of "${run[@]}" --netem 'loss 100%' -- $python -c 'import socket
listener = socket.create_server(("127.0.0.1", 0))
socket.create_connection(listener.getsockname(), timeout=1)' 2> error.log
equal 'connecting over a cut wire' 1 $code
grep -q 'timed out' error.log || fail "a cut wire answers: $(cat error.log)"
# A published connection is shaped as well: a handshake and an answer are two round trips.
"${run[@]}" -p 127.0.0.1:8080:8000 --netem 'delay 60ms' -- $python "$fixtures/http_echo.py" 8000 > server.log 2>&1 &
pid=$!
until_true 20 curl -sS --max-time 5 -o answer.out http://127.0.0.1:8080/
began=$(date +%s%N)
equal 'a published answer' slow "$(curl -sS --max-time 10 http://127.0.0.1:8080/echo/slow)"
took=$((($(date +%s%N) - began) / 1000000))
[ $took -ge 230 ] || fail "two round trips of 120 ms took $took ms"
# A client that gives up before its connection stands leaves nothing behind that waits.
code_of curl -sS --max-time 0.03 http://127.0.0.1:8080/echo/early 2> curl.log
equal 'a client that gave up' 28 $code
equal 'after it' late "$(curl -sS --max-time 10 http://127.0.0.1:8080/echo/late)"
kill -TERM $pid
ends_within 15 $pid
# Published datagrams take as long, and get lost.
"${run[@]}" --name datagrams-$$ -p 127.0.0.1:8080:7000/udp -p '[::1]:8080:7000/udp' --netem 'delay 60ms' -- $python "$fixtures/udp_echo.py" serve 7000 > server.log 2>&1 &
pid=$!
for host in 127.0.0.1 ::1; do
    took=$(timeout 40 $python "$fixtures/udp_echo.py" round_trip $host 8080)
    [ "$took" -ge 119 ] || fail "a round trip of 120 ms from $host took $took ms"
done
"$sockeye" netem datagrams-$$ 'loss 30%'
# A question and its answer both arrive with a chance of 0.49: 98 of 200, and less than 40 or more than 160 never.
answers=$(timeout 40 $python "$fixtures/udp_echo.py" count 127.0.0.1 8080)
[ "$answers" -ge 40 ] && [ "$answers" -le 160 ] || fail "$answers of 200 were answered"
"$sockeye" netem datagrams-$$ 'loss 100%'
equal 'answers over a cut wire' 0 "$(timeout 40 $python "$fixtures/udp_echo.py" count 127.0.0.1 8080)"
kill -TERM $pid
ends_within 15 $pid
# A server that connects a socket to each client.
"${run[@]}" -p 127.0.0.1:8080:7000/udp --netem 'delay 1ms' -- $python "$fixtures/udp_echo.py" connected 7000 > server.log 2>&1 &
pid=$!
answered() { [ "$(printf echo | timeout 10 socat -t 0.3 - UDP4:127.0.0.1:8080)" = 'connected echo' ]; }
until_true 20 answered
equal 'answers of a connected socket' 'connected oneconnected two' \
    "$({ printf one; sleep 0.5; printf two; sleep 0.5; } | timeout 10 socat -t 2 - UDP4:127.0.0.1:8080)"
kill -TERM $pid
ends_within 15 $pid
for words in 'delay soon' 'dealy 5ms' 'loss 200%' 'rate fast' 'codel' 'delay'; do
    code_of "${run[@]}" --netem "$words" -- touch ran 2> error.log
    equal "code of: $words" 125 $code
    grep -q "expected .*, found '" error.log || fail "'$words' says: $(cat error.log)"
    [ ! -e ran ] || fail "'$words' ran the program"
done
# Other words for a run that goes on; its connection stays.
name=shaped-$$
"${run[@]}" --name $name --netem 'delay 0ms' -- $python "$fixtures/round_trip_becomes.py" 300 > became.out &
until_true 20 [ -e ready ]
code_of "$sockeye" netem $name 'delay soon' 2> error.log
equal 'code of bad words for a run' 125 $code
"$sockeye" netem $name 'delay 160ms'
wait $!
equal 'round trips of a run shaped anew' ok "$(cat became.out)"
rm ready
code_of "$sockeye" netem $name 'delay 1ms' 2> error.log
grep -q 'no run of this user' error.log || fail "a run that is over: $(cat error.log)"
"${run[@]}" --name $name -- $python -c 'import pathlib, time
pathlib.Path("ready").touch()
time.sleep(30)' &
until_true 20 [ -e ready ]
code_of "$sockeye" netem $name 'delay 1ms' 2> error.log
equal 'code for a run without a wire' 1 $code
grep -q 'started with --netem' error.log || fail "a run without a wire: $(cat error.log)"
kill $!
wait $! || true
