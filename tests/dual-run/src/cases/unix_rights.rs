//! `AF_UNIX`: passed files and credentials.

use libc::{AF_UNIX, MSG_PEEK, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};

use super::Registry;
use super::option_table::{SO_PASSCRED, SO_PEERCRED};
use crate::{Address, Control, Handle, Message, Reception, World};

const ALL: [i32; 3] = [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET];

pub(super) fn register(r: &mut Registry) {
    r.unix_kinds(&ALL, "rights_arrive", rights);
    r.unix_kinds(&ALL, "rights_without_room_are_lost", no_room);
    r.unix_kinds(&ALL, "rights_end_a_read", barrier);
    r.unix_kinds(&ALL, "rights_need_data_or_not", without_data);
    r.unix_kinds(&ALL, "rights_keep_a_socket_open", keep_open);
    r.unix_kinds(&ALL, "peeked_rights", peeked);
    r.unix_kinds(&ALL, "bad_rights", bad);
    r.unix_kinds(&ALL, "credentials", credentials);
    r.unix_kinds(&ALL, "false_credentials", false_credentials);
    r.unix_kinds(&ALL, "bad_control_messages", bad_control);
    r.unix_kinds(
        &[SOCK_STREAM, SOCK_SEQPACKET],
        "peer_credentials_length",
        peer_credentials,
    );
    r.inet(
        "stream",
        "control_messages_of_unix_are_refused",
        inet_stream,
    );
    r.inet("dgram", "control_messages_of_unix_are_refused", inet_dgram);
}

fn with(data: &[u8], control: Vec<Control>) -> Message {
    Message {
        data: vec![data.to_vec()],
        control,
        ..Message::default()
    }
}

fn into(length: usize, control_room: usize, flags: i32) -> Reception {
    Reception {
        buffers: vec![length],
        control_room,
        flags,
    }
}

fn rights(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let (x, y) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let _ = w.send_message(a, &with(b"two", vec![Control::Rights(vec![x, y])]));
    w.poll(b);
    let _ = w.receive_message(b, &into(10, 64, 0));
    w.note("two messages of rights become one");
    let _ = w.send_message(
        a,
        &with(
            b"twice",
            vec![Control::Rights(vec![x]), Control::Rights(vec![y])],
        ),
    );
    let _ = w.receive_message(b, &into(10, 64, 0));
    w.note("close-on-exec is the caller's flag");
    let _ = w.send_message(a, &with(b"one", vec![Control::Rights(vec![a])]));
    let _ = w.receive_message(b, &into(10, 64, libc::MSG_CMSG_CLOEXEC));
    w.note("the socket that carries them");
    let _ = w.send_message(a, &with(b"self", vec![Control::Rights(vec![b])]));
    let _ = w.receive_message(b, &into(10, 64, 0));
}

fn no_room(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let (x, y) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    for room in [0, 8, 15, 16, 19, 20, 23, 24, 28] {
        let _ = w.send_message(a, &with(b"two", vec![Control::Rights(vec![x, y])]));
        let _ = w.receive_message(b, &into(10, room, 0));
    }
    w.note("no rights: no flag");
    let _ = w.send(a, b"none", 0);
    let _ = w.receive_message(b, &into(10, 0, 0));
}

fn barrier(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let (x, y) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let _ = w.send(a, b"plain1", 0);
    let _ = w.send_message(a, &with(b"right1", vec![Control::Rights(vec![x])]));
    let _ = w.send(a, b"plain2", 0);
    let _ = w.send_message(a, &with(b"right2", vec![Control::Rights(vec![y])]));
    let _ = w.send_message(a, &with(b"right3", vec![Control::Rights(vec![x])]));
    for _ in 0..6 {
        let _ = w.receive_message(b, &into(100, 64, 0));
    }
    w.note("in small pieces: the rights come with the first");
    let _ = w.send_message(a, &with(b"abcdef", vec![Control::Rights(vec![x])]));
    let _ = w.receive_message(b, &into(2, 64, 0));
    let _ = w.receive_message(b, &into(2, 64, 0));
    let _ = w.receive_message(b, &into(10, 64, 0));
}

fn without_data(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let (x, _) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let message = Message {
        control: vec![Control::Rights(vec![x])],
        ..Message::default()
    };
    let _ = w.send_message(a, &message);
    w.poll(b);
    let _ = w.receive_message(b, &into(10, 64, 0));
    let _ = w.receive_message(b, &into(10, 64, 0));
}

fn keep_open(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let (x, y) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let _ = w.send_message(a, &with(b"x", vec![Control::Rights(vec![x])]));
    w.close(x);
    w.note("its peer does not notice");
    w.poll(y);
    let _ = w.send(y, b"still", 0);
    w.note("but it does when the message dies");
    w.close(b);
    w.poll(y);
    w.note("and when it is read and closed");
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let (x, y) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let _ = w.send_message(a, &with(b"x", vec![Control::Rights(vec![x])]));
    w.close(x);
    let _ = w.receive_message(b, &into(10, 64, 0));
    w.poll(y);
}

