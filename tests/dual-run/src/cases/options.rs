//! Every option of the table: its default, what values and lengths it takes, and what reads back.

use libc::{AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};

use super::Registry;
use super::option_table::{
    IP, IPV6, SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF, SOCKET, TCP,
    TCP_CC_INFO, TCP_CONGESTION, TCP_INFO, TCP_KEEPIDLE, TCP_MAXSEG, TCP_NODELAY, UDP, UDPLITE,
};
use crate::world::Opt;
use crate::{Flavor, Handle, World};

/// A `struct linger`.
pub(crate) fn linger(on: i32, seconds: i32) -> Vec<u8> {
    [on.to_ne_bytes(), seconds.to_ne_bytes()].concat()
}

/// Options whose value depends on the machine, not on the socket.
const OF_THE_MACHINE: &[&str] = &["SO_INCOMING_CPU", "SO_PEERCRED", "TCP_TIMESTAMP"];

pub(super) fn register(r: &mut Registry) {
    let domains = [
        (
            "inet",
            libc::AF_INET,
            SOCK_STREAM,
            [SOCKET, TCP, IP, UDP, UDPLITE].concat(),
        ),
        (
            "inet6",
            libc::AF_INET6,
            SOCK_STREAM,
            [SOCKET, TCP, IP, IPV6, UDPLITE].concat(),
        ),
        (
            "inet",
            libc::AF_INET,
            SOCK_DGRAM,
            [SOCKET, UDP, UDPLITE, IP, IPV6].concat(),
        ),
        (
            "inet6",
            libc::AF_INET6,
            SOCK_DGRAM,
            [SOCKET, UDP, UDPLITE, IP, IPV6, &[TCP_NODELAY]].concat(),
        ),
        (
            "unix",
            AF_UNIX,
            SOCK_STREAM,
            [SOCKET, &[TCP_NODELAY]].concat(),
        ),
        (
            "unix",
            AF_UNIX,
            SOCK_DGRAM,
            [SOCKET, &[TCP_NODELAY]].concat(),
        ),
        ("unix", AF_UNIX, SOCK_SEQPACKET, SOCKET.to_vec()),
    ];
    for (word, domain, kind, options) in domains {
        for option in options {
            if OF_THE_MACHINE.contains(&option.name) {
                continue;
            }
            let body = move |w: &mut World<'_>| round_trip(w, domain, kind, option);
            let name = format!("option_{}", option.name);
            r.add(
                word,
                &crate::names::kind(kind),
                &name,
                Flavor::V4,
                Box::new(body),
            );
        }
    }
    r.inet("stream", "option_unknown", |w| unknown(w, SOCK_STREAM));
    r.inet("dgram", "option_unknown", |w| unknown(w, SOCK_DGRAM));
    r.unix("stream", "option_unknown", unknown_unix);
    r.inet("stream", "option_LINGER_values", linger_values);
    r.inet("stream", "option_CONGESTION_names", congestion);
    r.inet("stream", "option_CONGESTION_live", congestion_live);
    r.inet("stream", "option_CC_INFO", congestion_info);
    r.inet("stream", "option_INFO_lengths", info);
    r.inet("stream", "options_that_accept_inherits", inherited);
    r.inet(
        "stream",
        "options_of_a_closed_and_an_established_socket",
        in_states,
    );
    r.inet("stream", "timeouts_round_trip", |w| {
        timeouts(w, SOCK_STREAM)
    });
    r.inet("dgram", "timeouts_round_trip", |w| timeouts(w, SOCK_DGRAM));
}

fn round_trip(w: &mut World<'_>, domain: i32, kind: i32, option: Opt) {
    let s = w.socket_of(domain, kind, 0);
    round_trip_on(w, s, option);
}

