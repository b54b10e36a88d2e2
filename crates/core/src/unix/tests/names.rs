//! Binding, finding, listening, connecting, accepting.
use super::*;

#[test]
fn a_new_socket_answers_as_linux_does() {
    let answers = [
        (
            SocketType::Stream,
            0x14,
            Errno::ENOTCONN,
            Errno::EINVAL,
            Errno::EOPNOTSUPP,
            Errno::EINVAL,
            Errno::EINVAL,
        ),
        (
            SocketType::Datagram,
            0x4,
            Errno::ENOTCONN,
            Errno::EAGAIN,
            Errno::ECONNREFUSED,
            Errno::EOPNOTSUPP,
            Errno::EOPNOTSUPP,
        ),
        (
            SocketType::SeqPacket,
            0x14,
            Errno::ENOTCONN,
            Errno::ENOTCONN,
            Errno::ENOTCONN,
            Errno::EINVAL,
            Errno::EINVAL,
        ),
    ];
    for (kind, ready, send, receive, send_to, listen, accept) in answers {
        let mut host = host();
        let id = host.open(kind);
        host.is(id, ready);
        assert_eq!(host.put(id, b"x"), Err(send));
        assert_eq!(host.take(id, 1), Err(receive));
        assert_eq!(host.put_to(id, b"x", "@nope"), Err(send_to), "{kind:?}");
        assert_eq!(host.peer_address(id), Err(Errno::ENOTCONN));
        host.shutdown(id, Shutdown::Write, NOW).unwrap();
        host.is(id, ready);
        assert_eq!(host.listen(id, 1, NOW), Err(listen));
        assert_eq!(host.accept(id, NOW), Err(accept));
        assert_eq!(
            host.local_address(id),
            Ok(SocketAddress::Unix(UnixAddress::Unnamed))
        );
    }
}

#[test]
fn only_the_familys_own_protocol_is_taken() {
    let mut host = host();
    assert!(
        host.socket(Domain::Unix, SocketType::Stream, 1, Credentials::ROOT)
            .is_ok()
    );
    assert_eq!(
        host.socket(Domain::Unix, SocketType::Stream, 6, Credentials::ROOT),
        Err(Errno::EPROTONOSUPPORT)
    );
    let raw = host
        .socket(Domain::Unix, SocketType::Raw, 0, Credentials::ROOT)
        .unwrap();
    assert_eq!(host.get(raw).unwrap().kind, SocketType::Datagram);
}

#[test]
fn abstract_names_belong_to_their_type() {
    let mut host = host();
    host.listener("@n", 1);
    let datagram = host.bound(SocketType::Datagram, "@n");
    assert_eq!(
        host.connect(datagram, &name("@other"), NOW),
        Err(Errno::ECONNREFUSED)
    );
    let again = host.open(SocketType::Stream);
    assert_eq!(host.bind(again, &name("@n"), NOW), Err(Errno::EADDRINUSE));
    let client = host.open(SocketType::SeqPacket);
    assert_eq!(
        host.connect(client, &name("@n"), NOW),
        Err(Errno::ECONNREFUSED)
    );
}

#[test]
fn a_path_outlives_its_socket_until_it_is_unlinked() {
    let mut host = host();
    let listener = host.listener("/run/s", 1);
    let datagram = host.open(SocketType::Datagram);
    assert_eq!(
        host.connect(datagram, &name("/run/s"), NOW),
        Err(Errno::EPROTOTYPE)
    );
    assert_eq!(
        host.connect(datagram, &name("/none"), NOW),
        Err(Errno::ENOENT)
    );
    let client = host.open(SocketType::Stream);
    assert_eq!(
        host.bind(client, &name("/run/s"), NOW),
        Err(Errno::EADDRINUSE)
    );
    // A socket that has a name leaves no file behind.
    assert_eq!(
        host.bind(listener, &name("/run/t"), NOW),
        Err(Errno::EINVAL)
    );
    assert_eq!(host.unlink(b"/run/t"), Err(Errno::ENOENT));
    host.close(listener, NOW).unwrap();
    assert_eq!(
        host.connect(client, &name("/run/s"), NOW),
        Err(Errno::ECONNREFUSED)
    );
    assert_eq!(
        host.bind(client, &name("/run/s"), NOW),
        Err(Errno::EADDRINUSE)
    );
    host.unlink(b"/run/s").unwrap();
    host.bind(client, &name("/run/s"), NOW).unwrap();
}

#[test]
fn autobind_finds_a_name_once() {
    let mut host = host();
    let id = host.open(SocketType::Stream);
    let unnamed = SocketAddress::Unix(UnixAddress::Unnamed);
    host.bind(id, &unnamed, NOW).unwrap();
    let SocketAddress::Unix(UnixAddress::Abstract(given)) = host.local_address(id).unwrap() else {
        panic!("not an abstract name");
    };
    assert_eq!(given.len(), 5);
    assert!(given.iter().all(u8::is_ascii_hexdigit));
    host.bind(id, &unnamed, NOW).unwrap();
    assert_eq!(host.bind(id, &name("@q"), NOW), Err(Errno::EINVAL));
}

