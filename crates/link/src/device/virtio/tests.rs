use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use sockeye_wire::{
    Headers, Ipv4Header, Ipv6Header, Payload, TcpFlags, TcpHeader, TcpOptions, UdpHeader,
};

use super::*;

fn packet(protocol: IpProtocol, version: Version, flags: TcpFlags) -> Frame {
    let mut transport = Headers::new();
    if protocol == IpProtocol::TCP {
        TcpHeader {
            source_port: 1,
            destination_port: 2,
            sequence: 3,
            acknowledgment: 4,
            flags,
            window: 5,
            urgent: 0,
            options: TcpOptions::NONE,
        }
        .emit(&mut transport);
    } else {
        UdpHeader {
            source_port: 1,
            destination_port: 2,
            payload_length: 5000,
        }
        .emit(&mut transport);
    }
    let total = transport.len() + 5000;
    let mut headers = Headers::new();
    match version {
        Version::V4 => {
            let localhost = Ipv4Addr::LOCALHOST;
            Ipv4Header::new(localhost, localhost, protocol, total).emit(&mut headers);
        }
        Version::V6 => {
            let localhost = Ipv6Addr::LOCALHOST;
            Ipv6Header::new(localhost, localhost, protocol, total).emit(&mut headers);
        }
    }
    headers.extend_from_slice(&transport);
    let mut frame = Frame::new(headers, Payload::from(vec![7; 5000]));
    frame.offload.checksum = ChecksumState::Partial;
    frame
}

const KINDS: [(IpProtocol, Version, u8, u16, u16); 4] = [
    (IpProtocol::TCP, Version::V4, GSO_TCPV4, 20, 16),
    (IpProtocol::TCP, Version::V6, GSO_TCPV6, 40, 16),
    (IpProtocol::UDP, Version::V4, GSO_UDP_L4, 20, 6),
    (IpProtocol::UDP, Version::V6, GSO_UDP_L4, 40, 6),
];

#[test]
fn a_super_segment_says_how_it_is_split_and_summed() {
    for (protocol, version, gso_type, start, offset) in KINDS {
        let mut frame = packet(protocol, version, TcpFlags::ACK);
        frame.offload.segment_size = NonZeroU16::new(1000);
        let before = frame.clone();
        let header = VirtioNetHeader::for_frame(&mut frame).unwrap();
        let expected = VirtioNetHeader {
            flags: NEEDS_CSUM,
            gso_type,
            header_length: u16::try_from(before.headers.len()).unwrap(),
            gso_size: 1000,
            checksum_start: start,
            checksum_offset: offset,
        };
        assert_eq!(header, expected);
        assert_eq!(VirtioNetHeader::from_bytes(header.to_bytes()), header);
        // What the device has to do: the sum from `start` on, complemented, goes into the field.
        let mut bytes = frame.headers.to_vec();
        bytes.extend(frame.payload.to_vec());
        let sum = sockeye_wire::checksum::checksum(&bytes[usize::from(start)..]);
        let field = usize::from(start + offset);
        bytes[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(bytes, before.to_vec());
        // And as it comes in from such a device.
        let raw: Vec<u8> = [frame.headers.to_vec(), frame.payload.to_vec()].concat();
        assert_eq!(header.frame(raw.into()), before);
    }
}

#[test]
fn a_plain_packet_says_nothing() {
    for (protocol, version, ..) in KINDS {
        let mut frame = packet(protocol, version, TcpFlags::ACK);
        frame.complete_checksum();
        let before = frame.clone();
        let header = VirtioNetHeader::for_frame(&mut frame).unwrap();
        assert!(header.is_plain());
        assert_eq!(frame, before);
        let arrived = header.frame(before.to_vec().into());
        assert_eq!(arrived.offload.checksum, ChecksumState::Complete);
        let checked = VirtioNetHeader {
            flags: DATA_VALID,
            ..header
        };
        let arrived = checked.frame(before.to_vec().into());
        assert_eq!(arrived.offload.checksum, ChecksumState::Verified);
    }
}

#[test]
fn a_reduced_window_is_announced_once() {
    let mut frame = packet(IpProtocol::TCP, Version::V4, TcpFlags::ACK | TcpFlags::CWR);
    frame.offload.segment_size = NonZeroU16::new(1000);
    let header = VirtioNetHeader::for_frame(&mut frame).unwrap();
    assert_eq!(header.gso_type, GSO_TCPV4 | GSO_ECN);
    let arrived = header.frame(Bytes::from(frame.to_vec()));
    assert_eq!(arrived.offload.segment_size, NonZeroU16::new(1000));
}

proptest! {
    #[test]
    fn any_header_before_any_bytes_is_survived(bytes: [u8; 10], packet in proptest::collection::vec(any::<u8>(), 0..200), real: bool) {
        let header = VirtioNetHeader::from_bytes(bytes);
        let packet = if real { super::tests::packet(IpProtocol::TCP, Version::V4, TcpFlags::ACK).to_vec() } else { packet };
        let length = packet.len();
        let frame = header.frame(packet.into());
        prop_assert!(frame.len() <= length);
        let total: usize = frame.segments().map(|mut packet| {
            let _answer = VirtioNetHeader::for_frame(&mut packet);
            packet.payload.len()
        }).sum();
        prop_assert!(total <= length);
    }
}
