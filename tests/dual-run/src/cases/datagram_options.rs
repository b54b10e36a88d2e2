//! What options do to datagrams: peeks that move on, interfaces that are not there, ESP in UDP, gathering by UDP_CORK and
//! MSG_MORE.

use libc::{MSG_MORE, MSG_PEEK, MSG_TRUNC, POLLIN, SOCK_DGRAM, SOCK_STREAM};

use super::Registry;
use super::option_table::{
    SO_BINDTODEVICE, SO_BINDTOIFINDEX, SO_BROADCAST, SO_PEEK_OFF, UDP_CORK, UDP_ENCAP, UDP_SEGMENT,
};
use crate::{Address, Flavor, Handle, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("dgram", "peeks_move_on", peeks_of_datagrams);
    r.inet("stream", "peeks_move_on", peeks_of_a_stream);
    r.inet("dgram", "an_interface_that_is_not_there", nowhere);
    r.inet("stream", "an_interface_that_is_not_there", nowhere_stream);
    r.inet("dgram", "esp_is_not_the_programs", encapsulation);
    r.inet("dgram", "gathered_by_flag", |w| gather(w, false));
    r.inet("dgram", "gathered_by_cork", |w| gather(w, true));
    r.inet("dgram", "the_first_part_decides", first_decides);
    r.inet("dgram", "too_much_is_all_lost", too_much);
    r.inet("dgram", "gathered_segments", segments);
    r.inet("dgram", "corked_and_closed", closed);
    r.one("inet", "raw", "gathered_raw", Flavor::V4, gathered_raw);
}

fn receive_all(w: &mut World<'_>, socket: Handle) {
    w.settle();
    for _ in 0..3 {
        let _ = w.recv(socket, 70_000, 0);
    }
}

fn peeks_of_datagrams(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    w.get_int(right, SO_PEEK_OFF);
    let _ = w.set_int(right, SO_PEEK_OFF, 2);
    for data in [&b"abcdef"[..], b"ghi", b"jklmno"] {
        let _ = w.send_to(left, data, &b);
    }
    w.wait(right, POLLIN);
    for (length, flags) in [
        (2, MSG_PEEK),
        (1, MSG_PEEK | MSG_TRUNC),
        (10, MSG_PEEK),
        (10, MSG_PEEK),
        (3, 0),
        (10, MSG_PEEK),
        (10, MSG_PEEK),
        (10, MSG_PEEK),
    ] {
        let _ = w.recv(right, length, flags);
        w.get_int(right, SO_PEEK_OFF);
    }
    let _ = w.set_int(right, SO_PEEK_OFF, -7);
    w.get_int(right, SO_PEEK_OFF);
    let _ = w.recv(right, 10, MSG_PEEK);
    w.get_int(right, SO_PEEK_OFF);
}

fn peeks_of_a_stream(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set_int(server, SO_PEEK_OFF, 1);
    for data in [&b"abcdef"[..], b"ghi"] {
        let _ = w.send(client, data, 0);
    }
    w.wait(server, POLLIN);
    w.settle();
    for (length, flags) in [
        (2, MSG_PEEK),
        (3, MSG_PEEK),
        (4, 0),
        (10, MSG_PEEK),
        (10, MSG_PEEK),
        (10, 0),
        (10, MSG_PEEK),
    ] {
        let _ = w.recv(server, length, flags);
        w.get_int(server, SO_PEEK_OFF);
    }
}

fn nowhere(w: &mut World<'_>) {
    let port = w.port("P");
    let to = w.loopback(port);
    let s = w.socket(SOCK_DGRAM);
    let _ = w.set_int(s, SO_BINDTOIFINDEX, 77);
    w.get(s, SO_BINDTODEVICE, 16);
    let _ = w.send_to(s, b"x", &to);
    w.connect(s, &to);
    let own = w.port("Q");
    let own = w.loopback(own);
    let _ = w.bind(s, &own);
    w.note("nothing is heard");
    let sender = w.socket(SOCK_DGRAM);
    let _ = w.send_to(sender, b"x", &own);
    w.settle();
    let _ = w.recv(s, 10, 0);
    let _ = w.set(s, SO_BINDTODEVICE, b"");
    w.get_int(s, SO_BINDTOIFINDEX);
}

fn nowhere_stream(w: &mut World<'_>) {
    let (_, address) = w.listener(2);
    let s = w.socket(SOCK_STREAM);
    let _ = w.set_int(s, SO_BINDTOIFINDEX, 77);
    w.connect(s, &address);
}

fn encapsulation(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for kind in [2, 3, 0] {
        let _ = w.set_int(right, UDP_ENCAP, kind);
        for data in [
            &b"\xff"[..],
            b"\xfe",
            b"\x01\x02\x03\x04\x05\x06\x07\x08",
            b"\x01\x02\x03\x04\x05\x06\x07\x08\x09",
            b"\0\0\0\0\x05\x06\x07\x08\x09",
            b"",
        ] {
            let _ = w.send_to(left, data, &b);
            w.settle();
            let _ = w.recv(right, 20, 0);
        }
        w.error(left);
    }
}