/// What an option takes and tells.
pub(super) fn round_trip_on(w: &mut World<'_>, s: Handle, option: Opt) {
    w.note("the default, by length of the room");
    for length in [4, 0, 1, 2, 3, 5, 8, 16] {
        w.get(s, option, length);
    }
    w.note("values, each read back");
    for value in [
        1,
        0,
        2,
        3,
        7,
        64,
        255,
        256,
        1000,
        5000,
        65_536,
        1_000_000,
        -1,
        -2,
        i32::MAX,
        i32::MIN,
    ] {
        let _ = w.set_int(s, option, value);
        w.get_int(s, option);
    }
    w.note("lengths");
    for value in [
        &[][..],
        &[1],
        &[1, 0],
        &[1, 0, 0],
        &[2, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &[1; 16],
    ] {
        let _ = w.set(s, option, value);
        w.get(s, option, 16);
    }
}

fn unknown(w: &mut World<'_>, kind: i32) {
    let s = w.socket(kind);
    for level in [0, 1, 2, 6, 17, 41, 58, 132, 255, 999, -1] {
        // Of IPPROTO_IP 64 to 127 belong to netfilter, whose modules the kernel may or may not have loaded.
        for number in [0, 150, 1234, -1] {
            let option = Opt {
                name: Box::leak(format!("{level}:{number}").into_boxed_str()),
                level,
                number,
            };
            // Multicast and packet filter numbers have meanings of their own.
            if (level == 1 || level == 0 || level == 41 || level == 6 || level == 17) && number == 0
            {
                continue;
            }
            let _ = w.set_int(s, option, 1);
            let _ = w.set(s, option, &[1]);
            w.get_int(s, option);
        }
    }
}

fn unknown_unix(w: &mut World<'_>) {
    let s = w.socket_of(AF_UNIX, SOCK_STREAM, 0);
    for level in [0, 1, 6, 41, 999, -1] {
        let option = Opt {
            name: Box::leak(format!("{level}:1234").into_boxed_str()),
            level,
            number: 1234,
        };
        let _ = w.set_int(s, option, 1);
        w.get_int(s, option);
    }
}

fn linger_values(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    w.get(s, SO_LINGER, 8);
    for (on, seconds) in [
        (1, 5),
        (0, 9),
        (1, 0),
        (2, 3),
        (-1, 4),
        (1, -1),
        (1, i32::MAX),
        (1, i32::MIN),
    ] {
        let _ = w.set(s, SO_LINGER, &linger(on, seconds));
        w.get(s, SO_LINGER, 8);
    }
    for length in [0, 1, 4, 7, 9, 12] {
        let mut value = linger(1, 2);
        value.resize(length, 0);
        let _ = w.set(s, SO_LINGER, &value);
        w.get(s, SO_LINGER, length);
    }
}

fn congestion(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    for name in [
        &b"reno"[..],
        b"cubic",
        b"cubic\0",
        b"reno\0\0\0",
        b"nonsense",
        b"",
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let _ = w.set(s, TCP_CONGESTION, name);
    }
    let _ = w.set(s, TCP_CONGESTION, b"cubic");
    for length in [0, 1, 3, 5, 6, 15, 16, 17, 64] {
        w.get(s, TCP_CONGESTION, length);
    }
}

/// Chosen on a listener, inherited, and changed while the connection works.
fn congestion_live(w: &mut World<'_>) {
    let (listener, address) = w.listener(2);
    let _ = w.set(listener, TCP_CONGESTION, b"reno");
    let client = w.socket(SOCK_STREAM);
    let _ = w.set(client, TCP_CONGESTION, b"cubic");
    w.connect(client, &address);
    let server = w.accept(listener);
    for s in [server, client] {
        w.get(s, TCP_CONGESTION, 16);
    }
    for name in [
        &b"cubic"[..],
        b"nonsense",
        b"bbr",
        b"reno",
        b"reno",
        b"bbr",
        b"cubic",
    ] {
        let _ = w.set(server, TCP_CONGESTION, name);
        w.get(server, TCP_CONGESTION, 16);
        let _ = w.send(server, b"data", 0);
        let _ = w.recv(client, 10, 0);
    }
}

/// Only BBR has something to tell, of a closed socket nothing.
fn congestion_info(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    for name in [&b"cubic"[..], b"reno", b"bbr"] {
        let _ = w.set(s, TCP_CONGESTION, name);
        for length in [0, 4, 20, 64] {
            w.get(s, TCP_CC_INFO, length);
        }
    }
    let _ = w.set_int(s, TCP_CC_INFO, 1);
    let (client, server, _) = w.established();
    let _ = w.set(client, TCP_CONGESTION, b"cubic");
    w.get(client, TCP_CC_INFO, 20);
    w.close(server);
    w.close(client);
}

fn info(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    w.note("a closed socket: state 7");
    for length in [0, 1, 4] {
        w.get(s, TCP_INFO, length);
    }
    let _ = w.set_int(s, TCP_INFO, 1);
    let (client, server, listener) = w.established();
    for s in [client, server, listener] {
        w.get(s, TCP_INFO, 1);
    }
    w.close(server);
    w.wait(client, libc::POLLIN);
    w.get(client, TCP_INFO, 1);
    w.close(client);
    w.note("what of it there is for so much room");
    let s = w.socket(SOCK_STREAM);
    for length in [0, 7, 100, 248, 279, 280, 281, 1000] {
        w.get_length(s, TCP_INFO, length);
    }
    w.note("a listener: its queue, and what a connection begins with");
    let (listener, address) = w.listener(7);
    w.get(listener, TCP_INFO, 1000);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(listener, libc::POLLIN);
    w.get(listener, TCP_INFO, 1000);
}

fn inherited(w: &mut World<'_>) {
    let (listener, address) = w.listener(2);
    let options = [
        SO_REUSEADDR,
        SO_KEEPALIVE,
        TCP_NODELAY,
        TCP_KEEPIDLE,
        super::option_table::SO_OOBINLINE,
    ];
    for option in options {
        let _ = w.set_int(listener, option, 7);
    }
    let _ = w.set(listener, SO_LINGER, &linger(1, 3));
    let _ = w.set_int(listener, SO_RCVBUF, 50_000);
    let _ = w.set_int(listener, super::option_table::SO_PRIORITY, 3);
    let _ = w.set_int(listener, super::option_table::TCP_USER_TIMEOUT, 4321);
    let _ = w.set_int(listener, super::option_table::SO_RCVLOWAT, 5);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, libc::POLLOUT);
    let server = w.accept(listener);
    for option in options {
        w.get_int(server, option);
    }
    w.get(server, SO_LINGER, 8);
    w.get_int(server, SO_RCVBUF);
    w.get_int(server, super::option_table::SO_PRIORITY);
    w.get_int(server, super::option_table::TCP_USER_TIMEOUT);
    w.get_int(server, super::option_table::SO_RCVLOWAT);
    w.get_int(server, super::option_table::SO_ACCEPTCONN);
    w.get_int(listener, super::option_table::SO_ACCEPTCONN);
}

