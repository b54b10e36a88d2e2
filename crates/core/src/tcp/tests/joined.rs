//! Connections whose data travels outside.

use super::*;

#[test]
fn joined_ends_have_names_and_leave_nothing_behind() {
    both(|domain| {
        let mut host = host();
        let server = listener(&mut host, domain, 80, 5);
        let client = tcp(&mut host, domain);
        assert_eq!(
            host.listener_for(client, &loopback(domain, 80)),
            Some(server)
        );
        assert_eq!(host.listener_for(client, &loopback(domain, 81)), None);
        assert_eq!(host.join(client, &loopback(domain, 81), NOW), Ok(None));
        let end = host
            .join(client, &loopback(domain, 80), NOW)
            .unwrap()
            .unwrap();
        assert_eq!(host.peer_address(end), host.local_address(client));
        assert_eq!(host.peer_address(client), host.local_address(end));
        assert_eq!(host.readiness(client), Readiness::OUT);
        assert_eq!(
            host.connect(client, &loopback(domain, 80), NOW),
            Err(Errno::EISCONN)
        );
        assert_eq!(
            host.snapshot()
                .sockets
                .iter()
                .filter(|socket| socket.is_joined)
                .count(),
            2
        );
        for id in [client, end, server] {
            host.close(id, NOW).unwrap();
        }
        assert!(host.sockets.is_empty() && host.stack.ports.is_empty());
        assert_eq!(host.stack.connections.len(), 0);
    });
}
