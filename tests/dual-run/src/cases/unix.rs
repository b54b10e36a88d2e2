//! `AF_UNIX`: data, boundaries, end of file, readiness.

use libc::{
    AF_UNIX, MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, POLLIN, SOCK_DGRAM,
    SOCK_SEQPACKET, SOCK_STREAM,
};

use super::Registry;
use super::option_table::{SO_PEEK_OFF, SO_RCVBUF, SO_RCVLOWAT, SO_SNDBUF};
use crate::sockets::Question;
use crate::{Address, Message, Reception, World};

const ALL: [i32; 3] = [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET];
const CONNECTED: [i32; 2] = [SOCK_STREAM, SOCK_SEQPACKET];

pub(super) fn register(r: &mut Registry) {
    r.unix_kinds(&ALL, "a_pair_carries_data", data);
    r.unix_kinds(&ALL, "scatter_and_gather", scatter);
    r.unix_kinds(&ALL, "short_buffers", short);
    r.unix_kinds(&ALL, "peek", peek);
    r.unix_kinds(&ALL, "zero_length_messages", zero);
    r.unix_kinds(&ALL, "closing_one_end", close_one);
    r.unix_kinds(&ALL, "closing_with_unread_data", close_unread);
    r.unix_kinds(&ALL, "shutdown_of_each_half", shutdown);
    r.unix_kinds(&ALL, "a_full_queue", full);
    r.unix_kinds(&ALL, "counts_of_queued_bytes", counts);
    r.unix_kinds(&ALL, "peek_offset", peek_offset);
    r.unix_kinds(&ALL, "a_message_larger_than_the_buffer", too_large);
    r.unix_kinds(&ALL, "flags", flags);
    r.unix_kinds(&CONNECTED, "connect_and_accept", connect_and_accept);
    r.unix_kinds(&CONNECTED, "backlog", backlog);
    r.unix_kinds(&CONNECTED, "closing_a_listener", listener_close);
    r.unix_kinds(&CONNECTED, "data_before_accept", before_accept);
    r.unix_kinds(
        &CONNECTED,
        "a_client_that_left_before_accept",
        left_before_accept,
    );
    r.unix("stream", "stream_coalesces_and_waitall", coalesce);
    r.unix("stream", "low_water", low_water);
    r.unix("stream", "urgent_byte", urgent);
    r.unix("dgram", "names_and_peers", dgram_names);
    r.unix("dgram", "connected_hears_only_its_peer", dgram_connected);
    r.unix("dgram", "a_full_receiver_is_eagain", dgram_full);
    r.unix("dgram", "the_receiver_goes_away", dgram_gone);
    r.unix("dgram", "reconnect_and_unspec", dgram_reconnect);
}

fn data(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    w.poll(a);
    let _ = w.send(a, b"one", 0);
    let _ = w.send(a, b"three", 0);
    w.poll(b);
    let _ = w.recv(b, 100, 0);
    let _ = w.recv(b, 100, 0);
    let _ = w.recv(b, 100, 0);
    w.poll(b);
    let _ = w.send(b, b"back", 0);
    let _ = w.recv(a, 2, 0);
    let _ = w.recv(a, 2, 0);
}

fn scatter(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let data = vec![b"ab".to_vec(), vec![], b"cdefg".to_vec()];
    let _ = w.send_message(
        a,
        &Message {
            data,
            ..Message::default()
        },
    );
    let _ = w.receive_message(
        b,
        &Reception {
            buffers: vec![1, 0, 3, 9],
            control_room: 64,
            flags: 0,
        },
    );
    let _ = w.send(a, b"xyz", 0);
    let _ = w.receive_message(
        b,
        &Reception {
            buffers: vec![],
            control_room: 0,
            flags: 0,
        },
    );
    let _ = w.recv(b, 10, 0);
}

fn short(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    for _ in 0..4 {
        let _ = w.send(a, b"abcdef", 0);
    }
    let _ = w.recv(b, 2, 0);
    let _ = w.recv(b, 2, MSG_TRUNC);
    let _ = w.recv(b, 2, MSG_TRUNC | MSG_PEEK);
    let _ = w.recv(b, 0, 0);
    let _ = w.recv(b, 100, 0);
    let _ = w.recv(b, 100, 0);
}

