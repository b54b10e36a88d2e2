# What all scenarios share. Sourced first: . "$STAGE/scenarios/lib.sh"
# A scenario stands in an empty folder of its own, writes logs there (*.log is shown when it fails), and prints only
# what must be the same in every run.
set -euo pipefail
shopt -s lastpipe
fixtures=$STAGE/fixtures
python=/usr/bin/python3

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
trap 'printf "%s:%s: %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" >&2' ERR

# until_true SECONDS COMMAND...: tries until it works.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -le "$end" ] || fail "still not true: $*"
        sleep 0.05
    done
}

connects() { (exec 3<> "/dev/tcp/$1/$2"); }

# wait_tcp HOST PORT: until something accepts there.
wait_tcp() { until_true 20 connects "$1" "$2"; }

# equal WHAT EXPECTED FOUND
equal() { [ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"; }

# code_of COMMAND...: sets $code to its exit code.
code_of() {
    code=0
    "$@" || code=$?
}

# ends_within SECONDS PID: waits for a child of this shell; sets $code.
ends_within() {
    local end=$((SECONDS + $1))
    while kill -0 "$2" 2> /dev/null; do
        [ "$SECONDS" -le "$end" ] || fail "process $2 did not end"
        sleep 0.02
    done
    code_of wait "$2"
}

# bytes COUNT: always the same bytes, which do not compress or repeat.
bytes() { openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2> /dev/null | head -c "$1" || true; }

sum() { sha256sum | cut -d' ' -f1; }

# For the scenarios on the host's side: "${run[@]}" OPTION... -- COMMAND...
sockeye=$STAGE/bin/sockeye
run=("$sockeye" run --loopback "${LOOPBACK:-direct}")
