//! Calls in the wrong state, on the wrong type, with the wrong arguments: which errno, and which wins.

use libc::{AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM};

use super::Registry;
use crate::sockets::Question;
use crate::{Address, Flavor, Handle, World};

pub(super) fn register(r: &mut Registry) {
    r.one(
        "any",
        "socket",
        "unknown_domains_types_and_protocols",
        Flavor::V4,
        unknown_sockets,
    );
    r.one(
        "any",
        "socketpair",
        "only_unix_has_pairs",
        Flavor::V4,
        pairs,
    );
    r.one(
        "any",
        "socket",
        "a_closed_descriptor_is_ebadf",
        Flavor::V4,
        closed,
    );
    r.inet("stream", "bind_refuses_bad_addresses", |w| {
        bind_bad(w, SOCK_STREAM)
    });
    r.inet("dgram", "bind_refuses_bad_addresses", |w| {
        bind_bad(w, SOCK_DGRAM)
    });
    r.inet("stream", "connect_refuses_bad_addresses", |w| {
        connect_bad(w, SOCK_STREAM)
    });
    r.inet("dgram", "connect_refuses_bad_addresses", |w| {
        connect_bad(w, SOCK_DGRAM)
    });
    r.inet("dgram", "sendto_refuses_bad_addresses", send_to_bad);
    r.inet("stream", "a_new_socket_refuses_data_calls", stream_new);
    r.inet("dgram", "a_new_socket_refuses_stream_calls", dgram_new);
    r.inet("stream", "a_bound_socket_refuses_data_calls", stream_bound);
    r.inet("stream", "a_listener_refuses_data_calls", listener);
    r.inet(
        "stream",
        "an_established_socket_refuses_opening_calls",
        established,
    );
    r.inet("stream", "shutdown_with_an_unknown_direction", shutdown_bad);
    r.unix_kinds(
        &[SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET],
        "bind_refuses_bad_addresses",
        unix_bind_bad,
    );
    r.unix_kinds(
        &[SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET],
        "connect_refuses_bad_addresses",
        unix_connect_bad,
    );
    r.unix_kinds(
        &[SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET],
        "a_new_socket_refuses",
        unix_new,
    );
    r.unix_kinds(
        &[SOCK_STREAM, SOCK_SEQPACKET],
        "a_listener_refuses_data_calls",
        unix_listener,
    );
    r.unix_kinds(
        &[SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET],
        "a_pair_refuses_opening_calls",
        unix_pair,
    );
}

fn unknown_sockets(w: &mut World<'_>) {
    for (domain, kind, protocol) in [
        (99, SOCK_STREAM, 0),
        (AF_INET, 0, 0),
        (AF_INET, 9, 0),
        (AF_INET, 11, 0),
        (AF_INET, SOCK_STREAM, libc::IPPROTO_UDP),
        (AF_INET, SOCK_DGRAM, libc::IPPROTO_TCP),
        (AF_INET, SOCK_STREAM, 999),
        (AF_INET, SOCK_STREAM, -1),
        (AF_INET, SOCK_STREAM, 256),
        (AF_INET, SOCK_STREAM, 255),
        (AF_INET, SOCK_DGRAM, 255),
        (AF_INET, SOCK_STREAM, libc::IPPROTO_TCP),
        (AF_INET, SOCK_DGRAM, libc::IPPROTO_UDP),
        (AF_INET6, SOCK_DGRAM, libc::IPPROTO_ICMP),
        (AF_INET6, SOCK_STREAM, libc::IPPROTO_UDP),
        (AF_INET6, SOCK_STREAM, libc::IPPROTO_TCP),
        (AF_INET6, 4, 0),
        (AF_INET, 4, 0),
        (AF_INET, SOCK_RAW, 0),
        (AF_INET, SOCK_RAW, 256),
        (AF_UNIX, SOCK_STREAM, 1),
        (AF_UNIX, SOCK_STREAM, 2),
        (AF_UNIX, SOCK_STREAM, -1),
        (AF_UNIX, SOCK_RAW, 0),
        (AF_UNIX, 4, 0),
        (AF_UNIX, 0, 0),
        (AF_UNIX, SOCK_SEQPACKET, 0),
        (-1, SOCK_STREAM, 0),
        (0, SOCK_STREAM, 0),
    ] {
        w.socket_of(domain, kind, protocol);
    }
}

