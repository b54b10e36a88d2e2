# A killed client, worker or server loses nobody else's connection.
. "$STAGE/scenarios/lib.sh"
$python "$fixtures/killed.py"
