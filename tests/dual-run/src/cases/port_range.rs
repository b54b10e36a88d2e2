//! `IP_LOCAL_PORT_RANGE`: which ports the system chooses for a socket that has a range of its own.

use libc::{SOCK_DGRAM, SOCK_STREAM};

use super::Registry;
use super::option_table::{IP_LOCAL_PORT_RANGE, SO_REUSEADDR};
use crate::{Address, Handle, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "bounds_of_a_port_range", bounds);
    r.inet("stream", "a_port_range_of_one", |w| one(w, SOCK_STREAM));
    r.inet("dgram", "a_port_range_of_one", |w| one(w, SOCK_DGRAM));
    r.inet(
        "stream",
        "connections_out_of_a_port_range",
        connections_out_of_it,
    );
    r.inet(
        "stream",
        "a_port_range_beside_that_of_the_host",
        beside_that_of_the_host,
    );
    r.inet(
        "stream",
        "a_listener_hands_its_port_range_on",
        handed_to_the_accepted,
    );
}

/// The option's value for these bounds.
fn range(low: u16, high: u16) -> [u8; 4] {
    (u32::from(high) << 16 | u32::from(low)).to_ne_bytes()
}

fn port_of(w: &mut World<'_>, s: Handle) -> u16 {
    match w.local(s) {
        Address::Inet { port, .. } => port,
        _ => 0,
    }
}

fn bounds(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    for (low, high) in [
        (0, 0),
        (1, 1),
        (2, 1),
        (40_001, 40_000),
        (40_000, 40_001),
        (0, 40_000),
        (40_000, 0),
        (u16::MAX, u16::MAX),
    ] {
        let _ = w.set(s, IP_LOCAL_PORT_RANGE, &range(low, high));
        for length in [0, 1, 3, 4, 8] {
            w.get(s, IP_LOCAL_PORT_RANGE, length);
        }
    }
    for length in [0, 1, 2, 3, 5, 8] {
        let _ = w.set(s, IP_LOCAL_PORT_RANGE, &vec![1; length]);
    }
}

/// Whoever comes second finds nothing.
fn one(w: &mut World<'_>, kind: i32) {
    let zero = w.loopback(0);
    let other = w.loopback(9);
    // Each round has a port of its own, within the host's range.
    for (port, is_reused, ways) in [
        (40_001, false, "bind"),
        (40_002, true, "bind"),
        (40_003, false, "connect"),
    ] {
        // Datagram sockets that share are given the same one again and again.
        if is_reused && kind == SOCK_DGRAM {
            continue;
        }
        let mut held = Vec::new();
        for _ in 0..2 {
            let s = w.socket(kind);
            if is_reused {
                let _ = w.set_int(s, SO_REUSEADDR, 1);
            }
            let _ = w.quietly(|w| w.set(s, IP_LOCAL_PORT_RANGE, &range(port, port)));
            match ways {
                "bind" => drop(w.bind(s, &zero)),
                _ if kind == SOCK_DGRAM => w.connect(s, &other),
                _ => w.listen(s, 1),
            }
            let got = w.quietly(|w| port_of(w, s));
            w.note(&format!("it is the one: {}", got == port));
            held.push(s);
        }
        for s in held {
            w.close(s);
        }
    }
}

fn connections_out_of_it(w: &mut World<'_>) {
    let low = 40_000_u16;
    let (listener, address) = w.listener(16);
    let mut ports = Vec::new();
    for _ in 0..5 {
        let s = w.socket(SOCK_STREAM);
        let _ = w.quietly(|w| w.set(s, IP_LOCAL_PORT_RANGE, &range(low, low + 3)));
        w.quietly(|w| w.connect(s, &address));
        let port = w.quietly(|w| port_of(w, s));
        ports.push(port);
        if port == 0 {
            // Once more, for its answer.
            w.connect(s, &address);
        }
    }
    ports.sort_unstable();
    let expected: Vec<u16> = [0].into_iter().chain(low..=low + 3).collect();
    w.note(&format!(
        "four different ones, then none: {}",
        ports == expected
    ));
    w.close(listener);
}

/// A bound outside of the host's range does not count.
fn beside_that_of_the_host(w: &mut World<'_>) {
    let zero = w.loopback(0);
    for (low, high) in [
        (1, 2),
        (61_000, 61_001),
        (1, 32_800),
        (60_900, 65_535),
        (0, 32_800),
        (60_900, 0),
    ] {
        let mut all_in = true;
        for _ in 0..8 {
            let s = w.quietly(|w| {
                let s = w.socket(SOCK_STREAM);
                let _ = w.set(s, IP_LOCAL_PORT_RANGE, &range(low, high));
                let _ = w.bind(s, &zero);
                s
            });
            let port = w.quietly(|w| port_of(w, s));
            let within = |bound: u16| (32_768..=60_999).contains(&bound);
            let from = if within(low) { low } else { 32_768 };
            let to = if within(high) { high } else { 60_999 };
            all_in &= (from..=to).contains(&port);
        }
        w.note(&format!("{low} to {high}: {all_in}"));
    }
}

fn handed_to_the_accepted(w: &mut World<'_>) {
    let (listener, address) = w.listener(4);
    let _ = w.set(listener, IP_LOCAL_PORT_RANGE, &range(40_000, 40_001));
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(listener, libc::POLLIN);
    let server = w.accept(listener);
    w.get_int(server, IP_LOCAL_PORT_RANGE);
}
