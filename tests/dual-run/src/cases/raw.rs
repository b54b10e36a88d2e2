//! Raw and ICMP echo sockets.

use std::net::{Ipv4Addr, Ipv6Addr};

use libc::{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_RAW, IPPROTO_UDP, POLLIN, SOCK_DGRAM, SOCK_RAW};

use super::Registry;
use super::option_table::{IP_HDRINCL, IPV6_HDRINCL, IPV6_RECVHOPLIMIT};
use crate::world::Opt;
use crate::{Address, Flavor, Reception, World};

/// `ICMP_FILTER` at `SOL_RAW`.
const ICMP_FILTER: Opt = Opt {
    name: "ICMP_FILTER",
    level: 255,
    number: 1,
};
/// `ICMPV6_FILTER`.
const ICMPV6_FILTER: Opt = Opt {
    name: "ICMPV6_FILTER",
    level: IPPROTO_ICMPV6,
    number: 1,
};
/// `IPV6_CHECKSUM`.
const IPV6_CHECKSUM: Opt = Opt {
    name: "IPV6_CHECKSUM",
    level: 41,
    number: 7,
};

pub(super) fn register(r: &mut Registry) {
    let mut root = |domain: &str, name: &str, flavor, body: fn(&mut World<'_>)| {
        r.add(domain, "raw", name, flavor, Box::new(body));
    };
    root(
        "inet",
        "sends_and_receives_a_protocol",
        Flavor::V4,
        own_protocol,
    );
    root(
        "inet6",
        "sends_and_receives_a_protocol",
        Flavor::V6,
        own_protocol,
    );
    root("inet", "sees_udp_datagrams", Flavor::V4, sees_udp);
    root("inet6", "sees_udp_datagrams", Flavor::V6, sees_udp);
    root("inet", "states_and_misuse", Flavor::V4, misuse);
    root("inet6", "states_and_misuse", Flavor::V6, misuse);
    root("inet", "header_included", Flavor::V4, header_included);
    root("inet6", "header_included", Flavor::V6, header_included_v6);
    root("inet", "icmp_filter", Flavor::V4, icmp_filter);
    root("inet", "icmp_echo_is_answered", Flavor::V4, echo_v4);
    root("inet6", "icmp_echo_is_answered", Flavor::V6, echo_v6);
    root(
        "inet",
        "connected_hears_only_its_peer",
        Flavor::V4,
        connected,
    );
    root("inet6", "checksum_option", Flavor::V6, checksum_option);
    root(
        "inet",
        "protocol_unreachable",
        Flavor::V4,
        protocol_unreachable,
    );
    root("inet", "ping_socket", Flavor::V4, ping);
    root("inet6", "ping_socket", Flavor::V6, ping);
    root("inet", "options", Flavor::V4, options);
    root("inet6", "options", Flavor::V6, options);
}

fn own_protocol(w: &mut World<'_>) {
    let domain = w.flavor.domain();
    let (a, b) = (
        w.socket_of(domain, SOCK_RAW, 253),
        w.socket_of(domain, SOCK_RAW, 253),
    );
    w.poll(a);
    w.local(a);
    let own = w.loopback(0);
    let _ = w.bind(b, &own);
    w.local(b);
    let _ = w.send_to(a, b"payload", &own);
    w.wait(b, POLLIN);
    w.ask(b, crate::sockets::Question::Unread);
    w.note("the identification and the checksum of an IPv4 header are nobody's business");
    for (s, flags) in [
        (b, libc::MSG_PEEK),
        (b, 0),
        (b, 0),
        (a, libc::MSG_TRUNC),
        (a, 0),
    ] {
        let received = w.quietly(|w| w.recv(s, 100, flags));
        let shown = received.map(|r| (r.length, r.flags, without_random_fields(&r.data)));
        w.note(&format!("{shown:?}"));
    }
    w.note("another protocol does not");
    let c = w.socket_of(domain, SOCK_RAW, 254);
    w.poll(c);
}