#[test]
fn addresses_that_are_none_are_refused() {
    let mut host = host();
    let id = host.open(SocketType::Datagram);
    let foreign = SocketAddress::new(core::net::Ipv4Addr::LOCALHOST.into(), 1);
    let long = SocketAddress::Unix(UnixAddress::Abstract(vec![b'x'; 108].into()));
    let longest = SocketAddress::Unix(UnixAddress::Abstract(vec![b'x'; 107].into()));
    for address in [&foreign, &long, &SocketAddress::Unspecified] {
        assert_eq!(host.bind(id, address, NOW), Err(Errno::EINVAL));
    }
    host.bind(id, &longest, NOW).unwrap();
    assert_eq!(host.connect(id, &SocketAddress::Unspecified, NOW), Ok(()));
    let stream = host.open(SocketType::Stream);
    assert_eq!(
        host.connect(stream, &SocketAddress::Unspecified, NOW),
        Err(Errno::EINVAL)
    );
}

#[test]
fn a_backlog_of_zero_lets_one_wait() {
    let mut host = host();
    let listener = host.listener("@bk", 0);
    let clients: Vec<_> = (0..3).map(|_| host.open(SocketType::Stream)).collect();
    assert_eq!(host.connect(clients[0], &name("@bk"), NOW), Ok(()));
    host.is(clients[0], 0x4);
    assert_eq!(
        host.connect(clients[1], &name("@bk"), NOW),
        Err(Errno::EAGAIN)
    );
    host.is(clients[1], 0x14);
    host.is(listener, 0x1);
    // Even a connected socket is told of the full queue first.
    assert_eq!(
        host.connect(clients[0], &name("@bk"), NOW),
        Err(Errno::EAGAIN)
    );
    assert_eq!(
        host.connect(clients[0], &name("@none"), NOW),
        Err(Errno::ECONNREFUSED)
    );
    host.put(clients[0], b"data").unwrap();
    host.close(clients[0], NOW).unwrap();
    while host.next_event().is_some() {}
    let accepted = host.accept(listener, NOW).unwrap();
    assert_eq!(accepted.peer, SocketAddress::Unix(UnixAddress::Unnamed));
    assert!(core::iter::from_fn(|| host.next_event()).any(|(id, _)| id == clients[1]));
    host.is(accepted.socket, 0x2015);
    assert_eq!(host.take(accepted.socket, 10).unwrap(), b"data");
    assert_eq!(host.take(accepted.socket, 10).unwrap(), b"");
    assert_eq!(
        host.peer_address(accepted.socket),
        Ok(SocketAddress::Unix(UnixAddress::Unnamed))
    );
    assert_eq!(host.local_address(accepted.socket), Ok(name("@bk")));
    assert_eq!(host.put(accepted.socket, b"x"), Err(Errno::EPIPE));
    assert_eq!(host.connect(clients[1], &name("@bk"), NOW), Ok(()));
    assert_eq!(
        host.connect(clients[1], &name("@bk"), NOW),
        Err(Errno::EAGAIN)
    );
}

#[test]
fn an_accept_that_could_not_be_delivered_is_the_next_again() {
    let mut host = host();
    let listener = host.listener("@un", 5);
    let clients: Vec<_> = (0..2).map(|_| host.open(SocketType::Stream)).collect();
    for (index, client) in clients.iter().enumerate() {
        host.bind(*client, &name(["@c0", "@c1"][index]), NOW)
            .unwrap();
        host.connect(*client, &name("@un"), NOW).unwrap();
    }
    let first = host.accept(listener, NOW).unwrap();
    host.unaccept(listener, first.socket).unwrap();
    assert_eq!(host.put(first.socket, b"x"), Err(Errno::EBADF));
    assert_eq!(host.accept(listener, NOW).unwrap(), first);
    assert_eq!(host.accept(listener, NOW).unwrap().peer, name("@c1"));
}

#[test]
fn closing_a_listener_resets_who_was_not_accepted() {
    let mut host = host();
    let listener = host.listener("@cl", 5);
    let client = host.open(SocketType::Stream);
    host.connect(client, &name("@cl"), NOW).unwrap();
    host.close(listener, NOW).unwrap();
    host.is(client, 0x201d);
    assert_eq!(host.take(client, 1), Err(Errno::ECONNRESET));
    assert_eq!(host.take(client, 1).unwrap(), b"");
    host.is(client, 0x2015);
    assert_eq!(host.put(client, b"x"), Err(Errno::EPIPE));
    assert_eq!(host.peer_address(client), Ok(name("@cl")));
}

#[test]
fn a_listener_that_is_shut_down_refuses_but_gives_what_waits() {
    let mut host = host();
    let listener = host.listener("@ls", 5);
    let client = host.open(SocketType::Stream);
    host.connect(client, &name("@ls"), NOW).unwrap();
    host.shutdown(listener, Shutdown::Read, NOW).unwrap();
    host.is(listener, 0x2001);
    let late = host.open(SocketType::Stream);
    assert_eq!(
        host.connect(late, &name("@ls"), NOW),
        Err(Errno::ECONNREFUSED)
    );
    host.accept(listener, NOW).unwrap();
    assert_eq!(host.accept(listener, NOW), Err(Errno::EAGAIN));
    assert_eq!(host.put(listener, b"x"), Err(Errno::ENOTCONN));
    assert_eq!(host.take(listener, 1), Err(Errno::EINVAL));
    assert_eq!(
        host.queued(listener, crate::Queued::Unread),
        Err(Errno::EINVAL)
    );
    assert_eq!(host.listen(listener, 3, NOW), Ok(()));
}
