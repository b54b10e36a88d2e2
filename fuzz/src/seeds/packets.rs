//! Packets for the seeds.
use sockeye_wire::{
    Checksum, ChecksumState, FragmentHeader, Frame, Headers, Icmpv4Error, Icmpv4Header,
    Icmpv6Header, IpProtocol, Ipv4Header, Ipv6Header, TcpFlags, TcpHeader, UdpHeader,
    UdpLiteHeader, icmpv4::Unreachable, quote,
};

use crate::world::{OWN_V4, OWN_V6, PEER_V4, PEER_V6};

/// The version of a packet to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ip {
    V4,
    V6,
}

/// Packets that a kernel sent to the host's addresses.
pub(super) fn captured() -> Vec<Vec<u8>> {
    let to_own = |packet: &Vec<u8>| {
        let destination = match packet.first() {
            Some(0x60..=0x6f) => packet.get(24..40),
            _ => packet.get(16..20),
        };
        destination == Some(&OWN_V4.octets()[..]) || destination == Some(&OWN_V6.octets()[..])
    };
    include_str!("../../../crates/wire/tests/data/captured.hex")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let digits: Vec<u8> = line
                .chars()
                .filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok())
                .collect();
            let (pairs, _) = digits.as_chunks::<2>();
            pairs.iter().map(|[high, low]| high << 4 | low).collect()
        })
        .filter(to_own)
        .collect()
}

/// An IP packet from the peer to the host.
pub(super) fn packet(ip: Ip, protocol: u8, transport: &[u8]) -> Vec<u8> {
    let mut headers = Headers::new();
    let (protocol, length) = (IpProtocol(protocol), transport.len());
    match ip {
        Ip::V4 => Ipv4Header::new(PEER_V4, OWN_V4, protocol, length).emit(&mut headers),
        Ip::V6 => Ipv6Header::new(PEER_V6, OWN_V6, protocol, length).emit(&mut headers),
    }
    [&headers, transport].concat()
}

fn pseudo(ip: Ip, protocol: IpProtocol, length: usize) -> Checksum {
    match ip {
        Ip::V4 => Checksum::pseudo_header_v4(PEER_V4, OWN_V4, protocol, length),
        Ip::V6 => Checksum::pseudo_header_v6(PEER_V6, OWN_V6, protocol, length),
    }
}

fn udp_transport(ip: Ip, source_port: u16, destination_port: u16, data: &[u8]) -> Vec<u8> {
    let header = UdpHeader {
        source_port,
        destination_port,
        payload_length: data.len(),
    };
    let mut out = Headers::new();
    let pseudo = pseudo(ip, IpProtocol::UDP, 8 + data.len());
    header.emit_with_checksum(&mut out, pseudo, [data]);
    [&out, data].concat()
}

pub(super) fn udp(ip: Ip, source_port: u16, destination_port: u16, data: &[u8]) -> Vec<u8> {
    packet(
        ip,
        17,
        &udp_transport(ip, source_port, destination_port, data),
    )
}

pub(super) fn udp_lite(ip: Ip, destination_port: u16, coverage: u16, data: &[u8]) -> Vec<u8> {
    let mut header = Headers::new();
    UdpLiteHeader {
        source_port: 4000,
        destination_port,
        coverage,
    }
    .emit(&mut header);
    let bytes = packet(ip, 136, &[&header, data].concat());
    let mut frame = Frame::from_bytes(bytes.into());
    frame.offload.checksum = ChecksumState::Partial;
    frame.to_vec()
}

pub(super) fn tcp(ip: Ip, header: &TcpHeader, data: &[u8]) -> Vec<u8> {
    let mut out = Headers::new();
    let pseudo = pseudo(ip, IpProtocol::TCP, header.header_len() + data.len());
    header.emit_with_checksum(&mut out, pseudo, [data]);
    packet(ip, 6, &[&out, data].concat())
}