fn state_options(w: &mut World<'_>, s: Handle) {
    for option in [
        TCP_MAXSEG,
        TCP_NODELAY,
        SO_ERROR,
        super::option_table::IPV6_V6ONLY,
        super::option_table::TCP_DEFER_ACCEPT,
    ] {
        w.get_int(s, option);
    }
    for (option, value) in [
        (TCP_MAXSEG, 1000),
        (super::option_table::IPV6_V6ONLY, 0),
        (super::option_table::TCP_CORK, 1),
        (super::option_table::TCP_KEEPIDLE, 99),
        (super::option_table::TCP_SYNCNT, 3),
        (super::option_table::TCP_DEFER_ACCEPT, 1),
        (super::option_table::TCP_FASTOPEN, 5),
        (super::option_table::TCP_FASTOPEN_CONNECT, 1),
        (super::option_table::TCP_WINDOW_CLAMP, 0),
        (super::option_table::IP_TTL, 7),
        (super::option_table::IP_TRANSPARENT, 0),
        (super::option_table::SO_PEEK_OFF, 0),
    ] {
        let _ = w.set_int(s, option, value);
        w.get_int(s, option);
    }
    w.get_int(s, super::option_table::IP_MTU);
    w.get_int(s, super::option_table::IPV6_MTU);
    let _ = SO_SNDBUF;
}

fn in_states(w: &mut World<'_>) {
    let (client, server, listener) = w.established();
    w.note("established");
    state_options(w, client);
    w.note("listening");
    state_options(w, listener);
    w.note("ended by reset");
    let _ = w.set(server, SO_LINGER, &linger(1, 0));
    w.close(server);
    w.wait(client, libc::POLLIN);
    w.error(client);
    state_options(w, client);
}

fn timeouts(w: &mut World<'_>, kind: i32) {
    // Multiples of 20 ms: the kernel rounds up to its own tick.
    let s = w.socket(kind);
    let time = |seconds: i64, micros: i64| [seconds.to_ne_bytes(), micros.to_ne_bytes()].concat();
    for option in [
        super::option_table::SO_RCVTIMEO,
        super::option_table::SO_SNDTIMEO,
    ] {
        w.get(s, option, 16);
        for value in [
            time(1, 500_000),
            time(0, 20_000),
            time(0, 500_000),
            time(0, 0),
            time(-1, 0),
            time(0, -1),
            time(0, 1_000_000),
            time(0, 980_000),
            time(i64::MAX, 0),
            time(1 << 40, 0),
        ] {
            let _ = w.set(s, option, &value);
            w.get(s, option, 16);
        }
        let _ = w.set(s, option, &[0; 8]);
        let _ = w.set(s, option, &[0; 15]);
        let _ = w.set(s, option, &[0; 24]);
        w.get(s, option, 8);
        w.get(s, option, 24);
    }
}