fn peek(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.recv(b, 10, MSG_PEEK);
    let _ = w.send(a, b"abc", 0);
    let _ = w.send(a, b"def", 0);
    let _ = w.recv(b, 2, MSG_PEEK);
    let _ = w.recv(b, 10, MSG_PEEK);
    let _ = w.recv(b, 10, 0);
    w.close(a);
    let _ = w.recv(b, 10, MSG_PEEK);
    let _ = w.recv(b, 10, 0);
    let _ = w.recv(b, 10, 0);
}

fn zero(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.send(a, b"", 0);
    w.poll(b);
    w.ask(b, Question::Unread);
    let _ = w.recv(b, 10, 0);
    let _ = w.recv(b, 10, 0);
    let _ = w.send_message(a, &Message::default());
    w.poll(b);
    let _ = w.recv(b, 0, 0);
    let _ = w.recv(b, 0, 0);
}

fn close_one(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.send(a, b"left", 0);
    w.close(a);
    w.poll(b);
    let _ = w.recv(b, 2, 0);
    let _ = w.recv(b, 10, 0);
    let _ = w.recv(b, 10, 0);
    w.poll(b);
    let _ = w.send(b, b"x", 0);
    let _ = w.send(b, b"x", 0);
    w.error(b);
    w.peer(b);
    w.local(b);
    w.shutdown(b, libc::SHUT_WR);
    w.poll(b);
    let _ = w.recv(b, 10, 0);
}

fn close_unread(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.send(a, b"never read", 0);
    let _ = w.send(b, b"still there", 0);
    w.close(b);
    w.poll(a);
    let _ = w.recv(a, 100, 0);
    let _ = w.recv(a, 100, 0);
    let _ = w.recv(a, 100, 0);
    let _ = w.send(a, b"x", 0);
    w.note("the error is there for a send, too");
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.send(a, b"never read", 0);
    w.close(b);
    let _ = w.send(a, b"x", 0);
    let _ = w.send(a, b"x", 0);
    w.error(a);
}

fn shutdown(w: &mut World<'_>, kind: i32) {
    w.note("the writing half");
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.send(a, b"last", 0);
    w.shutdown(a, libc::SHUT_WR);
    w.poll(a);
    w.poll(b);
    let _ = w.send(a, b"x", 0);
    let _ = w.recv(b, 10, 0);
    let _ = w.recv(b, 10, 0);
    let _ = w.send(b, b"back", 0);
    let _ = w.recv(a, 10, 0);
    w.shutdown(b, libc::SHUT_WR);
    w.poll(a);
    w.poll(b);
    let _ = w.recv(a, 10, 0);
    w.note("the reading half");
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.send(b, b"before", 0);
    w.shutdown(a, libc::SHUT_RD);
    w.poll(a);
    w.poll(b);
    let _ = w.recv(a, 10, 0);
    let _ = w.recv(a, 10, 0);
    let _ = w.send(b, b"after", 0);
    let _ = w.send(a, b"fine", 0);
    let _ = w.recv(b, 10, 0);
    w.note("both");
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    w.shutdown(a, libc::SHUT_RDWR);
    w.poll(a);
    w.poll(b);
    let _ = w.send(a, b"x", 0);
    let _ = w.send(b, b"x", 0);
    let _ = w.recv(a, 10, 0);
    let _ = w.recv(b, 10, 0);
    w.shutdown(a, libc::SHUT_RDWR);
    w.error(a);
    w.error(b);
    w.peer(a);
}

fn full(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    w.fill(a, 1000);
    w.poll(a);
    w.poll(b);
    let sent = w.quietly(|w| {
        let mut got = 0;
        while let Ok(received) = w.recv(b, 1 << 20, 0) {
            got += received.length;
        }
        got
    });
    w.note(&format!("some came: {}", sent > 1000));
    w.poll(a);
    let _ = w.send(a, b"x", 0);
    w.note("one read of many frees room");
    w.fill(a, 1000);
    let _ = w.quietly(|w| w.recv(b, 1000, 0));
    w.poll(a);
}

