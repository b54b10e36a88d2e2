# 10,000 connections opened and closed leave no descriptor, socket or byte behind.
. "$STAGE/scenarios/lib.sh"
# A supervisor that leaked a descriptor for each connection could not get through this.
ulimit -n 400
"${run[@]}" --name many -- $python "$fixtures/many_connections.py" > many.log 2>&1 &
pid=$!
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$supervisor/status"; }
descriptors() { ls "/proc/$supervisor/fd" | wc -l; }
until_true 60 test -e warm
supervisor=$("$sockeye" ps --json | $python -c 'import json, sys; print(json.load(sys.stdin)[0]["pid"])')
memory_before=$(memory)
# The supervisor is not dumpable: only root may look at its descriptors.
[ "$(id -u)" != 0 ] || descriptors_before=$(descriptors)
: > go
until_true 120 test -e done
sleep 0.5
if [ "$(id -u)" = 0 ]; then
    equal descriptors "$descriptors_before" "$(descriptors)"
fi
"$sockeye" ss many --all --tcp > ss.log
# A closed connection rests in TIME-WAIT as on any host; it is a record, not a socket.
equal 'open sockets' 'LISTEN' "$(awk 'NR > 1 && $1 != "TIME-WAIT" { print $1 }' ss.log)"
grown=$(($(memory) - memory_before))
[ "$grown" -lt 16384 ] || fail "the supervisor grew by $grown KiB"
: > finish
ends_within 20 $pid
equal 'the program' 0 $code
