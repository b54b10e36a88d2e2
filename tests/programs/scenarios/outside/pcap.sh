# --pcap writes what tshark reads, with pid, fd and program as packet comments.
. "$STAGE/scenarios/lib.sh"
"${run[@]}" --pcap capture.pcapng -- bash -c "
    . $STAGE/scenarios/lib.sh
    $python '$fixtures/http_echo.py' 8000 > server.log 2>&1 &
    $python '$fixtures/echo.py' 7000 > echo.log 2>&1 &
    wait_tcp 127.0.0.1 8000
    wait_tcp ::1 7000
    curl -sS --max-time 20 http://127.0.0.1:8000/echo/answer
    curl -sS --max-time 20 'http://[::1]:8000/bytes/3000000' | sum > large.out
    printf datagram | timeout 5 $python -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(b\"datagram\", (\"127.0.0.1\", 7000)); s.recv(100)'" > run.out
equal 'the run' 'answer' "$(cat run.out)"
equal 'the large answer' "$(bytes 3000000 | sum)" "$(cat large.out)"
shark() { tshark -r capture.pcapng -d tcp.port==8000,http -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE "$@" 2> tshark.log; }
count() { shark -Y "$1" | wc -l; }
[ "$(count 'tcp')" -gt 20 ] || fail "only $(count tcp) TCP packets"
for filter in 'tcp.flags.syn == 1 && tcp.flags.ack == 0' 'tcp.flags.syn == 1 && tcp.flags.ack == 1' 'tcp.flags.fin == 1' \
    'ipv6 && tcp' 'udp.port == 7000' 'http.request.uri == "/echo/answer"' 'http.response.code == 200' 'tcp.options.mss' \
    'tcp.options.timestamp.tsval' 'tcp.options.wscale' 'tcp.options.sack_perm'; do
    [ "$(count "$filter")" -gt 0 ] || fail "no packet is: $filter"
done
for filter in '_ws.malformed' 'tcp.checksum.status == "Bad"' 'udp.checksum.status == "Bad"' 'ip.checksum.status == "Bad"' \
    'tcp.analysis.lost_segment' 'tcp.analysis.ack_lost_segment'; do
    equal "packets that are: $filter" 0 "$(count "$filter")"
done
# Nothing was lost: what was sent again is a probe, because the program was slow to read what its side had and had not
# acknowledged yet (Linux's loopback has such probes, too), and that side says so.
equal 'retransmissions and D-SACKs' "$(count tcp.analysis.retransmission)" "$(count tcp.options.sack.dsack)"
shark -T fields -e frame.comment > comments.out
for word in 'pid' 'fd' 'curl' 'python3'; do
    grep -q "$word" comments.out || fail "no comment names $word: $(sort -u comments.out | head -5)"
done
# A published connection is in it as the client's own.
"${run[@]}" -p 127.0.0.1:8080:8000 --pcap published.pcapng -- $python "$fixtures/http_echo.py" 8000 > server.log 2>&1 &
pid=$!
until_true 20 curl -sS --max-time 5 -o answer.out http://127.0.0.1:8080/
equal 'a published answer' outside "$(curl -sS --max-time 10 --interface 127.0.0.6 --local-port 45673 http://127.0.0.1:8080/echo/outside)"
kill -TERM $pid
ends_within 15 $pid
published() { tshark -r published.pcapng -d tcp.port==8000,http -Y "$1" 2> tshark.log | wc -l; }
for filter in 'ip.src == 127.0.0.6 && tcp.srcport == 45673 && tcp.flags.syn == 1' \
    'ip.src == 127.0.0.6 && http.request.uri == "/echo/outside"' 'ip.dst == 127.0.0.6 && http.response.code == 200'; do
    equal "packets that are: $filter" 1 "$(published "$filter")"
done
# And so are published datagrams, and what the host says of those for which nobody is there.
"${run[@]}" -p 127.0.0.1:8080:7000/udp -p '[::1]:8080:7000/udp' -p 127.0.0.1:8081:7001/udp --pcap datagrams.pcapng -- $python "$fixtures/udp_echo.py" serve 7000 > server.log 2>&1 &
pid=$!
answered() { [ "$(printf echo | timeout 10 socat -t 0.3 - UDP4:127.0.0.1:8080)" = echo ]; }
until_true 20 answered
equal 'an answer' outside "$(printf outside | timeout 10 socat -t 5 - UDP4:127.0.0.1:8080,bind=127.0.0.6:45678 | head -c 7)"
timeout 60 $python "$fixtures/udp_echo.py" at_once ::1 8080 ::1
equal 'nobody inside' '' "$(printf nobody | timeout 10 socat -t 0.5 - UDP4:127.0.0.1:8081,bind=127.0.0.6:45679)"
kill -TERM $pid
ends_within 15 $pid
datagrams() { tshark -r datagrams.pcapng -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y "$1" 2> tshark.log | wc -l; }
for filter in 'ip.src == 127.0.0.6 && ip.dst == 10.0.2.100 && udp.srcport == 45678 && udp.dstport == 7000 && data.data == "outside"' \
    'ip.src == 10.0.2.100 && ip.dst == 127.0.0.6 && udp.srcport == 7000 && udp.dstport == 45678 && data.data == "outside"' \
    'ip.src == 10.0.2.100 && ip.dst == 127.0.0.6 && icmp.type == 3 && icmp.code == 3 && udp.srcport == 45679'; do
    equal "packets that are: $filter" 1 "$(datagrams "$filter")"
done
# Twice to each of two clients and back the longest that IPv6 carries, in two pieces, after whatever asked for it to be there.
equal 'the longest over IPv6' 4 "$(datagrams 'ipv6 && udp.length == 65535')"
for filter in '_ws.malformed' 'udp.checksum.status == "Bad"' 'ip.checksum.status == "Bad"'; do
    equal "packets that are: $filter" 0 "$(datagrams "$filter")"
done
# The stream, put together again by tshark, is what the client read.
stream=$(shark -Y 'http.request.uri == "/echo/answer"' -T fields -e tcp.stream | head -1)
shark -q -z "follow,tcp,ascii,$stream" > follow.out
grep -q '^answer' follow.out || fail 'the followed stream lacks the answer'