/// An IPv4 packet without identification and header checksum; any other packet as it is.
fn without_random_fields(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet.first() == Some(&0x45) && packet.len() >= 20 {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
    packet
}

fn sees_udp(w: &mut World<'_>) {
    let raw = w.socket_of(w.flavor.domain(), SOCK_RAW, IPPROTO_UDP);
    let (left, right, _, b) = w.datagram_pair();
    let _ = w.send_to(left, b"seen", &b);
    w.wait(raw, POLLIN);
    let received = w.quietly(|w| w.recv(raw, 100, 0));
    let tail = received.map(|r| r.data[r.data.len().saturating_sub(4)..].to_vec());
    w.note(&format!("{tail:?}"));
    w.wait(right, POLLIN);
    let _ = w.recv(right, 100, 0);
}

fn misuse(w: &mut World<'_>) {
    let s = w.socket_of(w.flavor.domain(), SOCK_RAW, 253);
    let address = w.loopback(77);
    w.poll(s);
    w.local(s);
    w.peer(s);
    w.accept(s);
    w.listen(s, 1);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 10, libc::MSG_OOB);
    let _ = w.send(s, b"x", 0);
    let _ = w.send_to(s, b"x", &Address::Unspecified);
    let _ = w.send_to(s, b"x", &Address::Raw(vec![2, 0]));
    let _ = w.send_message(
        s,
        &crate::Message {
            data: vec![b"x".to_vec()],
            address: Some(address.clone()),
            flags: libc::MSG_OOB,
            control: vec![],
        },
    );
    for how in [libc::SHUT_RD, libc::SHUT_WR, libc::SHUT_RDWR] {
        w.shutdown(s, how);
    }
    let _ = w.bind(s, &address);
    w.local(s);
    let _ = w.bind(s, &address);
    let _ = w.bind(s, &Address::inet(Ipv4Addr::new(192, 0, 2, 1), 0));
    w.connect(s, &address);
    w.peer(s);
    w.connect(s, &Address::Unspecified);
    w.peer(s);
    let _ = w.send(s, &vec![0; 70_000], 0);
    let _ = w.send_to(s, &vec![0; 70_000], &address);
    let send_only = w.socket_of(w.flavor.domain(), SOCK_RAW, IPPROTO_RAW);
    w.get_int(send_only, IP_HDRINCL);
    w.poll(send_only);
}

/// An IPv4 header of 20 bytes with lengths, identification and checksum left to the host.
fn header(protocol: u8, destination: Ipv4Addr) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    bytes.extend([0; 4]);
    bytes.extend(destination.octets());
    bytes
}

fn header_included(w: &mut World<'_>) {
    let receiver = w.socket_of(libc::AF_INET, SOCK_RAW, 253);
    let sender = w.socket_of(libc::AF_INET, SOCK_RAW, IPPROTO_RAW);
    let own = w.loopback(0);
    let mut packet = header(253, Ipv4Addr::LOCALHOST);
    packet.extend(b"body");
    let _ = w.send_to(sender, &packet, &own);
    w.wait(receiver, POLLIN);
    let received = w.quietly(|w| w.recv(receiver, 100, 0));
    w.note(&format!(
        "{:?}",
        received.map(|r| (r.length, r.data[8..10].to_vec(), r.data[12..].to_vec()))
    ));
    w.note("shorter than a header");
    let _ = w.send_to(sender, &packet[..19], &own);
    w.note("a header length beyond the end");
    packet[0] = 0x4f;
    let _ = w.send_to(sender, &packet, &own);
    w.note("larger than the interface takes");
    let _ = w.send_to(sender, &vec![0x45; 65_536], &own);
    let set = w.socket_of(libc::AF_INET, SOCK_RAW, 253);
    let _ = w.set_int(set, IP_HDRINCL, 1);
    w.get_int(set, IP_HDRINCL);
}

