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

/// What a listener that keeps SYNs tells of the one of its next connection, but for what is another each time.
fn told_syn(host: &mut Host, domain: Domain, listener: SocketId, is_joined: bool) -> Vec<u8> {
    let client = tcp(host, domain);
    let server = if is_joined {
        host.join(client, &loopback(domain, 80), NOW).unwrap()
    } else {
        assert_eq!(
            host.connect(client, &loopback(domain, 80), NOW),
            Err(Errno::EINPROGRESS)
        );
        Some(host.accept(listener, NOW).unwrap().socket)
    };
    let mut syn = host.get_option(server.unwrap(), 6, 28, 200, NOW).unwrap();
    let tcp = syn.len() - 40;
    // The port, the number, the checksum and the timestamp.
    for field in [
        tcp..tcp + 2,
        tcp + 4..tcp + 8,
        tcp + 16..tcp + 18,
        tcp + 28..tcp + 32,
    ] {
        syn[field].fill(0);
    }
    if domain == Domain::Inet {
        // The identification, and the checksum over it.
        syn[tcp - 16..tcp - 14].fill(0);
        syn[tcp - 10..tcp - 8].fill(0);
    } else {
        // The flow label.
        syn[tcp - 39..tcp - 36].fill(0);
    }
    syn.to_vec()
}

#[test]
fn a_joined_end_tells_the_syn_that_the_loopback_would_have_had() {
    both(|domain| {
        for save in [1i32, 2] {
            let mut host = host();
            let server = listener(&mut host, domain, 80, 5);
            let set = host.set_option(server, 6, 27, &save.to_ne_bytes(), NOW);
            assert_eq!(set, Ok(()));
            let sent = told_syn(&mut host, domain, server, false);
            assert!(sent.len() >= 60);
            assert_eq!(told_syn(&mut host, domain, server, true), sent);
        }
    });
}
