//! Behaviour of TCP sockets within one host and between two, over IPv4 and IPv6.

use std::vec;
use std::vec::Vec;

use crate::{
    Config, Credentials, Domain, Errno, Host, Incoming, Instant, IpCidr, Loopback, MessageFlags,
    Outgoing, Readiness, Shutdown, SocketAddress, SocketId, SocketType,
};

const NOW: Instant = Instant::from_secs(1000);

fn host() -> Host {
    Host::new(Config {
        seed: 7,
        ..Config::default()
    })
}

fn loopback(domain: Domain, port: u16) -> SocketAddress {
    let ip = if domain == Domain::Inet {
        "127.0.0.1"
    } else {
        "::1"
    };
    SocketAddress::new(ip.parse().unwrap(), port)
}

fn tcp(host: &mut Host, domain: Domain) -> SocketId {
    host.socket(domain, SocketType::Stream, 0, Credentials::ROOT)
        .unwrap()
}

fn listener(host: &mut Host, domain: Domain, port: u16, backlog: i32) -> SocketId {
    let id = tcp(host, domain);
    host.bind(id, &loopback(domain, port), NOW).unwrap();
    host.listen(id, backlog, NOW).unwrap();
    id
}

fn pair(host: &mut Host, domain: Domain) -> (SocketId, SocketId) {
    let server = listener(host, domain, 80, 10);
    let client = tcp(host, domain);
    assert_eq!(
        host.connect(client, &loopback(domain, 80), NOW),
        Err(Errno::EINPROGRESS)
    );
    assert_eq!(host.readiness(client), Readiness::OUT);
    assert_eq!(host.connect(client, &loopback(domain, 80), NOW), Ok(()));
    let accepted = host.accept(server, NOW).unwrap();
    host.close(server, NOW).unwrap();
    (client, accepted.socket)
}

fn send(host: &mut Host, id: SocketId, data: &[u8]) -> Result<usize, Errno> {
    host.send_message(
        id,
        Outgoing {
            data: &[data],
            ..Outgoing::default()
        },
        NOW,
    )
}

fn receive(host: &mut Host, id: SocketId, room: usize) -> Result<Vec<u8>, Errno> {
    receive_with(host, id, room, MessageFlags::empty())
}

fn receive_with(
    host: &mut Host,
    id: SocketId,
    room: usize,
    flags: MessageFlags,
) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; room];
    let received = host.receive_message(
        id,
        Incoming {
            buffers: &mut [&mut buffer],
            flags,
            ancillary_room: 0,
        },
        NOW,
    )?;
    buffer.truncate(received.length);
    Ok(buffer)
}

fn both(test: impl Fn(Domain)) {
    test(Domain::Inet);
    test(Domain::Inet6);
}

#[test]
fn bytes_go_both_ways_within_the_call() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        assert_eq!(receive(&mut host, server, 10), Err(Errno::EAGAIN));
        assert_eq!(send(&mut host, client, b"hello"), Ok(5));
        assert_eq!(host.readiness(server), Readiness::IN | Readiness::OUT);
        assert_eq!(receive(&mut host, server, 2).unwrap(), b"he");
        assert_eq!(
            receive_with(&mut host, server, 9, MessageFlags::PEEK).unwrap(),
            b"llo"
        );
        assert_eq!(receive(&mut host, server, 9).unwrap(), b"llo");
        assert_eq!(send(&mut host, server, b"bye"), Ok(3));
        assert_eq!(receive(&mut host, client, 9).unwrap(), b"bye");
    });
}

