//! `IP_PKTOPTIONS` and `IPV6_2292PKTOPTIONS`: what a stream tells of the packets it came from.

use libc::{POLLIN, SOCK_DGRAM};

use super::Registry;
use super::option_table::{
    IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_PKTINFO, IP_PKTOPTIONS, IP_RECVTOS, IP_RECVTTL, IP_TOS,
    IP_TTL, IPV6_2292PKTOPTIONS, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, IPV6_RECVHOPLIMIT,
    IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_UNICAST_HOPS,
};
use crate::world::Opt;
use crate::{Handle, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "packet_options", both_ends);
    r.inet("stream", "packet_options_are_cut", cut);
    r.inet("stream", "packet_options_of_every_kind", kinds);
    r.inet("stream", "packet_options_follow_the_packets", following);
}

const ASKED: [Opt; 6] = [
    IP_PKTINFO,
    IP_RECVTTL,
    IP_RECVTOS,
    IPV6_RECVPKTINFO,
    IPV6_RECVHOPLIMIT,
    IPV6_RECVTCLASS,
];

fn tell(w: &mut World<'_>, s: Handle) {
    for (option, length) in [
        (IP_PKTOPTIONS, 200),
        (IPV6_2292PKTOPTIONS, 200),
        (IP_MULTICAST_TTL, 4),
        (IP_MULTICAST_IF, 4),
        (IPV6_MULTICAST_HOPS, 4),
        (IPV6_MULTICAST_IF, 4),
    ] {
        w.get(s, option, length);
    }
}

fn ask(w: &mut World<'_>, s: Handle) {
    for option in ASKED {
        let _ = w.set_int(s, option, 1);
    }
}

/// A client whose packets are not everybody's.
fn marked(w: &mut World<'_>) -> Handle {
    let client = w.socket(libc::SOCK_STREAM);
    for (option, value) in [
        (IP_TTL, 77),
        (IP_TOS, 0x48),
        (IPV6_UNICAST_HOPS, 78),
        (IPV6_TCLASS, 0x24),
    ] {
        let _ = w.set_int(client, option, value);
    }
    client
}

fn both_ends(w: &mut World<'_>) {
    for is_marked in [false, true] {
        let (listener, address) = w.listener(4);
        tell(w, listener);
        let client = if is_marked {
            marked(w)
        } else {
            w.socket(libc::SOCK_STREAM)
        };
        w.connect(client, &address);
        w.wait(listener, POLLIN);
        let server = w.accept(listener);
        for s in [client, server] {
            tell(w, s);
            for option in ASKED {
                let _ = w.set_int(s, option, 1);
                tell(w, s);
            }
        }
    }
}

fn cut(w: &mut World<'_>) {
    let (_, server, _) = w.established();
    ask(w, server);
    for option in [IP_PKTOPTIONS, IPV6_2292PKTOPTIONS] {
        for length in (0..80).step_by(4).chain([15, 17, 25, 27]) {
            w.get(server, option, length);
        }
    }
}

fn kinds(w: &mut World<'_>) {
    let datagram = w.socket(SOCK_DGRAM);
    let fresh = w.socket(libc::SOCK_STREAM);
    for s in [datagram, fresh] {
        ask(w, s);
        w.get(s, IP_PKTOPTIONS, 100);
        w.get(s, IPV6_2292PKTOPTIONS, 100);
        let _ = w.set_int(s, IP_PKTOPTIONS, 1);
    }
}

/// The listener asks, and what its peers send changes.
fn following(w: &mut World<'_>) {
    let (listener, address) = w.listener(4);
    ask(w, listener);
    let client = marked(w);
    w.connect(client, &address);
    w.wait(listener, POLLIN);
    let server = w.accept(listener);
    tell(w, server);
    for (option, value) in [
        (IP_TTL, 33),
        (IP_TOS, 0x20),
        (IPV6_UNICAST_HOPS, 34),
        (IPV6_TCLASS, 0x30),
    ] {
        let _ = w.set_int(client, option, value);
    }
    let _ = w.send(client, b"x", 0);
    w.wait(server, POLLIN);
    tell(w, server);
    let _ = w.send(server, b"y", 0);
    w.wait(client, POLLIN);
    tell(w, client);
}
