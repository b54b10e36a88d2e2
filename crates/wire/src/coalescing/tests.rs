use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::{
    ChecksumState, Headers, Ipv4Header, Ipv6Header, Payload, TcpHeader, TcpOptions, Timestamps,
};

/// A super-segment of so many bytes.
fn whole(length: usize, version: Version, flags: TcpFlags) -> Frame {
    let header = TcpHeader {
        source_port: 1000,
        destination_port: 80,
        sequence: u32::MAX - 1500,
        acknowledgment: 7,
        flags,
        window: 500,
        urgent: 0,
        options: TcpOptions {
            timestamps: Some(Timestamps { value: 1, echo: 2 }),
            ..TcpOptions::NONE
        },
    };
    let total = header.header_len() + length;
    let mut headers = Headers::new();
    match version {
        Version::V4 => {
            let localhost = Ipv4Addr::LOCALHOST;
            Ipv4Header::new(localhost, localhost, IpProtocol::TCP, total).emit(&mut headers);
        }
        Version::V6 => {
            let localhost = Ipv6Addr::LOCALHOST;
            Ipv6Header::new(localhost, localhost, IpProtocol::TCP, total).emit(&mut headers);
        }
    }
    header.emit(&mut headers);
    let data: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
    let mut frame = Frame::new(headers, Payload::from(data));
    frame.offload.checksum = ChecksumState::Partial;
    frame.offload.segment_size = NonZeroU16::new(1448);
    frame
}

/// As they come from a wire.
fn packets(frame: Frame) -> Vec<Frame> {
    frame
        .segments()
        .map(|segment| Frame::from_bytes(segment.to_vec().into()))
        .collect()
}

fn join(packets: Vec<Frame>) -> Vec<Frame> {
    let mut joined: Vec<Frame> = Vec::new();
    for mut packet in packets {
        let is_joined = joined
            .last_mut()
            .is_some_and(|last| last.append_segment(&mut packet));
        if !is_joined {
            joined.push(packet);
        }
    }
    joined
}

const PLAIN: TcpFlags = TcpFlags::ACK;

#[test]
fn what_was_split_becomes_whole_again() {
    for version in [Version::V4, Version::V6] {
        for length in [1449, 2896, 10_000, 60_000] {
            for flags in [
                PLAIN,
                PLAIN | TcpFlags::PSH,
                PLAIN | TcpFlags::FIN,
                PLAIN | TcpFlags::ECE,
            ] {
                let before = whole(length, version, flags);
                let mut joined = join(packets(before.clone()));
                assert_eq!(joined.len(), 1, "{version:?} {length} {flags:?}");
                let after = joined.remove(0);
                assert_eq!(after.offload.segment_size, NonZeroU16::new(1448));
                assert_eq!(after.to_vec(), before.to_vec());
                // And the same packets come of it.
                assert_eq!(packets(after), packets(before));
            }
        }
    }
}

#[test]
fn a_packet_that_is_full_is_not_exceeded() {
    let joined = join(packets(whole(150_000, Version::V4, PLAIN)));
    assert_eq!(joined.len(), 3);
    assert!(joined.iter().all(|frame| frame.len() <= LONGEST));
    let total: usize = joined.iter().map(|frame| frame.payload.len()).sum();
    assert_eq!(total, 150_000);
}

#[test]
fn what_differs_stays_apart() {
    for version in [Version::V4, Version::V6] {
        let pair = || {
            let mut two = packets(whole(2896, version, PLAIN));
            let second = two.pop().unwrap();
            (two.pop().unwrap(), second)
        };
        let (mut first, mut second) = pair();
        assert!(first.append_segment(&mut second));
        let transport = first.layout().unwrap().transport;
        let offsets: &[(usize, u8)] = match version {
            // Traffic class, flags, time to live, address.
            Version::V4 => &[(1, 2), (6, 64), (8, 1), (15, 1)],
            // Traffic class, flow label, hop limit, address.
            Version::V6 => &[(1, 32), (3, 1), (7, 1), (20, 1)],
        };
        // Ports, sequence, acknowledgment, SYN, RST, URG, window, timestamps.
        let tcp = [
            (1, 1),
            (3, 1),
            (7, 1),
            (11, 1),
            (13, 2),
            (13, 4),
            (13, 32),
            (13, 128),
            (15, 1),
            (27, 1),
        ];
        let of_tcp = tcp.iter().map(|(offset, bits)| (transport + offset, *bits));
        for (offset, bits) in offsets.iter().copied().chain(of_tcp) {
            let (mut first, mut second) = pair();
            second.headers[offset] ^= bits;
            second.offload.checksum = ChecksumState::Verified;
            let copy = (first.clone(), second.clone());
            assert!(!first.append_segment(&mut second), "{version:?} {offset}");
            assert_eq!((first, second), copy);
        }
    }
}

#[test]
fn nothing_joins_behind_the_end_of_a_burst() {
    let mut burst = packets(whole(4000, Version::V4, PLAIN));
    // The third is shorter than the others.
    let last = burst.pop().unwrap();
    let mut first = burst.remove(0);
    assert!(first.append_segment(&mut burst.remove(0)));
    assert!(first.append_segment(&mut last.clone()));
    let mut more = last.clone();
    let next = u32::MAX - 1500;
    more.headers[24..28].copy_from_slice(&next.wrapping_add(4000).to_be_bytes());
    more.offload.checksum = ChecksumState::Verified;
    assert!(!first.append_segment(&mut more));
    // A segment with PSH is the last, and so is an acknowledgment without data.
    let mut two = packets(whole(2896, Version::V4, PLAIN));
    two[0].headers[33] |= TcpFlags::PSH.bits();
    two[0].offload.checksum = ChecksumState::Verified;
    assert_eq!(join(two).len(), 2);
    let empty = packets(whole(0, Version::V4, PLAIN));
    assert_eq!(join([empty.clone(), empty].concat()).len(), 2);
}

#[test]
fn a_wrong_checksum_is_left_for_the_receiver_to_find() {
    for victim in 0..2 {
        let mut two = packets(whole(2896, Version::V4, PLAIN));
        let mut bytes = two[victim].to_vec();
        bytes[100] ^= 1;
        two[victim] = Frame::from_bytes(bytes.into());
        let mut joined = join(two);
        assert_eq!(joined.len(), 2);
        assert!(!joined[victim].verify_checksum());
        assert!(joined[1 - victim].verify_checksum());
    }
}
