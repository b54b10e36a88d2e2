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