fn pairs(w: &mut World<'_>) {
    for (domain, kind, protocol) in [
        (AF_INET, SOCK_STREAM, 0),
        (AF_INET, SOCK_DGRAM, 0),
        (AF_INET6, SOCK_STREAM, 0),
        (AF_UNIX, SOCK_STREAM, 0),
        (AF_UNIX, SOCK_DGRAM, 0),
        (AF_UNIX, SOCK_SEQPACKET, 0),
        (AF_UNIX, SOCK_RAW, 0),
        (AF_UNIX, SOCK_STREAM, 7),
        (AF_UNIX, 77, 0),
        (99, SOCK_STREAM, 0),
    ] {
        w.pair(domain, kind, protocol);
    }
}

/// Every call that takes a socket, with arguments that are fine.
pub(super) fn every_call(w: &mut World<'_>, s: Handle, address: &Address) {
    w.poll(s);
    w.local(s);
    w.peer(s);
    w.accept(s);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 10, libc::MSG_PEEK);
    let _ = w.recv(s, 10, libc::MSG_OOB);
    let _ = w.recv(s, 10, libc::MSG_ERRQUEUE);
    let _ = w.recv(s, 0, 0);
    let _ = w.send(s, b"x", 0);
    let _ = w.send(s, b"", 0);
    let _ = w.send(s, b"x", libc::MSG_OOB);
    w.ask(s, Question::Unread);
    w.ask(s, Question::Unsent);
    w.ask(s, Question::AtMark);
    w.shutdown(s, libc::SHUT_RD);
    w.shutdown(s, libc::SHUT_WR);
    w.shutdown(s, libc::SHUT_RDWR);
    w.error(s);
    w.listen(s, 5);
    let _ = w.bind(s, address);
    w.connect(s, address);
    w.poll(s);
    w.error(s);
}

fn closed(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    w.close(s);
    let address = w.loopback(9);
    every_call(w, s, &address);
    w.close(s);
}

/// Addresses that are wrong for an internet socket of the flavor.
fn bad_addresses(w: &mut World<'_>) -> Vec<(&'static str, Address)> {
    let port = w.port("P");
    let good = w.loopback(port).encode("".as_ref()).unwrap_or_default();
    let any = w.any(port).encode("".as_ref()).unwrap_or_default();
    let other = match w.flavor {
        Flavor::V4 => Address::inet(std::net::Ipv6Addr::LOCALHOST, port),
        _ => Address::inet(std::net::Ipv4Addr::LOCALHOST, port),
    };
    let mut families = Vec::new();
    for family in [0_u16, 1, 2, 10, 99] {
        let mut bytes = any.clone();
        bytes[..2].copy_from_slice(&family.to_ne_bytes());
        families.push(bytes);
    }
    let mut long = good.clone();
    long.resize(128, 0);
    let mut too_long = good.clone();
    too_long.resize(129, 0);
    let mut list = vec![
        ("a null pointer", Address::Null),
        ("length 0", Address::Raw(Vec::new())),
        ("length 1", Address::Raw(good[..1].to_vec())),
        ("length 2", Address::Raw(good[..2].to_vec())),
        (
            "one byte short",
            Address::Raw(good[..good.len() - 1].to_vec()),
        ),
        ("sixteen bytes", Address::Raw(good[..16].to_vec())),
        (
            "twenty-four bytes",
            Address::Raw(good.iter().copied().chain([0; 24]).take(24).collect()),
        ),
        ("longer than 128", Address::Raw(too_long)),
        ("the other family", other),
        (
            "not ours, v4",
            Address::inet(std::net::Ipv4Addr::new(192, 0, 2, 1), port),
        ),
        (
            "not ours, v6",
            Address::inet(
                "2001:db8::1"
                    .parse::<std::net::Ipv6Addr>()
                    .expect("an address"),
                port,
            ),
        ),
        (
            "multicast v4",
            Address::inet(std::net::Ipv4Addr::new(224, 0, 0, 1), port),
        ),
        (
            "broadcast v4",
            Address::inet(std::net::Ipv4Addr::BROADCAST, port),
        ),
        (
            "a v4-mapped address",
            Address::inet(std::net::Ipv4Addr::new(127, 0, 0, 1).to_ipv6_mapped(), port),
        ),
    ];
    for bytes in families {
        list.push((
            "any address with another family number",
            Address::Raw(bytes),
        ));
    }
    list.push(("128 bytes", Address::Raw(long)));
    list
}

