//! The options of `IPPROTO_TCP` in every state of a socket, and what those that tell of the stream tell.

use libc::{MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, POLLIN, SHUT_WR, SOCK_STREAM};

use super::Registry;
use super::option_table::{
    SO_LINGER, TCP, TCP_CONGESTION, TCP_INQ, TCP_SAVE_SYN, TCP_SAVED_SYN, TCP_TIMESTAMP,
};
use super::options::{linger, round_trip_on};
use crate::{Address, Handle, Reception, World};

/// Makes a socket in a state.
type Make = fn(&mut World<'_>) -> Handle;

const STATES: [(&str, Make); 5] = [
    ("listening", |w| w.listener(1).0),
    ("connected", |w| w.established().0),
    ("accepted", |w| w.established().1),
    ("reset", |w| {
        let (client, server, _) = w.established();
        let _ = w.set(server, SO_LINGER, &linger(1, 0));
        w.close(server);
        w.wait(client, libc::POLLERR);
        client
    }),
    ("dissolved", |w| {
        let (client, _, _) = w.established();
        w.connect(client, &Address::Unspecified);
        client
    }),
];

pub(super) fn register(r: &mut Registry) {
    for (state, make) in STATES {
        for option in TCP {
            // Its value is the clock's.
            if option.number == TCP_TIMESTAMP.number {
                continue;
            }
            let name = format!("option_{}_when_{state}", option.name);
            let body = move |w: &mut World<'_>| {
                let s = make(w);
                round_trip_on(w, s, *option);
            };
            r.add("inet", "stream", &name, crate::Flavor::V4, Box::new(body));
        }
    }
    r.inet("stream", "saved_syn_is_told_once", saved_syn);
    r.inet("stream", "unread_bytes_are_told_with_data", unread);
    r.inet("stream", "timestamps_can_be_read_only", timestamp);
    r.inet("stream", "congestion_control_of_a_connection", congestion);
}

/// The lengths alone: what is in the headers is another in every run.
fn saved_syn(w: &mut World<'_>) {
    for (mode, room) in [(1, 40), (1, 200), (2, 200), (0, 200)] {
        w.note("a listener that keeps so much of its SYNs");
        let (listener, address) = w.listener(1);
        let _ = w.set_int(listener, TCP_SAVE_SYN, mode);
        let client = w.socket(SOCK_STREAM);
        w.connect(client, &address);
        w.wait(listener, POLLIN);
        let server = w.accept(listener);
        w.get_int(server, TCP_SAVE_SYN);
        for room in [0, room, room] {
            w.get_length_after(server, TCP_SAVED_SYN, room);
        }
        w.get_length(server, TCP_SAVED_SYN, 200);
        w.get_length(client, TCP_SAVED_SYN, 200);
        w.get_length(listener, TCP_SAVED_SYN, 200);
        let _ = w.set_int(server, TCP_SAVED_SYN, 1);
        let _ = w.set(server, TCP_SAVED_SYN, &[]);
    }
}

fn unread(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let read = |w: &mut World<'_>, length, flags| {
        let reception = Reception {
            buffers: vec![length],
            control_room: 64,
            flags: flags | MSG_DONTWAIT,
        };
        let _ = w.receive_message(client, &reception);
    };
    let _ = w.set_int(client, TCP_INQ, 1);
    read(w, 3, 0);
    let _ = w.send(server, b"hello world", 0);
    w.wait(client, POLLIN);
    read(w, 3, 0);
    read(w, 3, MSG_PEEK);
    read(w, 0, 0);
    read(w, 2, MSG_TRUNC);
    let _ = w.receive_message(
        client,
        &Reception {
            buffers: vec![1],
            control_room: 4,
            flags: 0,
        },
    );
    let _ = w.send(server, b"!", MSG_OOB);
    w.wait(client, libc::POLLPRI);
    read(w, 1, MSG_OOB);
    read(w, 10, 0);
    w.shutdown(server, SHUT_WR);
    w.wait(client, libc::POLLRDHUP);
    read(w, 10, 0);
    read(w, 10, 0);
    let _ = w.set_int(client, TCP_INQ, 0);
    read(w, 10, 0);
}

fn timestamp(w: &mut World<'_>) {
    for make in [
        (|w: &mut World<'_>| w.socket(SOCK_STREAM)) as Make,
        |w| w.listener(1).0,
        |w| w.established().0,
    ] {
        let s = make(w);
        for length in [0, 2, 4, 8] {
            w.get_length(s, TCP_TIMESTAMP, length);
        }
        let _ = w.set_int(s, TCP_TIMESTAMP, 7);
        let _ = w.set(s, TCP_TIMESTAMP, &[1]);
    }
}

fn congestion(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    for s in [client, server] {
        for name in [&b"reno"[..], b"nonsense", b"cubic"] {
            let _ = w.set(s, TCP_CONGESTION, name);
            w.get(s, TCP_CONGESTION, 16);
        }
    }
}