/// Sends with the flag, or while the option is on.
fn part(w: &mut World<'_>, s: Handle, data: &[u8], to: &Address, by_option: bool) {
    if by_option {
        let _ = w.send_to(s, data, to);
    } else {
        let message = crate::Message {
            data: vec![data.to_vec()],
            address: Some(to.clone()),
            flags: MSG_MORE,
            ..crate::Message::default()
        };
        let _ = w.send_message(s, &message);
    }
}

fn gather(w: &mut World<'_>, by_option: bool) {
    let (left, right, _, b) = w.datagram_pair();
    if by_option {
        let _ = w.set_int(left, UDP_CORK, 5);
        w.get_int(left, UDP_CORK);
    }
    for data in [&b"one"[..], b"", b"two"] {
        part(w, left, data, &b, by_option);
    }
    receive_all(w, right);
    w.poll(left);
    if by_option {
        let _ = w.set_int(left, UDP_CORK, 0);
        w.get_int(left, UDP_CORK);
    } else {
        let _ = w.send(left, b"three", 0);
    }
    receive_all(w, right);
    w.note("nothing waits now");
    let _ = w.set_int(left, UDP_CORK, 0);
    let _ = w.send_to(left, b"alone", &b);
    receive_all(w, right);
    w.note("an empty datagram that was begun is sent");
    part(w, left, b"", &b, false);
    let _ = w.set_int(left, UDP_CORK, 0);
    receive_all(w, right);
}

fn first_decides(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let other = w.port("O");
    let other = w.loopback(other);
    let third = w.socket(SOCK_DGRAM);
    let _ = w.bind(third, &other);
    part(w, left, b"begun", &b, false);
    w.note("what is named later does not count");
    part(w, left, b", went on", &other, false);
    let _ = w.send_to(left, b", ended", &other);
    receive_all(w, right);
    receive_all(w, third);
    w.note("a first part that is refused begins nothing");
    let s = w.socket(SOCK_DGRAM);
    let _ = w.send(s, b"x", MSG_MORE);
    let everyone = Address::inet(std::net::Ipv4Addr::BROADCAST, 9);
    if w.flavor == Flavor::V4 {
        let _ = w.set_int(s, SO_BROADCAST, 0);
        part(w, s, b"x", &everyone, false);
    }
    let _ = w.send_to(s, b"y", &other);
    receive_all(w, third);
    w.note("connecting in between changes nothing");
    part(w, left, b"to b", &b, false);
    w.connect(left, &other);
    let _ = w.send(left, b", still", 0);
    receive_all(w, right);
    receive_all(w, third);
}

fn too_much(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    part(w, left, &[1; 40_000], &b, false);
    part(w, left, &[2; 30_000], &b, false);
    let _ = w.send_to(left, b"next", &b);
    receive_all(w, right);
    let most = if w.flavor == Flavor::V6 {
        65_527
    } else {
        65_507
    };
    part(w, left, &vec![1; most - 1], &b, false);
    let _ = w.send_to(left, b"x", &b);
    receive_all(w, right);
    part(w, left, &vec![1; most], &b, false);
    let _ = w.send_to(left, b"x", &b);
    receive_all(w, right);
}

fn segments(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let _ = w.set_int(left, UDP_SEGMENT, 4);
    part(w, left, b"abc", &b, false);
    part(w, left, b"defg", &b, false);
    let _ = w.send_to(left, b"hij", &b);
    receive_all(w, right);
}

fn closed(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    part(w, left, b"never sent", &b, false);
    w.close(left);
    receive_all(w, right);
    w.note("shut down with data waiting");
    let s = w.socket(SOCK_DGRAM);
    w.connect(s, &b);
    let _ = w.send(s, b"begun", MSG_MORE);
    w.shutdown(s, libc::SHUT_WR);
    let _ = w.send(s, b", ended", 0);
    receive_all(w, right);
}

fn gathered_raw(w: &mut World<'_>) {
    const PROTOCOL: i32 = 253;
    let [left, right] = [0; 2].map(|_| w.socket_of(libc::AF_INET, libc::SOCK_RAW, PROTOCOL));
    let to = Address::inet(std::net::Ipv4Addr::LOCALHOST, 0);
    part(w, left, b"one", &to, false);
    let _ = w.send_to(left, b" and two", &to);
    w.settle();
    let answer = w.quietly(|w| w.recv(right, 100, 0));
    let data = answer.map(|received| received.data.get(20..).map(<[u8]>::to_vec));
    w.note(&format!("{data:?}"));
}
