//! Requests that are none, the old request, `AF_UNIX` and netlink sockets.

use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, IPPROTO_TCP, SOCK_DGRAM, SOCK_SEQPACKET,
    SOCK_STREAM,
};
use sockeye_core::netlink::message::{Attributes, Messages, number_u32};

use super::super::option_table::NETLINK_ADD_MEMBERSHIP;
use super::code::compare;
use super::{
    ALL, BY_FAMILY, BYTECODE, DESTROY, DUMP, NO_COOKIE, ONE, Request, TCPDIAG_GETSOCK, answers,
    ask, byte, describe, established, loopback, message, socket,
};
use crate::{Address, Handle, World};

pub(super) fn misuse(w: &mut World<'_>) {
    let s = socket(w);
    w.poll(s);
    let whole = Request::of(AF_INET, IPPROTO_TCP).bytes();
    for kind in [16, 17, 18, 19, BY_FAMILY, DESTROY, 22, 24, 100] {
        for length in [0, 1, 2, 55, 56] {
            for flags in [ONE, DUMP] {
                // Of the DCCP request the kernel without that module and the one without any answer differently.
                let bytes = message(kind, flags, &whole[..length], &[]);
                ask(
                    w,
                    s,
                    &format!("{kind} of {length}, {flags:#x}"),
                    &bytes,
                    &[],
                );
            }
        }
    }
    for family in [0, 3, 38, 45, 46, 255] {
        let mut bytes = whole.clone();
        bytes[0] = family;
        for kind in [BY_FAMILY, DESTROY] {
            ask(
                w,
                s,
                &format!("{kind} of family {family}"),
                &message(kind, DUMP, &bytes, &[]),
                &[],
            );
        }
    }
    for protocol in [0, 1, 33, 58, 132, 200] {
        let bytes = Request::of(AF_INET, protocol).bytes();
        for (kind, flags) in [(BY_FAMILY, DUMP), (BY_FAMILY, ONE), (DESTROY, ONE)] {
            let bytes = message(kind, flags, &bytes, &[]);
            ask(
                w,
                s,
                &format!("{kind} of protocol {protocol}, {flags:#x}"),
                &bytes,
                &[],
            );
        }
    }
    w.note("a protocol in an attribute");
    for value in [
        &17_u32.to_ne_bytes()[..],
        &1000_u32.to_ne_bytes(),
        &[0xff; 4],
        &[6, 0],
        &[],
    ] {
        let bytes = message(BY_FAMILY, DUMP, &whole, &[(3, value)]);
        ask(w, s, &format!("{value:?}"), &bytes, &[]);
    }
    let packets: Vec<u8> = [[byte(AF_PACKET), 0, 0, 0], [0; 4], [0; 4], [0; 4], [0; 4]].concat();
    for (what, flags, length) in [("all", DUMP, 20), ("one", ONE, 20), ("cut", DUMP, 19)] {
        let bytes = message(BY_FAMILY, flags, &packets[..length], &[]);
        ask(w, s, &format!("packet sockets: {what}"), &bytes, &[]);
    }
    let bytes = message(DESTROY, DUMP, &packets, &[]);
    ask(w, s, "the end of packet sockets", &bytes, &[]);
    w.note("groups");
    for group in [0, 1, 4, 5, 32, 33] {
        let _ = w.set_int(s, NETLINK_ADD_MEMBERSHIP, group);
    }
}

pub(super) fn old(w: &mut World<'_>) {
    let s = socket(w);
    let ([client, ..], ports) = established(w);
    let own = loopback(w);
    let request = Request {
        ports: [ports[1].0, ports[0].0],
        addresses: [own; 2],
        ..Request::of(AF_INET, IPPROTO_TCP)
    };
    let _ = client;
    for family in [0, AF_INET, AF_INET6] {
        let request = Request { family, ..request };
        let bytes = message(TCPDIAG_GETSOCK, DUMP, &request.old(), &[]);
        ask(w, s, "all of both families", &bytes, &ports);
        let bytes = message(TCPDIAG_GETSOCK, ONE, &request.old(), &[]);
        ask(w, s, &format!("one of family {family}"), &bytes, &ports);
    }
    for flags in [DUMP, ONE] {
        let bytes = message(19, flags, &request.old(), &[]);
        ask(w, s, "of DCCP", &bytes, &ports);
    }
    let code = compare(12, ports[0].0);
    let all = Request::of(AF_INET, IPPROTO_TCP);
    let bytes = message(TCPDIAG_GETSOCK, DUMP, &all.old(), &[(BYTECODE, &code)]);
    ask(w, s, "through a filter", &bytes, &ports);
}

/// `struct unix_diag_req`
fn unix_request(states: u32, inode: u32, show: u32, cookie: u64) -> Vec<u8> {
    let mut bytes = vec![byte(AF_UNIX), 0, 0, 0];
    for word in [states, inode, show] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(cookie.to_ne_bytes());
    bytes
}

