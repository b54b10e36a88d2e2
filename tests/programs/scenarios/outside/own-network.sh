# A run has two interfaces, whoever asks and however; nobody can change them.
. "$STAGE/scenarios/lib.sh"
expected() { diff - "$1" >&2 || fail "$1: see the differences above (what was found is marked >)"; }
"${run[@]}" -- ip -o addr | awk '{ print $2, $3, $4 }' > addresses.out
expected addresses.out << 'EOF'
lo inet 127.0.0.1/8
lo inet6 ::1/128
eth0 inet 10.0.2.100/24
eth0 inet6 fd00::100/64
EOF
"${run[@]}" -- ip -o link | sed 's/ state .*//' > links.out
expected links.out << 'EOF'
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue
2: eth0: <MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc pfifo
EOF
# Go tells of "running" since 1.20.
"${run[@]}" -- "$STAGE/bin/gohttp" interfaces | sed 's/|running//' > go.out
expected go.out << 'EOF'
go lo 1 65536 up|loopback 
go lo 127.0.0.1/8
go lo ::1/128
go eth0 2 1500 up|multicast 
go eth0 10.0.2.100/24
go eth0 fd00::100/64
EOF
"${run[@]}" -- node "$fixtures/interfaces.js" > node.out
expected node.out << 'EOF'
node eth0 10.0.2.100/24 00:00:00:00:00:00 false
node eth0 fd00::100/64 00:00:00:00:00:00 false
node lo 127.0.0.1/8 00:00:00:00:00:00 true
node lo ::1/128 00:00:00:00:00:00 true
EOF
# AF_UNIX sockets are asked, too; addresses they have none to tell of.
"${run[@]}" -- $python "$fixtures/interfaces.py" eth0 | sort -u > python.out
expected python.out << 'EOF'
SIOCGIFADDR eth0 10.0.2.100
SIOCGIFADDR eth0 Inappropriate ioctl for device
SIOCGIFBRDADDR eth0 0.0.0.0
SIOCGIFBRDADDR eth0 Inappropriate ioctl for device
SIOCGIFCONF eth0 10.0.2.100
SIOCGIFFLAGS eth0 0x10c1
SIOCGIFHWADDR eth0 feff000000000000
SIOCGIFINDEX eth0 2
SIOCGIFMETRIC eth0 0
SIOCGIFMTU eth0 1500
SIOCGIFNETMASK eth0 255.255.255.0
SIOCGIFNETMASK eth0 Inappropriate ioctl for device
SIOCGIFTXQLEN eth0 4096
getifaddrs eth0 0x110c1 - -
getifaddrs eth0 0x110c1 10.0.2.100 255.255.255.0
getifaddrs eth0 0x110c1 fd00::100 ffff:ffff:ffff:ffff::
if_nameindex eth0 2
EOF
# As in a container that lacks CAP_NET_ADMIN, for root too.
refusal='Operation not permitted'
for change in 'addr add 10.9.9.9/24 dev eth0' 'route add default dev eth0' 'link add x type dummy'; do
    code_of "${run[@]}" -- ip $change 2> change.log
    equal "code of ip $change" 2 "$code"
    equal "ip $change" "RTNETLINK answers: $refusal" "$(tail -n 1 change.log)"
done