fn counts(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    w.ask(b, Question::Unread);
    w.ask(b, Question::AtMark);
    let _ = w.send(a, b"12345", 0);
    let _ = w.send(a, b"123", 0);
    w.ask(b, Question::Unread);
    let _ = w.recv(b, 2, 0);
    w.ask(b, Question::Unread);
    w.shutdown(a, libc::SHUT_WR);
    w.ask(b, Question::Unread);
    w.ask(a, Question::Unread);
    let _ = w.recv(b, 100, 0);
    let _ = w.recv(b, 100, 0);
    w.ask(a, Question::Unsent);
}

fn peek_offset(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.set_int(b, SO_PEEK_OFF, 2);
    let _ = w.send(a, b"abcdef", 0);
    let _ = w.send(a, b"ghi", 0);
    let _ = w.recv(b, 2, MSG_PEEK);
    w.get_int(b, SO_PEEK_OFF);
    let _ = w.recv(b, 10, MSG_PEEK);
    let _ = w.recv(b, 10, MSG_PEEK);
    w.get_int(b, SO_PEEK_OFF);
    let _ = w.recv(b, 3, 0);
    w.get_int(b, SO_PEEK_OFF);
    let _ = w.set_int(b, SO_PEEK_OFF, -1);
    let _ = w.recv(b, 10, MSG_PEEK);
}

fn too_large(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.set_int(a, SO_SNDBUF, 5000);
    w.get_int(a, SO_SNDBUF);
    let _ = w.send(a, &vec![1; 9000], 0);
    let sent = w.quietly(|w| w.send(a, &vec![1; 20_000], 0));
    w.note(&format!(
        "20000 bytes into a queue of 10000: {:?}",
        sent.map(|sent| sent < 20_000)
    ));
    let _ = SO_RCVBUF;
    w.poll(b);
}

fn flags(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.send(a, b"eor", libc::MSG_EOR);
    let _ = w.recv(b, 10, 0);
    let _ = w.send(a, b"dontroute", libc::MSG_DONTROUTE);
    let _ = w.recv(b, 10, MSG_DONTWAIT);
    let _ = w.send(a, b"more", libc::MSG_MORE);
    let _ = w.recv(b, 10, libc::MSG_ERRQUEUE);
    let _ = w.recv(b, 10, MSG_WAITALL);
    let _ = w.send(a, b"oob", MSG_OOB);
    w.poll(b);
    let _ = w.recv(b, 10, MSG_OOB);
    let _ = w.recv(b, 10, 0);
}

fn connect_and_accept(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"server".to_vec());
    let listener = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(listener, &name);
    w.listen(listener, 4);
    w.accept(listener);
    let client = w.socket_of(AF_UNIX, kind, 0);
    w.poll(client);
    w.connect(client, &name);
    w.poll(client);
    w.poll(listener);
    w.peer(client);
    w.local(client);
    w.connect(client, &name);
    let server = w.accept(listener);
    w.poll(listener);
    w.local(server);
    w.peer(server);
    let _ = w.send(client, b"hello", 0);
    let _ = w.recv(server, 10, 0);
    w.note("a bound client has a name for its peer");
    let bound = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(bound, &Address::Abstract(b"client".to_vec()));
    w.connect(bound, &name);
    let server = w.accept(listener);
    w.peer(server);
    let _ = w.send(bound, b"named", 0);
    let _ = w.recv(server, 10, 0);
    w.connect(bound, &Address::Unspecified);
    let _ = w.send_to(bound, b"x", &name);
}

fn backlog(w: &mut World<'_>, kind: i32) {
    for size in [0, 1, 2, -1] {
        w.note("a backlog of this size");
        let name = Address::Abstract(format!("backlog{size}").into_bytes());
        let listener = w.socket_of(AF_UNIX, kind, 0);
        let _ = w.bind(listener, &name);
        w.listen(listener, size);
        for _ in 0..4 {
            let client = w.socket_of(AF_UNIX, kind, 0);
            w.connect(client, &name);
            w.poll(client);
        }
        w.accept(listener);
        let client = w.socket_of(AF_UNIX, kind, 0);
        w.connect(client, &name);
    }
}

