//! `SO_ZEROCOPY` and `MSG_ZEROCOPY`, over the loopback: what the error queue tells, and when.

use libc::{MSG_DONTWAIT, MSG_ERRQUEUE, MSG_MORE, SOCK_DGRAM, SOCK_STREAM};

use super::Registry;
use super::option_table::{SO_ZEROCOPY, TCP_NODELAY};
use super::stamps::receive;
use crate::{Handle, Message, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "who_may_send_without_a_copy", |w| {
        values(w, SOCK_STREAM);
    });
    r.inet("dgram", "who_may_send_without_a_copy", |w| {
        values(w, SOCK_DGRAM);
    });
    r.inet("stream", "ends_of_sends_without_a_copy", stream);
    r.inet("stream", "sends_without_a_copy_and_a_reset", reset);
    r.inet(
        "stream",
        "no_connection_to_send_without_a_copy",
        unconnected,
    );
    r.inet("stream", "a_listener_hands_zero_copy_on", inherited);
    r.inet("dgram", "ends_of_sends_without_a_copy", datagrams);
}

const MSG_ZEROCOPY: i32 = 0x400_0000;

fn values(w: &mut World<'_>, kind: i32) {
    let s = w.socket(kind);
    for value in [1, 0, 2, -1, 1] {
        let _ = w.set_int(s, SO_ZEROCOPY, value);
        w.get_int(s, SO_ZEROCOPY);
    }
}

fn drain(w: &mut World<'_>, s: Handle) {
    w.settle();
    w.poll(s);
    for _ in 0..2 {
        receive(w, s, MSG_ERRQUEUE);
        w.poll(s);
    }
    w.error(s);
}

fn stream(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set_int(client, TCP_NODELAY, 1);
    let _ = w.send(client, b"without the option", MSG_ZEROCOPY);
    drain(w, client);
    let _ = w.set_int(client, SO_ZEROCOPY, 1);
    let _ = w.send(client, &[b'x'; 1000], MSG_ZEROCOPY);
    drain(w, client);
    let _ = w.send(client, b"", MSG_ZEROCOPY);
    drain(w, client);
    for _ in 0..5 {
        let _ = w.send(client, &[b'x'; 1000], MSG_ZEROCOPY);
    }
    drain(w, client);
    let _ = w.send(client, b"plain", 0);
    let _ = w.send(client, b"more", MSG_ZEROCOPY | MSG_MORE);
    let _ = w.send(client, b"and the rest", MSG_ZEROCOPY);
    drain(w, client);
    let _ = w.send(client, b"urgent", MSG_ZEROCOPY | libc::MSG_OOB);
    drain(w, client);
    let pieces = Message {
        data: vec![vec![b'p'; 10]; 20],
        flags: MSG_ZEROCOPY,
        ..Message::default()
    };
    let _ = w.send_message(client, &pieces);
    // The acknowledgment of the last of them may be delayed.
    w.pass(300);
    drain(w, client);
    let _ = w.set_int(client, SO_ZEROCOPY, 0);
    let _ = w.send(client, b"off again", MSG_ZEROCOPY);
    drain(w, client);
    w.drain(server);
}

/// What was never sent was never copied, and is told first.
fn reset(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set_int(client, SO_ZEROCOPY, 1);
    let _ = w.send(client, &[b'x'; 1000], MSG_ZEROCOPY);
    drain(w, client);
    w.settle();
    w.close(server);
    drain(w, client);
    let _ = w.send(client, b"too late", MSG_ZEROCOPY | libc::MSG_NOSIGNAL);
    drain(w, client);
}

fn unconnected(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    let _ = w.set_int(s, SO_ZEROCOPY, 1);
    let _ = w.send(s, b"x", MSG_ZEROCOPY | libc::MSG_NOSIGNAL);
    drain(w, s);
    let (listener, address) = w.listener(4);
    w.connect(s, &address);
    w.wait(listener, libc::POLLIN);
    let _ = w.send(s, b"the first", MSG_ZEROCOPY);
    drain(w, s);
}

fn inherited(w: &mut World<'_>) {
    let (listener, address) = w.listener(4);
    let _ = w.set_int(listener, SO_ZEROCOPY, 1);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(listener, libc::POLLIN);
    let server = w.accept(listener);
    w.get_int(server, SO_ZEROCOPY);
    let _ = w.send(server, b"the first", MSG_ZEROCOPY);
    drain(w, server);
}

fn datagrams(w: &mut World<'_>) {
    let (left, _, _, b) = w.datagram_pair();
    let send = |w: &mut World<'_>, data: &[u8], flags| {
        let message = Message {
            data: vec![data.to_vec()],
            address: Some(b.clone()),
            flags: flags | MSG_DONTWAIT,
            ..Message::default()
        };
        let _ = w.send_message(left, &message);
    };
    send(w, b"without the option", MSG_ZEROCOPY);
    drain(w, left);
    let _ = w.set_int(left, SO_ZEROCOPY, 1);
    for data in [&b"one"[..], b"", b"three"] {
        send(w, data, MSG_ZEROCOPY);
    }
    drain(w, left);
    send(w, b"ab", MSG_ZEROCOPY | MSG_MORE);
    drain(w, left);
    send(w, b"cd", MSG_ZEROCOPY);
    drain(w, left);
    send(w, b"ab", MSG_MORE);
    send(w, b"cd", MSG_ZEROCOPY);
    drain(w, left);
    send(w, &[0; 70_000], MSG_ZEROCOPY);
    drain(w, left);
    send(w, b"after an error", MSG_ZEROCOPY);
    drain(w, left);
}
