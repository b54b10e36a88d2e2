# OpenBSD netcat: TCP, UDP and unix sockets, a port scan, half-close.
. "$STAGE/scenarios/lib.sh"
nc=/bin/nc.openbsd
for host in 127.0.0.1 ::1; do
    $nc -l -N "$host" 7000 > "received" < /etc/hostname &
    listener=$!
    until_true 10 sh -c "bytes() { :; }; echo 'a line' | timeout 10 $nc -N $host 7000 > answer"
    ends_within 10 $listener
    echo "$host: $(cat received), answer $(cmp answer /etc/hostname && echo as sent)"
done
bytes 20000000 > large.bin
$nc -l 127.0.0.1 7001 > copy.bin < /dev/null &
listener=$!
until_true 10 sh -c "timeout 30 $nc -N 127.0.0.1 7001 < large.bin"
ends_within 30 $listener
sum < large.bin
sum < copy.bin

$python "$fixtures/echo.py" 7002 > echo.log 2>&1 &
wait_tcp 127.0.0.1 7002
$nc -z -v -w 5 127.0.0.1 7001-7003 2>&1 | sed -E 's/ \[.*//' | sort
$nc -z -w 5 ::1 7002 && echo 'open'
printf 'ping' | timeout 10 $nc -u -w 1 127.0.0.1 7002; echo
printf 'ping' | timeout 10 $nc -u -w 1 ::1 7002; echo
$nc -l -U unix.sock > unix-received < /dev/null &
listener=$!
until_true 10 sh -c "echo 'over unix' | timeout 10 $nc -N -U unix.sock"
ends_within 10 $listener
cat unix-received
