//! Internet sockets: lists, single questions, and ends.

use libc::{
    AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, MSG_DONTWAIT, POLLIN, POLLOUT, SOCK_DGRAM,
    SOCK_STREAM,
};

use super::super::option_table::{
    IP_TOS, IPV6_TCLASS, IPV6_V6ONLY, SO_MARK, SO_PRIORITY, TCP_CONGESTION,
};
use super::{
    BY_FAMILY, BYTECODE, DESTROY, DUMP, ONE, Request, ask, cookie_of, established, loopback,
    message, port_of, socket,
};
use crate::{Flavor, World};

/// All extensions that fit into the byte.
const EVERYTHING: u8 = 0xff;

pub(super) fn connections(w: &mut World<'_>) {
    let s = socket(w);
    let ([client, _, listener], ports) = established(w);
    let family = w.flavor.domain();
    for (option, value) in [(SO_MARK, 7), (SO_PRIORITY, 3), (IP_TOS, 8)] {
        let _ = w.set_int(client, option, value);
    }
    if family == AF_INET6 {
        let _ = w.set_int(client, IPV6_TCLASS, 16);
    }
    // One more, which nobody accepts.
    let waiting = w.quietly(|w| {
        let other = w.socket(SOCK_STREAM);
        let address = w.loopback(ports[0].0);
        w.connect(other, &address);
        w.wait(listener, POLLIN);
        w.wait(other, POLLOUT);
        let _ = w.set(other, TCP_CONGESTION, b"reno");
        other
    });
    let ports = [ports[0], ports[1], (port_of(w, waiting), "W")];
    let _ = w.quietly(|w| w.send(client, b"unread", 0));
    w.pass(100);
    // What is not bound is not listed; what is and does nothing else is of a state of its own.
    let bound = w.port("B");
    w.quietly(|w| {
        let _unbound = w.socket(SOCK_STREAM);
        let idle = w.socket(SOCK_STREAM);
        let address = w.loopback(bound);
        let _ = w.bind(idle, &address);
        let _ = w.set(idle, TCP_CONGESTION, b"reno");
    });
    let ports = [ports[0], ports[1], ports[2], (bound, "B")];
    for extensions in [0, EVERYTHING] {
        let request = Request {
            extensions,
            ..Request::of(family, IPPROTO_TCP)
        };
        // The other end's congestion control is what the listener had when it came.
        let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[]);
        ask(w, s, "all", &bytes, &ports);
    }
    for states in [1 << 1, 1 << 10, 1 << 7, 1 << 13, 0] {
        let request = Request {
            states,
            ..Request::of(family, IPPROTO_TCP)
        };
        let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[]);
        ask(w, s, &format!("states {states:#x}"), &bytes, &ports);
    }
    for (name, by) in [
        ("source", [ports[0].0, 0]),
        ("destination", [0, ports[0].0]),
    ] {
        let request = Request {
            ports: by,
            addresses: [[9; 16]; 2],
            interface: 77,
            cookie: 1,
            ..Request::of(family, IPPROTO_TCP)
        };
        let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[]);
        ask(w, s, &format!("the port of a {name}"), &bytes, &ports);
    }
    let other = if family == AF_INET { AF_INET6 } else { AF_INET };
    let bytes = message(
        BY_FAMILY,
        DUMP,
        &Request::of(other, IPPROTO_TCP).bytes(),
        &[],
    );
    ask(w, s, "the other family", &bytes, &ports);
}

pub(super) fn one_connection(w: &mut World<'_>) {
    let s = socket(w);
    let ([client, _, _], ports) = established(w);
    let (family, own) = (w.flavor.domain(), loopback(w));
    let cookie = cookie_of(w, client);
    let right = Request {
        ports: [ports[1].0, ports[0].0],
        addresses: [own; 2],
        ..Request::of(family, IPPROTO_TCP)
    };
    for (what, request) in [
        ("the client", right),
        ("by its cookie", Request { cookie, ..right }),
        (
            "by another cookie",
            Request {
                cookie: cookie + 1,
                ..right
            },
        ),
        (
            "by an interface",
            Request {
                interface: 1,
                ..right
            },
        ),
        (
            "the server",
            Request {
                ports: [ports[0].0, ports[1].0],
                ..right
            },
        ),
        (
            "the listener",
            Request {
                ports: [ports[0].0, 0],
                ..right
            },
        ),
        (
            "the listener, whoever asks",
            Request {
                ports: [ports[0].0, 9],
                ..right
            },
        ),
        (
            "nobody",
            Request {
                ports: [9, 9],
                ..right
            },
        ),
        ("no family", Request { family: 0, ..right }),
    ] {
        let bytes = message(BY_FAMILY, ONE, &request.bytes(), &[]);
        ask(w, s, what, &bytes, &ports);
        let bytes = message(BY_FAMILY, ONE | 4, &request.bytes(), &[]);
        ask(w, s, "the same, acknowledged", &bytes, &ports);
    }
    let bytes = message(BY_FAMILY, ONE, &right.bytes(), &[(BYTECODE, b"nonsense")]);
    ask(w, s, "a filter is not looked at", &bytes, &ports);
}

