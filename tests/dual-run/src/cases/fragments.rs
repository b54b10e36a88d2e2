//! Fragments that a raw socket sends one by one, and what the datagram says that is put together of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use libc::{IPPROTO_RAW, POLLIN, SOCK_RAW};

use super::Registry;
use super::option_table::IPV6_RECVTCLASS;
use crate::{Control, Flavor, Reception, World};

/// The protocol of the datagrams, which nobody else takes.
const PROTOCOL: u8 = 253;

pub(super) fn register(r: &mut Registry) {
    for (domain, flavor) in [("inet", Flavor::V4), ("inet6", Flavor::V6)] {
        r.add(
            domain,
            "fragments",
            "marks_are_put_together",
            flavor,
            Box::new(marks),
        );
    }
}

/// A datagram of 16 bytes in two fragments of these traffic classes.
fn halves(flavor: Flavor, identification: u8, classes: [u8; 2]) -> [Vec<u8>; 2] {
    [(0, 1), (1, 0)].map(|(number, more)| {
        let class = classes[usize::from(number)];
        let mut packet = Vec::new();
        if flavor == Flavor::V4 {
            let more = more << 5;
            packet.extend([0x45, class, 0, 28, 0, identification, more, number]);
            packet.extend([64, PROTOCOL, 0, 0]);
            packet.extend([Ipv4Addr::LOCALHOST.octets(); 2].concat());
        } else {
            packet.extend([0x60 | class >> 4, class << 4, 0, 0, 0, 16, 44, 64]);
            packet.extend([Ipv6Addr::LOCALHOST.octets(); 2].concat());
            packet.extend([PROTOCOL, 0, 0, number << 3 | more]);
            packet.extend([0, 0, 0, identification]);
        }
        packet.extend([identification; 8]);
        packet
    })
}

/// RFC 3168 5.3: all pairs of the two bits, the others as they are in the first fragment. A whole datagram follows each
/// pair, so that one that was dropped is known to be.
fn marks(w: &mut World<'_>) {
    let flavor = w.flavor;
    let receiver = w.socket_of(flavor.domain(), SOCK_RAW, PROTOCOL.into());
    let sender = w.socket_of(flavor.domain(), SOCK_RAW, IPPROTO_RAW);
    let own = w.loopback(0);
    if flavor == Flavor::V6 {
        let _ = w.set_int(receiver, IPV6_RECVTCLASS, 1);
    }
    for pair in 0..16_u8 {
        let classes = [0x20 | pair >> 2, 0x40 | pair & 3];
        let marker = 0x80;
        w.quietly(|w| {
            for piece in halves(flavor, pair + 1, classes) {
                let _ = w.send_to(sender, &piece, &own);
            }
            for piece in halves(flavor, marker + pair, [0; 2]) {
                let _ = w.send_to(sender, &piece, &own);
            }
        });
        loop {
            w.wait(receiver, POLLIN);
            let Some((class, body)) = w.quietly(|w| next(w, receiver)) else {
                w.note("nothing at all");
                break;
            };
            if body >= marker {
                break;
            }
            w.note(&format!("{classes:02x?} together are {class:02x}"));
        }
    }
}

/// The traffic class of the next datagram, and its last byte.
fn next(w: &mut World<'_>, receiver: crate::Handle) -> Option<(u8, u8)> {
    let reception = Reception {
        buffers: vec![100],
        control_room: 100,
        flags: 0,
    };
    let received = w.receive_message(receiver, &reception).ok()?;
    let told = received.control.iter().find_map(|message| match message {
        Control::Other { data, .. } => data.first().copied(),
        _ => None,
    });
    let class = told.or_else(|| received.data.get(1).copied())?;
    Some((class, *received.data.last()?))
}
