//! Packets that a Linux kernel made: they are read, found intact, and made again byte by byte.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use sockeye_wire::{
    ChecksumState, Frame, Headers, IcmpView, Icmpv4Header, Icmpv6Header, IpProtocol, IpView,
    Ipv4Header, Ipv6Header, Layout, Quote, QuotedTransport, TcpFlags, TcpHeader, TcpView,
    UdpHeader, UdpLiteHeader, UdpLiteView, UdpView,
};

fn captured() -> Vec<Vec<u8>> {
    include_str!("data/captured.hex")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let digits: Vec<u8> = line
                .chars()
                .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
                .collect();
            digits
                .chunks(2)
                .map(|pair| (pair[0] << 4) | pair[1])
                .collect()
        })
        .collect()
}

fn frame(packet: &[u8]) -> Frame {
    Frame::from_bytes(Bytes::copy_from_slice(packet))
}

/// Headers read into values and written again, with the checksum recomputed from scratch.
fn rebuilt(packet: &[u8]) -> Headers {
    let frame = frame(packet);
    let layout = Layout::of(packet).unwrap();
    let mut out = Headers::new();
    let ip = frame.ip().unwrap();
    match ip {
        IpView::V4(view) => Ipv4Header::from(view).emit(&mut out),
        IpView::V6(view) => {
            Ipv6Header::from(view).emit(&mut out);
            out.extend_from_slice(&packet[40..layout.transport]);
        }
    }
    if layout.fragment {
        return out;
    }
    let transport = &frame.headers[layout.transport..];
    let data: Vec<&[u8]> = frame.payload.chunks().map(|chunk| &**chunk).collect();
    let pseudo = ip.pseudo_header(layout.protocol, packet.len() - layout.transport);
    match layout.protocol {
        IpProtocol::TCP => TcpHeader::from(TcpView::parse(transport).unwrap())
            .emit_with_checksum(&mut out, pseudo, data),
        IpProtocol::UDP => {
            let view = UdpView::parse(transport).unwrap();
            if view.checksum() == 0 {
                UdpHeader::from(view).emit(&mut out);
            } else {
                UdpHeader::from(view).emit_with_checksum(&mut out, pseudo, data);
            }
        }
        IpProtocol::UDP_LITE => {
            // Only a whole frame knows what its checksum covers.
            let view = UdpLiteView::parse(transport).unwrap();
            UdpLiteHeader::from(view).emit(&mut out);
            let mut again = Frame::new(out, frame.payload.clone());
            again.offload.checksum = ChecksumState::Partial;
            again.complete_checksum();
            return again.headers;
        }
        IpProtocol::ICMPV4 => {
            let view = IcmpView::parse(transport).unwrap();
            Icmpv4Header::from(view).emit(&mut out, data);
        }
        IpProtocol::ICMPV6 => {
            let view = IcmpView::parse(transport).unwrap();
            Icmpv6Header::from(view).emit(&mut out, pseudo, data);
        }
        _ => out.extend_from_slice(transport),
    }
    out
}

#[test]
fn every_packet_is_made_again_byte_by_byte() {
    let mut seen = std::collections::BTreeSet::new();
    for packet in captured() {
        let frame = frame(&packet);
        assert_eq!(frame.to_vec(), packet);
        assert_eq!(rebuilt(&packet), frame.headers, "{frame:?}");
        seen.insert(frame.layout().unwrap().protocol);
    }
    for protocol in [
        IpProtocol::TCP,
        IpProtocol::UDP,
        IpProtocol::UDP_LITE,
        IpProtocol::ICMPV4,
        IpProtocol::ICMPV6,
    ] {
        assert!(seen.contains(&protocol));
    }
}

/// Where in the packet that which the checksum covers ends.
fn covered(packet: &[u8], layout: Layout) -> usize {
    if layout.protocol != IpProtocol::UDP_LITE {
        return packet.len();
    }
    let view = UdpLiteView::parse(&packet[layout.transport..]).unwrap();
    layout.transport + view.covered(packet.len() - layout.transport).unwrap()
}

#[test]
fn every_packet_is_intact_and_any_flipped_bit_is_noticed() {
    for packet in captured() {
        let mut whole = frame(&packet);
        assert!(whole.verify_checksum());
        if let IpView::V4(view) = whole.ip().unwrap() {
            assert!(view.checksum_is_valid());
        }
        let layout = whole.layout().unwrap();
        let unchecked = layout.fragment
            || layout.protocol == IpProtocol(253)
            || (layout.protocol == IpProtocol::UDP
                && packet[layout.transport + 6..layout.transport + 8] == [0, 0]);
        if unchecked {
            continue;
        }
        assert_eq!(whole.offload.checksum, ChecksumState::Verified);
        // A flip in the last byte, which no length depends on.
        let mut broken = packet.clone();
        *broken.last_mut().unwrap() ^= 0x10;
        let is_covered = covered(&packet, layout) == packet.len();
        assert_eq!(frame(&broken).verify_checksum(), !is_covered, "{whole:?}");
        let mut broken = packet.clone();
        broken[covered(&packet, layout) - 1] ^= 0x10;
        assert!(!frame(&broken).verify_checksum(), "{whole:?}");
    }
}

