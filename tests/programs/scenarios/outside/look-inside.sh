# sockeye ss, ps: iproute2's columns and values, for the same sockets as a native program has.
. "$STAGE/scenarios/lib.sh"
rows() { sed -E 's/[[:space:]]+/ /g; s/ $//' | $python "$fixtures/ss_rows.py"; }
$python "$fixtures/some_sockets.py" &
native=$!
until_true 20 test -e ready
for options in -tan -tln -uan -tuan -tn; do
    ss $options | rows > "native$options.out"
done
kill $native
ends_within 10 $native
rm ready unix.sock
"${run[@]}" --name looked -- $python "$fixtures/some_sockets.py" &
pid=$!
until_true 20 test -e ready
for options in -tan -tln -uan -tuan -tn; do
    "$sockeye" ss looked $options | rows > "sockeye$options.out"
    diff "native$options.out" "sockeye$options.out" >&2 || fail "ss $options: see the differences above"
done
"$sockeye" ss -tlnp looked | grep -q 'users:(("python3",pid=[0-9]*,fd=[0-9]*))' || fail "-p: $("$sockeye" ss looked -tlnp)"
"$sockeye" ss -tni looked | grep -q 'cwnd:' || fail "-i: $("$sockeye" ss looked -tni)"
"$sockeye" ss -tnm looked | grep -q 'skmem:(' || fail "-m: $("$sockeye" ss looked -tnm)"
"$sockeye" ss -xa looked > unix.out
"$sockeye" ss --json -a | $python -c 'import json, sys
runs = json.load(sys.stdin)
assert any(run["name"] == "looked" and run["sockets"] for run in runs), runs'
"$sockeye" ps | grep -q looked || fail 'ps does not list the run'
"$sockeye" ps --json | $python -c 'import json, sys
assert [run["name"] for run in json.load(sys.stdin)] == ["looked"]'
kill -TERM $pid
ends_within 10 $pid
equal 'ps after the end' '[]' "$("$sockeye" ps --json | tr -d ' \n')"
