# socat: forking echo servers, relays between families, UDP, half-close, a unix socket in between.
. "$STAGE/scenarios/lib.sh"
socat TCP4-LISTEN:7000,reuseaddr,fork EXEC:cat > a.log 2>&1 &
socat TCP6-LISTEN:7001,ipv6only=1,reuseaddr,fork TCP4:127.0.0.1:7000 > b.log 2>&1 &
socat UNIX-LISTEN:relay.sock,fork TCP6:[::1]:7001 > c.log 2>&1 &
socat UDP4-LISTEN:7002,fork EXEC:cat > d.log 2>&1 &
socat UDP6-RECVFROM:7003,fork EXEC:'tr a-z A-Z' > e.log 2>&1 &
socat TCP4-LISTEN:7004,bind=10.0.2.100,reuseaddr,fork SYSTEM:'echo $SOCAT_PEERADDR $SOCAT_SOCKADDR $SOCAT_SOCKPORT' > f.log 2>&1 &
wait_tcp 127.0.0.1 7000
wait_tcp ::1 7001
# A probe that reads the answer: where it is gone before, the server's child fails to write (at once if joined directly),
# and a listening socat of which a child has failed loses answers of later ones, natively too.
answers() { (exec 3<> "/dev/tcp/$1/$2" && read -r _ <&3); }
until_true 20 answers 10.0.2.100 7004
until_true 10 test -S relay.sock

echo 'plain' | timeout 20 socat -t 5 - TCP4:127.0.0.1:7000
echo 'across families' | timeout 20 socat -t 5 - TCP6:[::1]:7001
echo 'across domains' | timeout 20 socat -t 5 - UNIX-CONNECT:relay.sock
bytes 10000000 > large.bin
timeout 40 socat -t 20 - UNIX-CONNECT:relay.sock < large.bin | sum
sum < large.bin
# These wait as long as they are told, for a datagram has no end; the answer takes a process that has to be started.
printf 'datagram' | timeout 20 socat -t 4 - UDP4:127.0.0.1:7002; echo
printf 'datagram' | timeout 20 socat -t 4 - UDP6:[::1]:7003; echo
timeout 20 socat -u TCP4:10.0.2.100:7004,bind=10.0.2.100 -
timeout 20 socat -u TCP4:10.0.2.100:7004,bind=127.0.0.9,sourceport=40001 -
code_of timeout 20 socat - TCP4:127.0.0.1:7999 < /dev/null 2> refused.log
echo "refused: $code" $(grep -o 'Connection refused' refused.log | sort -u)
code_of timeout 20 socat TCP4-LISTEN:7000 - < /dev/null 2> in-use.log
echo "in use: $code" $(grep -o 'Address already in use' in-use.log | sort -u)
seq 30 | xargs -P 10 -I{} sh -c 'echo line {} | timeout 20 socat -t 5 - TCP4:127.0.0.1:7000' | sort -n -k2 | sum
