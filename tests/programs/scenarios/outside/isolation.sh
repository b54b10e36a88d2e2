# Nothing of the host's own network is reachable from inside.
. "$STAGE/scenarios/lib.sh"
$python "$fixtures/echo.py" 9000 > echo.log 2>&1 &
echo_pid=$!
$python -c 'import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("\0sockeye-test"); s.listen()
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.bind("\0sockeye-test-dgram"); open("abstract-ready", "w").close()
while True: s.accept()[0].close()' &
abstract_pid=$!
wait_tcp 127.0.0.1 9000
until_true 10 test -e abstract-ready
(exec 3<> /dev/tcp/127.0.0.1/9000) || fail 'the host itself can not reach its server'
"${run[@]}" -- $python "$fixtures/isolation.py" > inside.out
cat > expected << 'END'
tcp 127.0.0.1 9000 ECONNREFUSED
tcp ::1 9000 ECONNREFUSED
tcp 10.0.2.100 9000 ECONNREFUSED
udp 127.0.0.1 9000 ECONNREFUSED
tcp 192.0.2.1 80 ENETUNREACH
tcp 8.8.8.8 53 ENETUNREACH
tcp 10.0.2.2 80 ENETUNREACH
tcp fd00::2 80 ENETUNREACH
tcp 2001:db8::1 80 ENETUNREACH
udp 192.0.2.1 53 ENETUNREACH
udp 2001:db8::1 53 ENETUNREACH
udp 10.0.2.2 53 ENETUNREACH
sendto 192.0.2.1 53 ENETUNREACH
abstract sockeye-test ECONNREFUSED
abstract sockeye-test-dgram ECONNREFUSED
a chosen name is seen bare False 5
packet refused
vsock refused
io_uring ENOSYS
still fine True
END
diff expected inside.out >&2 || fail 'see the differences above'
code_of "${run[@]}" -- curl -sS --max-time 10 http://127.0.0.1:9000/ 2> curl.log
equal curl 7 $code
kill $echo_pid $abstract_pid
