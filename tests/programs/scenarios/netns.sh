# usage: netns.sh up|down COMMAND...
# Run as the first process of a new network namespace. "up" gives it the loopback and the own addresses of a run's
# host; "down" leaves its loopback down, so that nothing of a run can pass over the
# kernel's sockets.
set -eu
if [ "$1" = up ]; then
    ip link set lo up
    ip addr add 10.0.2.100/32 dev lo
    ip -6 addr add fd00::100/128 dev lo nodad
else
    # Java asks /proc/net/if_inet6 whether there is IPv6 at all: a link that leads nowhere answers that.
    ip link add nowhere type veth peer name nowhere2
    ip link set nowhere up
    ip link set nowhere2 up
fi
shift
if [ "$(id -u)" != 0 ]; then
    # The capabilities of the user namespace were for the lines above only.
    exec setpriv --ambient-caps=-all --inh-caps=-all "$@"
fi
exec "$@"
