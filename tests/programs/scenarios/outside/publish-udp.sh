# A published UDP port: datagrams both ways, with the client's address, from several clients.
. "$STAGE/scenarios/lib.sh"
"${run[@]}" -p 127.0.0.1:9000:7000/udp -p '[::1]:9000:7000/udp' -- $python "$fixtures/udp_peer.py" serve 7000 > server.log 2>&1 &
pid=$!
timeout 40 $python "$fixtures/udp_peer.py" ask 127.0.0.1 9000
timeout 40 $python "$fixtures/udp_peer.py" ask ::1 9000
kill -TERM $pid
ends_within 15 $pid