fn bind_bad(w: &mut World<'_>, kind: i32) {
    for (what, address) in bad_addresses(w) {
        w.note(what);
        let s = w.socket(kind);
        let _ = w.bind(s, &address);
        w.local(s);
        w.close(s);
    }
    w.note("a bound socket refuses a second address, whatever it is");
    let s = w.socket(kind);
    let (first, second) = (w.port("Q"), w.port("R"));
    let (first, second) = (w.loopback(first), w.loopback(second));
    let _ = w.bind(s, &first);
    let _ = w.bind(s, &second);
    let _ = w.bind(s, &first);
    let _ = w.bind(s, &Address::Raw(vec![1]));
    let _ = w.bind(s, &Address::inet(std::net::Ipv4Addr::new(192, 0, 2, 1), 7));
    w.local(s);
}

fn connect_bad(w: &mut World<'_>, kind: i32) {
    for (what, address) in bad_addresses(w) {
        w.note(what);
        let s = w.socket(kind);
        w.connect(s, &address);
        w.settle();
        w.poll(s);
        w.error(s);
        w.close(s);
    }
}

fn send_to_bad(w: &mut World<'_>) {
    for (what, address) in bad_addresses(w) {
        w.note(what);
        let s = w.socket(SOCK_DGRAM);
        let _ = w.send_to(s, b"x", &address);
        w.close(s);
    }
    w.note("port 0");
    let s = w.socket(SOCK_DGRAM);
    let zero = w.loopback(0);
    let _ = w.send_to(s, b"x", &zero);
    w.connect(s, &zero);
    w.peer(s);
    let _ = w.send(s, b"x", 0);
}

fn stream_new(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    w.poll(s);
    w.local(s);
    w.peer(s);
    w.accept(s);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 0, 0);
    let _ = w.recv(s, 10, libc::MSG_PEEK);
    let _ = w.recv(s, 10, libc::MSG_OOB);
    let _ = w.recv(s, 10, libc::MSG_ERRQUEUE);
    let _ = w.send(s, b"x", 0);
    let _ = w.send(s, b"", 0);
    let _ = w.send(s, b"x", libc::MSG_OOB);
    let address = w.loopback(9);
    let _ = w.send_to(s, b"x", &address);
    for question in [Question::Unread, Question::Unsent, Question::AtMark] {
        w.ask(s, question);
    }
    for how in [libc::SHUT_RD, libc::SHUT_WR, libc::SHUT_RDWR] {
        w.shutdown(s, how);
    }
    w.poll(s);
    w.error(s);
    w.connect(s, &Address::Unspecified);
    w.poll(s);
    w.note("the same after a failed shutdown");
    let _ = w.recv(s, 10, 0);
    let _ = w.send(s, b"x", 0);
}

fn dgram_new(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    w.poll(s);
    w.local(s);
    w.peer(s);
    w.accept(s);
    w.listen(s, 5);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 0, 0);
    let _ = w.recv(s, 10, libc::MSG_OOB);
    let _ = w.recv(s, 10, libc::MSG_ERRQUEUE);
    let _ = w.send(s, b"x", 0);
    let _ = w.send(s, b"", 0);
    let _ = w.send(s, b"x", libc::MSG_OOB);
    for question in [Question::Unread, Question::Unsent, Question::AtMark] {
        w.ask(s, question);
    }
    for how in [libc::SHUT_RD, libc::SHUT_WR, libc::SHUT_RDWR, 3, -1] {
        w.shutdown(s, how);
    }
    w.poll(s);
    let _ = w.recv(s, 10, 0);
    let address = w.loopback(9);
    let _ = w.send_to(s, b"x", &address);
    w.connect(s, &Address::Unspecified);
}

