//! Path MTU discovery of UDP: a raw socket plays the router whose link is too small for what the host sent.

use std::net::{Ipv4Addr, Ipv6Addr};

use libc::{AF_INET, AF_INET6, IPPROTO_ICMP, MSG_ERRQUEUE, SOCK_DGRAM, SOCK_RAW};

use super::Registry;
use super::option_table::{
    IP_MTU, IP_MTU_DISCOVER, IP_RECVERR, IPV6_MTU, IPV6_MTU_DISCOVER, IPV6_RECVERR,
};
use crate::world::Opt;
use crate::{Flavor, Handle, Reception, World};

pub(super) fn register(r: &mut Registry) {
    for (word, flavor) in [("inet", Flavor::V4), ("inet6", Flavor::V6)] {
        r.one(word, "dgram", "a_path_of_less", flavor, path_of_less);
        r.one(word, "dgram", "each_way_to_discover", flavor, each_way);
        r.one(word, "dgram", "less_than_is_believed", flavor, too_little);
        r.one(word, "dgram", "a_path_is_the_hosts", flavor, shared);
    }
}

/// The ports of the two ends.
struct Ends {
    socket: Handle,
    ports: (u16, u16),
    router: Handle,
}

fn discover(w: &World<'_>) -> Opt {
    if w.flavor == Flavor::V4 {
        IP_MTU_DISCOVER
    } else {
        IPV6_MTU_DISCOVER
    }
}

fn mtu(w: &World<'_>) -> Opt {
    if w.flavor == Flavor::V4 {
        IP_MTU
    } else {
        IPV6_MTU
    }
}

fn ends(w: &mut World<'_>) -> Ends {
    w.quietly(|w| {
        let ports = (w.port("A"), w.port("B"));
        let (from, to) = (w.loopback(ports.0), w.loopback(ports.1));
        let receiver = w.socket(SOCK_DGRAM);
        let _ = w.bind(receiver, &to);
        let socket = w.socket(SOCK_DGRAM);
        let _ = w.bind(socket, &from);
        w.connect(socket, &to);
        let router = if w.flavor == Flavor::V4 {
            w.socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP)
        } else {
            w.socket_of(AF_INET6, SOCK_RAW, libc::IPPROTO_ICMPV6)
        };
        Ends {
            socket,
            ports,
            router,
        }
    })
}

/// "Fragmentation needed" or "packet too big" about a datagram of 1000 bytes.
fn too_big(w: &mut World<'_>, ends: &Ends, mtu: u32) {
    let (from, to) = ends.ports;
    let udp = [from, to, 1008, 0].map(u16::to_be_bytes).concat();
    let message = if w.flavor == Flavor::V4 {
        let lo = Ipv4Addr::LOCALHOST.octets();
        let mut ip = vec![0x45, 0, 4, 4, 0, 1, 0x40, 0, 64, 17, 0, 0];
        ip.extend([lo, lo].concat());
        let [_, _, high, low] = mtu.to_be_bytes();
        let mut message = [&[3, 4, 0, 0, 0, 0, high, low][..], &ip, &udp].concat();
        let sum = message.chunks(2).fold(0_u32, |sum, pair| {
            sum + u32::from(u16::from_be_bytes([pair[0], pair[1]]))
        });
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0);
        message[2..4].copy_from_slice(&(!folded).to_be_bytes());
        message
    } else {
        let lo = Ipv6Addr::LOCALHOST.octets();
        let mut ip = vec![0x60, 0, 0, 0, 3, 0xf0, 17, 64];
        ip.extend([lo, lo].concat());
        [&[2, 0, 0, 0][..], &mtu.to_be_bytes(), &ip, &udp].concat()
    };
    let address = w.loopback(0);
    w.note(&format!("no more than {mtu} bytes go"));
    w.quietly(|w| {
        let _ = w.send_to(ends.router, &message, &address);
        w.settle();
    });
}

fn path_of_less(w: &mut World<'_>) {
    let ends = ends(w);
    let (s, mtu) = (ends.socket, mtu(w));
    w.get_int(s, mtu);
    too_big(w, &ends, 1400);
    w.poll(s);
    w.error(s);
    w.get_int(s, mtu);
    w.note("more is not believed, less is");
    too_big(w, &ends, 1500);
    w.get_int(s, mtu);
    too_big(w, &ends, 1300);
    w.get_int(s, mtu);
    w.error(s);
    let option = discover(w);
    let _ = w.set_int(s, option, 2);
    let headers = if w.flavor == Flavor::V4 { 28 } else { 48 };
    for length in [1300 - headers, 1301 - headers] {
        let _ = w.send(s, &vec![1; length], 0);
    }
    w.note("with the error queue");
    let wants = if w.flavor == Flavor::V4 {
        IP_RECVERR
    } else {
        IPV6_RECVERR
    };
    let _ = w.set_int(s, wants, 1);
    let _ = w.send(s, &vec![1; 1301 - headers], 0);
    errors(w, s);
    too_big(w, &ends, 1290);
    errors(w, s);
    w.error(s);
}

fn errors(w: &mut World<'_>, s: Handle) {
    let _ = w.receive_message(
        s,
        &Reception {
            buffers: vec![20],
            control_room: 256,
            flags: MSG_ERRQUEUE,
        },
    );
}

fn each_way(w: &mut World<'_>) {
    let option = discover(w);
    for way in [0, 1, 2, 3, 4, 5] {
        let ends = ends(w);
        let s = ends.socket;
        let _ = w.set_int(s, option, way);
        // Each time a little less, so that it is news.
        let known = u32::try_from(1400 - way).unwrap_or(0);
        too_big(w, &ends, known);
        w.error(s);
        let mtu = mtu(w);
        w.get_int(s, mtu);
        let _ = w.send(s, &[1; 2000], 0);
        w.close(s);
    }
}

fn too_little(w: &mut World<'_>) {
    let ends = ends(w);
    let (s, mtu) = (ends.socket, mtu(w));
    for known in [700, 100, 0] {
        too_big(w, &ends, known);
        w.error(s);
        w.get_int(s, mtu);
    }
    let option = discover(w);
    let _ = w.set_int(s, option, 2);
    for length in [500, 524, 525, 1232, 1233] {
        let _ = w.send(s, &vec![1; length], 0);
    }
}

fn shared(w: &mut World<'_>) {
    let first = ends(w);
    too_big(w, &first, 1350);
    w.note("another socket knows it, too, a raw one as well");
    let second = ends(w);
    let mtu = mtu(w);
    w.get_int(second.socket, mtu);
    w.note("what another host's quote names is not ours");
    let stranger = Ends {
        ports: (9, 9),
        ..second
    };
    too_big(w, &stranger, 1320);
    w.get_int(first.socket, mtu);
    w.error(first.socket);
    let unconnected = w.socket(SOCK_DGRAM);
    let option = discover(w);
    let _ = w.set_int(unconnected, option, 2);
    let to = w.loopback(first.ports.1);
    for length in [1300, 1330] {
        let message = crate::Message {
            data: vec![vec![1; length]],
            address: Some(to.clone()),
            ..crate::Message::default()
        };
        let _ = w.send_message(unconnected, &message);
    }
}