#[test]
fn a_connection_to_a_port_without_listener_is_refused_once() {
    both(|domain| {
        let mut host = host();
        let client = tcp(&mut host, domain);
        assert_eq!(host.readiness(client), Readiness::OUT | Readiness::HUP);
        assert_eq!(
            host.connect(client, &loopback(domain, 9), NOW),
            Err(Errno::EINPROGRESS)
        );
        let all =
            Readiness::IN | Readiness::OUT | Readiness::ERR | Readiness::HUP | Readiness::RDHUP;
        assert_eq!(host.readiness(client), all);
        assert_eq!(
            host.connect(client, &loopback(domain, 9), NOW),
            Err(Errno::ECONNREFUSED)
        );
        listener(&mut host, domain, 9, 1);
        assert_eq!(
            host.connect(client, &loopback(domain, 9), NOW),
            Err(Errno::EINPROGRESS)
        );
        assert_eq!(host.connect(client, &loopback(domain, 9), NOW), Ok(()));
        assert_eq!(
            host.connect(client, &loopback(domain, 9), NOW),
            Err(Errno::EISCONN)
        );
    });
}

#[test]
fn the_end_of_the_stream_comes_after_the_data() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        send(&mut host, client, b"last").unwrap();
        host.shutdown(client, Shutdown::Write, NOW).unwrap();
        assert_eq!(send(&mut host, client, b"x"), Err(Errno::EPIPE));
        assert_eq!(
            host.readiness(server),
            Readiness::IN | Readiness::OUT | Readiness::RDHUP
        );
        assert_eq!(receive(&mut host, server, 9).unwrap(), b"last");
        assert_eq!(receive(&mut host, server, 9).unwrap(), b"");
        send(&mut host, server, b"still").unwrap();
        assert_eq!(receive(&mut host, client, 9).unwrap(), b"still");
        host.close(server, NOW).unwrap();
        assert_eq!(receive(&mut host, client, 9).unwrap(), b"");
        let all = Readiness::IN | Readiness::OUT | Readiness::HUP | Readiness::RDHUP;
        assert_eq!(host.readiness(client), all);
        host.close(client, NOW).unwrap();
    });
}

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

#[test]
fn the_accept_queue_holds_one_more_than_the_backlog() {
    both(|domain| {
        for backlog in [0, 1, 5] {
            let mut host = host();
            let server = listener(&mut host, domain, 80, backlog);
            let mut waiting = 0;
            for _ in 0..10 {
                let client = tcp(&mut host, domain);
                let _ = host.connect(client, &loopback(domain, 80), NOW);
                waiting += i32::from(host.readiness(client) == Readiness::OUT);
            }
            assert_eq!(waiting, backlog + 1);
            assert!(host.counters().tcp_ext_listen_overflows > 0);
            for _ in 0..waiting {
                host.accept(server, NOW).unwrap();
            }
            assert_eq!(host.accept(server, NOW), Err(Errno::EAGAIN));
        }
    });
}

#[test]
fn an_accept_that_is_taken_back_is_the_next_one_again() {
    both(|domain| {
        let mut host = host();
        let server = listener(&mut host, domain, 80, 5);
        for _ in 0..2 {
            let client = tcp(&mut host, domain);
            let _ = host.connect(client, &loopback(domain, 80), NOW);
        }
        let first = host.accept(server, NOW).unwrap();
        host.unaccept(server, first.socket).unwrap();
        assert_eq!(host.readiness(first.socket), Readiness::empty());
        assert_eq!(host.accept(server, NOW).unwrap(), first);
    });
}

#[test]
fn names_are_told_as_each_family_sees_them() {
    let mut host = host();
    let server = tcp(&mut host, Domain::Inet6);
    host.bind(server, &SocketAddress::new("::".parse().unwrap(), 80), NOW)
        .unwrap();
    host.listen(server, 5, NOW).unwrap();
    let client = tcp(&mut host, Domain::Inet);
    let _ = host.connect(client, &loopback(Domain::Inet, 80), NOW);
    let accepted = host.accept(server, NOW).unwrap();
    let (ip, port) = accepted.peer.ip().unwrap();
    assert_eq!(ip, "::ffff:127.0.0.1".parse::<core::net::IpAddr>().unwrap());
    assert_eq!(
        host.local_address(client).unwrap(),
        SocketAddress::new("127.0.0.1".parse().unwrap(), port)
    );
    assert_eq!(
        host.peer_address(client).unwrap(),
        loopback(Domain::Inet, 80)
    );
    assert_eq!(host.peer_address(server), Err(Errno::ENOTCONN));
}

