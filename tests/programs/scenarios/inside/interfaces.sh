# The loopback as programs see it, by netlink and by ioctl: the C library, iproute2, busybox, Node, Go, Java.
. "$STAGE/scenarios/lib.sh"
# The addresses of a run lie on an interface of their own, those of the native arm on the loopback too.
loopback() { grep -v -e '10\.0\.2\.100' -e 'fd00::100' -e eth0; }
$python "$fixtures/interfaces.py" lo nothing | loopback
ip -o addr show dev lo | loopback
ip -o link show dev lo
ip route show table local | loopback
ip -6 route show table local dev lo | loopback
ip rule
ip -6 rule
ip neigh show dev lo
for destination in 127.0.0.1 127.1.2.3 ::1; do ip route get $destination uid 7 | grep -v cache; done
code_of ip route get 198.51.100.1 2> unreachable.log
echo "unreachable: $code $(cat unreachable.log)"
code_of ip link show dev nothing 2> nothing.log
echo "nothing: $code $(cat nothing.log)"
code_of ip route show table 77 2> table.log
echo "no such table: $code $(cat table.log)"
/bin/busybox ip -o addr show dev lo | loopback
/bin/busybox ip route show table local | loopback
node "$fixtures/interfaces.js" lo | loopback
"$STAGE/bin/gohttp" interfaces lo | loopback
java -XX:-UsePerfData -Xshare:auto -XX:TieredStopAtLevel=1 "$fixtures/Interfaces.java" lo | loopback
