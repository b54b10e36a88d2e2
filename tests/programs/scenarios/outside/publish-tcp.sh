# A published port: the host's curl reaches the server in the run, which sees the client's own address.
. "$STAGE/scenarios/lib.sh"
"${run[@]}" -p 127.0.0.1:8080:8000 -p '[::1]:8080:8000' -p 8090:8000 -p 8091:8001 -- $python "$fixtures/http_echo.py" 8000 > server.log 2>&1 &
pid=$!
until_true 20 curl -sS --max-time 5 -o answer.out http://127.0.0.1:8080/
for url in http://127.0.0.1:8080 'http://[::1]:8080' http://127.0.0.1:8090 http://127.0.0.7:8090 http://10.0.2.100:8090 'http://[fd00::100]:8090'; do
    equal "large download from $url" "$(bytes 20000000 | sum)" "$(curl -sS --max-time 30 "$url/bytes/20000000" | sum)"
done
# The peer's address and port are the client's.
equal 'peer' '127.0.0.5 45671' "$(curl -sS --max-time 10 --interface 127.0.0.5 --local-port 45671 http://127.0.0.1:8080/peer)"
equal 'peer v6' '::1 45672' "$(curl -sS --max-time 10 --interface ::1 --local-port 45672 'http://[::1]:8080/peer')"
bytes 10000000 > upload.bin
equal 'upload' "$(sum < upload.bin)" "$(curl -sS --max-time 30 --data-binary @upload.bin http://127.0.0.1:8080/sum)"
# Only the address that was asked for.
code_of curl -sS --max-time 10 http://127.0.0.2:8080/ 2> curl.log
equal 'another address' 7 $code
# A port that nobody listens on inside: no answer, but not a hang.
code_of curl -sS --max-time 10 http://127.0.0.1:8091/ 2> curl.log
case $code in 7 | 52 | 56) ;; *) fail "nobody inside: curl ended with $code" ;; esac
# Many at once, and clients that go away in the middle.
seq 200 | xargs -P 20 -I{} curl -sS --max-time 30 'http://127.0.0.1:8080/echo/{}' > many.out
equal 'many answers' "$(seq 200 | sum)" "$(sort -n many.out | sum)"
for _ in 1 2 3 4 5; do
    code_of curl -sS --max-time 0.05 -o /dev/null http://127.0.0.1:8080/bytes/200000000 2> curl.log
done
equal 'after broken clients' 77 "$(curl -sS --max-time 10 http://127.0.0.1:8080/echo/77)"
kill -TERM $pid
ends_within 15 $pid
code_of curl -sS --max-time 10 http://127.0.0.1:8080/ 2> curl.log
equal 'after the end' 7 $code
