//! Addresses of every length and family, in every state of the socket: which of two mistakes is told.

use libc::{
    AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM,
};

use super::Registry;
use crate::{Address, Flavor, Handle, Message, World};

pub(super) fn register(r: &mut Registry) {
    for (name, state) in STATES {
        r.inet("stream", &format!("addresses_for_a_{name}_stream"), state);
    }
    r.inet("dgram", "addresses_for_a_new_socket", new_datagram);
    r.inet("dgram", "addresses_for_a_bound_socket", bound_datagram);
    r.inet(
        "dgram",
        "addresses_for_a_connected_socket",
        connected_datagram,
    );
    r.inet("dgram", "what_a_failed_call_leaves", leavings);
    r.inet("stream", "what_a_failed_connect_leaves", stream_leavings);
    r.inet("raw", "addresses_for_a_raw_socket", raw);
    let kinds = [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET];
    r.unix_kinds(&kinds, "addresses_of_any_length", unix_new);
    r.unix_kinds(&kinds, "addresses_for_a_connected_socket", unix_connected);
    r.unix_kinds(
        &[SOCK_STREAM, SOCK_SEQPACKET],
        "addresses_for_a_listener",
        unix_listener,
    );
}

type Body = fn(&mut World<'_>);
const STATES: [(&str, Body); 4] = [
    ("new", new_stream),
    ("bound", bound_stream),
    ("listening", listening_stream),
    ("connected", connected_stream),
];

/// The flavor's loopback address with port 9 under another family, cut or filled to a length.
fn arguments(w: &World<'_>) -> Vec<Address> {
    let whole = w.loopback(9).encode("".as_ref()).unwrap_or_default();
    let mut list = Vec::new();
    for family in [AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, 99] {
        for length in [1, 2, 8, 15, 16, 17, 23, 24, 27, 28, 29, 128, 129] {
            let mut bytes = whole.clone();
            bytes.resize(length, 0);
            let family = u16::try_from(family).unwrap_or_default().to_ne_bytes();
            for (byte, of_family) in bytes.iter_mut().zip(family) {
                *byte = of_family;
            }
            list.push(Address::Raw(bytes));
        }
    }
    list
}

fn to(address: Address, data: &[u8], flags: i32) -> Message {
    Message {
        data: vec![data.to_vec()],
        address: Some(address),
        flags,
        ..Message::default()
    }
}

/// Every call that takes an address, each on a socket that `make` has just made.
fn try_all(w: &mut World<'_>, make: fn(&mut World<'_>) -> Handle) {
    for address in arguments(w) {
        let s = w.quietly(make);
        let _ = w.bind(s, &address);
        w.quietly(|w| w.close(s));
        let s = w.quietly(make);
        let _ = w.send_message(s, &to(address.clone(), b"x", 0));
        let _ = w.send_message(s, &to(address.clone(), &[0; 70_000], 0));
        let _ = w.send_message(s, &to(address.clone(), b"x", libc::MSG_OOB));
        w.quietly(|w| w.close(s));
        let s = w.quietly(make);
        w.connect(s, &address);
        w.quietly(|w| w.close(s));
    }
}

fn new_stream(w: &mut World<'_>) {
    try_all(w, |w| w.socket(SOCK_STREAM));
}

fn bound_stream(w: &mut World<'_>) {
    try_all(w, |w| {
        let s = w.socket(SOCK_STREAM);
        let address = w.loopback(0);
        let _ = w.bind(s, &address);
        s
    });
}

fn listening_stream(w: &mut World<'_>) {
    try_all(w, |w| w.listener(1).0);
}

fn connected_stream(w: &mut World<'_>) {
    try_all(w, |w| w.established().0);
}

fn new_datagram(w: &mut World<'_>) {
    try_all(w, |w| w.socket(SOCK_DGRAM));
}

fn bound_datagram(w: &mut World<'_>) {
    try_all(w, |w| {
        let s = w.socket(SOCK_DGRAM);
        let address = w.loopback(0);
        let _ = w.bind(s, &address);
        s
    });
}

fn connected_datagram(w: &mut World<'_>) {
    try_all(w, |w| {
        let (left, _, _, b) = w.datagram_pair();
        w.connect(left, &b);
        left
    });
}

fn raw(w: &mut World<'_>) {
    try_all(w, |w| w.socket_of(w.flavor.domain(), SOCK_RAW, 253));
}

/// A call that fails may have bound the socket on its way.
fn leavings(w: &mut World<'_>) {
    let other = match w.flavor {
        Flavor::V4 => Address::Raw(vec![99; 16]),
        Flavor::V6 | Flavor::Mapped => Address::Raw(vec![99; 28]),
    };
    let loopback = w.loopback(9);
    for address in [Address::Raw(vec![2, 0, 1]), other, w.loopback(0), loopback] {
        let s = w.socket(SOCK_DGRAM);
        w.connect(s, &address);
        w.local(s);
        w.peer(s);
        let s = w.socket(SOCK_DGRAM);
        let _ = w.send_message(s, &to(address.clone(), b"x", libc::MSG_OOB));
        w.local(s);
        let s = w.socket(SOCK_DGRAM);
        let _ = w.send_message(s, &to(address, &[0; 70_000], 0));
        w.local(s);
    }
    let s = w.socket(SOCK_DGRAM);
    let _ = w.send(s, b"x", 0);
    w.local(s);
}

fn stream_leavings(w: &mut World<'_>) {
    for address in [Address::Raw(vec![2, 0, 1]), Address::Raw(vec![99; 28])] {
        let s = w.socket(SOCK_STREAM);
        w.connect(s, &address);
        w.local(s);
        w.poll(s);
        w.error(s);
    }
}

/// Names as a caller may write them: each family, each length.
fn unix_arguments() -> Vec<Address> {
    let mut list = Vec::new();
    for family in [AF_UNSPEC, AF_UNIX, AF_INET] {
        for length in [1, 2, 3, 4, 16, 107, 108, 109, 110, 111, 128, 129] {
            let family = u16::try_from(family).unwrap_or_default().to_ne_bytes();
            let mut bytes = family.to_vec();
            bytes.extend([0, b'n', b'a', b'm', b'e']);
            bytes.resize(length, b'.');
            list.push(Address::Raw(bytes));
        }
    }
    list
}

fn unix_all(w: &mut World<'_>, make: impl Fn(&mut World<'_>) -> Handle) {
    for address in unix_arguments() {
        let s = w.quietly(&make);
        let _ = w.bind(s, &address);
        w.quietly(|w| w.close(s));
        let s = w.quietly(&make);
        let _ = w.send_message(s, &to(address.clone(), b"x", 0));
        let _ = w.send_message(s, &to(address.clone(), b"x", libc::MSG_OOB));
        w.quietly(|w| w.close(s));
        let s = w.quietly(&make);
        w.connect(s, &address);
        w.quietly(|w| w.close(s));
    }
}

fn unix_new(w: &mut World<'_>, kind: i32) {
    unix_all(w, move |w| w.socket_of(AF_UNIX, kind, 0));
}

fn unix_connected(w: &mut World<'_>, kind: i32) {
    unix_all(w, move |w| w.pair(AF_UNIX, kind, 0).0);
}

fn unix_listener(w: &mut World<'_>, kind: i32) {
    unix_all(w, move |w| {
        let s = w.socket_of(AF_UNIX, kind, 0);
        let _ = w.bind(s, &Address::Unnamed);
        w.listen(s, 1);
        s
    });
}
