# One listener for both families, names and addresses as the programs see them, a descriptor passed over a unix socket.
. "$STAGE/scenarios/lib.sh"
$python "$fixtures/dual_stack.py"
