//! Control messages of internet sockets: what a sender may say for one datagram, and how what a receiver is told is cut.

use libc::{IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, MSG_PEEK, POLLIN, SOCK_STREAM, SOL_SOCKET};

use super::Registry;
use super::option_table::{
    IP_FREEBIND, IP_PKTINFO, IP_RECVERR, IP_RECVTOS, IP_RECVTTL, IP_TRANSPARENT, IPV6_RECVERR,
    IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, SO_TIMESTAMP,
};
use crate::world::Opt;
use crate::{Address, Control, Handle, Message, Reception, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("dgram", "values_for_one_datagram", values);
    r.inet("dgram", "the_source_of_one_datagram", sources);
    r.inet("dgram", "several_control_messages", several);
    r.inet("dgram", "control_messages_cut_at_any_length", cut);
    r.inet("dgram", "errors_cut_at_any_length", cut_errors);
    r.inet("stream", "control_messages_of_a_stream", of_a_stream);
}

fn message(level: i32, kind: i32, data: &[u8]) -> Control {
    Control::Other {
        level,
        kind,
        data: data.to_vec(),
    }
}

fn with(data: &[u8], control: Vec<Control>) -> Message {
    Message {
        data: vec![data.to_vec()],
        control,
        ..Message::default()
    }
}

fn into(control_room: usize, flags: i32) -> Reception {
    Reception {
        buffers: vec![100],
        control_room,
        flags,
    }
}

const TOLD: [Opt; 6] = [
    IP_PKTINFO,
    IP_RECVTTL,
    IP_RECVTOS,
    IPV6_RECVPKTINFO,
    IPV6_RECVHOPLIMIT,
    IPV6_RECVTCLASS,
];

/// A connected sender, and a receiver that is told everything.
fn told(w: &mut World<'_>) -> (Handle, Handle) {
    let (left, right, _, b) = w.datagram_pair();
    w.connect(left, &b);
    w.quietly(|w| {
        for option in TOLD {
            let _ = w.set_int(right, option, 1);
        }
    });
    (left, right)
}

fn say(w: &mut World<'_>, left: Handle, right: Handle, control: Vec<Control>) {
    if w.send_message(left, &with(b"x", control)).is_ok() {
        w.wait(right, POLLIN);
        let _ = w.receive_message(right, &into(256, 0));
    }
}

