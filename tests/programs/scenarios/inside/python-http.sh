# python3 -m http.server with curl and wget over IPv4 and IPv6.
. "$STAGE/scenarios/lib.sh"

mkdir www
echo 'hello from a file' > www/hello.txt
bytes 20000000 > www/large.bin
mkdir www/folder
(cd www && exec $python -m http.server 8000 --bind 0.0.0.0) > server4.log 2>&1 &
(cd www && exec $python -m http.server 8000 --bind ::1) > server6.log 2>&1 &
wait_tcp 127.0.0.1 8000
wait_tcp ::1 8000

for url in http://127.0.0.1:8000 'http://[::1]:8000' http://10.0.2.100:8000 http://localhost:8000; do
    echo "== $url"
    curl -sS --max-time 20 "$url/hello.txt"
    curl -sS --max-time 20 "$url/large.bin" | sum
    curl -sS --max-time 20 -o /dev/null -w '%{http_code} %{size_download} %{remote_ip} %{num_connects}\n' "$url/none"
    curl -sS --max-time 20 -r 100-199 "$url/large.bin" | wc -c
    curl -sS --max-time 20 "$url/" | grep -c href
    curl -sSI --max-time 20 "$url/hello.txt" | grep -i content-length
    wget -q -T 20 -O - "$url/large.bin" | sum
    wget -q -T 20 -O - "$url/hello.txt"
done
code_of curl -sS --max-time 5 http://127.0.0.1:8001/ 2> refused.log
echo "nobody there: $code"
seq 40 | xargs -P 10 -I{} curl -sS --max-time 20 -o /dev/null -w '%{http_code}\n' 'http://127.0.0.1:8000/hello.txt?{}' | sort | uniq -c
# The server tells its clients' addresses.
sed -n 's/ - - .*"\(GET \/hello.txt\) .*/ \1/p' server4.log server6.log | sort -u
