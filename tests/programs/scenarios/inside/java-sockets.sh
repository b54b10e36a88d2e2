# Java: ServerSocket with threads, Socket with timeouts, NIO selector, DatagramSocket, URLConnection.
. "$STAGE/scenarios/lib.sh"
timeout 80 java -XX:-UsePerfData -Xshare:auto -XX:TieredStopAtLevel=1 "$fixtures/Sockets.java"