fn values(w: &mut World<'_>) {
    let (left, right) = told(w);
    // TTL, TOS, HOPLIMIT, TCLASS, DONTFRAG.
    let kinds = [
        (IPPROTO_IP, libc::IP_TTL),
        (IPPROTO_IP, libc::IP_TOS),
        (IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
        (IPPROTO_IPV6, libc::IPV6_TCLASS),
        (IPPROTO_IPV6, libc::IPV6_DONTFRAG),
    ];
    for (level, kind) in kinds {
        for value in [0_i32, 1, 7, 255, 256, -1, -2] {
            let control = message(level, kind, &value.to_ne_bytes());
            say(w, left, right, vec![control]);
        }
        for data in [&[][..], &[9], &[9, 0], &[9, 0, 0, 0, 0, 0, 0, 0]] {
            say(w, left, right, vec![message(level, kind, data)]);
        }
    }
    w.note("segments");
    for data in [&[][..], &[4], &[4, 0], &[0, 0], &[4, 0, 0, 0]] {
        let control = message(IPPROTO_UDP, libc::UDP_SEGMENT, data);
        say(w, left, right, vec![control]);
    }
}

/// `struct in_pktinfo` and `struct in6_pktinfo`.
fn packet_info(interface: i32, source: [u8; 4], six: [u8; 16]) -> [Control; 2] {
    let four = [&interface.to_ne_bytes()[..], &source, &[0; 4]].concat();
    let six = [&six[..], &interface.to_ne_bytes()].concat();
    [
        message(IPPROTO_IP, libc::IP_PKTINFO, &four),
        message(IPPROTO_IPV6, libc::IPV6_PKTINFO, &six),
    ]
}

fn sources(w: &mut World<'_>) {
    let port = w.port("B");
    let right = w.socket(libc::SOCK_DGRAM);
    let address = w.loopback(port);
    let _ = w.bind(right, &address);
    let left = w.socket(libc::SOCK_DGRAM);
    w.connect(left, &address);
    let mapped = std::net::Ipv4Addr::new(127, 0, 0, 5)
        .to_ipv6_mapped()
        .octets();
    let loopback = std::net::Ipv6Addr::LOCALHOST.octets();
    for (interface, four, six) in [
        (0, [0; 4], [0; 16]),
        (1, [0; 4], [0; 16]),
        (99, [0; 4], [0; 16]),
        (-1, [0; 4], [0; 16]),
        (0, [127, 0, 0, 5], mapped),
        (0, [127, 0, 0, 5], loopback),
        (1, [127, 0, 0, 5], loopback),
    ] {
        for control in packet_info(interface, four, six) {
            say(w, left, right, vec![control]);
        }
    }
    w.note("not an address of this host");
    let foreign = (
        [192, 0, 2, 1],
        [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    );
    let mapped = std::net::Ipv4Addr::from(foreign.0)
        .to_ipv6_mapped()
        .octets();
    for (option, value) in [
        (IP_FREEBIND, 0),
        (IP_FREEBIND, 1),
        (IP_TRANSPARENT, 1),
        (IP_FREEBIND, 0),
    ] {
        let _ = w.set_int(left, option, value);
        for six in [foreign.1, mapped] {
            for control in packet_info(0, foreign.0, six) {
                say(w, left, right, vec![control]);
            }
        }
    }
    let _ = w.set_int(left, IP_TRANSPARENT, 0);
    w.note("lengths");
    for length in [0, 11, 12, 13, 19, 20, 21] {
        for (level, kind) in [
            (IPPROTO_IP, libc::IP_PKTINFO),
            (IPPROTO_IPV6, libc::IPV6_PKTINFO),
        ] {
            let control = message(level, kind, &vec![0; length]);
            say(w, left, right, vec![control]);
        }
    }
}

fn several(w: &mut World<'_>) {
    let (left, right) = told(w);
    let ttl = |value: i32| message(IPPROTO_IP, libc::IP_TTL, &value.to_ne_bytes());
    let hops = |value: i32| message(IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &value.to_ne_bytes());
    say(w, left, right, vec![ttl(3), hops(4)]);
    say(w, left, right, vec![ttl(3), ttl(5)]);
    say(w, left, right, vec![hops(3), hops(5)]);
    say(w, left, right, vec![ttl(3), hops(4), ttl(0)]);
    say(w, left, right, vec![ttl(3), hops(4), hops(256)]);
    say(w, left, right, vec![hops(9), hops(-1)]);
    say(w, left, right, vec![ttl(3), message(SOL_SOCKET, 99, &[])]);
}

fn cut(w: &mut World<'_>) {
    let (left, right) = told(w);
    let _ = w.set_int(right, SO_TIMESTAMP, 0);
    let _ = w.send(left, b"x", 0);
    w.wait(right, POLLIN);
    for room in 0..80 {
        let _ = w.receive_message(right, &into(room, MSG_PEEK));
    }
}

fn cut_errors(w: &mut World<'_>) {
    let port = w.port("N");
    let nobody = w.loopback(port);
    let s = w.socket(libc::SOCK_DGRAM);
    let _ = w.set_int(s, IP_RECVERR, 1);
    let _ = w.set_int(s, IPV6_RECVERR, 1);
    w.connect(s, &nobody);
    for room in [0, 8, 15, 16, 17, 24, 31, 32, 40, 48, 52, 60, 64] {
        let _ = w.send(s, b"x", 0);
        w.wait(s, libc::POLLERR);
        let _ = w.receive_message(s, &into(room, libc::MSG_ERRQUEUE));
    }
    let _ = w.receive_message(s, &into(64, libc::MSG_ERRQUEUE));
}

fn of_a_stream(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    for (level, kind) in [
        (IPPROTO_IP, libc::IP_TTL),
        (IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
        (IPPROTO_UDP, libc::UDP_SEGMENT),
        (999, 1),
        (SOL_SOCKET, 99),
    ] {
        let _ = w.send_message(client, &with(b"x", vec![message(level, kind, &[0])]));
    }
    w.note("before the state, or after");
    let bad = || vec![message(SOL_SOCKET, 99, &[])];
    let fresh = w.socket(SOCK_STREAM);
    let _ = w.send_message(fresh, &with(b"x", bad()));
    let _ = w.send_message(client, &with(b"", bad()));
    w.shutdown(client, libc::SHUT_WR);
    let _ = w.send_message(client, &with(b"x", bad()));
    w.wait(server, POLLIN);
    let _ = w.receive_message(server, &into(64, 0));
    let _ = w.send_message(
        client,
        &Message {
            address: Some(Address::Null),
            ..Message::default()
        },
    );
}
