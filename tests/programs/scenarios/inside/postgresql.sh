# PostgreSQL under its own user, a process for each connection; psql, pgbench, COPY, LISTEN/NOTIFY, an orderly stop.
. "$STAGE/scenarios/lib.sh"
bin=/usr/lib/postgresql/15/bin
as=()
if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
fi
mkdir cluster sockets
[ "$(id -u)" != 0 ] || chown postgres: cluster sockets
touch server.log initdb.log
chmod 666 server.log initdb.log
"${as[@]}" $bin/initdb --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C -D "$PWD/cluster" > initdb.log 2>&1
cat >> cluster/postgresql.conf << CONF
listen_addresses = '127.0.0.1, ::1'
port = 5432
unix_socket_directories = '$PWD/sockets'
fsync = off
shared_buffers = 16MB
CONF
"${as[@]}" $bin/postgres -D "$PWD/cluster" > server.log 2>&1 &
server=$!
export PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=20
until_true 30 $bin/pg_isready -h 127.0.0.1
query() { timeout 30 psql -X -q -A -t "$@"; }

for host in 127.0.0.1 ::1 "$PWD/sockets"; do
    query -h "$host" -c "select 'answer', 6 * 7, host(inet_client_addr()), host(inet_server_addr()), inet_server_port()"
done
query -h 127.0.0.1 -c 'create table numbers (n int, text text)'
seq 100000 | sed 's/.*/&\tnumber &/' | query -h 127.0.0.1 -c 'copy numbers from stdin'
query -h ::1 -c 'select count(*), sum(n) from numbers'
query -h 127.0.0.1 -c 'copy numbers to stdout' | sum
query -h 127.0.0.1 << 'SQL' | sed "s/ with PID.*//"
listen news;
notify news, 'hello';
select pg_sleep(0.1);
SQL
timeout 60 $bin/pgbench -h 127.0.0.1 -i -q -s 1 > pgbench-init.log 2>&1
for host in 127.0.0.1 ::1; do
    timeout 60 $bin/pgbench -h "$host" -c 4 -j 2 -t 100 > "pgbench-$host.log" 2>&1
    sed -nE 's/^(number of (transactions actually processed|failed transactions|clients)): /\1 /p' "pgbench-$host.log"
done
timeout 60 $bin/pgbench -h 127.0.0.1 -C -S -c 4 -j 2 -t 50 > pgbench-connect.log 2>&1
sed -nE 's/^(number of transactions actually processed): /new connections: \1 /p' pgbench-connect.log
# One backend dies badly: the server recovers and goes on.
query -h 127.0.0.1 -c 'select pg_backend_pid()' > /dev/null
code_of query -h 127.0.0.1 -c "select pg_terminate_backend(pg_backend_pid())" 2> terminated.log
echo "terminated: $code"
query -h 127.0.0.1 -c 'select 1'
kill -INT $server
ends_within 30 $server
echo "server: $code"