fn stream_bound(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    let port = w.port("P");
    let address = w.loopback(port);
    let _ = w.bind(s, &address);
    every_call(w, s, &address);
}

fn listener(w: &mut World<'_>) {
    let (s, address) = w.listener(4);
    w.poll(s);
    w.local(s);
    w.peer(s);
    w.accept(s);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 10, libc::MSG_OOB);
    let _ = w.recv(s, 10, libc::MSG_ERRQUEUE);
    let _ = w.send(s, b"x", 0);
    let _ = w.send(s, b"", 0);
    for question in [Question::Unread, Question::Unsent, Question::AtMark] {
        w.ask(s, question);
    }
    w.connect(s, &address);
    let _ = w.bind(s, &address);
    w.listen(s, 9);
    w.error(s);
    w.poll(s);
    w.note("shutdown of the writing half changes nothing");
    w.shutdown(s, libc::SHUT_WR);
    w.poll(s);
    w.accept(s);
    w.note("shutdown of the reading half ends listening");
    w.shutdown(s, libc::SHUT_RD);
    w.poll(s);
    w.accept(s);
    w.local(s);
    w.listen(s, 3);
    w.poll(s);
    w.accept(s);
    w.note("AF_UNSPEC ends it too");
    w.connect(s, &Address::Unspecified);
    w.poll(s);
    w.accept(s);
    w.local(s);
}

fn established(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let elsewhere = w.port("X");
    let address = w.loopback(elsewhere);
    for s in [client, server] {
        w.poll(s);
        w.connect(s, &address);
        let _ = w.bind(s, &address);
        w.listen(s, 1);
        w.accept(s);
        let _ = w.send_to(s, b"x", &address);
        w.connect(s, &Address::Raw(vec![2]));
        w.connect(s, &Address::Raw(vec![]));
        w.connect(s, &Address::Null);
    }
}

fn shutdown_bad(w: &mut World<'_>) {
    let (client, _, listener) = w.established();
    w.shutdown(client, 3);
    w.shutdown(client, -1);
    w.shutdown(client, 99);
    w.shutdown(listener, 7);
    let s = w.socket(SOCK_STREAM);
    w.shutdown(s, 3);
    w.shutdown(s, -1);
}

fn unix_bad() -> Vec<(&'static str, Address)> {
    let family = 1_u16.to_ne_bytes().to_vec();
    let long: Vec<u8> = family
        .iter()
        .copied()
        .chain(std::iter::repeat_n(b'p', 108))
        .collect();
    let too_long: Vec<u8> = family
        .iter()
        .copied()
        .chain(std::iter::repeat_n(b'p', 109))
        .collect();
    let inet = Address::inet(std::net::Ipv4Addr::LOCALHOST, 80);
    vec![
        ("a null pointer", Address::Null),
        ("length 0", Address::Raw(vec![])),
        ("length 1", Address::Raw(vec![1])),
        ("an internet address", inet),
        ("AF_UNSPEC", Address::Unspecified),
        ("longer than sun_path", Address::Raw(too_long)),
        (
            "a name that does not exist",
            Address::Abstract(b"nobody".to_vec()),
        ),
        (
            "a path that does not exist",
            Address::Path("nobody".to_owned()),
        ),
        (
            "a directory that does not exist",
            Address::Path("no/where".to_owned()),
        ),
        ("an empty name", Address::Unnamed),
        ("the empty abstract name", Address::Abstract(vec![])),
        ("sun_path without a final zero", Address::Raw(long)),
    ]
}

fn unix_bind_bad(w: &mut World<'_>, kind: i32) {
    for (what, address) in unix_bad() {
        // This one would make a socket in the working directory.
        if what.starts_with("sun_path") {
            continue;
        }
        w.note(what);
        let s = w.socket_of(AF_UNIX, kind, 0);
        let _ = w.bind(s, &address);
        w.local(s);
        w.close(s);
    }
    w.note("twice");
    let s = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(s, &Address::Abstract(b"one".to_vec()));
    let _ = w.bind(s, &Address::Abstract(b"two".to_vec()));
    let _ = w.bind(s, &Address::Abstract(b"one".to_vec()));
    let _ = w.bind(s, &Address::Unnamed);
    let _ = w.bind(s, &Address::Path("file".to_owned()));
    w.local(s);
}

