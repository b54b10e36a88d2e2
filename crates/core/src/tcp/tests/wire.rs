//! Two hosts and a wire between them.

use super::*;

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

/// Two hosts, with a connection from the first to the second.
fn connected() -> (Host, Host, SocketId, SocketId) {
    let make = |seed, ip: &str| {
        Host::new(Config {
            seed,
            addresses: vec![IpCidr::new(ip.parse().unwrap(), 24).unwrap()],
            ..Config::default()
        })
    };
    let (mut a, mut b) = (make(1, "10.0.0.1"), make(2, "10.0.0.2"));
    let there = SocketAddress::new("10.0.0.2".parse().unwrap(), 80);
    let server = tcp(&mut b, Domain::Inet);
    b.bind(server, &there, NOW).unwrap();
    b.listen(server, 5, NOW).unwrap();
    let client = tcp(&mut a, Domain::Inet);
    assert_eq!(a.connect(client, &there, NOW), Err(Errno::EINPROGRESS));
    for _ in 0..2 {
        let syn = arrived(&mut a);
        b.receive_burst(eth0(&b), syn, NOW);
        let answer = arrived(&mut b);
        a.receive_burst(eth0(&a), answer, NOW);
    }
    let accepted = b.accept(server, NOW).unwrap().socket;
    (a, b, client, accepted)
}

fn eth0(host: &Host) -> crate::InterfaceId {
    host.interface_by_name("eth0").unwrap()
}

/// What a host sends, as it arrives by a wire.
fn arrived(host: &mut Host) -> Vec<sockeye_wire::Frame> {
    let interface = eth0(host);
    let frames = core::iter::from_fn(|| host.transmit(interface));
    frames
        .map(|frame| sockeye_wire::Frame::from_bytes(frame.to_vec().into()))
        .collect()
}

fn header(frame: &sockeye_wire::Frame) -> sockeye_wire::TcpHeader {
    let transport = frame.layout().unwrap().transport;
    sockeye_wire::TcpView::parse(&frame.headers[transport..])
        .unwrap()
        .into()
}

#[test]
fn segments_that_come_together_are_taken_as_one() {
    let (mut a, mut b, client, server) = connected();
    // Half of the window, which leaves at once.
    let data: Vec<u8> = (0..7240_u32).map(|at| at.to_le_bytes()[0]).collect();
    assert_eq!(send(&mut a, client, &data), Ok(data.len()));
    let frames = arrived(&mut a);
    assert_eq!(frames.len(), 5);
    let before = b.counters().tcp_in_segs;
    let end = header(&frames[0]).sequence.wrapping_add(7240);
    b.receive_burst(eth0(&b), frames, NOW);
    assert_eq!(b.counters().tcp_in_segs - before, 1);
    // RFC 9293 3.10.7.4 (MUST-59): one acknowledgment, of all five.
    let answers = arrived(&mut b);
    assert_eq!(answers.len(), 1);
    assert_eq!(header(&answers[0]).acknowledgment, end);
    assert_eq!(receive(&mut b, server, 20_000), Ok(data));
}

#[test]
fn a_damaged_segment_costs_itself_alone() {
    let (mut a, mut b, client, server) = connected();
    assert_eq!(send(&mut a, client, &[7; 14_480]), Ok(14_480));
    let mut frames = arrived(&mut a);
    let mut bytes = frames[4].to_vec();
    bytes[1000] ^= 1;
    frames[4] = sockeye_wire::Frame::from_bytes(bytes.into());
    b.receive_burst(eth0(&b), frames, NOW);
    assert_eq!(b.counters().tcp_in_csum_errors, 1);
    assert_eq!(receive(&mut b, server, 20_000), Ok(vec![7; 4 * 1448]));
    // It is asked for, and only it is sent again.
    let answer = arrived(&mut b);
    a.receive_burst(eth0(&a), answer, NOW);
    let mut now = NOW;
    while a.counters().tcp_retrans_segs == 0 {
        now = a.next_deadline().unwrap().max(now);
        a.advance(now);
    }
    let again = arrived(&mut a);
    b.receive_burst(eth0(&b), again, now);
    assert_eq!(receive(&mut b, server, 20_000), Ok(vec![7; 6 * 1448]));
}

/// RFC 9293 3.8.3 (b)
#[test]
fn a_way_on_which_nothing_gets_through_is_asked_for_anew() {
    let (mut a, _b, client, _) = connected();
    let wrong = a
        .add_interface(crate::InterfaceConfig {
            name: "eth1".into(),
            mtu: 1500,
            addresses: vec![],
            medium: crate::Medium::Ip,
            offload: crate::OffloadCapabilities::default(),
        })
        .unwrap();
    let right = eth0(&a);
    // As if the connection went a way that has become another.
    let there = "10.0.0.2".parse().unwrap();
    let path = a.stack.route(there, None, None).unwrap();
    assert_eq!(path.interface, right);
    let Host { sockets, stack } = &mut a;
    let parts = crate::tcp::endpoint_mut(sockets, client).unwrap();
    parts.endpoint.path = stack.tcp_paths.note(&crate::ip::output::Path {
        interface: wrong,
        ..path
    });
    assert_eq!(send(&mut a, client, b"anybody there?"), Ok(14));
    let mut ways = Vec::new();
    let mut now = NOW;
    while ways.len() < 8 {
        for way in [wrong, right] {
            ways.extend(core::iter::from_fn(|| a.transmit(way)).map(|_| way == right));
        }
        now = a.next_deadline().unwrap().max(now);
        a.advance(now);
    }
    // A probe, and as many timeouts as `tcp_retries1` says.
    let before = ways.iter().take_while(|is_right| !**is_right).count();
    assert!((4..=6).contains(&before), "{ways:?}");
    assert!(ways[before..].iter().all(|is_right| *is_right), "{ways:?}");
}
