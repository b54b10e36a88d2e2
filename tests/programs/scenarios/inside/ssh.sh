# sshd with ssh and with scp of 200 MB both ways.
. "$STAGE/scenarios/lib.sh"
if [ "$(id -u)" = 0 ]; then
    mkdir -p /run/sshd
fi
ssh-keygen -q -t ed25519 -N '' -f host_key
ssh-keygen -q -t ed25519 -N '' -f user_key
cp user_key.pub authorized_keys
cat > sshd_config << CONF
Port 2222
ListenAddress 127.0.0.1
ListenAddress ::1
HostKey $PWD/host_key
PidFile $PWD/sshd.pid
AuthorizedKeysFile $PWD/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
PrintMotd no
AllowTcpForwarding yes
Subsystem sftp internal-sftp
CONF
/usr/sbin/sshd -D -E "$PWD/sshd.log" -f "$PWD/sshd_config" > sshd-out.log 2>&1 &
wait_tcp 127.0.0.1 2222
options=(-F /dev/null -i user_key -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new
    -o "UserKnownHostsFile=$PWD/known_hosts" -o ConnectTimeout=20 -o LogLevel=ERROR)
shell() { timeout 60 ssh "${options[@]}" -p 2222 "$@" < /dev/null; }

for host in 127.0.0.1 ::1; do
    shell "$host" 'echo "logged in"; echo $SSH_CONNECTION | cut -d" " -f1,3,4'
done
code_of shell 127.0.0.1 'exit 7'
echo "exit code: $code"
shell 127.0.0.1 'head -c 3000000 /dev/zero' | wc -c
printf 'some\ninput\n' | timeout 60 ssh "${options[@]}" -p 2222 127.0.0.1 'wc -l'

# A connection forwarded through the connection.
$python "$fixtures/echo.py" 7000 > echo.log 2>&1 &
wait_tcp 127.0.0.1 7000
timeout 60 ssh "${options[@]}" -p 2222 -N -L 7100:127.0.0.1:7000 127.0.0.1 < /dev/null > forward.log 2>&1 &
forward=$!
wait_tcp 127.0.0.1 7100
exec 3<> /dev/tcp/127.0.0.1/7100
echo 'through the tunnel' >&3
read -r line <&3
echo "$line"
exec 3>&-
kill $forward

bytes 200000000 > large.bin
timeout 100 scp -q "${options[@]}" -P 2222 large.bin "127.0.0.1:$PWD/copy.bin"
timeout 100 scp -q "${options[@]}" -P 2222 "[::1]:$PWD/copy.bin" back.bin
sum < large.bin
sum < copy.bin
sum < back.bin
kill "$(cat sshd.pid)"
until_true 20 sh -c '! test -e sshd.pid'