pub(super) fn echo(ip: Ip, data: &[u8]) -> Vec<u8> {
    let (identifier, sequence) = (7, 1);
    let mut out = Headers::new();
    match ip {
        Ip::V4 => Icmpv4Header::EchoRequest {
            identifier,
            sequence,
        }
        .emit(&mut out, [data]),
        Ip::V6 => Icmpv6Header::EchoRequest {
            identifier,
            sequence,
        }
        .emit(
            &mut out,
            pseudo(ip, IpProtocol::ICMPV6, 8 + data.len()),
            [data],
        ),
    }
    let protocol = if ip == Ip::V4 { 1 } else { 58 };
    packet(ip, protocol, &[&out, data].concat())
}

/// The peer says that nobody listens on its `peer_port`, to which the host sent from `own_port`.
pub(super) fn port_unreachable(own_port: u16, peer_port: u16) -> Vec<u8> {
    let mut headers = Headers::new();
    Ipv4Header::new(OWN_V4, PEER_V4, IpProtocol::UDP, 38).emit(&mut headers);
    let header = UdpHeader {
        source_port: own_port,
        destination_port: peer_port,
        payload_length: 30,
    };
    header.emit(&mut headers);
    let offending = Frame::new(headers, vec![0x55; 30].into());
    let error = Icmpv4Error::DestinationUnreachable(Unreachable::Port);
    let error = quote::icmpv4_error(error, &offending, 20);
    packet(Ip::V4, 1, &error.to_vec())
}

pub(super) fn fragments_v4(identification: u16, length: usize) -> Vec<Vec<u8>> {
    let whole = udp_transport(Ip::V4, 4000, 5353, &vec![9; length]);
    let count = whole.chunks(1480).count();
    let fragments = whole.chunks(1480).enumerate().map(|(index, part)| {
        let mut header = Ipv4Header::new(PEER_V4, OWN_V4, IpProtocol::UDP, part.len());
        header.identification = identification;
        header.fragment_offset = index * 1480;
        header.more_fragments = index + 1 < count;
        let mut out = Headers::new();
        header.emit(&mut out);
        [&out, part].concat()
    });
    fragments.collect()
}

fn fragment_v6(identification: u32, offset: usize, more_fragments: bool, part: &[u8]) -> Vec<u8> {
    let mut out = Headers::new();
    FragmentHeader {
        next_header: IpProtocol::UDP,
        offset,
        more_fragments,
        identification,
    }
    .emit(&mut out);
    packet(Ip::V6, 44, &[&out, part].concat())
}

pub(super) fn fragments_v6(identification: u32, length: usize) -> Vec<Vec<u8>> {
    let whole = udp_transport(Ip::V6, 4000, 5353, &vec![9; length]);
    let count = whole.chunks(1448).count();
    let fragments = whole.chunks(1448).enumerate();
    fragments
        .map(|(index, part)| fragment_v6(identification, index * 1448, index + 1 < count, part))
        .collect()
}

pub(super) fn overlapping_fragments() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for (offset, length, more) in [
        (0, 1480, true),
        (8, 1480, true),
        (1480, 800, false),
        (65_528, 800, false),
    ] {
        packets.push(fragment_v6(7, offset, more, &vec![1; length]));
        let mut header = Ipv4Header::new(PEER_V4, OWN_V4, IpProtocol::UDP, length);
        header.identification = 7;
        header.fragment_offset = offset;
        header.more_fragments = more;
        let mut out = Headers::new();
        header.emit(&mut out);
        packets.push([&*out, &vec![1; length]].concat());
    }
    // Not a multiple of eight; of no length; whole in one.
    packets.push(fragment_v6(8, 0, true, &[1; 13]));
    packets.push(fragment_v6(9, 8, false, &[]));
    let atomic = udp_transport(Ip::V6, 4000, 5353, b"atomic");
    packets.push(fragment_v6(10, 0, false, &atomic));
    packets
}

