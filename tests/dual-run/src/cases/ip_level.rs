//! Options of IP and IPv6 that more than one call shows: lengths of packets, errors that the host itself finds.

use libc::{MSG_ERRQUEUE, POLLIN, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

use super::Registry;
use super::option_table::{
    IP_MTU, IP_MTU_DISCOVER, IP_OPTIONS, IP_RECVERR, IPV6_CHECKSUM, IPV6_DONTFRAG, IPV6_MTU,
    IPV6_MTU_DISCOVER, IPV6_PATHMTU, IPV6_RECVERR, IPV6_V6ONLY,
};
use crate::world::Opt;
use crate::{Flavor, Handle, Reception, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("dgram", "the_mtu_of_a_path", path_of_datagrams);
    r.inet("stream", "the_mtu_of_a_path", path_of_a_stream);
    r.inet("dgram", "a_bound_on_fragments", bound);
    r.inet("dgram", "too_long_for_the_path", too_long);
    r.inet("stream", "v6only_by_state", v6only_of_streams);
    r.inet("dgram", "v6only_by_state", v6only_of_datagrams);
    r.inet("dgram", "which_ip_options_may_be_set", which_options);
    r.inet("dgram", "source_routes_and_timestamps", refused_options);
    r.inet("dgram", "ip_options_are_sent", options_of_datagrams);
    r.inet("stream", "ip_options_of_a_connection", options_of_a_stream);
    r.one("inet6", "raw", "checksum_of_icmpv6", Flavor::V6, icmpv6);
}

fn tell_mtu(w: &mut World<'_>, s: Handle) {
    w.get_int(s, IP_MTU);
    w.get_int(s, IPV6_MTU);
    for length in [0, 4, 31, 32, 33, 64] {
        w.get(s, IPV6_PATHMTU, length);
    }
}

fn path_of_datagrams(w: &mut World<'_>) {
    let (left, _, _, b) = w.datagram_pair();
    tell_mtu(w, left);
    w.note("a send alone does not make a path");
    let _ = w.send_to(left, b"x", &b);
    tell_mtu(w, left);
    w.note("connected");
    w.connect(left, &b);
    tell_mtu(w, left);
    let _ = w.set_int(left, IPV6_PATHMTU, 1500);
    let _ = w.set_int(left, IPV6_MTU, 2000);
    tell_mtu(w, left);
    w.note("dissolved");
    w.connect(left, &crate::Address::Unspecified);
    tell_mtu(w, left);
}

fn path_of_a_stream(w: &mut World<'_>) {
    let (client, server, listener) = w.established();
    for s in [client, server, listener] {
        tell_mtu(w, s);
    }
    w.close(server);
    w.wait(client, POLLIN);
    tell_mtu(w, client);
}

/// With `IPV6_DONTFRAG` a bound on the fragments is one on datagrams.
fn bound(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    w.connect(left, &b);
    for mtu in [0, 1280, 3000] {
        let _ = w.set_int(left, IPV6_MTU, mtu);
        for dont in [0, 1] {
            let _ = w.set_int(left, IPV6_DONTFRAG, dont);
            for length in [1232, 1233, 2952, 2953, 5000] {
                let _ = w.send(left, &vec![b'x'; length], 0);
            }
        }
    }
    w.wait(right, POLLIN);
    for _ in 0..5 {
        let _ = w.recv(right, 10_000, libc::MSG_TRUNC);
    }
}

/// Every way to forbid fragments, and what the error queue holds after.
fn too_long(w: &mut World<'_>) {
    let (left, _, _, b) = w.datagram_pair();
    w.connect(left, &b);
    for told in [0, 1] {
        let _ = w.set_int(left, IP_RECVERR, told);
        let _ = w.set_int(left, IPV6_RECVERR, told);
        for discover in [0, 1, 2, 3, 4, 5] {
            let _ = w.set_int(left, IP_MTU_DISCOVER, discover);
            let _ = w.set_int(left, IPV6_MTU_DISCOVER, discover);
            for length in [65_480, 65_507, 65_508, 65_527, 65_528, 65_535, 65_536] {
                // The MTU of the kernel's loopback is 65536: a packet of that length passes where only the device's MTU
                // counts, though IPv4 has no header that says it.
                if matches!(discover, 3 | 4) && length == 65_508 {
                    continue;
                }
                let _ = w.send(left, &vec![b'x'; length], 0);
                w.poll(left);
                w.error(left);
                let reception = Reception {
                    buffers: vec![4],
                    control_room: 128,
                    flags: MSG_ERRQUEUE,
                };
                let _ = w.receive_message(left, &reception);
            }
        }
    }
}

fn v6only_of_streams(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    let address = w.loopback(0);
    w.get_int(s, IPV6_V6ONLY);
    let _ = w.bind(s, &address);
    w.get_int(s, IPV6_V6ONLY);
    let _ = w.set_int(s, IPV6_V6ONLY, 0);
    let s = w.socket(SOCK_STREAM);
    let address = w.any(0);
    let _ = w.bind(s, &address);
    w.get_int(s, IPV6_V6ONLY);
    let _ = w.set_int(s, IPV6_V6ONLY, 0);
    w.note("a bind that fails leaves it");
    let s = w.socket(SOCK_STREAM);
    let taken = w.listener(1).1;
    let _ = w.bind(s, &taken);
    w.get_int(s, IPV6_V6ONLY);
    let _ = w.set_int(s, IPV6_V6ONLY, 1);
    w.get_int(s, IPV6_V6ONLY);
    w.note("connections");
    let (client, server, listener) = w.established();
    for s in [client, server, listener] {
        w.get_int(s, IPV6_V6ONLY);
        let _ = w.set_int(s, IPV6_V6ONLY, 1);
    }
    w.close(server);
    w.wait(client, POLLIN);
    let _ = w.set_int(client, IPV6_V6ONLY, 0);
    w.close(client);
}

fn v6only_of_datagrams(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for s in [left, right] {
        w.get_int(s, IPV6_V6ONLY);
        let _ = w.set_int(s, IPV6_V6ONLY, 0);
    }
    let s = w.socket(SOCK_DGRAM);
    w.connect(s, &b);
    w.get_int(s, IPV6_V6ONLY);
    let _ = w.set_int(s, IPV6_V6ONLY, 1);
    w.connect(s, &crate::Address::Unspecified);
    w.get_int(s, IPV6_V6ONLY);
    let _ = w.set_int(s, IPV6_V6ONLY, 1);
    w.get_int(s, IPV6_V6ONLY);
    w.connect(s, &b);
}

/// Lists of options that are in order, and that are not.
fn which_options(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    for list in [
        &[1, 1, 1][..],
        &[0, 7, 7, 7, 7],
        &[1; 40],
        &[1; 41],
        &[148, 4, 0, 0],
        &[148, 3, 0, 0],
        &[148, 4, 0, 1, 1, 1],
        &[7, 7, 4, 0, 0, 0, 0],
        &[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0],
        &[7, 3, 4, 0],
        &[7, 7, 3, 0, 0, 0, 0],
        &[7, 7, 5, 0, 0, 0, 0],
        &[7, 7, 8, 1, 2, 3, 4],
        &[7, 8, 4, 0, 0, 0, 0],
        &[7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0],
        &[7, 2],
        &[7],
        &[130, 3, 9, 1],
        &[99, 2],
        &[99, 1],
        &[99, 5, 0, 0],
        &[136, 4, 1, 2],
        &[1, 0, 0, 9],
    ] {
        let _ = w.set(s, IP_OPTIONS, list);
        w.get(s, IP_OPTIONS, 40);
        w.get(s, IP_OPTIONS, 3);
    }
    let _ = w.set(s, IP_OPTIONS, &[]);
    w.get(s, IP_OPTIONS, 40);
}

/// Options that the host has no use for.
fn refused_options(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    for list in [
        &[131, 7, 4, 127, 0, 0, 1][..],
        &[137, 7, 4, 127, 0, 0, 1],
        &[68, 8, 5, 0, 0, 0, 0, 0],
    ] {
        let _ = w.set(s, IP_OPTIONS, list);
    }
}

/// A raw socket sees the header. Its options are the sender's, but for a route that the receiver records, too.
fn options_of_datagrams(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    w.connect(left, &b);
    let raw = w.socket_of(libc::AF_INET, SOCK_RAW, libc::IPPROTO_UDP);
    for list in [
        &[1, 1, 1][..],
        &[148, 4, 0, 0],
        &[1; 40],
        &[99, 4, 1, 2],
        &[],
    ] {
        let _ = w.set(left, IP_OPTIONS, list);
        let _ = w.send(left, b"data", 0);
        w.wait(right, POLLIN);
        let _ = w.recv(right, 10, 0);
        if w.flavor == Flavor::V6 {
            continue;
        }
        w.wait(raw, POLLIN);
        let seen = w.quietly(|w| w.recv(raw, 100, 0));
        if let Ok(seen) = seen {
            let words = seen.data.first().map_or(0, |first| usize::from(first & 15));
            let options = seen.data.get(20..words * 4).unwrap_or_default();
            w.note(&format!("{words} words of header, with {options:02x?}"));
            w.note(&format!("{} bytes in all", seen.length));
        }
    }
    w.note("the longest");
    let _ = w.set(left, IP_RECVERR, 1_i32.to_ne_bytes().as_slice());
    let _ = w.set(left, IP_OPTIONS, &[1; 8]);
    for length in [65_499, 65_500, 65_507, 65_508] {
        let _ = w.send(left, &vec![0; length], 0);
        let reception = Reception {
            buffers: vec![4],
            control_room: 128,
            flags: MSG_ERRQUEUE,
        };
        let _ = w.receive_message(left, &reception);
    }
}

fn options_of_a_stream(w: &mut World<'_>) {
    let (listener, address) = w.listener(1);
    let _ = w.set(listener, IP_OPTIONS, &[1; 4]);
    let client = w.socket(SOCK_STREAM);
    let _ = w.set(client, IP_OPTIONS, &[1; 8]);
    w.connect(client, &address);
    w.wait(client, libc::POLLOUT);
    w.wait(listener, POLLIN);
    let server = w.accept(listener);
    for s in [client, server, listener] {
        w.get(s, IP_OPTIONS, 40);
    }
    let _ = w.send(client, &[7; 60_000], 0);
    w.settle();
    let _ = w.recv(server, 200_000, libc::MSG_WAITALL);
    let _ = w.set(server, IP_OPTIONS, &[1; 40]);
    let _ = w.send(server, &[8; 60_000], 0);
    w.settle();
    let _ = w.recv(client, 200_000, libc::MSG_WAITALL);
}

fn icmpv6(w: &mut World<'_>) {
    const AT_RAW: Opt = Opt {
        name: "SOL_RAW:IPV6_CHECKSUM",
        level: 255,
        number: 7,
    };
    for protocol in [58, 17, 253] {
        let s = w.socket_of(libc::AF_INET6, SOCK_RAW, protocol);
        for option in [IPV6_CHECKSUM, AT_RAW] {
            w.get_int(s, option);
            for value in [4, 3, 0, -1, 70_000, 2] {
                let _ = w.set_int(s, option, value);
                w.get_int(s, option);
            }
        }
    }
}
