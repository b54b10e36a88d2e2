//! Packets for the host itself: echo, errors, and garbage.

use std::vec::Vec;

use sockeye_wire::{Frame, Headers, Icmpv4Header, IpProtocol, Ipv4Header};

use crate::{
    Config, Errno, Host, Instant, InterfaceConfig, InterfaceId, IpCidr, Loopback, Medium,
    OffloadCapabilities,
};

const NOW: Instant = Instant::from_secs(5);

fn host() -> (Host, InterfaceId) {
    let address = IpCidr::new("10.0.0.1".parse().unwrap(), 24).unwrap();
    let host = Host::new(Config {
        seed: 1,
        addresses: std::vec![address],
        loopback: Loopback::External,
        ..Config::default()
    });
    let eth0 = host.interface_by_name("eth0").unwrap();
    (host, eth0)
}

fn packet(protocol: IpProtocol, destination: &str, transport: &[u8]) -> Vec<u8> {
    packet_from("10.0.0.2", protocol, destination, transport)
}

fn packet_from(source: &str, protocol: IpProtocol, destination: &str, transport: &[u8]) -> Vec<u8> {
    let mut headers = Headers::new();
    Ipv4Header::new(
        source.parse().unwrap(),
        destination.parse().unwrap(),
        protocol,
        transport.len(),
    )
    .emit(&mut headers);
    headers.extend_from_slice(transport);
    headers.to_vec()
}

fn answers(host: &mut Host, eth0: InterfaceId, bytes: &[u8]) -> Vec<Vec<u8>> {
    host.receive(eth0, Frame::from_bytes(bytes.to_vec().into()), NOW);
    core::iter::from_fn(|| host.transmit(eth0))
        .map(|frame| frame.to_vec())
        .collect()
}

fn echo() -> Vec<u8> {
    let mut message = Headers::new();
    let header = Icmpv4Header::EchoRequest {
        identifier: 7,
        sequence: 1,
    };
    header.emit(&mut message, [&b"data"[..]]);
    message.extend_from_slice(b"data");
    message.to_vec()
}

#[test]
fn an_echo_request_is_answered_with_its_data() {
    let (mut host, eth0) = host();
    let replies = answers(
        &mut host,
        eth0,
        &packet(IpProtocol::ICMPV4, "10.0.0.1", &echo()),
    );
    assert_eq!(replies.len(), 1);
    assert_eq!((replies[0][20], &replies[0][28..]), (0, &b"data"[..]));
    assert_eq!(host.counters().icmp_in_echos, 1);
}

#[test]
fn a_bad_checksum_is_counted_and_dropped() {
    let (mut host, eth0) = host();
    let mut message = echo();
    message[9] ^= 1;
    assert!(
        answers(
            &mut host,
            eth0,
            &packet(IpProtocol::ICMPV4, "10.0.0.1", &message)
        )
        .is_empty()
    );
    assert_eq!(host.counters().icmp_in_csum_errors, 1);
    let mut header = packet(IpProtocol::ICMPV4, "10.0.0.1", &echo());
    header[8] ^= 1;
    assert!(answers(&mut host, eth0, &header).is_empty());
    assert_eq!(host.counters().ip_in_hdr_errors, 1);
}

#[test]
fn packets_for_others_and_martians_are_dropped() {
    let (mut host, eth0) = host();
    for destination in ["10.0.0.9", "127.0.0.1"] {
        assert!(
            answers(
                &mut host,
                eth0,
                &packet(IpProtocol::ICMPV4, destination, &echo())
            )
            .is_empty()
        );
    }
    assert_eq!(host.counters().ip_in_addr_errors, 2);
}

/// RFC 1122 4.1.3.6, 3.2.1.3
#[test]
fn datagrams_from_no_single_host_are_dropped() {
    let (mut host, eth0) = host();
    let datagram = [0x30, 0x39, 0, 9, 0, 8, 0, 0];
    for source in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "10.0.0.1",
    ] {
        let packet = packet_from(source, IpProtocol::UDP, "10.0.0.1", &datagram);
        assert!(answers(&mut host, eth0, &packet).is_empty(), "{source}");
        assert_eq!(host.counters().udp_no_ports, 0, "{source}");
    }
    let packet = packet(IpProtocol::UDP, "10.0.0.1", &datagram);
    assert_eq!(answers(&mut host, eth0, &packet).len(), 1);
    // But who has no address yet may ask everybody.
    let refused = host.counters().ip_in_addr_errors;
    for (destination, more) in [("255.255.255.255", 0), ("10.0.0.255", 1)] {
        let packet = packet_from("0.0.0.0", IpProtocol::UDP, destination, &datagram);
        assert!(answers(&mut host, eth0, &packet).is_empty());
        let now = host.counters().ip_in_addr_errors;
        assert_eq!(now, refused + more, "{destination}");
    }
}

