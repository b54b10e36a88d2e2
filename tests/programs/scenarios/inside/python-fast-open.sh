# Fast Open: MSG_FASTOPEN and TCP_FASTOPEN_CONNECT against a listener that takes it.
. "$STAGE/scenarios/lib.sh"
$python "$fixtures/fast_open.py"