fn listener_close(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"server".to_vec());
    let listener = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(listener, &name);
    w.listen(listener, 4);
    let (idle, busy) = (w.socket_of(AF_UNIX, kind, 0), w.socket_of(AF_UNIX, kind, 0));
    w.connect(idle, &name);
    w.connect(busy, &name);
    let _ = w.send(busy, b"waiting", 0);
    w.close(listener);
    for s in [idle, busy] {
        w.poll(s);
        let _ = w.recv(s, 10, 0);
        let _ = w.recv(s, 10, 0);
        let _ = w.send(s, b"x", 0);
        w.peer(s);
    }
    let late = w.socket_of(AF_UNIX, kind, 0);
    w.connect(late, &name);
}

fn before_accept(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"server".to_vec());
    let listener = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(listener, &name);
    w.listen(listener, 4);
    let client = w.socket_of(AF_UNIX, kind, 0);
    w.connect(client, &name);
    let _ = w.send(client, b"early", 0);
    let server = w.accept(listener);
    w.poll(server);
    let _ = w.recv(server, 10, 0);
}

fn left_before_accept(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"server".to_vec());
    let listener = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(listener, &name);
    w.listen(listener, 4);
    let client = w.socket_of(AF_UNIX, kind, 0);
    w.connect(client, &name);
    let _ = w.send(client, b"bye", 0);
    w.close(client);
    w.poll(listener);
    let server = w.accept(listener);
    w.poll(server);
    w.peer(server);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, 0);
    let _ = w.send(server, b"x", 0);
}

fn coalesce(w: &mut World<'_>) {
    let (a, b) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    for part in [&b"a"[..], b"bc", b"def"] {
        let _ = w.send(a, part, 0);
    }
    let _ = w.recv(b, 2, MSG_WAITALL);
    let _ = w.recv(b, 100, MSG_WAITALL);
    let _ = w.recv(b, 100, MSG_WAITALL);
}

fn low_water(w: &mut World<'_>) {
    let (a, b) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let _ = w.set_int(b, SO_RCVLOWAT, 5);
    let _ = w.send(a, b"abc", 0);
    w.poll(b);
    let _ = w.recv(b, 100, 0);
}

fn urgent(w: &mut World<'_>) {
    let (a, b) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let _ = w.send(a, b"abc", 0);
    let _ = w.send(a, b"d!", MSG_OOB);
    let _ = w.send(a, b"efg", 0);
    w.poll(b);
    w.ask(b, Question::AtMark);
    w.ask(b, Question::Unread);
    let _ = w.recv(b, 10, MSG_OOB | MSG_PEEK);
    let _ = w.recv(b, 10, MSG_OOB);
    let _ = w.recv(b, 10, MSG_OOB);
    w.poll(b);
    let _ = w.recv(b, 10, 0);
    w.ask(b, Question::AtMark);
    let _ = w.recv(b, 10, 0);
    w.note("read past it");
    let _ = w.send(a, b"x!", MSG_OOB);
    let _ = w.send(a, b"y", 0);
    let _ = w.recv(b, 10, 0);
    w.ask(b, Question::AtMark);
    let _ = w.recv(b, 10, 0);
    w.note("inline");
    let _ = w.set_int(b, super::option_table::SO_OOBINLINE, 1);
    let _ = w.send(a, b"x!", MSG_OOB);
    let _ = w.send(a, b"y", 0);
    let _ = w.recv(b, 10, MSG_OOB);
    let _ = w.recv(b, 10, 0);
    let _ = w.recv(b, 10, 0);
}

fn bound(w: &mut World<'_>, name: &str) -> (crate::Handle, Address) {
    let address = Address::Abstract(name.as_bytes().to_vec());
    let s = w.socket_of(AF_UNIX, SOCK_DGRAM, 0);
    let _ = w.bind(s, &address);
    (s, address)
}

