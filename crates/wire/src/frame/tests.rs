use core::net::Ipv4Addr;

use super::*;
use crate::{Ipv4Header, TcpHeader, UdpHeader};

const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn packet(protocol: IpProtocol, transport: &[u8]) -> Vec<u8> {
    let mut headers = Headers::new();
    Ipv4Header::new(ADDRESS, ADDRESS, protocol, transport.len()).emit(&mut headers);
    let mut bytes = headers.to_vec();
    bytes.extend_from_slice(transport);
    bytes
}

#[test]
fn what_is_behind_the_packet_is_dropped() {
    let mut bytes = packet(IpProtocol::UDP, &[0, 1, 0, 2, 0, 9, 0, 0, 7]);
    let whole = bytes.clone();
    bytes.extend_from_slice(&[0; 17]);
    let frame = Frame::from_bytes(bytes.into());
    assert_eq!(frame.to_vec(), whole);
    assert_eq!((frame.headers.len(), frame.payload.len()), (28, 1));
}

#[test]
fn garbage_stays_in_the_payload() {
    let mut truncated = packet(IpProtocol::UDP, &[0; 20]);
    truncated.pop();
    let mut too_short = packet(IpProtocol::UDP, &[0; 20]);
    too_short[3] = 19;
    for bytes in [
        &b""[..],
        b"\x40",
        b"hello, world",
        &[0x60; 39],
        &truncated,
        &too_short,
    ] {
        let frame = Frame::from_bytes(Bytes::copy_from_slice(bytes));
        assert!(frame.headers.is_empty());
        assert_eq!(frame.payload.to_vec(), bytes);
        assert_eq!(frame.to_vec(), bytes);
    }
}

#[test]
fn a_transport_header_that_can_not_be_read_stays_in_the_payload() {
    for (protocol, transport) in [
        (IpProtocol::TCP, &[0u8; 30][..]),
        (IpProtocol::TCP, &[0x50; 19]),
        (IpProtocol::UDP, &[0; 7]),
        (IpProtocol::ICMPV4, &[8, 0, 0]),
        (IpProtocol::SCTP, &[1; 40]),
    ] {
        let frame = Frame::from_bytes(packet(protocol, transport).into());
        assert_eq!(
            (frame.headers.len(), frame.payload.len()),
            (20, transport.len())
        );
    }
}

#[test]
fn an_ipv6_packet_of_no_payload_is_forty_bytes() {
    let mut bytes = alloc::vec![0; 60];
    bytes[0] = 0x60;
    bytes[6] = IpProtocol::NO_NEXT_HEADER.0;
    let frame = Frame::from_bytes(bytes.into());
    assert_eq!((frame.headers.len(), frame.payload.len()), (40, 0));
}

#[test]
fn a_super_segment_without_a_length_is_what_was_delivered() {
    let tcp = TcpHeader::default();
    let mut headers = Headers::new();
    Ipv4Header::new(ADDRESS, ADDRESS, IpProtocol::TCP, 20 + 100_000).emit(&mut headers);
    tcp.emit(&mut headers);
    let mut frame = Frame::new(headers, Payload::from(alloc::vec![5; 100_000]));
    frame.offload.checksum = ChecksumState::Partial;
    let mut arrived = Frame::from_bytes(frame.to_vec().into());
    assert_eq!(arrived.payload, frame.payload);
    assert!(arrived.verify_checksum());
}

#[test]
fn a_datagram_without_checksum_is_right_over_ipv4_only() {
    let bytes = packet(IpProtocol::UDP, &[0, 1, 0, 2, 0, 9, 0, 0, 7]);
    assert!(Frame::from_bytes(bytes.into()).verify_checksum());
    let mut headers = Headers::new();
    let localhost = core::net::Ipv6Addr::LOCALHOST;
    crate::Ipv6Header::new(localhost, localhost, IpProtocol::UDP, 8).emit(&mut headers);
    let udp = UdpHeader {
        source_port: 1,
        destination_port: 2,
        payload_length: 0,
    };
    udp.emit(&mut headers);
    let mut frame = Frame::new(headers, Payload::new());
    assert!(!frame.verify_checksum());
    frame.offload.checksum = ChecksumState::Partial;
    frame.complete_checksum();
    assert!(frame.verify_checksum());
}

#[test]
fn frames_are_small_enough_to_move() {
    assert!(size_of::<Frame>() <= 256);
}