fn peeked(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let (x, _) = w.pair(AF_UNIX, SOCK_STREAM, 0);
    let _ = w.send_message(a, &with(b"peek", vec![Control::Rights(vec![x])]));
    let _ = w.receive_message(b, &into(10, 64, MSG_PEEK));
    let _ = w.receive_message(b, &into(2, 64, MSG_PEEK));
    let _ = w.receive_message(b, &into(10, 64, 0));
}

fn bad(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let closed = Handle(usize::MAX);
    let _ = w.send_message(a, &with(b"x", vec![Control::Rights(vec![closed])]));
    let _ = w.send_message(a, &with(b"x", vec![Control::Rights(vec![a, closed])]));
    let _ = w.send_message(a, &with(b"x", vec![Control::Rights(vec![])]));
    w.note("253 are allowed, 254 are not");
    for count in [253, 254] {
        let answer =
            w.quietly(|w| w.send_message(a, &with(b"x", vec![Control::Rights(vec![a; count])])));
        w.note(&format!(
            "{count}: {:?}",
            answer.map_err(crate::names::errno)
        ));
    }
    w.poll(b);
}

fn credentials(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    w.get_int(b, SO_PASSCRED);
    let _ = w.send(a, b"before", 0);
    let _ = w.set_int(b, SO_PASSCRED, 1);
    let _ = w.send(a, b"after", 0);
    let own = Control::Credentials {
        pid: None,
        uid: None,
        gid: None,
    };
    let _ = w.send_message(a, &with(b"sent", vec![own.clone()]));
    for _ in 0..4 {
        let _ = w.receive_message(b, &into(100, 64, 0));
    }
    let _ = w.send(a, b"short", 0);
    let _ = w.receive_message(b, &into(100, 20, 0));
    let _ = w.send(a, b"none", 0);
    let _ = w.receive_message(b, &into(100, 0, 0));
    w.note("rights and credentials together");
    let _ = w.send_message(
        a,
        &with(b"both", vec![Control::Rights(vec![a]), own.clone()]),
    );
    let _ = w.receive_message(b, &into(100, 128, 0));
    w.note("to one that did not ask");
    let _ = w.send_message(b, &with(b"quiet", vec![own]));
    let _ = w.receive_message(a, &into(100, 64, 0));
}

fn false_credentials(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let _ = w.set_int(b, SO_PASSCRED, 1);
    w.note("a process that does not exist");
    let _ = w.send_message(
        a,
        &with(
            b"x",
            vec![Control::Credentials {
                pid: Some(0x7fff_fff0),
                uid: None,
                gid: None,
            }],
        ),
    );
    let _ = w.receive_message(b, &into(100, 64, 0));
}

fn bad_control(w: &mut World<'_>, kind: i32) {
    let (a, b) = w.pair(AF_UNIX, kind, 0);
    let other = |level: i32, kind: i32, data: &[u8]| Control::Other {
        level,
        kind,
        data: data.to_vec(),
    };
    for control in [
        other(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &[0; 4]),
        other(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &[0; 16]),
        other(libc::SOL_SOCKET, 99, &[0; 4]),
        other(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[1, 0]),
        other(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[0xff; 4]),
        other(0, 99, &[0; 4]),
        other(999, 1, &[0; 4]),
    ] {
        let _ = w.send_message(a, &with(b"x", vec![control]));
    }
    w.poll(b);
}

fn peer_credentials(w: &mut World<'_>, kind: i32) {
    let (a, _) = w.pair(AF_UNIX, kind, 0);
    for length in [12, 4, 0, 16] {
        w.quietly(|w| w.get(a, SO_PEERCRED, length));
    }
    let name = Address::Abstract(b"server".to_vec());
    let listener = w.socket_of(AF_UNIX, kind, 0);
    w.note("a new socket has none");
    w.get(listener, SO_PEERCRED, 12);
    let _ = w.bind(listener, &name);
    w.get(listener, SO_PEERCRED, 12);
    let _ = w.set_int(listener, SO_PEERCRED, 1);
    let s = w.socket_of(libc::AF_INET, SOCK_STREAM, 0);
    w.get(s, SO_PEERCRED, 12);
}

fn inet_stream(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send_message(client, &with(b"x", vec![Control::Rights(vec![server])]));
    let own = Control::Credentials {
        pid: None,
        uid: None,
        gid: None,
    };
    let _ = w.send_message(client, &with(b"x", vec![own]));
    let bad = Control::Other {
        level: libc::SOL_SOCKET,
        kind: 99,
        data: vec![0; 4],
    };
    let _ = w.send_message(client, &with(b"x", vec![bad]));
    let other = Control::Other {
        level: 0,
        kind: 99,
        data: vec![0; 4],
    };
    let _ = w.send_message(client, &with(b"x", vec![other]));
}

fn inet_dgram(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    w.connect(left, &b);
    let _ = w.send_message(left, &with(b"x", vec![Control::Rights(vec![right])]));
    let own = Control::Credentials {
        pid: None,
        uid: None,
        gid: None,
    };
    let _ = w.send_message(left, &with(b"x", vec![own]));
    for level in [0, 1, 17, 41, 999] {
        let bad = Control::Other {
            level,
            kind: 99,
            data: vec![0; 4],
        };
        let _ = w.send_message(left, &with(b"x", vec![bad]));
    }
}
