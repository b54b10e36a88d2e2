# A published UDP port: datagrams both ways, with the client's address, from several clients.
. "$STAGE/scenarios/lib.sh"
name=published-$$
# An answer finds its client also when nobody stands in for it any more: after more than half a minute, which goes by beside the
# rest.
if [ "$LOOPBACK" = stack ]; then
    "${run[@]}" --name late-$$ -p 127.0.0.1:9005:7005/udp -p '[::1]:9006:7006/udp' -- bash -c '
        $0 "$1" late 7005 & $0 "$1" late 7006 & wait' $python "$fixtures/udp_echo.py" > late.log 2>&1 &
    late=$!
    until_true 20 test -e late-7005 -a -e late-7006
    timeout 60 socat -t 50 - UDP4:127.0.0.1:9005 < <(printf late) > late-7005 &
    askers=$!
    timeout 60 socat -t 50 - 'UDP6:[::1]:9006' < <(printf connected) > late-7006 &
    askers+=" $!"
fi
"${run[@]}" --name $name -p 127.0.0.1:9000:7000/udp -p '[::1]:9000:7000/udp' -- $python "$fixtures/udp_peer.py" serve 7000 > server.log 2>&1 &
pid=$!
timeout 40 $python "$fixtures/udp_peer.py" ask 127.0.0.1 9000
timeout 40 $python "$fixtures/udp_peer.py" ask ::1 9000
# The peer's address and port are the client's.
equal 'peer' '127.0.0.5 45674 question' "$(printf question | timeout 10 socat -t 5 - UDP4:127.0.0.1:9000,bind=127.0.0.5:45674 | head -c 24)"
equal 'peer v6' '::1 45675 question' "$(printf question | timeout 10 socat -t 5 - 'UDP6:[::1]:9000,bind=[::1]:45675' | head -c 18)"
# Nobody of the run is what speaks for them.
equal 'sockets' '*:7000 *:*' "$("$sockeye" ss $name -uan | tail -n +2 | awk '{ print $4, $5 }')"
kill -TERM $pid
ends_within 15 $pid
# Boundaries, datagrams of no bytes and the longest, from several at once.
"${run[@]}" -p 127.0.0.1:9000:7000/udp -p '[::1]:9000:7000/udp' -p 127.0.0.1:9001:7000/udp -p 127.0.0.1:9002:7002/udp -p 9003:7000/udp -- $python "$fixtures/udp_echo.py" serve 7000 > server.log 2>&1 &
pid=$!
timeout 60 $python "$fixtures/udp_echo.py" at_once 127.0.0.1 9000 127.0.0.1 127.0.0.8
timeout 60 $python "$fixtures/udp_echo.py" at_once ::1 9000 ::1
# The answer comes from the address that was asked, of all that the port is published at.
timeout 60 $python "$fixtures/udp_echo.py" at_once 127.0.0.7 9003 127.0.0.1
timeout 60 $python "$fixtures/udp_echo.py" at_once ::1 9003 ::1
# From one port of a client by two published ports, in turns.
for port in 9000 9001 9000; do
    equal "by $port" "$port" "$(printf $port | timeout 10 socat -t 5 - UDP4:127.0.0.1:$port,bind=127.0.0.1:45676 | head -c 4)"
done
# A port that nobody has inside: no answer, and nothing else is hurt.
equal 'nobody inside' '' "$(printf anybody | timeout 10 socat -t 0.5 - UDP4:127.0.0.1:9002)"
equal 'after it' again "$(printf again | timeout 10 socat -t 5 - UDP4:127.0.0.1:9000 | head -c 5)"
kill -TERM $pid
ends_within 15 $pid
# A program takes the port that a client sends from, as if nobody was there; both go on.
"${run[@]}" -p 127.0.0.1:9000:7000/udp -- bash -c "
    $python '$fixtures/udp_echo.py' serve 7000 > server.log 2>&1 &
    . $STAGE/scenarios/lib.sh
    until_true 20 [ -e asked ]
    $python '$fixtures/udp_echo.py' serve 45677 > other.log 2>&1 &
    $python '$fixtures/udp_echo.py' round_trip 127.0.0.1 45677 > inside.out
    touch done
    until_true 20 [ -e over ]" &
pid=$!
ask() { printf one | timeout 10 socat -t "$1" - UDP4:127.0.0.1:9000,bind=127.0.0.9:45677 | head -c 3; }
asked() { [ "$(ask 0.3)" = one ]; }
until_true 20 asked
touch asked
until_true 20 [ -e done ]
equal 'beside a program at its port' one "$(ask 5)"
touch over
ends_within 15 $pid
equal 'the run' 0 $code
# Programs that are bound to the run's interface are reached by it, over UDP and TCP.
"${run[@]}" -p 127.0.0.1:9000:7000/udp -p 127.0.0.1:9000:7000 -- $python -c 'import pathlib, socket
sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for sock in sockets:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    sock.bind(("0.0.0.0", 7000))
datagrams, listener = sockets
listener.listen()
pathlib.Path("bound").touch()
data, peer = datagrams.recvfrom(100)
datagrams.sendto(data, peer)
connection, _ = listener.accept()
connection.sendall(connection.recv(100))' &
pid=$!
until_true 20 test -e bound
equal 'by its interface, UDP' datagram "$(printf datagram | timeout 10 socat -t 5 - UDP4:127.0.0.1:9000 | head -c 8)"
equal 'by its interface, TCP' stream "$(printf stream | timeout 10 socat -t 5 - TCP4:127.0.0.1:9000)"
ends_within 15 $pid
if [ "$LOOPBACK" = stack ]; then
    ends_within 60 $late
    until_true 5 test -s late-7005 -a -s late-7006
    equal 'late answers' 'late connected' "$(cat late-7005) $(cat late-7006)"
    kill $askers
    wait $askers || true
fi