fn unix_connect_bad(w: &mut World<'_>, kind: i32) {
    for (what, address) in unix_bad() {
        w.note(what);
        let s = w.socket_of(AF_UNIX, kind, 0);
        w.connect(s, &address);
        w.poll(s);
        w.close(s);
    }
    w.note("a bound socket that does not listen");
    let name = Address::Abstract(b"bound".to_vec());
    let bound = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(bound, &name);
    let s = w.socket_of(AF_UNIX, kind, 0);
    w.connect(s, &name);
    w.connect(bound, &name);
    w.note("of another type");
    for other in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        let s = w.socket_of(AF_UNIX, other, 0);
        w.connect(s, &name);
        w.close(s);
    }
}

fn unix_new(w: &mut World<'_>, kind: i32) {
    let s = w.socket_of(AF_UNIX, kind, 0);
    w.poll(s);
    w.local(s);
    w.peer(s);
    w.accept(s);
    w.listen(s, 5);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 0, 0);
    let _ = w.recv(s, 10, libc::MSG_PEEK);
    let _ = w.recv(s, 10, libc::MSG_OOB);
    let _ = w.recv(s, 10, libc::MSG_ERRQUEUE);
    let _ = w.send(s, b"x", 0);
    let _ = w.send(s, b"", 0);
    let _ = w.send(s, b"x", libc::MSG_OOB);
    let _ = w.send_to(s, b"x", &Address::Abstract(b"nobody".to_vec()));
    let _ = w.send_to(s, b"x", &Address::Path("nobody".to_owned()));
    let _ = w.send_to(s, b"x", &Address::inet(std::net::Ipv4Addr::LOCALHOST, 80));
    let _ = w.send_to(s, b"x", &Address::Raw(vec![1]));
    for question in [Question::Unread, Question::Unsent, Question::AtMark] {
        w.ask(s, question);
    }
    w.poll(s);
    for how in [3, -1, libc::SHUT_RD, libc::SHUT_WR, libc::SHUT_RDWR] {
        w.shutdown(s, how);
        w.poll(s);
    }
    let _ = w.recv(s, 10, 0);
    let _ = w.send(s, b"x", 0);
    w.error(s);
}

fn unix_listener(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"listener".to_vec());
    let s = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(s, &name);
    w.listen(s, 4);
    w.poll(s);
    w.local(s);
    w.peer(s);
    w.accept(s);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 10, libc::MSG_OOB);
    let _ = w.send(s, b"x", 0);
    let _ = w.send(s, b"", 0);
    for question in [Question::Unread, Question::Unsent, Question::AtMark] {
        w.ask(s, question);
    }
    w.connect(s, &name);
    let _ = w.bind(s, &name);
    w.listen(s, 9);
    w.error(s);
    w.poll(s);
    w.shutdown(s, libc::SHUT_WR);
    w.poll(s);
    w.accept(s);
    w.shutdown(s, libc::SHUT_RD);
    w.poll(s);
    w.accept(s);
    let c = w.socket_of(AF_UNIX, kind, 0);
    w.connect(c, &name);
    w.listen(s, 3);
    w.accept(s);
}

fn unix_pair(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let name = Address::Abstract(b"x".to_vec());
    w.poll(a);
    w.local(a);
    w.peer(a);
    w.listen(a, 1);
    w.accept(a);
    w.connect(a, &name);
    let _ = w.bind(a, &name);
    w.local(a);
    w.peer(b);
    w.listen(a, 1);
    w.connect(b, &name);
    let _ = w.send_to(a, b"x", &name);
    let _ = w.send_to(b, b"x", &Address::Abstract(b"nobody".to_vec()));
    let _ = w.recv(a, 10, 0);
    let _ = w.recv(b, 10, 0);
}
