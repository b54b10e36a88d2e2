//! Packets that the script hands in.

use std::net::IpAddr;

use sockeye_wire::{
    Checksum, Headers, IpProtocol, Ipv4Header, Ipv6Header, TcpFlags, TcpHeader, UdpHeader,
    checksum::checksum,
};

use super::icmp::Message;
use super::options;
use crate::ast::{Ecn, IpNotes, Quoted, Segment, TcpOption};
use crate::flow::{Flow, bytes};

/// The ECN bits of a packet.
pub(crate) fn class(ip: IpNotes) -> u8 {
    let ecn = match ip.ecn {
        None | Some(Ecn::None) => 0,
        Some(Ecn::Ect1) => 1,
        Some(Ecn::Ect0 | Ecn::Ect01) => 2,
        Some(Ecn::Ce) => 3,
    };
    ip.traffic_class.unwrap_or(0) | ecn
}

/// An IP header and what follows.
fn packet(ip: IpNotes, from: IpAddr, to: IpAddr, protocol: IpProtocol, body: &[u8]) -> Vec<u8> {
    let mut headers = Headers::new();
    let class = class(ip);
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = Ipv4Header::new(from, to, protocol, body.len());
            header.traffic_class = class;
            header.hop_limit = ip.hop_limit.unwrap_or(255);
            header.emit(&mut headers);
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = Ipv6Header::new(from, to, protocol, body.len());
            header.traffic_class = class;
            header.hop_limit = ip.hop_limit.unwrap_or(255);
            header.flow_label = ip.flow_label.unwrap_or(0);
            header.emit(&mut headers);
        }
        _ => {}
    }
    let mut packet = headers.as_slice().to_vec();
    packet.extend_from_slice(body);
    packet
}

/// The options of a segment that the remote end sends, with live numbers.
fn live(flow: &Flow, segment: &Segment) -> Vec<TcpOption> {
    let local = |number| flow.live_local(number, segment.flags);
    let one = |option: &TcpOption| match option {
        TcpOption::Sack(blocks) => {
            let blocks = blocks.iter();
            TcpOption::Sack(
                blocks
                    .map(|(start, end)| (local(*start), local(*end)))
                    .collect(),
            )
        }
        TcpOption::Timestamps { value, echo } => TcpOption::Timestamps {
            value: *value,
            echo: flow.live_timestamp(*echo),
        },
        other => other.clone(),
    };
    let options = segment.options.as_deref().unwrap_or_default();
    options.iter().map(one).collect()
}

/// A segment from the remote end. Its data are those of the stream at this place.
pub(crate) fn segment(ip: IpNotes, flow: &Flow, segment: &Segment) -> Vec<u8> {
    const SYN: u16 = 2;
    let base = flow.remote_base(segment.flags);
    let sequence = segment.range.start.wrapping_add(base);
    let start = flow.remote_start.unwrap_or(sequence);
    let from = sequence.wrapping_sub(start);
    // The SYN takes the first number; its data begin at the next one.
    let from = if segment.flags & SYN != 0 {
        from
    } else {
        from.wrapping_sub(1)
    };
    let data = bytes(usize::try_from(from).unwrap_or(0), segment.range.length);
    let [high, low] = segment.flags.to_be_bytes();
    let header = TcpHeader {
        source_port: flow.remote.1,
        destination_port: flow.local.1,
        sequence,
        acknowledgment: segment
            .ack
            .map_or(0, |ack| flow.live_local(ack, segment.flags)),
        flags: TcpFlags::from_bits_retain(low),
        window: segment.window.unwrap_or(0),
        urgent: segment.urgent.unwrap_or(0),
        options: sockeye_wire::TcpOptions::NONE,
    };
    let mut headers = Headers::new();
    header.emit(&mut headers);
    let mut body = headers.as_slice().to_vec();
    body.extend_from_slice(&options::encode(&live(flow, segment)));
    let words = body.len() / 4;
    if let Some(offset) = body.get_mut(12) {
        *offset = u8::try_from(words << 4).unwrap_or(0xf0) | high;
    }
    body.extend_from_slice(&data);
    let (from, to) = (flow.remote.0, flow.local.0);
    let sum = transport_sum(from, to, IpProtocol::TCP, &body);
    if let Some(place) = body.get_mut(16..18) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    packet(ip, from, to, IpProtocol::TCP, &body)
}

fn transport_sum(from: IpAddr, to: IpAddr, protocol: IpProtocol, body: &[u8]) -> u16 {
    let sum = Checksum::pseudo_header(from, to, protocol, body.len());
    let mut sum = sum.unwrap_or_default();
    sum.add_bytes(body);
    sum.finish()
}

/// A datagram from the remote end.
pub(crate) fn udp(ip: IpNotes, flow: &Flow, length: usize) -> Vec<u8> {
    let body = udp_body(flow.remote, flow.local, length);
    packet(ip, flow.remote.0, flow.local.0, IpProtocol::UDP, &body)
}

fn udp_body(from: (IpAddr, u16), to: (IpAddr, u16), length: usize) -> Vec<u8> {
    let header = UdpHeader {
        source_port: from.1,
        destination_port: to.1,
        payload_length: length,
    };
    let data = bytes(0, length);
    let sum = Checksum::pseudo_header(from.0, to.0, IpProtocol::UDP, length + 8);
    let mut headers = Headers::new();
    header.emit_with_checksum(&mut headers, sum.unwrap_or_default(), [data.as_slice()]);
    let mut body = headers.as_slice().to_vec();
    body.extend_from_slice(&data);
    body
}

/// An ICMP message from the remote end about a packet of the stack under test.
pub(crate) fn icmp(ip: IpNotes, flow: &Flow, message: Message, about: Quoted) -> Vec<u8> {
    let (local, remote) = (flow.local, flow.remote);
    let (protocol, quoted, length) = match about {
        Quoted::Segment(range) => {
            let header = TcpHeader {
                source_port: local.1,
                destination_port: remote.1,
                sequence: flow.live_local(range.start, 0),
                flags: TcpFlags::ACK,
                ..TcpHeader::default()
            };
            let mut headers = Headers::new();
            header.emit(&mut headers);
            (
                IpProtocol::TCP,
                headers.as_slice().to_vec(),
                20 + range.length,
            )
        }
        Quoted::Udp(length) => {
            let mut body = udp_body(local, remote, length);
            body.truncate(8);
            (IpProtocol::UDP, body, 8 + length)
        }
    };
    let mut inner = packet(IpNotes::default(), local.0, remote.0, protocol, &quoted);
    // The header tells the whole packet's length, though only its start is quoted.
    let is_v6 = local.0.is_ipv6();
    if is_v6 {
        put_u16(&mut inner, 4, length);
    } else {
        put_u16(&mut inner, 2, length + 20);
        put_u16(&mut inner, 10, 0);
        let sum = checksum(inner.get(..20).unwrap_or_default());
        put_u16(&mut inner, 10, sum.into());
    }
    let mut body = vec![message.kind, message.code, 0, 0];
    body.extend_from_slice(&message.rest.to_be_bytes());
    body.extend_from_slice(&inner);
    let protocol = if is_v6 {
        IpProtocol::ICMPV6
    } else {
        IpProtocol::ICMPV4
    };
    let sum = if is_v6 {
        transport_sum(remote.0, local.0, protocol, &body)
    } else {
        checksum(&body)
    };
    put_u16(&mut body, 2, sum.into());
    packet(ip, remote.0, local.0, protocol, &body)
}

fn put_u16(bytes: &mut [u8], at: usize, value: usize) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes());
    }
}
