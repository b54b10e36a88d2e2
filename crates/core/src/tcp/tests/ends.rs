//! How connections end, and what is left of them.

use super::*;

#[test]
fn closing_with_unread_data_resets_the_peer() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        send(&mut host, client, b"unread").unwrap();
        host.close(server, NOW).unwrap();
        assert!(
            host.readiness(client)
                .contains(Readiness::ERR | Readiness::HUP)
        );
        assert_eq!(receive(&mut host, client, 9), Err(Errno::ECONNRESET));
        assert_eq!(receive(&mut host, client, 9).unwrap(), b"");
        assert_eq!(send(&mut host, client, b"x"), Err(Errno::EPIPE));
        assert_eq!(host.counters().tcp_ext_tcp_abort_on_close, 1);
    });
}

#[test]
fn a_stale_id_is_an_error_and_nothing_is_left_behind() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        host.close(client, NOW).unwrap();
        assert_eq!(host.close(client, NOW), Err(Errno::EBADF));
        assert_eq!(send(&mut host, client, b"x"), Err(Errno::EBADF));
        host.close(server, NOW).unwrap();
        assert!(host.sockets.is_empty());
        assert_eq!(host.stack.time_wait.len(), 1);
        let mut now = NOW;
        while let Some(deadline) = host.next_deadline() {
            assert!(
                deadline < NOW + core::time::Duration::from_secs(70),
                "{deadline:?}"
            );
            now = now.max(deadline);
            host.advance(now);
        }
        assert_eq!(host.stack.time_wait.len(), 0);
        assert!(host.stack.ports.is_empty());
        assert_eq!(host.stack.connections.len(), 0);
    });
}
