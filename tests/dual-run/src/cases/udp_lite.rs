//! What only UDP-Lite has: the coverage of its checksum, and ports of its own. The rest is in `datagram`.

use libc::{IPPROTO_UDP, IPPROTO_UDPLITE, MSG_MORE, POLLIN, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

use super::Registry;
use super::option_table::{
    SO_NO_CHECK, SO_PROTOCOL, SO_TYPE, UDP_CORK, UDP_GRO, UDP_SEGMENT, UDPLITE, UDPLITE_RECV_CSCOV,
    UDPLITE_SEND_CSCOV,
};
use super::options::round_trip_on;
use crate::world::Opt;
use crate::{Control, Flavor, Message, World};

pub(super) fn register(r: &mut Registry) {
    let mut lite = |behaviour: &str, body: fn(&mut World<'_>)| {
        for flavor in Flavor::ALL {
            let run = Box::new(move |w: &mut World<'_>| {
                w.datagram_protocol = IPPROTO_UDPLITE;
                body(w);
            });
            r.add(flavor.name(), "udplite", behaviour, flavor, run);
        }
    };
    lite("what_it_is", identity);
    lite("coverage_asked_and_given", coverage);
    lite("its_ports_are_not_those_of_udp", ports);
    lite("segmentation_is_eio", segmentation);
    lite("more_is_one_datagram", more);
    for flavor in [Flavor::V4, Flavor::V6] {
        r.one(
            flavor.name(),
            "udplite",
            "what_is_on_the_wire",
            flavor,
            wire,
        );
        for (behaviour, body) in [
            ("made_by_hand", by_hand as fn(&mut World<'_>)),
            ("options_of_its_own_and_of_udp", options),
            ("options_at_either_level", levels),
        ] {
            r.one(flavor.name(), "udplite", behaviour, flavor, body);
        }
    }
}

fn identity(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    w.get_int(s, SO_PROTOCOL);
    w.get_int(s, SO_TYPE);
    let domain = w.flavor.domain();
    let _ = w.socket_of(domain, SOCK_STREAM, IPPROTO_UDPLITE);
    let _ = w.socket_of(domain, libc::SOCK_SEQPACKET, IPPROTO_UDPLITE);
}

/// Each end unasked, or with a coverage, of a datagram of 8 + 12 bytes.
fn coverage(w: &mut World<'_>) {
    for send in [None, Some(0), Some(8), Some(12), Some(20), Some(100)] {
        for receive in [
            None,
            Some(0),
            Some(1),
            Some(8),
            Some(12),
            Some(13),
            Some(20),
            Some(30),
        ] {
            w.note(&format!("sent with {send:?}, received with {receive:?}"));
            let (left, right) = w.quietly(|w| {
                let (left, right, _, b) = w.datagram_pair();
                if let Some(send) = send {
                    let _ = w.set_int(left, UDPLITE_SEND_CSCOV, send);
                }
                if let Some(receive) = receive {
                    let _ = w.set_int(right, UDPLITE_RECV_CSCOV, receive);
                }
                let _ = w.send_to(left, b"0123456789ab", &b);
                w.settle();
                (left, right)
            });
            w.poll(right);
            let _ = w.recv(right, 20, 0);
            w.close(left);
            w.close(right);
        }
    }
}

fn ports(w: &mut World<'_>) {
    let port = w.port("P");
    let own = w.loopback(port);
    let domain = w.flavor.domain();
    let udp = w.socket_of(domain, SOCK_DGRAM, IPPROTO_UDP);
    let lite = w.socket(SOCK_DGRAM);
    let other = w.socket(SOCK_DGRAM);
    let _ = w.bind(udp, &own);
    let _ = w.bind(lite, &own);
    let _ = w.bind(other, &own);
    let _ = w.send_to(lite, b"lite", &own);
    w.wait(lite, POLLIN);
    w.poll(udp);
    let _ = w.send_to(udp, b"udp", &own);
    w.wait(udp, POLLIN);
    let _ = w.recv(udp, 10, 0);
    let _ = w.recv(udp, 10, 0);
    let _ = w.recv(lite, 10, 0);
    let _ = w.recv(lite, 10, 0);
    w.note("an error goes to the right one");
    let nobody = w.port("N");
    let nobody = w.loopback(nobody);
    w.connect(udp, &nobody);
    w.connect(lite, &nobody);
    let _ = w.send(lite, b"x", 0);
    w.wait(lite, libc::POLLERR);
    w.error(udp);
    w.error(lite);
}

fn segmentation(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let _ = w.set_int(left, UDP_SEGMENT, 4);
    w.get_int(left, UDP_SEGMENT);
    let _ = w.send_to(left, b"abcdefgh", &b);
    let _ = w.send_to(left, b"abc", &b);
    let _ = w.set_int(left, UDP_SEGMENT, 0);
    for level in [IPPROTO_UDP, IPPROTO_UDPLITE] {
        let _ = w.send_message(
            left,
            &Message {
                data: vec![b"abcdefgh".to_vec()],
                address: Some(b.clone()),
                control: vec![Control::Other {
                    level,
                    kind: libc::UDP_SEGMENT,
                    data: 4_u16.to_ne_bytes().to_vec(),
                }],
                ..Message::default()
            },
        );
    }
    w.settle();
    let _ = w.recv(right, 20, 0);
    let _ = w.recv(right, 20, 0);
    let _ = w.set_int(left, UDP_GRO, 1);
    w.get_int(left, UDP_GRO);
}

fn more(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    w.connect(left, &b);
    let _ = w.set_int(left, UDPLITE_SEND_CSCOV, 9);
    let _ = w.set_int(right, UDPLITE_RECV_CSCOV, 9);
    let _ = w.send(left, b"one", MSG_MORE);
    let _ = w.send(left, b"two", 0);
    w.wait(right, POLLIN);
    let _ = w.recv(right, 20, 0);
    let _ = w.recv(right, 20, 0);
}

/// The bytes, as a raw socket sees them.
fn wire(w: &mut World<'_>) {
    let domain = w.flavor.domain();
    let raw = w.socket_of(domain, SOCK_RAW, IPPROTO_UDPLITE);
    let to = w.loopback(4001);
    let from = w.loopback(4002);
    for coverage in [
        None,
        Some(0),
        Some(8),
        Some(9),
        Some(12),
        Some(13),
        Some(14),
        Some(70_000),
    ] {
        let s = w.socket_of(domain, SOCK_DGRAM, IPPROTO_UDPLITE);
        let receiver = w.socket_of(domain, SOCK_DGRAM, IPPROTO_UDPLITE);
        let _ = w.bind(s, &from);
        let _ = w.bind(receiver, &to);
        if let Some(coverage) = coverage {
            let _ = w.set_int(s, UDPLITE_SEND_CSCOV, coverage);
        }
        let _ = w.set_int(s, SO_NO_CHECK, 1);
        let _ = w.send_to(s, b"01234", &to);
        w.wait(raw, POLLIN);
        let shown = w.quietly(|w| w.recv(raw, 100, 0));
        let data = shown.map(|received| received.data).unwrap_or_default();
        // An IPv4 header has an identification and so a checksum of its own.
        let header = if domain == libc::AF_INET { 20 } else { 0 };
        w.note(&format!("{:02x?}", data.get(header..).unwrap_or_default()));
        w.close(s);
        w.close(receiver);
    }
}

/// The checksum of a datagram of which `covered` bytes count.
fn checksum(address: std::net::IpAddr, datagram: &[u8], covered: usize) -> u16 {
    let octets = match address {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    };
    let length = u32::try_from(datagram.len()).unwrap_or(0);
    let mut bytes = [&octets[..], &octets[..]].concat();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&136_u32.to_be_bytes());
    bytes.extend_from_slice(&datagram[..covered.min(datagram.len())]);
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum ^ 0xffff).unwrap_or(0)
}

