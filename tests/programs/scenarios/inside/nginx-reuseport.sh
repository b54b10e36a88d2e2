# nginx with a listener for each worker (SO_REUSEPORT).
. "$STAGE/scenarios/lib.sh"
listen='listen 8080 reuseport; listen [::]:8080 reuseport;'
. "$STAGE/scenarios/inside/nginx-common.bash"
