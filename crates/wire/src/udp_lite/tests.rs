use core::net::Ipv6Addr;

use super::*;
use crate::{ChecksumState, Frame, IpProtocol, Ipv6Header, Payload};

/// A datagram of eight bytes of data in two pieces, whose checksum covers what `coverage` says.
fn datagram(coverage: u16) -> Frame {
    let mut headers = Headers::new();
    let address = Ipv6Addr::LOCALHOST;
    Ipv6Header::new(address, address, IpProtocol::UDP_LITE, HEADER_LEN + 8).emit(&mut headers);
    UdpLiteHeader {
        source_port: 1,
        destination_port: 2,
        coverage,
    }
    .emit(&mut headers);
    let mut payload = Payload::from(bytes::Bytes::from_static(b"abc"));
    payload.push_back(bytes::Bytes::from_static(b"defgh"));
    let mut frame = Frame::new(headers, payload);
    frame.offload.checksum = ChecksumState::Partial;
    frame
}

fn is_intact(bytes: &[u8]) -> bool {
    Frame::from_bytes(bytes::Bytes::copy_from_slice(bytes)).verify_checksum()
}

#[test]
fn a_coverage_less_than_the_header_is_refused() {
    let mut bytes = [0u8; 8];
    for coverage in 0..10 {
        bytes[5] = coverage;
        let refused = UdpLiteView::parse(&bytes).is_err();
        assert_eq!(refused, (1..8).contains(&coverage));
    }
    let truncated = UdpLiteView::parse(&bytes[..7]);
    assert!(matches!(truncated, Err(ParseError::Truncated)));
}

#[test]
fn damage_is_noticed_up_to_the_coverage_and_not_behind_it() {
    for (coverage, covered) in [
        (0, 16),
        (8, 8),
        (9, 9),
        (11, 11),
        (12, 12),
        (15, 15),
        (16, 16),
    ] {
        let packet = datagram(coverage).to_vec();
        assert!(is_intact(&packet));
        for at in 0..16 {
            let mut broken = packet.clone();
            broken[40 + at] ^= 0x80;
            assert_eq!(is_intact(&broken), at >= covered, "{coverage}: {at}");
        }
    }
}

#[test]
fn a_coverage_beyond_the_datagram_is_never_intact() {
    for coverage in [17, 0xffff] {
        let frame = datagram(coverage);
        let view = UdpLiteView::parse(&frame.headers[40..]).unwrap();
        assert_eq!(view.covered(16), None);
        assert!(!is_intact(&frame.to_vec()));
    }
}

#[test]
fn there_is_always_a_checksum() {
    let mut packet = datagram(0).to_vec();
    packet[46..48].fill(0);
    assert!(!is_intact(&packet));
}
