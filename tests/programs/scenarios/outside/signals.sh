# Signals reach the program; SIGINT and SIGTERM end the run with its children.
. "$STAGE/scenarios/lib.sh"
begin() { # COMMAND...: starts a run in the background, with default signals as from a terminal; sets $pid
    rm -f ready
    env --default-signal=INT,QUIT "${run[@]}" -- "$@" &
    pid=$!
    until_true 20 test -e ready
}
for pair in INT:130 TERM:143 HUP:129; do
    rm -f beat
    begin bash -c 'trap - INT TERM HUP
        (while :; do echo x >> beat; sleep 0.05; done) &
        : > ready; sleep 100 & wait'
    kill "-${pair%:*}" $pid
    ends_within 15 $pid
    equal "after SIG${pair%:*}" "${pair#*:}" $code
    sleep 0.2
    size=$(stat -c %s beat)
    sleep 0.5
    equal 'the child after the end' "$size" "$(stat -c %s beat)"
done

# A program that handles a signal ends as it wants.
for name in INT TERM HUP USR1 USR2; do
    begin $python -c "import signal, sys, time
signal.signal(signal.SIG$name, lambda *_: sys.exit(5))
open('ready', 'w').close()
time.sleep(100)"
    kill -$name $pid
    ends_within 15 $pid
    equal "handled SIG$name" 5 $code
done

# While it waits in a socket call.
for call in 'listener.accept()' 'client.recv(1)' 'datagram.recvfrom(1)' 'select.select([listener], [], [])'; do
    begin $python -c "import select, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(6))
listener = socket.create_server(('127.0.0.1', 7000))
client = socket.create_connection(('127.0.0.1', 7000))
connection, _ = listener.accept()
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.bind(('127.0.0.1', 7001))
open('ready', 'w').close()
$call"
    sleep 0.2
    kill -TERM $pid
    ends_within 15 $pid
    equal "SIGTERM in $call" 6 $code
done
