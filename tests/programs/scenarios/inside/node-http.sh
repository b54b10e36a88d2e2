# Node's http module: keep-alive agent, streams, a cluster whose primary hands out connections, UDP.
. "$STAGE/scenarios/lib.sh"
timeout 60 node "$fixtures/http.js"
timeout 60 node "$fixtures/cluster.js"
