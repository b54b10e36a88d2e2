//! What the calls answer: names, ports, misuse.

use super::*;

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
fn dontroute_reaches_only_what_no_gateway_lies_before() {
    const SO_DONTROUTE: i32 = 5;
    let mut host = super::peer::exposed(|_| {});
    host.add_route(crate::Route {
        destination: IpCidr::new("0.0.0.0".parse().unwrap(), 0).unwrap(),
        gateway: Some("10.0.0.9".parse().unwrap()),
        interface: host.interface_by_name("eth0").unwrap(),
        preferred_source: None,
        metric: 0,
        metrics: crate::RouteMetrics::default(),
    });
    for (there, is_near) in [("10.7.7.7", true), ("192.0.2.1", false)] {
        let there = SocketAddress::new(there.parse().unwrap(), 80);
        for kind in [SocketType::Stream, SocketType::Datagram] {
            for is_set in [false, true] {
                let id = host
                    .socket(Domain::Inet, kind, 0, Credentials::ROOT)
                    .unwrap();
                let value = i32::from(is_set).to_ne_bytes();
                host.set_option(id, 1, SO_DONTROUTE, &value, NOW).unwrap();
                let is_unreachable = host.connect(id, &there, NOW) == Err(Errno::ENETUNREACH);
                assert_eq!(is_unreachable, is_set && !is_near, "{there:?} {kind:?}");
            }
            let id = host
                .socket(Domain::Inet, SocketType::Datagram, 0, Credentials::ROOT)
                .unwrap();
            let message = Outgoing {
                data: &[b"x"],
                address: Some(&there),
                flags: MessageFlags::DONTROUTE,
                ..Outgoing::default()
            };
            let sent = host.send_message(id, message, NOW);
            assert_eq!(sent == Err(Errno::ENETUNREACH), !is_near);
        }
    }
}

/// Attempts to connect to 10.7.7.7, which never answers, until one fails.
fn connect_all(host: &mut Host) -> Vec<SocketId> {
    let there = SocketAddress::new("10.7.7.7".parse().unwrap(), 80);
    let mut clients = Vec::new();
    loop {
        let id = tcp(host, Domain::Inet);
        match host.connect(id, &there, NOW) {
            Err(Errno::EINPROGRESS) => clients.push(id),
            answer => {
                assert_eq!(answer, Err(Errno::EADDRNOTAVAIL));
                host.close(id, NOW).unwrap();
                return clients;
            }
        }
        let eth0 = host.interface_by_name("eth0").unwrap();
        while host.transmit(eth0).is_some() {}
    }
}

fn port_of(host: &Host, id: SocketId) -> u16 {
    let (_, port) = host.local_address(id).unwrap().ip().unwrap();
    port
}

#[test]
fn connections_to_one_place_take_each_port_once_and_give_it_back() {
    let mut host = super::peer::exposed(|_| {});
    let clients = connect_all(&mut host);
    // ip_local_port_range: 32768 to 60999. Those with the parity of the first go first.
    assert_eq!(clients.len(), 28_232);
    let (first, last) = clients.split_at(clients.len() / 2);
    assert!(first.iter().all(|id| port_of(&host, *id).is_multiple_of(2)));
    assert!(last.iter().all(|id| !port_of(&host, *id).is_multiple_of(2)));
    let mut given: Vec<u16> = [3, 14_000, 28_000]
        .map(|index| {
            let port = port_of(&host, clients[index]);
            host.close(clients[index], NOW).unwrap();
            port
        })
        .into();
    let mut taken: Vec<u16> = connect_all(&mut host)
        .iter()
        .map(|id| port_of(&host, *id))
        .collect();
    given.sort_unstable();
    taken.sort_unstable();
    assert_eq!(taken, given);
}

#[test]
fn ports_that_others_have_bound_are_passed_over() {
    let mut host = super::peer::exposed(|sysctl| sysctl.ip_local_port_range = (40_000, 40_999));
    let any = SocketAddress::new("0.0.0.0".parse().unwrap(), 0);
    let bound: Vec<SocketId> = (0..700)
        .map(|_| {
            let id = tcp(&mut host, Domain::Inet);
            host.bind(id, &any, NOW).unwrap();
            id
        })
        .collect();
    assert!(
        bound[..500]
            .iter()
            .all(|id| !port_of(&host, *id).is_multiple_of(2))
    );
    assert_eq!(connect_all(&mut host).len(), 300);
    let id = tcp(&mut host, Domain::Inet);
    // The ports of connections are at one address only, but bind is to find one that nobody has.
    assert_eq!(host.bind(id, &any, NOW), Err(Errno::EADDRINUSE));
    let elsewhere = SocketAddress::new("127.0.0.1".parse().unwrap(), 0);
    assert_eq!(host.bind(id, &elsewhere, NOW), Ok(()));
}
