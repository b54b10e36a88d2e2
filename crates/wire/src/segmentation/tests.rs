use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU16;

use super::*;
use crate::{
    ChecksumState, Headers, IpProtocol, Ipv4Header, Ipv6Header, Payload, TcpFlags, TcpHeader,
    TcpOptions, TcpView, Timestamps, UdpHeader, UdpView, Version,
};

const V4: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));

fn tcp(length: usize, size: u16, version: Version) -> Frame {
    let header = TcpHeader {
        source_port: 1000,
        destination_port: 80,
        sequence: u32::MAX - 1500,
        acknowledgment: 7,
        flags: TcpFlags::ACK | TcpFlags::PSH | TcpFlags::FIN | TcpFlags::CWR,
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
            let mut ip = Ipv4Header::new(V4.0, V4.1, IpProtocol::TCP, total);
            ip.identification = 0xffff;
            ip.emit(&mut headers);
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
    frame.offload.segment_size = NonZeroU16::new(size);
    frame
}

#[test]
fn a_super_segment_becomes_the_packets_it_stands_for() {
    for version in [Version::V4, Version::V6] {
        for length in [1449, 2896, 10_000, 100_000] {
            let whole = tcp(length, 1448, version);
            let data = whole.payload.to_vec();
            let parts: Vec<Frame> = whole.segments().collect();
            assert_eq!(parts.len(), length.div_ceil(1448));
            let mut done = 0;
            for (index, part) in parts.iter().enumerate() {
                let last = index + 1 == parts.len();
                let bytes = part.to_vec();
                // What was made stands up as a packet from a wire.
                let mut arrived = Frame::from_bytes(bytes.into());
                assert!(arrived.verify_checksum());
                assert_eq!(
                    arrived.payload.to_vec(),
                    data[done..done + part.payload.len()]
                );
                let layout = arrived.layout().unwrap();
                let view = TcpView::parse(&arrived.headers[layout.transport..]).unwrap();
                let offset = u32::try_from(done).unwrap();
                assert_eq!(view.sequence(), (u32::MAX - 1500).wrapping_add(offset));
                let mut flags = TcpFlags::ACK;
                flags.set(TcpFlags::PSH | TcpFlags::FIN, last);
                flags.set(TcpFlags::CWR, index == 0);
                assert_eq!(view.flags(), flags);
                assert_eq!(
                    view.options().timestamps,
                    Some(Timestamps { value: 1, echo: 2 })
                );
                if let crate::IpView::V4(view) = arrived.ip().unwrap() {
                    assert!(view.checksum_is_valid());
                    let index = u16::try_from(index).unwrap();
                    assert_eq!(view.identification(), 0xffff_u16.wrapping_add(index));
                }
                done += part.payload.len();
            }
            assert_eq!(done, length);
        }
    }
}

#[test]
fn what_fits_stays_one_packet() {
    let whole = tcp(1448, 1448, Version::V4);
    let mut parts = whole.clone().segments();
    let only = parts.next().unwrap();
    assert!(parts.next().is_none());
    assert_eq!(only.headers, whole.headers);
    assert_eq!(only.offload.segment_size, None);
    let mut plain = tcp(5000, 1, Version::V4);
    plain.offload.segment_size = None;
    assert_eq!(plain.segments().count(), 1);
}

#[test]
fn packets_are_summed_as_they_would_be_one_by_one() {
    let odd_slices = |mut frame: Frame| {
        let rest = frame.payload.split_off(777);
        frame.payload.append(&mut rest.clone());
        frame
    };
    for whole in [
        tcp(10_000, 1448, Version::V4),
        tcp(10_000, 1001, Version::V6),
        odd_slices(tcp(5000, 1448, Version::V4)),
        tcp(100, 1448, Version::V4),
        datagrams(250, 100),
    ] {
        let one_by_one = whole.clone().segments().map(|mut packet| {
            packet.complete_checksum();
            packet
        });
        let one_by_one: Vec<Frame> = one_by_one.collect();
        assert_eq!(whole.segments().summed().collect::<Vec<_>>(), one_by_one);
    }
}

fn datagrams(length: usize, size: u16) -> Frame {
    let mut headers = Headers::new();
    Ipv4Header::new(V4.0, V4.1, IpProtocol::UDP, 8 + length).emit(&mut headers);
    UdpHeader {
        source_port: 1,
        destination_port: 2,
        payload_length: length,
    }
    .emit(&mut headers);
    let mut frame = Frame::new(headers, Payload::from(alloc::vec![9; length]));
    frame.offload.checksum = ChecksumState::Partial;
    frame.offload.segment_size = NonZeroU16::new(size);
    frame
}

#[test]
fn datagrams_are_split_into_datagrams() {
    let lengths: Vec<u16> = datagrams(250, 100)
        .segments()
        .map(|part| {
            let mut arrived = Frame::from_bytes(part.to_vec().into());
            assert!(arrived.verify_checksum());
            UdpView::parse(&arrived.headers[20..]).unwrap().length()
        })
        .collect();
    assert_eq!(lengths, [108, 108, 58]);
}
