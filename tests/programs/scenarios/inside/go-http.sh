# A static Go program (no C library): HTTP server and client, with and without keep-alive, IPv4 and IPv6, large bodies.
. "$STAGE/scenarios/lib.sh"
go=$STAGE/bin/gohttp
$go serve :8080 > server.log 2>&1 &
server=$!
wait_tcp 127.0.0.1 8080
$go load http://127.0.0.1:8080 2000 20
$go load 'http://[::1]:8080' 500 10
$go load -close http://127.0.0.1:8080 500 10
$go large http://127.0.0.1:8080 30000000
$go deadline http://127.0.0.1:8080
$go refused http://127.0.0.1:8090
$go udp
kill -TERM $server
ends_within 20 $server
echo "server: $code"
cat server.log