#[test]
fn a_checksum_left_out_is_filled_in_as_the_kernel_did() {
    for packet in captured() {
        let mut frame = frame(&packet);
        let layout = frame.layout().unwrap();
        let field = match layout.protocol {
            _ if layout.fragment => continue,
            IpProtocol::TCP => layout.transport + 16,
            IpProtocol::UDP if packet[layout.transport + 6..][..2] != [0, 0] => {
                layout.transport + 6
            }
            IpProtocol::UDP_LITE => layout.transport + 6,
            IpProtocol::ICMPV4 | IpProtocol::ICMPV6 => layout.transport + 2,
            _ => continue,
        };
        frame.headers[field..field + 2].fill(0);
        frame.offload.checksum = ChecksumState::Partial;
        assert_eq!(frame.to_vec(), packet);
    }
}

#[test]
fn headers_end_with_the_transport_header_and_fragments_with_the_ip_header() {
    for packet in captured() {
        let frame = frame(&packet);
        let layout = frame.layout().unwrap();
        let expected = match layout.protocol {
            _ if layout.fragment => 0,
            IpProtocol::TCP => usize::from(packet[layout.transport + 12] >> 4) * 4,
            IpProtocol::UDP | IpProtocol::UDP_LITE => 8,
            IpProtocol::ICMPV4 | IpProtocol::ICMPV6 => 8,
            _ => 0,
        };
        assert_eq!(frame.headers.len(), layout.transport + expected);
        assert_eq!(
            frame.ip_payload(layout.transport).to_vec(),
            packet[layout.transport..]
        );
    }
}

#[test]
fn the_quotes_in_errors_name_the_socket() {
    let mut quotes = Vec::new();
    for packet in captured() {
        let frame = frame(&packet);
        if !sockeye_wire::quote::is_icmp_error(&frame) {
            continue;
        }
        let quote = Quote::parse(&frame.payload.to_bytes()).unwrap();
        // The error goes back to where the quoted packet came from.
        assert_eq!(quote.source, frame.ip().unwrap().destination());
        quotes.push((quote.protocol, quote.transport));
    }
    let udp = |source_port| QuotedTransport::Udp {
        source_port,
        destination_port: 77,
    };
    assert!(quotes.contains(&(IpProtocol::UDP, udp(36790))));
    assert!(quotes.contains(&(IpProtocol::UDP, udp(44639))));
    assert!(quotes.contains(&(IpProtocol(253), QuotedTransport::Other)));
}

#[test]
fn a_syn_asks_and_a_syn_ack_answers() {
    let tcp: Vec<TcpHeader> = captured()
        .iter()
        .map(|packet| frame(packet))
        .filter(|frame| frame.layout().unwrap().protocol == IpProtocol::TCP)
        .map(|frame| {
            let layout = frame.layout().unwrap();
            TcpView::parse(&frame.headers[layout.transport..])
                .unwrap()
                .into()
        })
        .collect();
    let syn = tcp[0];
    assert_eq!(syn.flags, TcpFlags::SYN);
    assert_eq!(syn.options.mss, Some(1460));
    assert_eq!(syn.options.window_scale, Some(10));
    assert!(syn.options.sack_permitted);
    assert_eq!(syn.options.timestamps.unwrap().echo, 0);
    let answer = tcp[1];
    assert_eq!(answer.flags, TcpFlags::SYN | TcpFlags::ACK);
    assert_eq!(answer.acknowledgment, syn.sequence.wrapping_add(1));
    assert_eq!(
        answer.options.timestamps.unwrap().echo,
        syn.options.timestamps.unwrap().value
    );
    assert!(
        tcp.iter()
            .any(|header| header.options.fast_open.is_some_and(|c| c.is_request()))
    );
    assert!(tcp.iter().any(|header| {
        header
            .options
            .fast_open
            .is_some_and(|c| c.as_slice().len() == 8)
    }));
    assert_eq!(
        tcp.iter().map(|header| header.options.sack.len()).max(),
        Some(3)
    );
    assert!(
        tcp.iter()
            .any(|header| header.flags.contains(TcpFlags::URG) && header.urgent == 1)
    );
}