#[test]
fn misuse_is_answered_as_linux_does() {
    both(|domain| {
        let mut host = host();
        let id = tcp(&mut host, domain);
        assert_eq!(host.accept(id, NOW), Err(Errno::EINVAL));
        assert_eq!(send(&mut host, id, b"x"), Err(Errno::EPIPE));
        assert_eq!(receive(&mut host, id, 1), Err(Errno::ENOTCONN));
        assert_eq!(host.shutdown(id, Shutdown::Both, NOW), Err(Errno::ENOTCONN));
        assert_eq!(host.peer_address(id), Err(Errno::ENOTCONN));
        let outside = if domain == Domain::Inet {
            "192.0.2.1"
        } else {
            "2001:db8::1"
        };
        let outside = SocketAddress::new(outside.parse().unwrap(), 80);
        assert_eq!(host.connect(id, &outside, NOW), Err(Errno::ENETUNREACH));
        assert_eq!(host.bind(id, &outside, NOW), Err(Errno::EADDRNOTAVAIL));
        host.bind(id, &loopback(domain, 80), NOW).unwrap();
        assert_eq!(
            host.bind(id, &loopback(domain, 81), NOW),
            Err(Errno::EINVAL)
        );
        let other = tcp(&mut host, domain);
        assert_eq!(
            host.bind(other, &loopback(domain, 80), NOW),
            Err(Errno::EADDRINUSE)
        );
        host.listen(id, 5, NOW).unwrap();
        assert_eq!(
            host.connect(id, &loopback(domain, 80), NOW),
            Err(Errno::EISCONN)
        );
        assert_eq!(send(&mut host, id, b"x"), Err(Errno::EPIPE));
        assert_eq!(receive(&mut host, id, 1), Err(Errno::ENOTCONN));
        let user = Credentials {
            uid: 1000,
            ..Credentials::ROOT
        };
        let poor = host.socket(domain, SocketType::Stream, 6, user).unwrap();
        assert_eq!(
            host.bind(poor, &loopback(domain, 99), NOW),
            Err(Errno::EACCES)
        );
    });
}

#[test]
fn ports_run_out_for_one_peer_only() {
    let mut config = Config {
        seed: 3,
        ..Config::default()
    };
    config.sysctl.ip_local_port_range = (40_000, 40_003);
    let mut host = Host::new(config);
    listener(&mut host, Domain::Inet, 80, 100);
    listener(&mut host, Domain::Inet, 81, 100);
    for port in [80, 81] {
        for _ in 0..4 {
            let id = tcp(&mut host, Domain::Inet);
            assert_eq!(
                host.connect(id, &loopback(Domain::Inet, port), NOW),
                Err(Errno::EINPROGRESS)
            );
        }
        let id = tcp(&mut host, Domain::Inet);
        assert_eq!(
            host.connect(id, &loopback(Domain::Inet, port), NOW),
            Err(Errno::EADDRNOTAVAIL)
        );
    }
}

#[test]
fn a_large_transfer_arrives_whole_and_in_order() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        let data: Vec<u8> = (0..3_000_000u32)
            .map(|n| n.to_le_bytes()[n as usize % 3])
            .collect();
        let (mut sent, mut got) = (0, Vec::new());
        let mut now = NOW;
        while got.len() < data.len() {
            let before = (sent, got.len());
            while sent < data.len() {
                match send(
                    &mut host,
                    client,
                    &data[sent..(sent + 65_536).min(data.len())],
                ) {
                    Ok(count) => sent += count,
                    Err(errno) => {
                        assert_eq!(errno, Errno::EAGAIN);
                        break;
                    }
                }
            }
            while let Ok(piece) = receive(&mut host, server, 100_000) {
                got.extend(piece);
            }
            if before == (sent, got.len()) {
                now = host.next_deadline().expect("stalled").max(now);
                host.advance(now);
            }
        }
        assert!(got == data);
        assert_eq!(host.counters().tcp_retrans_segs, 0);
    });
}