pub(super) fn ends(w: &mut World<'_>) {
    let s = socket(w);
    let ([client, server, _], ports) = established(w);
    let request = Request::of(w.flavor.domain(), IPPROTO_TCP);
    let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[]);
    w.shutdown(client, libc::SHUT_WR);
    w.pass(50);
    ask(w, s, "half closed", &bytes, &ports);
    let _ = w.quietly(|w| w.recv(server, 100, MSG_DONTWAIT));
    ask(w, s, "the end was read", &bytes, &ports);
    w.shutdown(server, libc::SHUT_WR);
    w.pass(50);
    w.close(client);
    w.close(server);
    w.pass(50);
    // TIME-WAIT is what remains; in Linux of the family of its sockets, here of that of its addresses.
    if w.flavor != Flavor::Mapped {
        ask(w, s, "both closed", &bytes, &ports);
    }
}

pub(super) fn destruction(w: &mut World<'_>) {
    let s = socket(w);
    let ([client, server, listener], ports) = established(w);
    let own = loopback(w);
    let right = Request {
        ports: [ports[1].0, ports[0].0],
        addresses: [own; 2],
        ..Request::of(w.flavor.domain(), IPPROTO_TCP)
    };
    let nobody = Request {
        ports: [9, 9],
        ..right
    };
    for (what, request) in [
        ("nobody", nobody),
        ("the client", right),
        ("the client again", right),
    ] {
        let bytes = message(DESTROY, ONE | 4, &request.bytes(), &[]);
        ask(w, s, what, &bytes, &ports);
    }
    w.pass(50);
    w.poll(client);
    let _ = w.recv(client, 10, MSG_DONTWAIT);
    let _ = w.recv(client, 10, MSG_DONTWAIT);
    w.poll(server);
    let _ = w.recv(server, 10, MSG_DONTWAIT);
    let listening = Request {
        ports: [ports[0].0, 0],
        ..right
    };
    let bytes = message(DESTROY, ONE | 4, &listening.bytes(), &[]);
    ask(w, s, "the listener", &bytes, &ports);
    w.poll(listener);
    w.accept(listener);
    w.error(listener);
    w.local(listener);
}

pub(super) fn datagrams(w: &mut World<'_>) {
    let s = socket(w);
    let (left, right, _, to) = w.datagram_pair();
    let ports = [(port_of(w, left), "A"), (port_of(w, right), "B")];
    let (family, own) = (w.flavor.domain(), loopback(w));
    let protocol = match w.datagram_protocol {
        0 => IPPROTO_UDP,
        other => other,
    };
    w.quietly(|w| {
        let _unbound = w.socket(SOCK_DGRAM);
        w.connect(left, &to);
        let _ = w.send(left, b"unread", 0);
    });
    w.shutdown(left, libc::SHUT_RD);
    if family == AF_INET6 {
        w.get_int(right, IPV6_V6ONLY);
    }
    for extensions in [0, 0xf8] {
        let request = Request {
            extensions,
            states: 1 << 1,
            ..Request::of(family, protocol)
        };
        let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[]);
        ask(w, s, "connected", &bytes, &ports);
    }
    let _ = w.quietly(|w| w.recv(right, 100, MSG_DONTWAIT));
    let all = Request::of(family, protocol);
    let bytes = message(BY_FAMILY, DUMP, &all.bytes(), &[]);
    ask(w, s, "all", &bytes, &ports);
    let by_source = Request {
        ports: [ports[1].0, 0],
        ..all
    };
    let bytes = message(BY_FAMILY, DUMP, &by_source.bytes(), &[]);
    ask(w, s, "by its port", &bytes, &ports);
    let cookie = cookie_of(w, right);
    // As a packet that comes in names it.
    let found = Request {
        ports: [9, ports[1].0],
        addresses: [own; 2],
        ..all
    };
    for (what, request) in [
        ("one", found),
        (
            "its own name for source",
            Request {
                ports: [ports[1].0, 9],
                ..found
            },
        ),
        ("by its cookie", Request { cookie, ..found }),
        (
            "by another cookie",
            Request {
                cookie: cookie + 9,
                ..found
            },
        ),
        ("of no family", Request { family: 0, ..found }),
    ] {
        let bytes = message(BY_FAMILY, ONE, &request.bytes(), &[]);
        ask(w, s, what, &bytes, &ports);
    }
    let bytes = message(DESTROY, ONE | 4, &found.bytes(), &[]);
    ask(w, s, "its end", &bytes, &ports);
    w.poll(right);
    let _ = w.recv(right, 10, MSG_DONTWAIT);
    w.local(right);
}
