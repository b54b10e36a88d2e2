# bash's own /dev/tcp and /dev/udp: half-close, refusal, several descriptors, a child that inherits a connection.
. "$STAGE/scenarios/lib.sh"

$python "$fixtures/echo.py" 7000 > echo.log 2>&1 &
for host in 127.0.0.1 ::1 10.0.2.100 fd00::100; do
    wait_tcp "$host" 7000
    exec 3<> "/dev/tcp/$host/7000"
    printf 'one\ntwo\n' >&3
    read -r first <&3
    read -r second <&3
    echo "$host: $first $second"
    exec 4<> "/dev/tcp/$host/7000"
    printf 'from a child\n' >&4
    (read -r line <&4 && echo "child read: $line")
    exec 3>&- 4>&-
done

for host in 127.0.0.1 ::1; do
    if (exec 3<> "/dev/tcp/$host/7001") 2> refused.log; then
        fail "nobody listens there"
    fi
    sed 's/.*: //' refused.log
done

exec 5<> /dev/udp/127.0.0.1/7000
printf 'datagram' >&5
IFS= read -r -t 5 -N 8 answer <&5
echo "udp: $answer"