fn header_included_v6(w: &mut World<'_>) {
    let receiver = w.socket_of(libc::AF_INET6, SOCK_RAW, 253);
    let sender = w.socket_of(libc::AF_INET6, SOCK_RAW, IPPROTO_RAW);
    let own = w.loopback(0);
    let mut packet = vec![0x6a, 0xb0, 0, 0, 0, 4, 253, 9];
    packet.extend([Ipv6Addr::LOCALHOST.octets(); 2].concat());
    packet.extend(b"body");
    let _ = w.set_int(receiver, IPV6_RECVHOPLIMIT, 1);
    let _ = w.send_to(sender, &packet, &own);
    w.wait(receiver, POLLIN);
    let reception = Reception {
        buffers: vec![100],
        control_room: 100,
        flags: 0,
    };
    let _ = w.receive_message(receiver, &reception);
    for length in [0, 1, 39, 65_535, 65_536, 70_000] {
        let _ = w.send_to(sender, &vec![0x60; length], &own);
    }
    w.note("the port is the protocol");
    for (number, ports) in [
        (IPPROTO_RAW, &[1, 255, 256][..]),
        (253, &[1, 253, 255, 256]),
        (256, &[0, 1, 256]),
    ] {
        let other = w.socket_of(libc::AF_INET6, SOCK_RAW, number);
        for port in ports {
            let to = w.loopback(*port);
            let _ = w.send_to(other, &packet, &to);
            let _ = w.send_to(other, &[0x60; 70_000], &to);
        }
    }
    w.note("by the option, too");
    for (socket, values) in [(sender, &[0][..]), (receiver, &[0, 5, -1])] {
        w.get_int(socket, IPV6_HDRINCL);
        for value in values {
            let _ = w.set_int(socket, IPV6_HDRINCL, *value);
            w.get_int(socket, IPV6_HDRINCL);
        }
    }
    let _ = w.send_to(receiver, &packet, &own);
    for _ in 0..3 {
        w.wait(receiver, POLLIN);
        let _ = w.receive_message(receiver, &reception);
    }
}

fn icmp_filter(w: &mut World<'_>) {
    let s = w.socket_of(libc::AF_INET, SOCK_RAW, IPPROTO_ICMP);
    w.get(s, ICMP_FILTER, 4);
    let _ = w.set(s, ICMP_FILTER, &0xffff_ff7e_u32.to_ne_bytes());
    w.get(s, ICMP_FILTER, 4);
    w.get(s, ICMP_FILTER, 2);
    w.get(s, ICMP_FILTER, 8);
    let _ = w.set(s, ICMP_FILTER, &[1]);
    w.get(s, ICMP_FILTER, 4);
    let other = w.socket_of(libc::AF_INET, SOCK_RAW, 253);
    let _ = w.set_int(other, ICMP_FILTER, 1);
    w.get(other, ICMP_FILTER, 4);
    let six = w.socket_of(libc::AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    w.get(six, ICMPV6_FILTER, 32);
    let _ = w.set(six, ICMPV6_FILTER, &[0xff; 32]);
    w.get(six, ICMPV6_FILTER, 32);
    let _ = w.set(six, ICMPV6_FILTER, &[0; 4]);
    w.get(six, ICMPV6_FILTER, 64);
}

/// An echo request with the checksum that makes its words sum to nothing.
fn echo_request(kind: u8) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0, 0x12, 0x34, 0, 1];
    bytes.extend(b"ping");
    let sum = bytes.chunks(2).fold(0_u32, |sum, pair| {
        sum + u32::from(pair[0]) * 256 + u32::from(pair[1])
    });
    let folded = (sum & 0xffff) + (sum >> 16);
    let check = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0);
    bytes[2..4].copy_from_slice(&check.to_be_bytes());
    bytes
}

fn echo_v4(w: &mut World<'_>) {
    let s = w.socket_of(libc::AF_INET, SOCK_RAW, IPPROTO_ICMP);
    let _ = w.set(s, ICMP_FILTER, &(!1_u32).to_ne_bytes());
    let own = w.loopback(0);
    let _ = w.send_to(s, &echo_request(8), &own);
    w.wait(s, POLLIN);
    let received = w.quietly(|w| w.recv(s, 100, 0));
    w.note(&format!("{:?}", received.map(|r| r.data[20..].to_vec())));
    let _ = w.recv(s, 100, 0);
}

