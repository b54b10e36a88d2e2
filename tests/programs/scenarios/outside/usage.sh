# A wrong command line says what was expected; help is no failure.
. "$STAGE/scenarios/lib.sh"
says() { # CODE PATTERN ARGUMENT...
    local expected=$1 pattern=$2
    shift 2
    code_of "$sockeye" "$@" > out.log 2> error.log
    equal "code of: $*" "$expected" $code
    grep -qiE -- "$pattern" error.log || fail "'$*' does not say '$pattern': $(cat error.log)"
}
says 125 '--no-such-flag' run --no-such-flag -- true
says 125 'CMD' run
says 125 'CMD' run --loopback direct --
says 125 'direct.*stack' run --loopback sideways -- true
for port in nonsense 8080 8080:0 8080:99999 99999:80 1.2.3:80:80 8080:80/sctp :80; do
    says 125 'HOSTPORT:PORT' run -p "$port" -- true
done
says 125 '/no/such/folder/file' run --pcap /no/such/folder/file -- true
says 125 'frobnicate' frobnicate
code_of "$sockeye" ss no-such-run 2> error.log
[ $code != 0 ] && grep -q no-such-run error.log || fail "ss of an unknown run: $code, $(cat error.log)"
for command in --help --version 'run --help' 'ss --help' 'ps --help' 'doctor --help'; do
    "$sockeye" $command > help.log
    [ -s help.log ] || fail "$command says nothing"
done
