//! What comes beside the data: the error queue, timestamps; and what is shared out among several sockets.

use libc::{MSG_ERRQUEUE, POLLERR, POLLIN, SOCK_DGRAM, SOCK_STREAM};

use super::Registry;
use super::option_table::{
    IP_RECVERR, IPV6_RECVERR, SO_BINDTODEVICE, SO_REUSEPORT, SO_RXQ_OVFL, SO_TIMESTAMP,
    SO_TIMESTAMPNS,
};
use crate::world::Opt;
use crate::{Control, Handle, Reception, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("dgram", "error_queue_of_a_connected_socket", |w| {
        error_queue(w, true)
    });
    r.inet("dgram", "error_queue_of_an_unconnected_socket", |w| {
        error_queue(w, false)
    });
    r.inet("dgram", "timestamps", timestamps);
    r.inet("dgram", "bind_to_device", |w| bind_to_device(w, SOCK_DGRAM));
    r.inet("stream", "bind_to_device", |w| {
        bind_to_device(w, SOCK_STREAM)
    });
    r.inet("dgram", "reuseport_shares_out", reuseport_dgram);
    r.inet("stream", "reuseport_shares_out", reuseport_stream);
}

fn into(flags: i32) -> Reception {
    Reception {
        buffers: vec![20],
        control_room: 256,
        flags,
    }
}

fn error_queue(w: &mut World<'_>, connected: bool) {
    let port = w.port("N");
    let nobody = w.loopback(port);
    let s = w.socket(SOCK_DGRAM);
    let _ = w.set_int(s, IP_RECVERR, 1);
    let _ = w.set_int(s, IPV6_RECVERR, 1);
    if connected {
        w.connect(s, &nobody);
    }
    let _ = w.receive_message(s, &into(MSG_ERRQUEUE));
    let _ = w.send_to(s, b"nobody there", &nobody);
    w.wait(s, POLLERR);
    let _ = w.receive_message(s, &into(MSG_ERRQUEUE));
    w.poll(s);
    w.error(s);
    let _ = w.receive_message(s, &into(MSG_ERRQUEUE));
    w.note("the pending error and the queue are two things");
    let _ = w.send_to(s, b"again", &nobody);
    w.wait(s, POLLERR);
    w.error(s);
    w.poll(s);
    let _ = w.recv(s, 10, 0);
    let _ = w.receive_message(
        s,
        &Reception {
            buffers: vec![2],
            control_room: 0,
            flags: MSG_ERRQUEUE,
        },
    );
    w.poll(s);
    w.note("too long is there, too");
    let _ = w.send_to(s, &vec![0; 70_000], &nobody);
    let _ = w.receive_message(s, &into(MSG_ERRQUEUE));
}

fn timestamps(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for option in [SO_TIMESTAMP, SO_TIMESTAMPNS, SO_RXQ_OVFL] {
        let _ = w.set_int(right, option, 1);
        w.get_int(right, SO_TIMESTAMP);
        w.get_int(right, SO_TIMESTAMPNS);
        let _ = w.send_to(left, b"x", &b);
        w.quietly(|w| w.wait(right, POLLIN));
        let received = w.quietly(|w| w.receive_message(right, &into(0)));
        let kinds: Vec<(i32, i32, usize)> = received
            .map_or_else(|_| vec![], |r| r.control)
            .iter()
            .map(shape)
            .collect();
        w.note(&format!("level, type, length: {kinds:?}"));
    }
}

/// What a control message looks like, without its value.
fn shape(message: &Control) -> (i32, i32, usize) {
    match message {
        Control::Other { level, kind, data } => (*level, *kind, data.len()),
        _ => (0, 0, 0),
    }
}

fn bind_to_device(w: &mut World<'_>, kind: i32) {
    let s = w.socket(kind);
    w.get(s, SO_BINDTODEVICE, 16);
    for name in [
        &b"nonesuch"[..],
        b"lo",
        b"lo\0",
        b"averyveryverylongname",
        b"",
        b"\0\0\0\0",
    ] {
        let _ = w.set(s, SO_BINDTODEVICE, name);
        w.get(s, SO_BINDTODEVICE, 16);
    }
    let _ = w.set(s, SO_BINDTODEVICE, b"lo");
    for length in [0, 1, 2, 3, 15, 16, 17] {
        w.get(s, SO_BINDTODEVICE, length);
    }
    w.get_int(
        s,
        Opt {
            name: "SO_BINDTOIFINDEX",
            level: libc::SOL_SOCKET,
            number: libc::SO_BINDTOIFINDEX,
        },
    );
    let port = w.port("P");
    let own = w.loopback(port);
    let _ = w.bind(s, &own);
}

/// Three sockets with `SO_REUSEPORT` on one address.
fn group(w: &mut World<'_>, kind: i32) -> (Vec<Handle>, crate::Address) {
    let port = w.port("P");
    let own = w.loopback(port);
    let mut members = Vec::new();
    for _ in 0..3 {
        let s = w.socket(kind);
        let _ = w.set_int(s, SO_REUSEPORT, 1);
        let _ = w.bind(s, &own);
        members.push(s);
    }
    (members, own)
}

fn reuseport_dgram(w: &mut World<'_>) {
    let (members, own) = group(w, SOCK_DGRAM);
    let counts = w.quietly(|w| {
        for _ in 0..120 {
            let s = w.socket(SOCK_DGRAM);
            let _ = w.send_to(s, b"x", &own);
            w.close(s);
        }
        w.settle();
        members
            .iter()
            .map(|s| std::iter::from_fn(|| w.recv(*s, 1, 0).ok()).count())
            .collect::<Vec<_>>()
    });
    w.note(&format!(
        "{} datagrams, everybody some: {}",
        counts.iter().sum::<usize>(),
        counts.iter().all(|n| *n > 0)
    ));
    w.note("a closed member's share goes to the others");
    w.close(members[0]);
    let counts = w.quietly(|w| {
        for _ in 0..60 {
            let s = w.socket(SOCK_DGRAM);
            let _ = w.send_to(s, b"x", &own);
            w.close(s);
        }
        w.settle();
        members[1..]
            .iter()
            .map(|s| std::iter::from_fn(|| w.recv(*s, 1, 0).ok()).count())
            .sum::<usize>()
    });
    w.note(&format!("{counts} datagrams"));
}

fn reuseport_stream(w: &mut World<'_>) {
    let (members, own) = group(w, SOCK_STREAM);
    for s in &members {
        w.listen(*s, 100);
    }
    let counts = w.quietly(|w| {
        for _ in 0..90 {
            let s = w.socket(SOCK_STREAM);
            w.connect(s, &own);
            w.wait(s, libc::POLLOUT);
        }
        let mut counts = Vec::new();
        for s in &members {
            let mut accepted = 0;
            while w.try_accept(*s) {
                accepted += 1;
            }
            counts.push(accepted);
        }
        counts
    });
    w.note(&format!(
        "{} connections, everybody some: {}",
        counts.iter().sum::<usize>(),
        counts.iter().all(|n| *n > 0)
    ));
}
