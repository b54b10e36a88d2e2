//! No bytes of any kind make the parsers panic, and what they accept can be written again.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;
use sockeye_wire::{
    ChecksumState, FragmentHeader, Frame, Headers, IcmpView, Icmpv4Header, Icmpv6Header,
    IpProtocol, IpView, Ipv4Header, Ipv4View, Ipv6Extensions, Ipv6Header, Ipv6View, Layout, Quote,
    TcpHeader, TcpOptions, TcpView, UdpHeader, UdpLiteHeader, UdpLiteView, UdpView, quote,
};

/// Everything that can be asked about bytes.
fn ask(bytes: &[u8]) {
    let _ = Layout::of(bytes);
    let _ = IpView::parse(bytes).map(|ip| (ip.source(), ip.destination(), ip.hop_limit()));
    let _ = Quote::parse(bytes);
    let _ = FragmentHeader::parse(bytes);
    if let Ok(view) = Ipv4View::parse(bytes) {
        let _ = view.option_iter().count();
        let _ = view.checksum_is_valid();
        let mut out = Headers::new();
        let header = Ipv4Header::from(view);
        header.emit(&mut out);
        assert_eq!(out.len(), header.header_len());
    }
    if let Ok(view) = Ipv6View::parse(bytes) {
        let mut out = Headers::new();
        Ipv6Header::from(view).emit(&mut out);
        assert_eq!(*out, bytes[..40]);
    }
    for first in [0, 43, 44, 51, 60, 135, 6, 59] {
        let walk = Ipv6Extensions::new(IpProtocol(first), bytes);
        for header in walk.clone().flatten() {
            let _ = header.options().count();
            let _ = (header.fragment(), header.segments_left());
        }
        if let Ok(upper) = walk.upper_layer() {
            assert!(upper.offset <= bytes.len());
        }
    }
    if let Ok(view) = TcpView::parse(bytes) {
        let header = TcpHeader::from(view);
        let mut out = Headers::new();
        header.emit(&mut out);
        assert_eq!(out.len(), header.header_len());
        // What was understood once is understood the same way again.
        assert_eq!(TcpHeader::from(TcpView::parse(&out).unwrap()), header);
    }
    if let Ok(view) = UdpView::parse(bytes) {
        let mut out = Headers::new();
        UdpHeader::from(view).emit(&mut out);
        assert_eq!(out.len(), 8);
    }
    if let Ok(view) = UdpLiteView::parse(bytes) {
        let mut out = Headers::new();
        UdpLiteHeader::from(view).emit(&mut out);
        assert_eq!(out[..6], bytes[..6]);
        assert!(view.covered(8).is_none_or(|covered| covered == 8));
    }
    if let Ok(view) = IcmpView::parse(bytes) {
        let mut out = Headers::new();
        Icmpv4Header::from(view).emit(&mut out, []);
        assert_eq!(out[..2], bytes[..2]);
        let mut out = Headers::new();
        Icmpv6Header::from(view).emit(&mut out, sockeye_wire::Checksum::new(), []);
        assert_eq!(out[..1], bytes[..1]);
    }
    let frame = Frame::from_bytes(Bytes::copy_from_slice(bytes));
    assert!(frame.len() <= bytes.len());
    let _ = quote::is_icmp_error(&frame);
    assert!(quote::quote(&frame, 100).len() <= 100);
    for checksum in [ChecksumState::Complete, ChecksumState::Partial] {
        let mut frame = frame.clone();
        frame.offload.checksum = checksum;
        frame.offload.segment_size = core::num::NonZeroU16::new(7);
        let _ = frame.clone().verify_checksum();
        assert_eq!(frame.to_vec().len(), frame.len());
        let payload: usize = frame.payload.len();
        let parts = frame.segments().map(|part| part.payload.len());
        assert_eq!(parts.sum::<usize>(), payload);
    }
}

fn captured() -> Vec<Vec<u8>> {
    include_str!("data/captured.hex")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            (0..line.len() / 2)
                .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap())
                .collect()
        })
        .collect()
}

#[test]
fn every_prefix_of_real_packets_is_survived() {
    for packet in captured() {
        for length in 0..packet.len().min(140) {
            ask(&packet[..length]);
        }
        ask(&packet);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ask(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_version_are_survived(
        v6: bool,
        bytes in prop::collection::vec(any::<u8>(), 1..300),
        extensions in prop::sample::select(vec![0u8, 6, 17, 136, 43, 44, 51, 58, 60, 135]),
    ) {
        let mut bytes = bytes;
        bytes[0] = if v6 { 0x60 } else { 0x40 | (bytes[0] & 0xf) };
        // A length that is true, so that the bytes behind the header are looked at.
        let length = u16::try_from(bytes.len()).unwrap();
        let (at, length) = if v6 { (4, length.saturating_sub(40)) } else { (2, length) };
        if bytes.len() > 10 {
            bytes[at..at + 2].copy_from_slice(&length.to_be_bytes());
            bytes[if v6 { 6 } else { 9 }] = extensions;
        }
        ask(&bytes);
    }

    #[test]
    fn damaged_real_packets_are_survived(
        index: prop::sample::Index,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut: prop::sample::Index,
    ) {
        let mut packet = index.get(&captured()).clone();
        for (at, value) in damage {
            // Mostly in the headers.
            let at = at.index(packet.len().min(100));
            packet[at] = value;
        }
        ask(&packet);
        packet.truncate(cut.index(packet.len()));
        ask(&packet);
    }

    #[test]
    fn random_options_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..41)) {
        let options = TcpOptions::parse(&bytes);
        let mut room = [0; 40];
        let length = options.emit(&mut room);
        prop_assert_eq!(length, options.len());
        prop_assert_eq!(TcpOptions::parse(&room[..length]), options);
    }
}