/// RFC 1122 4.1.3.4: nobody hears of it. A sum of zero says that there is none.
#[test]
fn a_datagram_with_a_bad_checksum_is_dropped_in_silence() {
    let (mut host, eth0) = host();
    // To a port that nobody has: whatever is taken for a datagram is answered.
    let datagram = |sum: u16| {
        let [a, b] = sum.to_be_bytes();
        packet(IpProtocol::UDP, "10.0.0.1", &[0x30, 0x39, 0, 9, 0, 8, a, b])
    };
    // Addresses, protocol, length twice, and ports.
    let words = [0x0a00, 0x0002, 0x0a00, 0x0001, 17, 8, 8, 0x3039, 9_u16];
    let right = !words.into_iter().sum::<u16>();
    assert_eq!(answers(&mut host, eth0, &datagram(right)).len(), 1);
    assert_eq!(answers(&mut host, eth0, &datagram(0)).len(), 1);
    assert!(answers(&mut host, eth0, &datagram(right ^ 1)).is_empty());
    assert_eq!(host.counters().udp_in_csum_errors, 1);
    assert_eq!(host.counters().udp_no_ports, 2);
}

#[test]
fn a_port_nobody_has_and_a_protocol_nobody_speaks_are_reported() {
    let (mut host, eth0) = host();
    let datagram = [0x30, 0x39, 0, 9, 0, 8, 0, 0];
    let reports = answers(
        &mut host,
        eth0,
        &packet(IpProtocol::UDP, "10.0.0.1", &datagram),
    );
    assert_eq!((reports[0][20], reports[0][21]), (3, 3));
    assert_eq!(&reports[0][48..56], &datagram);
    let reports = answers(
        &mut host,
        eth0,
        &packet(IpProtocol(200), "10.0.0.1", &[0; 8]),
    );
    assert_eq!((reports[0][20], reports[0][21]), (3, 2));
}

#[test]
fn reports_are_limited() {
    let (mut host, eth0) = host();
    let datagram = [0x30, 0x39, 0, 9, 0, 8, 0, 0];
    let packet = packet(IpProtocol::UDP, "10.0.0.1", &datagram);
    let sent: usize = (0..200)
        .map(|_| answers(&mut host, eth0, &packet).len())
        .sum();
    assert_eq!(sent, 50);
    assert_eq!(host.counters().icmp_out_rate_limit_host, 150);
}

#[test]
fn fragments_are_put_together_before_they_are_answered() {
    let (mut host, eth0) = host();
    let mut message = Headers::new();
    let data = [7; 64];
    Icmpv4Header::EchoRequest {
        identifier: 7,
        sequence: 1,
    }
    .emit(&mut message, [&data[..]]);
    message.extend_from_slice(&data);
    let whole = Frame::from_bytes(packet(IpProtocol::ICMPV4, "10.0.0.1", &message).into());
    let mut pieces = crate::ip::fragment::fragment(whole, 44, 1);
    assert!(pieces.len() > 2);
    pieces.reverse();
    let mut replies = Vec::new();
    for piece in pieces {
        assert!(replies.is_empty());
        replies = answers(&mut host, eth0, &piece.to_vec());
    }
    assert_eq!(&replies[0][28..], &data);
    assert_eq!(host.counters().ip_reasm_oks, 1);
}

proptest::proptest! {
    #[test]
    fn no_packet_makes_the_host_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120),
        version in 4u8..7,
        sum in proptest::bool::ANY,
    ) {
        let (mut host, eth0) = host();
        let mut bytes = bytes;
        if bytes.len() >= 20 {
            bytes[0] = (version << 4) | 5;
            let length = u16::try_from(bytes.len()).unwrap();
            if version == 4 && sum {
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
                bytes[16..20].copy_from_slice(&[10, 0, 0, 1]);
                bytes[10..12].fill(0);
                let checksum = sockeye_wire::checksum::checksum(&bytes[..20]);
                bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
            }
        }
        for _ in 0..2 {
            host.receive(eth0, Frame::from_bytes(bytes.clone().into()), NOW);
            host.receive(InterfaceId::LOOPBACK, Frame::from_bytes(bytes.clone().into()), NOW);
        }
        host.advance(NOW + core::time::Duration::from_secs(100));
    }
}

#[test]
fn an_interface_needs_a_name_of_its_own() {
    let mut host = Host::new(Config::default());
    let interface = || InterfaceConfig {
        name: "eth0".into(),
        mtu: 1500,
        addresses: Vec::new(),
        medium: Medium::Ip,
        offload: OffloadCapabilities::default(),
    };
    let id = host.add_interface(interface()).unwrap();
    assert_eq!(host.interface_by_name("eth0"), Some(id));
    assert_eq!(host.add_interface(interface()), Err(Errno::EEXIST));
}