fn dgram_names(w: &mut World<'_>) {
    let (a, _) = bound(w, "a");
    let (b, b_name) = bound(w, "b");
    let _ = w.send_to(a, b"named", &b_name);
    let nameless = w.socket_of(AF_UNIX, SOCK_DGRAM, 0);
    let _ = w.send_to(nameless, b"nameless", &b_name);
    w.poll(b);
    let _ = w.recv(b, 20, 0);
    let _ = w.recv(b, 20, 0);
    let _ = w.recv(b, 20, 0);
    w.local(nameless);
    let _ = w.send_to(b, b"self", &b_name);
    let _ = w.recv(b, 20, 0);
}

fn dgram_connected(w: &mut World<'_>) {
    let (a, a_name) = bound(w, "a");
    let (b, b_name) = bound(w, "b");
    let (c, _) = bound(w, "c");
    w.connect(b, &a_name);
    w.peer(b);
    let _ = w.send_to(c, b"stranger", &b_name);
    let _ = w.send_to(a, b"friend", &b_name);
    w.connect(c, &b_name);
    let _ = w.recv(b, 20, 0);
    let _ = w.send(b, b"back", 0);
    let _ = w.recv(a, 20, 0);
    w.note("a connected sender may name another receiver");
    let (d, d_name) = bound(w, "d");
    let _ = w.send_to(b, b"to d", &d_name);
    let _ = w.recv(d, 20, 0);
}

fn dgram_full(w: &mut World<'_>) {
    let (b, b_name) = bound(w, "b");
    let a = w.socket_of(AF_UNIX, SOCK_DGRAM, 0);
    w.connect(a, &b_name);
    w.note("the receiver's queue holds max_dgram_qlen and one");
    let sent = w.quietly(|w| (0..1000).take_while(|_| w.send(a, b"x", 0).is_ok()).count());
    w.note(&format!("{sent} datagrams"));
    let _ = w.send(a, b"x", 0);
    w.poll(a);
    let other = w.socket_of(AF_UNIX, SOCK_DGRAM, 0);
    w.poll(other);
    let _ = w.send_to(other, b"x", &b_name);
    let _ = w.recv(b, 10, 0);
    w.poll(a);
    let _ = w.send(a, b"x", 0);
    w.quietly(|w| while w.recv(b, 10, 0).is_ok() {});
    w.poll(a);
}

fn dgram_gone(w: &mut World<'_>) {
    let (b, b_name) = bound(w, "b");
    let a = w.socket_of(AF_UNIX, SOCK_DGRAM, 0);
    w.connect(a, &b_name);
    let _ = w.send(a, b"unread", 0);
    w.close(b);
    w.poll(a);
    w.error(a);
    let _ = w.send(a, b"x", 0);
    let _ = w.send(a, b"x", 0);
    let _ = w.recv(a, 10, 0);
    w.peer(a);
    w.connect(a, &b_name);
    w.note("a new one of the same name is another one");
    let (again, _) = bound(w, "b");
    let _ = w.send(a, b"x", 0);
    w.connect(a, &b_name);
    let _ = w.send(a, b"x", 0);
    w.poll(again);
    w.note("the receiver shut its reading half");
    w.shutdown(again, libc::SHUT_RD);
    let _ = w.send(a, b"x", 0);
    w.poll(a);
    w.error(a);
    w.poll(again);
}

fn dgram_reconnect(w: &mut World<'_>) {
    let (b, b_name) = bound(w, "b");
    let (c, c_name) = bound(w, "c");
    let a = w.socket_of(AF_UNIX, SOCK_DGRAM, 0);
    w.connect(a, &b_name);
    w.connect(a, &c_name);
    let _ = w.send(a, b"x", 0);
    w.poll(b);
    w.poll(c);
    w.connect(a, &Address::Unspecified);
    w.peer(a);
    let _ = w.send(a, b"x", 0);
    w.connect(a, &Address::Raw(vec![0, 0]));
    w.note("disconnecting empties the queue of what the old peer sent");
    let (p, q) = w.pair(AF_UNIX, SOCK_DGRAM, 0);
    let _ = w.send(p, b"old", 0);
    w.connect(q, &Address::Unspecified);
    let _ = w.recv(q, 10, 0);
    w.poll(p);
    let _ = w.send(p, b"new", 0);
    w.error(p);
    w.wait(p, POLLIN);
}
