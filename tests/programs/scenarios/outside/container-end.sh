# When the first process ends, the run ends as a container's does, whatever else still runs in it.
. "$STAGE/scenarios/lib.sh"
# Each child writes its heart-beat; none may beat after the end.
silent() {
    local file sizes
    for file in "$@"; do [ -s "$file" ] || fail "$file never beat"; done
    sleep 0.3
    sizes=$(stat -c %s "$@" | tr '\n' ' ')
    sleep 0.7
    equal "hearts still beating ($*)" "$sizes" "$(stat -c %s "$@" | tr '\n' ' ')"
}
code_of timeout 20 "${run[@]}" -- bash -c '
    beat() { while :; do echo x >> "$1"; sleep 0.05; done; }
    beat child &
    (beat grandchild &) &
    setsid bash -c "$(declare -f beat); trap \"\" TERM HUP INT; beat session" < /dev/null > /dev/null 2>&1 &
    until [ -s child ] && [ -s grandchild ] && [ -s session ]; do sleep 0.05; done
    exit 6'
equal 'exit code' 6 $code
silent child grandchild session

# Children that wait for sockets.
code_of timeout 20 "${run[@]}" -- bash -c "
    $python -c 'import socket; s = socket.create_server((\"127.0.0.1\", 7000)); open(\"waits\", \"w\").close(); s.accept()' &
    $python '$fixtures/echo.py' 7001 &
    until [ -e waits ]; do sleep 0.05; done
    kill -KILL \$\$"
equal 'exit code' 137 $code
