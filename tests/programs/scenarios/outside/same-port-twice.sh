# Two runs and the host itself use the same port at the same time.
. "$STAGE/scenarios/lib.sh"
for name in one two host; do
    mkdir $name
    echo "this is $name" > $name/index.html
done
(cd host && exec $python -m http.server 8080 --bind 127.0.0.1) > host.log 2>&1 &
host=$!
wait_tcp 127.0.0.1 8080
for name in one two; do
    "${run[@]}" -- bash -c ". $STAGE/scenarios/lib.sh
        cd $name
        $python -m http.server 8080 --bind 127.0.0.1 > ../$name.log 2>&1 &
        wait_tcp 127.0.0.1 8080
        : > ready
        until_true 20 test -e ../one/ready
        until_true 20 test -e ../two/ready
        curl -sS --max-time 10 http://127.0.0.1:8080/ > ../$name.out" &
    pids+=($!)
done
for pid in "${pids[@]}"; do
    ends_within 30 $pid
    equal 'a run' 0 $code
done
equal one 'this is one' "$(cat one.out)"
equal two 'this is two' "$(cat two.out)"
equal host 'this is host' "$(curl -sS --max-time 10 http://127.0.0.1:8080/)"
kill $host