/// Datagrams from a raw socket: which coverages and checksums a receiver takes.
fn by_hand(w: &mut World<'_>) {
    let domain = w.flavor.domain();
    let raw = w.socket_of(domain, SOCK_RAW, IPPROTO_UDPLITE);
    let receiver = w.socket_of(domain, SOCK_DGRAM, IPPROTO_UDPLITE);
    let own = w.loopback(4001);
    let target = w.loopback(0);
    let _ = w.bind(receiver, &own);
    let send = |w: &mut World<'_>, what: &str, datagram: &[u8]| {
        w.note(what);
        let _ = w.send_to(raw, datagram, &target);
        w.settle();
        // Not polled: the kernel checks a partial checksum only when the datagram is read.
        let _ = w.recv(receiver, 100, 0);
    };
    let head = |coverage: u16| {
        let mut datagram = [9_u16, 4001, coverage, 0]
            .iter()
            .flat_map(|field| field.to_be_bytes())
            .collect::<Vec<u8>>();
        datagram.extend_from_slice(b"01234");
        datagram
    };
    for coverage in [0_u16, 1, 7, 8, 9, 12, 13, 14, 1000] {
        let covered = match coverage {
            0 => 13,
            _ => usize::from(coverage),
        };
        for damage in [None, Some(3), Some(8), Some(12)] {
            let mut datagram = head(coverage);
            let sum = checksum(w.flavor.loopback(), &datagram, covered);
            datagram[6..8].copy_from_slice(&sum.to_be_bytes());
            // The port itself stays: a damaged one would name nobody.
            if let Some(at) = damage {
                datagram[if at == 3 { 1 } else { at }] ^= 0x40;
            }
            send(w, &format!("{coverage}, damaged at {damage:?}"), &datagram);
        }
    }
    send(w, "no checksum", &head(0));
    send(w, "no checksum, partial", &head(8));
    send(w, "too short", b"1234567");
}

fn options(w: &mut World<'_>) {
    let domain = w.flavor.domain();
    for option in [UDPLITE, &[UDP_CORK, UDP_SEGMENT, UDP_GRO]].concat() {
        w.note(option.name);
        let s = w.socket_of(domain, SOCK_DGRAM, IPPROTO_UDPLITE);
        round_trip_on(w, s, option);
        w.close(s);
    }
}

fn levels(w: &mut World<'_>) {
    let domain = w.flavor.domain();
    for protocol in [IPPROTO_UDP, IPPROTO_UDPLITE] {
        let s = w.socket_of(domain, SOCK_DGRAM, protocol);
        for (number, name) in [(10, "SEND"), (11, "RECV"), (103, "SEGMENT"), (104, "GRO")] {
            for level in [IPPROTO_UDP, IPPROTO_UDPLITE] {
                let option = Opt {
                    name,
                    level,
                    number,
                };
                w.note(&format!("level {level}"));
                w.get_int(s, option);
                let _ = w.set_int(s, option, 1);
                let other = IPPROTO_UDP + IPPROTO_UDPLITE - level;
                w.get_int(
                    s,
                    Opt {
                        level: other,
                        ..option
                    },
                );
            }
        }
    }
}
