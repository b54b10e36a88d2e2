//! Which binds conflict: every pair of addresses and flags, and listening on what was allowed.

use std::net::{Ipv4Addr, Ipv6Addr};

use libc::{SOCK_DGRAM, SOCK_STREAM};

use super::Registry;
use super::option_table::{IPV6_V6ONLY, SO_REUSEADDR, SO_REUSEPORT};
use crate::{Address, Flavor, Handle, World};

/// One side of a pair: where it binds.
#[derive(Clone, Copy, Debug)]
enum Place {
    Any4,
    Loop4,
    Other4,
    Any6,
    Any6Only,
    Loop6,
    Mapped,
    MappedAny,
}

/// The `SO_REUSE*` flags of one side.
#[derive(Clone, Copy, Debug)]
enum Reuse {
    None,
    Address,
    Port,
    Both,
}

const PLACES: [Place; 8] = [
    Place::Any4,
    Place::Loop4,
    Place::Other4,
    Place::Any6,
    Place::Any6Only,
    Place::Loop6,
    Place::Mapped,
    Place::MappedAny,
];

const REUSES: [Reuse; 4] = [Reuse::None, Reuse::Address, Reuse::Port, Reuse::Both];

pub(super) fn register(r: &mut Registry) {
    for (word, kind) in [("stream", SOCK_STREAM), ("dgram", SOCK_DGRAM)] {
        for first in PLACES {
            let name = format!("conflicts_with_a_bind_to_{first:?}").to_lowercase();
            let body = move |w: &mut World<'_>| conflicts(w, kind, first, false);
            r.add("bind", word, &name, Flavor::V4, Box::new(body));
        }
    }
    for first in PLACES {
        let name = format!("conflicts_with_a_listener_on_{first:?}").to_lowercase();
        let body = move |w: &mut World<'_>| conflicts(w, SOCK_STREAM, first, true);
        r.add("bind", "stream", &name, Flavor::V4, Box::new(body));
    }
    r.inet("stream", "two_reuseaddr_binds_one_listener", two_binds);
    r.inet("stream", "a_connection_keeps_the_port", connection_keeps);
    r.inet("stream", "flags_after_bind", flags_after_bind);
    r.inet("stream", "an_ephemeral_port_is_free", ephemeral);
    r.inet("dgram", "an_ephemeral_port_is_free", ephemeral_dgram);
    r.inet("dgram", "reuseaddr_gives_to_the_last", reuseaddr_last);
    r.inet("dgram", "tcp_and_udp_ports_are_apart", apart);
    r.inet("dgram", "the_most_specific_socket_gets_it", specific);
    r.inet(
        "stream",
        "the_most_specific_listener_gets_it",
        specific_listener,
    );
    r.inet("stream", "a_port_is_free_after_close", freed);
}

impl Place {
    fn domain(self) -> i32 {
        match self {
            Self::Any4 | Self::Loop4 | Self::Other4 => libc::AF_INET,
            _ => libc::AF_INET6,
        }
    }

    fn address(self, port: u16) -> Address {
        match self {
            Self::Any4 => Address::inet(Ipv4Addr::UNSPECIFIED, port),
            Self::Loop4 => Address::inet(Ipv4Addr::LOCALHOST, port),
            Self::Other4 => Address::inet(Ipv4Addr::new(127, 0, 0, 2), port),
            Self::Any6 | Self::Any6Only => Address::inet(Ipv6Addr::UNSPECIFIED, port),
            Self::Loop6 => Address::inet(Ipv6Addr::LOCALHOST, port),
            Self::Mapped => Address::inet(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port),
            Self::MappedAny => Address::inet(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), port),
        }
    }
}

fn prepared(w: &mut World<'_>, kind: i32, place: Place, reuse: Reuse) -> Handle {
    let s = w.socket_of(place.domain(), kind, 0);
    if matches!(place, Place::Any6Only) {
        let _ = w.set_int(s, IPV6_V6ONLY, 1);
    }
    if matches!(reuse, Reuse::Address | Reuse::Both) {
        let _ = w.set_int(s, SO_REUSEADDR, 1);
    }
    if matches!(reuse, Reuse::Port | Reuse::Both) {
        let _ = w.set_int(s, SO_REUSEPORT, 1);
    }
    s
}

