# redis-server with redis-cli and redis-benchmark; IPv4, IPv6, pub/sub, a pipeline, a replica, a clean shutdown.
. "$STAGE/scenarios/lib.sh"
start() { # PORT ARGUMENT...
    local port=$1
    shift
    redis-server --port "$port" --bind 127.0.0.1 ::1 --save '' --dir "$PWD" --protected-mode no "$@" > "redis-$port.log" 2>&1 &
}
start 6379
server=$!
wait_tcp 127.0.0.1 6379
cli() { timeout 20 redis-cli "$@"; }

cli ping
cli -h ::1 ping
cli set key value
cli -h ::1 get key
cli rpush list a b c
cli lrange list 0 -1
bytes 8000000 > value.bin
cli -x set large < value.bin
cli --raw get large | head -c 8000000 | sum
seq 20000 | sed 's/.*/SET k& v&/' | cli --pipe | tail -1
cli dbsize
cli client list | sed -nE 's/.* addr=(127.0.0.1):[0-9]+ laddr=([^ ]+) .*/\1 \2/p'
(timeout 20 redis-cli subscribe news > subscriber.log) &
until_true 20 test -s subscriber.log
cli publish news 'it works'
until_true 20 grep -q 'it works' subscriber.log
cli --latency-history -i 1 > latency.log & latency=$!
sleep 0.3
kill $latency; code_of wait $latency

redis-benchmark -q -n 4000 -c 50 -t ping,set,get,lpush,lrange_100,mset > benchmark.log 2> benchmark-errors.log
tr '\r' '\n' < benchmark.log | sed -nE 's/^([A-Z_]+[^:]*): [0-9.]+ requests per second.*/\1/p'
redis-benchmark -h ::1 -q -n 20000 -c 20 -P 16 -t set > pipeline.log 2>&1
tr '\r' '\n' < pipeline.log | sed -nE 's/^([A-Z_]+[^:]*): [0-9.]+ requests per second.*/pipelined \1/p'
grep -iE 'error|refused' benchmark-errors.log pipeline.log || echo 'benchmark: no errors'

cli config set repl-diskless-sync-delay 0
start 6380 --replicaof 127.0.0.1 6379
until_true 30 sh -c 'redis-cli -p 6380 info replication | grep -q master_link_status:up'
cli set after replication > /dev/null
until_true 20 sh -c 'redis-cli -p 6380 get after | grep -q replication'
echo "replica: $(cli -p 6380 dbsize) keys"
cli -p 6380 shutdown nosave 2> /dev/null || true
cli shutdown nosave 2> /dev/null || true
ends_within 20 $server
echo "server: $code"
