# Connects that fail and are made again, peers that have closed, full queues, and abstract names.
. "$STAGE/scenarios/lib.sh"
$python "$fixtures/connecting.py"