/// The first side with each of its flags against every second side.
fn conflicts(w: &mut World<'_>, kind: i32, first: Place, listening: bool) {
    for first_reuse in REUSES {
        for second in PLACES {
            for second_reuse in REUSES {
                let port = w.port("P");
                let (bound, outcome, heard) = w.quietly(|w| {
                    let a = prepared(w, kind, first, first_reuse);
                    let bound = w.bind(a, &first.address(port));
                    if listening {
                        w.listen(a, 1);
                    }
                    let b = prepared(w, kind, second, second_reuse);
                    let outcome = w.bind(b, &second.address(port));
                    let heard = if listening && outcome.is_ok() {
                        Some(w.try_listen(b))
                    } else {
                        None
                    };
                    w.close(b);
                    w.close(a);
                    (bound, outcome, heard)
                });
                let show =
                    |r: Result<(), i32>| r.map_or_else(crate::names::errno, |()| "ok".to_owned());
                let mut line = format!(
                    "{first:?}/{first_reuse:?} {} then {second:?}/{second_reuse:?} {}",
                    show(bound),
                    show(outcome)
                );
                if let Some(heard) = heard {
                    line.push_str(&format!(", listen {}", show(heard)));
                }
                w.note(&line);
            }
        }
    }
}

fn two_binds(w: &mut World<'_>) {
    let port = w.port("P");
    let address = w.loopback(port);
    let (a, b, c) = (
        w.socket(SOCK_STREAM),
        w.socket(SOCK_STREAM),
        w.socket(SOCK_STREAM),
    );
    for s in [a, b] {
        let _ = w.set_int(s, SO_REUSEADDR, 1);
        let _ = w.bind(s, &address);
    }
    w.listen(a, 1);
    w.listen(b, 1);
    let _ = w.set_int(c, SO_REUSEADDR, 1);
    let _ = w.bind(c, &address);
    w.note("a client that is bound like this connects to the listener");
    w.connect(b, &address);
    w.note("closing the first lets the second listen");
    w.close(a);
    w.listen(b, 1);
}

fn connection_keeps(w: &mut World<'_>) {
    let (_client, server, listener) = w.established();
    let address = w.local(listener);
    w.close(listener);
    let again = w.socket(SOCK_STREAM);
    let _ = w.bind(again, &address);
    let _ = w.set_int(again, SO_REUSEADDR, 1);
    w.note("the accepted socket has no SO_REUSEADDR");
    let _ = w.bind(again, &address);
    let _ = w.set_int(server, SO_REUSEADDR, 1);
    let _ = w.bind(again, &address);
    w.listen(again, 1);
}

fn flags_after_bind(w: &mut World<'_>) {
    let port = w.port("P");
    let address = w.loopback(port);
    let (a, b) = (w.socket(SOCK_STREAM), w.socket(SOCK_STREAM));
    let _ = w.bind(a, &address);
    let _ = w.set_int(b, SO_REUSEADDR, 1);
    let _ = w.bind(b, &address);
    let _ = w.set_int(a, SO_REUSEADDR, 1);
    let _ = w.bind(b, &address);
    let c = w.socket(SOCK_STREAM);
    let _ = w.set_int(c, SO_REUSEPORT, 1);
    let _ = w.bind(c, &address);
    let _ = w.set_int(a, SO_REUSEPORT, 1);
    let _ = w.bind(c, &address);
}

fn ephemeral(w: &mut World<'_>) {
    let zero = w.loopback(0);
    let mut ports = Vec::new();
    for _ in 0..50 {
        let address = w.quietly(|w| {
            let s = w.socket(SOCK_STREAM);
            let _ = w.bind(s, &zero);
            w.local(s)
        });
        if let Address::Inet { port, .. } = address {
            ports.push(port);
        }
    }
    let in_range = ports.iter().all(|port| (32_768..=60_999).contains(port));
    ports.sort_unstable();
    ports.dedup();
    w.note(&format!(
        "{} different ports in range: {in_range}",
        ports.len()
    ));
}

