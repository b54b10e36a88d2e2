# The static busybox: httpd, wget, nc.
. "$STAGE/scenarios/lib.sh"
box=/bin/busybox
mkdir www
echo 'hello from busybox' > www/index.html
bytes 3000000 > www/large.bin
$box httpd -f -p 8080 -h www > httpd.log 2>&1 &
wait_tcp 127.0.0.1 8080
timeout 20 $box wget -q -O - http://127.0.0.1:8080/
timeout 20 $box wget -q -O - http://127.0.0.1:8080/large.bin | sum
timeout 20 $box wget -q -O - 'http://[::1]:8080/large.bin' | sum
code_of timeout 20 $box wget -q -O - http://127.0.0.1:8080/none 2> none.log
echo "not found: $code"
# A listener whose own input stays open, or it would end as soon as it has a client.
mkfifo silence
exec 9<> silence
$box nc -l -p 7000 > received <&9 2> nc.log &
listener=$!
sent=no
for _ in $(seq 100); do
    if echo 'over nc' | timeout 10 $box nc 127.0.0.1 7000 2> /dev/null; then sent=yes; break; fi
    sleep 0.05
done
ends_within 10 $listener
echo "sent: $sent, received: $(cat received)"
$box nc -ll -p 7001 -e $box tr a-z A-Z > tr.log 2>&1 &
until_true 10 sh -c "echo x | $box nc 127.0.0.1 7001"
for word in one two three; do
    { echo $word; sleep 0.2; } | timeout 10 $box nc 127.0.0.1 7001 | head -1 || true
done