fn echo_v6(w: &mut World<'_>) {
    let s = w.socket_of(libc::AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    let mut filter = [0xff_u8; 32];
    // Pass type 129 only.
    filter[16] &= !2;
    let _ = w.set(s, ICMPV6_FILTER, &filter);
    let own = w.loopback(0);
    let _ = w.send_to(s, &echo_request(128), &own);
    w.wait(s, POLLIN);
    let received = w.quietly(|w| w.recv(s, 100, 0));
    w.note(&format!(
        "{:?}",
        received.map(|r| (r.data[..2].to_vec(), r.data[4..].to_vec()))
    ));
    let _ = w.recv(s, 100, 0);
}

fn connected(w: &mut World<'_>) {
    let (a, b) = (
        w.socket_of(libc::AF_INET, SOCK_RAW, 253),
        w.socket_of(libc::AF_INET, SOCK_RAW, 253),
    );
    let other = Address::inet(Ipv4Addr::new(127, 0, 0, 5), 0);
    w.connect(a, &other);
    w.local(a);
    w.peer(a);
    let own = w.loopback(0);
    let _ = w.send_to(b, b"x", &own);
    w.settle();
    w.poll(a);
    let _ = w.bind(b, &other);
    let target = w.local(a);
    let _ = w.send_to(b, b"y", &target);
    w.settle();
    w.poll(a);
    let _ = w.send(a, b"z", 0);
}

fn checksum_option(w: &mut World<'_>) {
    let s = w.socket_of(libc::AF_INET6, SOCK_RAW, 253);
    w.get_int(s, IPV6_CHECKSUM);
    for value in [2, 3, -1, 0] {
        let _ = w.set_int(s, IPV6_CHECKSUM, value);
        w.get_int(s, IPV6_CHECKSUM);
    }
    let icmp = w.socket_of(libc::AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    w.get_int(icmp, IPV6_CHECKSUM);
    let _ = w.set_int(icmp, IPV6_CHECKSUM, 4);
    let _ = w.set_int(icmp, IPV6_CHECKSUM, 2);
}

fn protocol_unreachable(w: &mut World<'_>) {
    // IPPROTO_RAW sends without receiving, so that nobody takes the packet.
    let s = w.socket_of(libc::AF_INET, SOCK_RAW, IPPROTO_RAW);
    let own = w.loopback(0);
    w.connect(s, &own);
    let mut packet = header(252, Ipv4Addr::LOCALHOST);
    packet.extend(b"body");
    let _ = w.send(s, &packet, 0);
    w.settle();
    w.poll(s);
    w.error(s);
}

fn ping(w: &mut World<'_>) {
    let (protocol, kind) = if w.flavor == Flavor::V4 {
        (IPPROTO_ICMP, 8)
    } else {
        (IPPROTO_ICMPV6, 128)
    };
    let s = w.socket_of(w.flavor.domain(), SOCK_DGRAM, protocol);
    w.note("whether it opens at all is the net.ipv4.ping_group_range of the machine");
    w.poll(s);
    w.local(s);
    let own = w.loopback(0);
    let _ = w.send_to(s, &echo_request(kind), &own);
    w.wait(s, POLLIN);
    let received = w.quietly(|w| w.recv(s, 100, 0));
    w.note(&format!(
        "{:?}",
        received.map(|r| (r.data[..2].to_vec(), r.data[6..].to_vec()))
    ));
    let _ = w.send_to(s, &[kind, 0, 0], &own);
    let _ = w.send_to(s, &[0, 0, 0, 0, 0, 0, 0, 0], &own);
    let _ = w.send(s, &echo_request(kind), 0);
}

fn options(w: &mut World<'_>) {
    let s = w.socket_of(w.flavor.domain(), SOCK_RAW, 253);
    for option in [
        super::option_table::SO_TYPE,
        super::option_table::SO_PROTOCOL,
        super::option_table::SO_DOMAIN,
        super::option_table::IP_TTL,
        super::option_table::IP_HDRINCL,
        super::option_table::IPV6_V6ONLY,
        super::option_table::IPV6_UNICAST_HOPS,
        super::option_table::TCP_NODELAY,
        super::option_table::SO_SNDBUF,
        super::option_table::SO_RCVBUF,
    ] {
        w.get_int(s, option);
    }
}
