# The body of the nginx scenarios; $listen holds the listen directives.
mkdir www logs tmp
chmod 777 tmp
echo 'hello from nginx' > www/index.html
bytes 5000000 > www/large.bin
user=
[ "$(id -u)" = 0 ] && user='user nobody nogroup;'
cat > nginx.conf << CONF
$user
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/error.log info;
events { worker_connections 512; }
http {
    access_log $PWD/access.log;
    client_body_temp_path $PWD/tmp/body;
    proxy_temp_path $PWD/tmp/proxy;
    fastcgi_temp_path $PWD/tmp/fastcgi;
    uwsgi_temp_path $PWD/tmp/uwsgi;
    scgi_temp_path $PWD/tmp/scgi;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    server {
        $listen
        root $PWD/www;
        location /proxy/ { proxy_pass http://127.0.0.1:8081/; }
        location = /who { return 200 "\$remote_addr\n"; }
    }
    server {
        listen 127.0.0.1:8081;
        root $PWD/www;
    }
}
CONF
nginx -e "$PWD/error.log" -c "$PWD/nginx.conf" -t 2>&1 | sed -n 's/.*test is //p'
nginx -e "$PWD/error.log" -c "$PWD/nginx.conf" -g 'daemon off;' > nginx.log 2>&1 &
master=$!
wait_tcp 127.0.0.1 8080
wait_tcp ::1 8080

bench() { # NAME AB-ARGUMENT...
    local name=$1
    shift
    ab "$@" > "ab-$name.log" 2>&1 || { tail -5 "ab-$name.log" >&2; fail "ab $name"; }
    echo "ab $name:" $(sed -nE 's/^(Complete requests|Failed requests|Non-2xx responses|Keep-Alive requests|HTML transferred): +([0-9]+).*/\1 \2;/p' "ab-$name.log")
}

for url in http://127.0.0.1:8080 'http://[::1]:8080'; do
    curl -sS --max-time 20 "$url/" "$url/who"
    curl -sS --max-time 20 "$url/large.bin" | sum
    curl -sS --max-time 20 "$url/proxy/large.bin" | sum
    curl -sS --max-time 20 -o /dev/null -w '%{http_code}\n' "$url/none"
done
bench close -q -n 1500 -c 20 -s 20 http://127.0.0.1:8080/
bench keep-alive -q -k -n 6000 -c 20 -s 20 http://127.0.0.1:8080/index.html
bench v6 -q -n 500 -c 10 -s 20 'http://[::1]:8080/'
bench proxy -q -n 500 -c 10 -s 20 http://127.0.0.1:8080/proxy/index.html

wrk -t 2 -c 20 -d 1s --timeout 10s http://127.0.0.1:8080/index.html > wrk.log
grep -q 'requests in' wrk.log || fail "wrk made no requests"
grep -E 'Socket errors|Non-2xx' wrk.log || echo 'wrk: no errors'

# A reload: new workers take over, requests go on.
kill -HUP $master
seq 100 | xargs -P 4 -I{} curl -sS --max-time 20 -o /dev/null -w '%{http_code}\n' 'http://127.0.0.1:8080/?{}' | sort | uniq -c
kill -QUIT $master
ends_within 30 $master
echo "master: $code"
grep -E '\[(emerg|alert|crit|error)\]' error.log | grep -v 'No such file or directory' | sed 's/^[^[]*//' | sort -u || true
