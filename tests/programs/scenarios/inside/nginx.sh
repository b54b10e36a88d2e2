# nginx with a master and two workers; ab, wrk, a reload, an orderly end.
. "$STAGE/scenarios/lib.sh"
listen='listen 8080; listen [::]:8080;'
. "$STAGE/scenarios/inside/nginx-common.bash"
