//! `AF_NETLINK`: what the two networks, which both have nothing but their loopback, tell of themselves.
//!
//! Messages are written down attribute by attribute. Left out is what Sockeye does not tell (`KNOWN`), and what is a
//! machine's own: ports, lifetimes' stamps, reference counts.

use std::fmt::Write as _;

use libc::{AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, POLLIN, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
use sockeye_core::netlink::message::{Attributes, Message, Messages, Writer};

use super::Registry;
use super::option_table::{
    NETLINK_ADD_MEMBERSHIP as ADD_MEMBERSHIP, NETLINK_BROADCAST_ERROR, NETLINK_CAP_ACK as CAP_ACK,
    NETLINK_DROP_MEMBERSHIP as DROP_MEMBERSHIP, NETLINK_EXT_ACK as EXT_ACK,
    NETLINK_GET_STRICT_CHK as STRICT_CHECK, NETLINK_LIST_MEMBERSHIPS, NETLINK_NO_ENOBUFS,
};
use crate::world::Opt;
use crate::{Address, Flavor, Handle, World};

const GETLINK: u16 = 18;
const GETADDR: u16 = 22;
const GETROUTE: u16 = 26;
const GETNEIGH: u16 = 30;
const GETRULE: u16 = 34;
const REQUEST: u16 = 1;
const ACK: u16 = 5;
const DUMP: u16 = 0x301;

/// Attributes of a link that Sockeye does not tell: statistics, offloads, limits, the settings of each family.
const KNOWN: &[u16] = &[
    7, 23, 26, 35, 39, 40, 41, 43, 47, 48, 50, 51, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69,
];

pub(super) fn register(r: &mut Registry) {
    let mut one = |name: &str, body: fn(&mut World<'_>)| {
        r.one("netlink", "route", name, Flavor::V4, body);
    };
    one("dumps_tell_of_the_loopback", dumps);
    one("single_questions", singles);
    one("requests_that_are_none", misuse);
    one("addresses_of_sockets", naming);
    one("options", options);
    one("strict_dumps_filter", strict);
}

/// The fixed part's length of each kind of message.
fn fixed(kind: u16) -> usize {
    match kind {
        16..=18 => 16,
        20..=22 => 8,
        _ => 12,
    }
}

fn describe(message: &Message<'_>, own: u32) -> String {
    let Message {
        kind,
        flags,
        sequence,
        ..
    } = *message;
    let mut text = format!(
        "{kind} flags {flags:#x} sequence {sequence} ours {}",
        message.port == own
    );
    let payload = message.payload;
    if kind <= 3 {
        let _ = write!(text, " {}", payload.escape_ascii());
        return text;
    }
    let head = &payload[..fixed(kind).min(payload.len())];
    let _ = write!(text, " {}", head.escape_ascii());
    for attribute in Attributes::after(payload, fixed(kind)) {
        let mut value = attribute.value.to_vec();
        match (kind, attribute.kind) {
            (16, left_out) if KNOWN.contains(&left_out) => continue,
            // ifa_cacheinfo ends with two stamps, rta_cacheinfo begins with a reference count.
            (20, 6) => value.truncate(8),
            (24, 12) => value.drain(..4).for_each(drop),
            _ => {}
        }
        let _ = write!(text, " {}={}", attribute.kind, value.escape_ascii());
    }
    text
}

fn request(kind: u16, flags: u16, body: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(kind, flags, 9, 0);
    writer.fixed(body);
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    writer.finish()
}

/// Sends a request and notes each message of the answer. Where datagrams end is not compared.
fn ask(w: &mut World<'_>, s: Handle, what: &str, bytes: &[u8]) {
    w.note(what);
    let sent = w.quietly(|w| w.send(s, bytes, 0));
    let own = match w.quietly(|w| w.local(s)) {
        Address::Raw(name) => name[4..8].try_into().map_or(0, u32::from_ne_bytes),
        _ => 0,
    };
    w.note(&format!("sent {:?}", sent.map(|sent| sent == bytes.len())));
    while let Ok(received) = w.quietly(|w| w.recv(s, 65_536, libc::MSG_DONTWAIT)) {
        for message in Messages::new(&received.data) {
            w.note(&describe(&message, own));
        }
    }
}

fn socket(w: &mut World<'_>) -> Handle {
    w.socket_of(AF_NETLINK, SOCK_RAW, 0)
}

fn family(number: i32, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes[0] = u8::try_from(number).unwrap_or(0);
    bytes
}

fn dumps(w: &mut World<'_>) {
    let s = socket(w);
    for (name, kind) in [
        ("links", GETLINK),
        ("addresses", GETADDR),
        ("routes", GETROUTE),
        ("neighbours", GETNEIGH),
        ("rules", GETRULE),
    ] {
        for domain in [AF_UNSPEC, AF_INET, AF_INET6] {
            // Of IPv6 Linux gives links with that family's settings and little else.
            if (kind, domain) == (GETLINK, AF_INET6) || (kind, domain) == (GETRULE, AF_UNSPEC) {
                continue;
            }
            let bytes = request(kind, DUMP, &family(domain, fixed(kind)), &[]);
            ask(w, s, &format!("{name} of {domain}"), &bytes);
        }
    }
}

fn singles(w: &mut World<'_>) {
    let s = socket(w);
    let mut first = [0; 16];
    first[4] = 1;
    ask(w, s, "link 1", &request(GETLINK, REQUEST, &first, &[]));
    ask(
        w,
        s,
        "link 1, acknowledged",
        &request(GETLINK, ACK, &first, &[]),
    );
    first[4] = 9;
    ask(w, s, "link 9", &request(GETLINK, REQUEST, &first, &[]));
    for name in [&b"lo\0"[..], b"nope\0"] {
        let bytes = request(GETLINK, REQUEST, &[0; 16], &[(3, name)]);
        ask(w, s, "a link by name", &bytes);
    }
    let loopback6 = std::net::Ipv6Addr::LOCALHOST.octets();
    let elsewhere6 = "2001:db8::1"
        .parse::<std::net::Ipv6Addr>()
        .map_or([0; 16], |a| a.octets());
    for address in [&loopback6, &elsewhere6] {
        let bytes = request(GETADDR, REQUEST, &family(AF_INET6, 8), &[(1, address)]);
        ask(w, s, "an address", &bytes);
    }
    ask(
        w,
        s,
        "an IPv4 address",
        &request(GETADDR, REQUEST, &family(AF_INET, 8), &[]),
    );
    for destination in [[127, 0, 0, 1], [127, 9, 9, 9], [8, 8, 8, 8]] {
        let bytes = request(
            GETROUTE,
            REQUEST,
            &family(AF_INET, 12),
            &[(1, &destination)],
        );
        ask(w, s, &format!("the way to {destination:?}"), &bytes);
    }
    let mut lookup = family(AF_INET, 12);
    lookup[9] = 0x10;
    let attributes: [(u16, &[u8]); 2] = [(1, &[127, 0, 0, 1]), (25, &[7, 0, 0, 0])];
    let bytes = request(GETROUTE, REQUEST, &lookup, &attributes);
    ask(w, s, "the way for another user, with its table", &bytes);
    for destination in [&loopback6, &elsewhere6] {
        let bytes = request(
            GETROUTE,
            REQUEST,
            &family(AF_INET6, 12),
            &[(1, destination)],
        );
        ask(w, s, "the way to an IPv6 address", &bytes);
    }
}

fn misuse(w: &mut World<'_>) {
    for (kind, protocol) in [
        (SOCK_DGRAM, 0),
        (SOCK_STREAM, 0),
        (SOCK_RAW, 32),
        (SOCK_RAW, -1),
    ] {
        w.socket_of(AF_NETLINK, kind, protocol);
    }
    let s = socket(w);
    w.poll(s);
    let _ = w.recv(s, 100, libc::MSG_DONTWAIT);
    let _ = w.send(s, b"", 0);
    let _ = w.send(s, b"short", 0);
    let _ = w.send(s, b"x", libc::MSG_OOB);
    let _ = w.recv(s, 100, libc::MSG_OOB);
    w.listen(s, 1);
    w.accept(s);
    w.shutdown(s, 2);
    for (name, kind, flags) in [
        ("no request", GETLINK, 0),
        ("no request, acknowledged", GETLINK, 4),
        ("a control message", 3, REQUEST),
        ("a control message, acknowledged", 3, ACK),
        ("a type nobody knows", 200, REQUEST),
    ] {
        ask(w, s, name, &request(kind, flags, &[0; 16], &[]));
    }
    ask(w, s, "no family", &request(GETLINK, ACK, &[], &[]));
    ask(w, s, "no link", &request(GETLINK, REQUEST, &[0; 16], &[]));
    w.note("two requests in one datagram");
    let mut both = request(GETLINK, 4, &[0; 16], &[]);
    both.extend(request(200, REQUEST, &[0; 16], &[]));
    ask(w, s, "", &both);
    w.note("a datagram stays while it is peeked at, and is cut to the room there is");
    let bytes = request(200, REQUEST, &[0; 16], &[]);
    let _ = w.quietly(|w| w.send(s, &bytes, 0));
    w.wait(s, POLLIN);
    for (length, flags) in [
        (8, libc::MSG_PEEK),
        (8, libc::MSG_PEEK | libc::MSG_TRUNC),
        (8, 0),
        (8, libc::MSG_DONTWAIT),
    ] {
        let received = w.quietly(|w| w.recv(s, length, flags));
        w.note(&format!(
            "{:?}",
            received.map(|r| (r.length, r.data, r.flags))
        ));
    }
    w.poll(s);
}

fn address(port: u32, groups: u32) -> Address {
    let mut bytes = Vec::new();
    bytes.extend(u16::try_from(AF_NETLINK).unwrap_or(0).to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(port.to_ne_bytes());
    bytes.extend(groups.to_ne_bytes());
    Address::Raw(bytes)
}

fn naming(w: &mut World<'_>) {
    let (a, b) = (socket(w), socket(w));
    w.local(a);
    w.peer(a);
    let _ = w.bind(a, &address(4_000_000, 1));
    w.local(a);
    let _ = w.bind(a, &address(4_000_000, 2));
    w.local(a);
    let _ = w.bind(a, &address(4_000_001, 0));
    let _ = w.bind(b, &address(4_000_000, 0));
    let _ = w.bind(b, &Address::Raw(vec![16, 0, 0, 0]));
    let loopback = w.loopback(7);
    let _ = w.bind(b, &loopback);
    w.connect(b, &address(0, 0));
    w.peer(b);
    w.connect(b, &Address::Unspecified);
    let _ = w.send_to(b, b"x", &loopback);
    let _ = w.send_to(b, b"x", &address(4_000_123, 0));
}

fn options(w: &mut World<'_>) {
    let s = socket(w);
    let switches = [
        NETLINK_BROADCAST_ERROR,
        NETLINK_NO_ENOBUFS,
        CAP_ACK,
        EXT_ACK,
        STRICT_CHECK,
    ];
    for option in switches {
        w.get_int(s, option);
        let _ = w.set_int(s, option, 7);
        w.get_int(s, option);
        let _ = w.set_int(s, option, 0);
        w.get_int(s, option);
    }
    for group in [0, 1, 5, 1000, -1] {
        let _ = w.set_int(s, ADD_MEMBERSHIP, group);
    }
    w.get_int(s, ADD_MEMBERSHIP);
    for length in [4, 8, 12] {
        w.get(s, NETLINK_LIST_MEMBERSHIPS, length);
    }
    w.get(s, CAP_ACK, 3);
    let _ = w.set(s, CAP_ACK, &[1]);
    w.get_int(s, CAP_ACK);
    let groups = w.quietly(|w| w.local(s));
    w.note(&format!(
        "{:?}",
        matches!(groups, Address::Raw(name) if name[8..] == [17, 0, 0, 0])
    ));
    let _ = w.set_int(s, DROP_MEMBERSHIP, 1);
    let groups = w.quietly(|w| w.local(s));
    w.note(&format!(
        "{:?}",
        matches!(groups, Address::Raw(name) if name[8..] == [16, 0, 0, 0])
    ));
    let unknown = Opt {
        number: 99,
        name: "an option nobody knows",
        ..CAP_ACK
    };
    w.get_int(s, unknown);
    let _ = w.set_int(s, unknown, 1);
    let other = Opt {
        level: 6,
        ..unknown
    };
    w.get_int(s, other);
    let _ = w.set_int(s, other, 1);
    w.note("a capped error quotes the header only");
    let _ = w.set_int(s, CAP_ACK, 1);
    ask(w, s, "", &request(200, REQUEST, &[0; 16], &[]));
}

fn strict(w: &mut World<'_>) {
    let s = socket(w);
    let _ = w.set_int(s, STRICT_CHECK, 1);
    let _ = w.set_int(s, EXT_ACK, 1);
    for (index, what) in [(1_u8, "of an interface"), (9, "of no interface")] {
        let body = [2, 0, 0, 0, index, 0, 0, 0];
        ask(w, s, what, &request(GETADDR, DUMP, &body, &[]));
    }
    for table in [254, 255, 77] {
        let mut body = family(AF_INET, 12);
        body[4] = table;
        ask(
            w,
            s,
            &format!("table {table}"),
            &request(GETROUTE, DUMP, &body, &[]),
        );
    }
    let body = family(AF_INET, 12);
    let first = 1_u32.to_ne_bytes();
    ask(
        w,
        s,
        "by interface",
        &request(GETROUTE, DUMP, &body, &[(4, &first)]),
    );
    let kind = [2, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];
    ask(w, s, "broadcast", &request(GETROUTE, DUMP, &kind, &[]));
}
