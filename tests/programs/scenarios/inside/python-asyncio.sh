# A Python asyncio echo pair with 1,000 connections open at once, in two processes.
. "$STAGE/scenarios/lib.sh"
ulimit -n 4096

$python "$fixtures/asyncio_echo.py" serve 7000 > server.log 2>&1 &
server=$!
wait_tcp 127.0.0.1 7000
$python "$fixtures/asyncio_echo.py" load 127.0.0.1 7000 1000
$python "$fixtures/asyncio_echo.py" load ::1 7000 200
kill -TERM $server
ends_within 20 $server
echo "server: $code"
cat server.log
