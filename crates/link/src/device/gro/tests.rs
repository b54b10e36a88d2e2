use std::net::Ipv4Addr;
use std::num::NonZeroU16;

use sockeye_wire::{
    ChecksumState, Headers, IpProtocol, Ipv4Header, Payload, TcpFlags, TcpHeader, TcpOptions,
};

use super::*;
use crate::{Pipe, Split};

/// A super-segment of a flow.
fn burst(port: u16, sequence: u32, length: usize) -> Frame {
    let header = TcpHeader {
        source_port: port,
        destination_port: 80,
        sequence,
        acknowledgment: 7,
        flags: TcpFlags::ACK,
        window: 500,
        urgent: 0,
        options: TcpOptions::NONE,
    };
    let localhost = Ipv4Addr::LOCALHOST;
    let mut headers = Headers::new();
    let total = header.header_len() + length;
    Ipv4Header::new(localhost, localhost, IpProtocol::TCP, total).emit(&mut headers);
    header.emit(&mut headers);
    let mut frame = Frame::new(headers, Payload::from(vec![port.to_le_bytes()[0]; length]));
    frame.offload.checksum = ChecksumState::Partial;
    frame.offload.segment_size = NonZeroU16::new(1000);
    frame
}

fn received(link: &mut impl Link) -> Vec<Frame> {
    std::iter::from_fn(|| link.receive(Instant::ZERO)).collect()
}

#[test]
fn what_a_split_link_carries_comes_up_whole() {
    let mut link = Gro::new(Split::new(Pipe::new()));
    let whole = burst(1, 100, 30_000);
    link.send(whole.clone(), Instant::ZERO);
    assert_eq!(link.queued(), 30);
    let frames = received(&mut link);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].to_vec(), whole.to_vec());
}

#[test]
fn flows_are_joined_side_by_side_and_each_stays_in_order() {
    let mut link = Gro::new(Pipe::new());
    let parts = |port| -> Vec<Frame> { burst(port, 0, 10_000).segments().collect() };
    let (one, two) = (parts(1), parts(2));
    for (first, second) in one.into_iter().zip(two) {
        link.send(first, Instant::ZERO);
        link.send(second, Instant::ZERO);
    }
    let frames = received(&mut link);
    let lengths: Vec<usize> = frames.iter().map(|frame| frame.payload.len()).collect();
    assert_eq!(lengths, [10_000, 10_000]);
}

#[test]
fn a_gap_is_not_closed_and_nothing_overtakes() {
    let mut link = Gro::new(Pipe::new());
    let mut parts: Vec<Frame> = burst(1, 0, 10_000).segments().collect();
    // 0 1 2 9 4 5 6 7 8 3: neither may 3 go behind 2, nor 9 behind 8.
    parts.swap(3, 9);
    let sequence = |frame: &Frame| {
        let bytes: [u8; 4] = frame.headers[24..28].try_into().unwrap();
        u32::from_be_bytes(bytes)
    };
    for part in parts {
        link.send(part, Instant::ZERO);
    }
    let frames = received(&mut link);
    let found: Vec<(u32, usize)> = frames
        .iter()
        .map(|frame| (sequence(frame), frame.payload.len()))
        .collect();
    assert_eq!(found, [(0, 3000), (9000, 1000), (4000, 5000), (3000, 1000)]);
}

#[test]
fn a_batch_is_bounded_and_what_is_held_is_due() {
    let mut link = Gro::new(Pipe::new());
    for port in 0..200 {
        link.send(burst(port, 0, 500), Instant::ZERO);
    }
    assert!(link.receive(Instant::ZERO).is_some());
    assert_eq!(link.next_deadline(), Some(Instant::ZERO));
    assert_eq!(link.queued(), 199);
    assert_eq!(received(&mut link).len(), 199);
    assert_eq!(link.next_deadline(), None);
}