pub(super) fn extension_headers() -> Vec<Vec<u8>> {
    let datagram = udp_transport(Ip::V6, 4000, 5353, b"behind headers");
    // (first next-header value, headers whose last names UDP or what the case is about)
    let cases: [(u8, &[u8]); 14] = [
        (0, &[17, 0, 5, 2, 0, 0, 1, 0]),
        (60, &[17, 0, 1, 4, 0, 0, 0, 0]),
        (0, &[60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]),
        // Unknown options: skip, discard, report, report unless multicast.
        (60, &[17, 0, 0x1e, 4, 0, 0, 0, 0]),
        (60, &[17, 0, 0x5e, 4, 0, 0, 0, 0]),
        (60, &[17, 0, 0x9e, 4, 0, 0, 0, 0]),
        (60, &[17, 0, 0xde, 4, 0, 0, 0, 0]),
        // An option longer than its header; hop-by-hop in the wrong place.
        (60, &[17, 0, 0x1e, 40, 0, 0, 0, 0]),
        (60, &[0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]),
        // Routing headers: of type 0 with segments left, of type 2, without any left.
        (
            43,
            &[
                17, 2, 0, 1, 0, 0, 0, 0, 0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
            ],
        ),
        (43, &[17, 0, 0, 0, 0, 0, 0, 0]),
        // An unknown next header; none at all; a header that is longer than the packet.
        (253, &[]),
        (59, &[]),
        (60, &[17, 200, 1, 4, 0, 0, 0, 0]),
    ];
    cases
        .iter()
        .map(|(first, headers)| packet(Ip::V6, *first, &[headers, &datagram[..]].concat()))
        .collect()
}

pub(super) fn malformed() -> Vec<Vec<u8>> {
    let syn = TcpHeader {
        source_port: 4000,
        destination_port: 8080,
        sequence: 1,
        flags: TcpFlags::SYN,
        window: 1000,
        ..TcpHeader::default()
    };
    let whole = tcp(Ip::V4, &syn, b"");
    let mut packets = vec![
        vec![],
        vec![0x45],
        whole[..19].to_vec(),
        whole[..30].to_vec(),
    ];
    // One field broken at a time.
    for (at, value) in [
        (0, 0x44),
        (0, 0x4f),
        (0, 0x55),
        (0, 0x65),
        (2, 0xff),
        (3, 19),
        (3, 21),
        (6, 0x80),
        (6, 0x20),
        (8, 0),
        (9, 0),
        (10, 1),
        (12, 127),
        (12, 224),
        (12, 255),
        (12, 0),
        (16, 224),
        (16, 255),
        (22, 0),
        (32, 0),
        (32, 0xf0),
        (33, 0),
        (33, 0xff),
        (33, 3),
        (33, 6),
    ] {
        let mut packet = whole.clone();
        packet[at] = value;
        packets.push(packet);
    }
    // From itself to itself.
    let mut land = whole.clone();
    land.copy_within(16..20, 12);
    land.copy_within(22..24, 20);
    packets.push(land);
    for options in [
        [2, 4, 0, 0],
        [2, 0, 0, 0],
        [8, 10, 0, 0],
        [0, 9, 9, 9],
        [3, 3, 255, 0],
    ] {
        let mut packet = whole.clone();
        packet[32] = 0x60;
        packet.extend_from_slice(&options);
        packets.push(packet);
    }
    for length in [0u16, 7, 8, 9, 2000] {
        let mut packet = udp(Ip::V4, 1, 8080, b"data");
        packet[24..26].copy_from_slice(&length.to_be_bytes());
        packets.push(packet);
    }
    // Options that no router should like, and one that ends in the middle.
    for options in [
        [131, 7, 4, 10],
        [7, 3, 4, 0],
        [68, 4, 5, 0],
        [148, 4, 0, 0],
        [130, 11, 0, 0],
        [7, 40, 4, 1],
    ] {
        let mut packet = udp(Ip::V4, 1, 8080, b"data");
        packet[0] = 0x46;
        packet.splice(20..20, options);
        packets.push(packet);
    }
    packets
}
