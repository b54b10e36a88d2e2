# iproute2's ss asks by netlink for the sockets of the network it stands in.
. "$STAGE/scenarios/lib.sh"
rows() { sed -E 's/[[:space:]]+/ /g; s/ $//; s/pid=[0-9]+/pid=P/g' | $python "$fixtures/ss_rows.py"; }
$python "$fixtures/some_sockets.py" &
pid=$!
until_true 20 test -e ready
# Who else has a socket of a kind that both arms have elsewhere is left out: -x shows those of the program alone.
for options in -tan -tln -uan -tuan -tn -tanp -uanp -wan; do
    echo "ss $options"
    ss $options | rows
done
for kind in -xanp; do
    echo "ss $kind"
    { ss $kind | head -n 1; ss $kind | grep 'python3'; } | rows
done
while read -r filter; do
    echo "ss -tuanH $filter"
    # shellcheck disable=SC2086
    { echo heading; ss -tuanH $filter; } | rows
done << 'FILTERS'
sport = :5000
dport = :5000
( sport = :5001 or dport = :5003 )
not sport >= :5002
sport >= :5001 and sport <= :5002
dst 127.0.0.0/8
src [::1]
dst [::1]:5001
autobound
state listening
state close-wait
state established sport = :5003
exclude listening exclude established
FILTERS
code_of ss -tan 'sport = :5000 and' > bad.out 2> bad.log
echo "a filter that is none: $code"
kill $pid
ends_within 10 $pid