#[test]
fn two_hosts_speak_over_a_wire() {
    let address = |ip: &str| IpCidr::new(ip.parse().unwrap(), 24).unwrap();
    let make = |seed, ip| {
        Host::new(Config {
            seed,
            addresses: vec![address(ip)],
            loopback: Loopback::External,
            ..Config::default()
        })
    };
    let (mut a, mut b) = (make(1, "10.0.0.1"), make(2, "10.0.0.2"));
    let eth0 = a.interface_by_name("eth0").unwrap();
    let mut now = NOW;
    let exchange = |a: &mut Host, b: &mut Host, now: Instant| loop {
        let mut moved = false;
        while let Some(frame) = a.transmit(eth0) {
            b.receive(
                eth0,
                sockeye_wire::Frame::from_bytes(frame.to_vec().into()),
                now,
            );
            moved = true;
        }
        while let Some(frame) = b.transmit(eth0) {
            assert!(frame.len() <= 1500);
            a.receive(
                eth0,
                sockeye_wire::Frame::from_bytes(frame.to_vec().into()),
                now,
            );
            moved = true;
        }
        if !moved {
            break;
        }
    };
    let server = tcp(&mut b, Domain::Inet);
    b.bind(
        server,
        &SocketAddress::new("0.0.0.0".parse().unwrap(), 80),
        now,
    )
    .unwrap();
    b.listen(server, 5, now).unwrap();
    let client = tcp(&mut a, Domain::Inet);
    let there = SocketAddress::new("10.0.0.2".parse().unwrap(), 80);
    assert_eq!(a.connect(client, &there, now), Err(Errno::EINPROGRESS));
    assert_eq!(a.connect(client, &there, now), Err(Errno::EALREADY));
    exchange(&mut a, &mut b, now);
    assert_eq!(a.connect(client, &there, now), Ok(()));
    let accepted = b.accept(server, now).unwrap().socket;
    let data = vec![0x5a; 500_000];
    let (mut sent, mut got) = (0, 0);
    while got < data.len() {
        let before = (sent, got);
        if let Ok(count) = b.send_message(
            accepted,
            Outgoing {
                data: &[&data[sent..]],
                ..Outgoing::default()
            },
            now,
        ) {
            sent += count;
        }
        exchange(&mut a, &mut b, now);
        while let Ok(payload) = a.receive_payload(client, 1 << 20, now) {
            assert!(payload.to_vec().iter().all(|byte| *byte == 0x5a));
            got += payload.len();
        }
        exchange(&mut a, &mut b, now);
        if before == (sent, got) {
            now = [a.next_deadline(), b.next_deadline()]
                .into_iter()
                .flatten()
                .min()
                .unwrap()
                .max(now);
            a.advance(now);
            b.advance(now);
        }
    }
    assert_eq!(got, data.len());
    let refused = tcp(&mut a, Domain::Inet);
    let _ = a.connect(
        refused,
        &SocketAddress::new("10.0.0.2".parse().unwrap(), 81),
        now,
    );
    exchange(&mut a, &mut b, now);
    assert_eq!(a.connect(refused, &there, now), Err(Errno::ECONNREFUSED));
}

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

#[test]
fn an_idle_connection_is_small() {
    use crate::socket::{Endpoint, Socket};
    use crate::tcp::TcpEndpoint;
    let sizes = [
        ("Socket", size_of::<Socket>()),
        ("Endpoint", size_of::<Endpoint>()),
        ("TcpEndpoint", size_of::<TcpEndpoint>()),
        ("Connection", size_of::<sockeye_tcp::Connection>()),
        ("SharedOptions", size_of::<crate::options::SharedOptions>()),
        ("Names", size_of::<crate::inet::Names>()),
    ];
    // Allocation and the tables add about a hundred bytes for each end; the whole is to stay within a kibibyte.
    assert!(
        size_of::<Socket>() + size_of::<TcpEndpoint>() <= 912,
        "{sizes:?}"
    );
}