fn ephemeral_dgram(w: &mut World<'_>) {
    let zero = w.any(0);
    let mut ports = Vec::new();
    for _ in 0..50 {
        let address = w.quietly(|w| {
            let s = w.socket(SOCK_DGRAM);
            let _ = w.bind(s, &zero);
            w.local(s)
        });
        if let Address::Inet { port, .. } = address {
            ports.push(port);
        }
    }
    let in_range = ports.iter().all(|port| (32_768..=60_999).contains(port));
    ports.sort_unstable();
    ports.dedup();
    w.note(&format!(
        "{} different ports in range: {in_range}",
        ports.len()
    ));
}

fn reuseaddr_last(w: &mut World<'_>) {
    let port = w.port("P");
    let address = w.loopback(port);
    let (a, b) = (w.socket(SOCK_DGRAM), w.socket(SOCK_DGRAM));
    for s in [a, b] {
        let _ = w.set_int(s, SO_REUSEADDR, 1);
        let _ = w.bind(s, &address);
    }
    let s = w.socket(SOCK_DGRAM);
    let _ = w.send_to(s, b"x", &address);
    w.settle();
    w.poll(a);
    w.poll(b);
}

fn apart(w: &mut World<'_>) {
    let port = w.port("P");
    let address = w.loopback(port);
    let (a, b) = (w.socket(SOCK_DGRAM), w.socket(SOCK_STREAM));
    let _ = w.bind(a, &address);
    let _ = w.bind(b, &address);
    let c = w.socket(SOCK_DGRAM);
    let _ = w.bind(c, &address);
}

fn specific(w: &mut World<'_>) {
    let port = w.port("P");
    let (own, any) = (w.loopback(port), w.any(port));
    let (a, b, c) = (
        w.socket(SOCK_DGRAM),
        w.socket(SOCK_DGRAM),
        w.socket(SOCK_DGRAM),
    );
    for (s, address) in [(a, &any), (b, &own), (c, &own)] {
        let _ = w.set_int(s, SO_REUSEADDR, 1);
        let _ = w.bind(s, address);
    }
    let peer = w.socket(SOCK_DGRAM);
    let port = w.port("Q");
    let from = w.loopback(port);
    let _ = w.bind(peer, &from);
    w.connect(b, &from);
    let _ = w.send_to(peer, b"to the connected one", &own);
    let stranger = w.socket(SOCK_DGRAM);
    let _ = w.send_to(stranger, b"to the specific one", &own);
    w.settle();
    for s in [a, b, c] {
        w.poll(s);
        let _ = w.recv(s, 50, 0);
    }
    w.note("the rest goes to the wildcard");
    w.close(b);
    w.close(c);
    let _ = w.send_to(peer, b"rest", &own);
    w.wait(a, libc::POLLIN);
    let _ = w.recv(a, 50, 0);
}

fn specific_listener(w: &mut World<'_>) {
    let port = w.port("P");
    let (own, any) = (w.loopback(port), w.any(port));
    let (a, b) = (w.socket(SOCK_STREAM), w.socket(SOCK_STREAM));
    for (s, address) in [(a, &any), (b, &own)] {
        let _ = w.set_int(s, SO_REUSEPORT, 1);
        let _ = w.bind(s, address);
        w.listen(s, 3);
    }
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &own);
    w.wait(client, libc::POLLOUT);
    w.poll(a);
    w.poll(b);
    w.close(b);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &own);
    w.wait(client, libc::POLLOUT);
    w.poll(a);
}

fn freed(w: &mut World<'_>) {
    let (listener, address) = w.listener(1);
    w.close(listener);
    let (again, _) = (w.socket(SOCK_STREAM), ());
    let _ = w.bind(again, &address);
    w.listen(again, 1);
    w.shutdown(again, libc::SHUT_RD);
    w.note("a listener that was shut down keeps the port it asked for");
    let third = w.socket(SOCK_STREAM);
    let _ = w.bind(third, &address);
}
