# iperf3: TCP, reverse, four flows, IPv6, UDP both ways.
. "$STAGE/scenarios/lib.sh"
iperf3 -s -p 5201 > server.log 2>&1 &
server=$!
wait_tcp 127.0.0.1 5201
measure() { # NAME ARGUMENT...
    local name=$1
    shift
    until_true 10 sh -c 'true'
    timeout 40 iperf3 -p 5201 -J "$@" > "$name.log" 2>&1 || { grep error "$name.log" >&2; fail "iperf3 $name"; }
    $python "$fixtures/iperf3_summary.py" "$name" < "$name.log"
}
measure tcp -c 127.0.0.1 -n 100M
measure reverse -c 127.0.0.1 -n 100M -R
measure four-flows -c 127.0.0.1 -n 100M -P 4
measure both-ways -c 127.0.0.1 -t 1 --bidir
measure v6 -c ::1 -n 50M
measure small-segments -c 127.0.0.1 -n 5M -M 1000 -N -l 1000
measure udp -c 127.0.0.1 -u -b 20M -t 1 -l 1200
measure udp-reverse -c 127.0.0.1 -u -b 20M -t 1 -R -l 1200
measure udp-v6 -c ::1 -u -b 20M -t 1 -P 2 -l 1200
kill -INT $server
ends_within 20 $server