/// The inode number and the cookie of the socket of this name.
fn find_unix(w: &mut World<'_>, s: Handle, name: &[u8]) -> (u32, u64) {
    let bytes = message(BY_FAMILY, DUMP, &unix_request(ALL, 0, 1, 0), &[]);
    let all = answers(w, s, &bytes);
    let mut rows = all
        .iter()
        .flat_map(|bytes| Messages::new(bytes).collect::<Vec<_>>());
    let found = rows.find(|row| {
        let told = Attributes::after(row.payload, 16).find(0);
        row.kind == BY_FAMILY && told.is_some_and(|told| told.value == name)
    });
    let payload = found.map(|row| row.payload).unwrap_or_default();
    let number = |at| number_u32(payload, at).unwrap_or(0);
    (
        number(4),
        u64::from(number(8)) | u64::from(number(12)) << 32,
    )
}

pub(super) fn unix(w: &mut World<'_>) {
    let s = socket(w);
    const EVERYTHING: u32 = 0x7f;
    let all = |states| {
        message(
            BY_FAMILY,
            DUMP,
            &unix_request(states, 0, EVERYTHING, 0),
            &[],
        )
    };
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        let (a, b) = w.pair(AF_UNIX, kind, 0);
        let _ = w.send(a, b"first", 0);
        let _ = w.send(a, b"second", 0);
        ask(w, s, "a pair", &all(ALL), &[]);
        w.shutdown(a, libc::SHUT_WR);
        ask(w, s, "half shut", &all(ALL), &[]);
        w.close(b);
        ask(w, s, "half closed", &all(ALL), &[]);
        w.close(a);
        let _new = w.socket_of(AF_UNIX, kind, 0);
        ask(w, s, "alone", &all(ALL), &[]);
        w.close(_new);
    }
    let listener = w.socket_of(AF_UNIX, SOCK_STREAM, 0);
    let name = Address::Abstract(b"sock_diag".to_vec());
    let _ = w.bind(listener, &name);
    w.listen(listener, 3);
    let client = w.socket_of(AF_UNIX, SOCK_STREAM, 0);
    w.connect(client, &name);
    let path = w.socket_of(AF_UNIX, SOCK_DGRAM, 0);
    let _ = w.bind(path, &Address::Path("sock_diag".into()));
    let bytes = message(
        BY_FAMILY,
        DUMP,
        &unix_request(ALL, 0, EVERYTHING & !1, 0),
        &[],
    );
    ask(w, s, "a listener, a client and a path", &bytes, &[]);
    for states in [1 << 1, 1 << 7, 1 << 10] {
        let bytes = message(BY_FAMILY, DUMP, &unix_request(states, 0, 0, 0), &[]);
        ask(w, s, &format!("states {states:#x}"), &bytes, &[]);
    }
    let (inode, cookie) = find_unix(w, s, b"\0sock_diag");
    w.note(&format!("found {}", inode != 0));
    for (what, inode, cookie) in [
        ("one", inode, NO_COOKIE),
        ("one by its cookie", inode, cookie),
        ("one by another cookie", inode, cookie + 1),
        ("none", 0, NO_COOKIE),
        ("of an inode nobody has", u32::MAX, NO_COOKIE),
    ] {
        let request = unix_request(0, inode, EVERYTHING, cookie);
        ask(w, s, what, &message(BY_FAMILY, ONE, &request, &[]), &[]);
        ask(w, s, "its end", &message(DESTROY, ONE, &request, &[]), &[]);
    }
    let request = unix_request(ALL, inode, 0, 0);
    for flags in [ONE, DUMP] {
        ask(
            w,
            s,
            "cut",
            &message(BY_FAMILY, flags, &request[..23], &[]),
            &[],
        );
    }
}

pub(super) fn netlink(w: &mut World<'_>) {
    let s = socket(w);
    // Only groups of the first word, which bind(2) can name.
    let mut name = vec![byte(AF_NETLINK), 0, 0, 0];
    name.extend(4_000_000_u32.to_ne_bytes());
    name.extend(0_u32.to_ne_bytes());
    let _ = w.bind(s, &Address::Raw(name));
    let ask_all = |protocol: u8, show: u32| {
        let mut bytes = vec![byte(AF_NETLINK), protocol, 0, 0];
        bytes.extend([0; 4]);
        bytes.extend(show.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes
    };
    for (protocol, show) in [(4, 0), (4, 0xb), (255, 1), (9, 0), (32, 0), (200, 0)] {
        w.note(&format!("protocol {protocol}, {show:#x}"));
        let bytes = message(BY_FAMILY, DUMP, &ask_all(protocol, show), &[]);
        let answered = answers(w, s, &bytes);
        // The kernel's own sockets are its own, and have no port.
        for row in answered
            .iter()
            .flat_map(|bytes| Messages::new(bytes).collect::<Vec<_>>())
        {
            if row.kind != BY_FAMILY || number_u32(row.payload, 4) != Some(0) {
                w.note(&describe(&row, &[]));
            }
        }
    }
    let bytes = message(BY_FAMILY, ONE, &ask_all(4, 0), &[]);
    ask(w, s, "one", &bytes, &[]);
    let bytes = message(BY_FAMILY, DUMP, &ask_all(4, 0)[..19], &[]);
    ask(w, s, "cut", &bytes, &[]);
    let bytes = message(DESTROY, DUMP, &ask_all(4, 0), &[]);
    ask(w, s, "its end", &bytes, &[]);
}
