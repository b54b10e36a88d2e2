//! Groups, control messages, gathered datagrams, pairs, and streams without copies.

use super::packets::{Ip, udp};
use super::{
    ANY_V4, ANY_V6, DATAGRAM, OWN_V4, OWN_V6, PEEK, PEER_V4, PEER_V6, RAW, SEQPACKET, STREAM,
    accept, advance, at, bind, close, connect, fixed, listen, receive, send, set, socket,
};
use crate::action::{Action, STANDS_IN};

/// The first group's index among the world's addresses: two of IPv4, then two of IPv6.
const GROUP: u8 = 15;
/// `MSG_MORE`
const MORE: u16 = 0x8000;

fn group(socket: u8, call: u8, group: u8, source: u8) -> Action {
    Action::Group {
        socket,
        call,
        group,
        interface: 2,
        source,
    }
}

fn send_to(socket: u8, host: u8, flags: u16, length: u16) -> Action {
    Action::Send {
        socket,
        flags,
        length,
        address: Some(at(host, 5353)),
    }
}

fn control(socket: u8, host: Option<u8>, control: &[u8]) -> Action {
    Action::SendControl {
        socket,
        flags: 0,
        length: 700,
        address: host.map(|host| at(host, 5353)),
        control: control.to_vec(),
    }
}

/// A datagram of the peer to a group.
fn to_group(ip: Ip, group: &[u8]) -> Action {
    let mut packet = udp(ip, 4000, 5353, b"group");
    let at = if group.len() == 4 { 16 } else { 24 };
    packet[at..at + group.len()].copy_from_slice(group);
    fixed(packet)
}

const GROUP_V4: [u8; 4] = [239, 1, 2, 3];
const GROUP_V6: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2];

pub(super) fn multicast() -> Vec<Action> {
    let mut actions = vec![
        socket(0, DATAGRAM),
        socket(0, DATAGRAM),
        socket(1, DATAGRAM),
        set(0, 1, 2, 1),
        set(1, 1, 2, 1),
        bind(0, ANY_V4, 5353),
        bind(1, GROUP, 5353),
        bind(2, ANY_V6, 5353),
        group(0, 0, 0, 0),
        group(1, 6, 0, 0),
        group(2, 0, 2, 0),
        to_group(Ip::V4, &GROUP_V4),
        to_group(Ip::V6, &GROUP_V6),
    ];
    for socket in 0..3 {
        actions.push(receive(socket, 0, 100));
        // The interface to send by, then to the group and with no time to live.
        let own = if socket == 2 { 2 } else { 0 };
        actions.push(group(socket, 10, own, 0));
        actions.push(send_to(socket, GROUP + own, 0, 50));
        actions.push(set(socket, 0, 33, 0));
        actions.push(send_to(socket, GROUP + own, 0, 3000));
    }
    for (call, source) in [
        (4, 0),
        (5, 0),
        (4, 3),
        (8, 5),
        (9, 2),
        (7, 1),
        (3, 0),
        (1, 0),
    ] {
        actions.push(group(0, call, 0, source));
        actions.push(group(2, call, 2, source));
        actions.push(to_group(Ip::V4, &GROUP_V4));
        actions.push(to_group(Ip::V6, &GROUP_V6));
    }
    actions.extend([
        // A raw socket of UDP joins, too; broadcasts come back.
        Action::Socket {
            domain: 0,
            kind: RAW,
            protocol: 17,
        },
        group(3, 2, 0, 0),
        to_group(Ip::V4, &GROUP_V4),
        receive(3, PEEK, 100),
        set(0, 1, 6, 1),
        set(0, 1, 62, 2),
        send_to(0, 11, 0, 40),
        receive(1, 0, 100),
        close(0),
        close(0),
        advance(1000),
    ]);
    actions
}

pub(super) fn messages() -> Vec<Action> {
    let mut actions = vec![socket(0, DATAGRAM), socket(1, DATAGRAM)];
    // Each kind of control message, with a small and a large value.
    for kind in 0..16 {
        actions.push(control(0, Some(PEER_V4), &[kind | 0x10]));
        actions.push(control(1, Some(7), &[kind | 0xf0, kind | 0x20]));
    }
    actions.extend([
        // MSG_MORE, then UDP_CORK.
        send_to(0, PEER_V4, MORE, 100),
        send_to(0, PEER_V4, MORE, 60_000),
        send_to(0, PEER_V4, 0, 10),
        set(1, 17, 1, 1),
        send_to(1, 7, 0, 100),
        send_to(1, 7, 0, 2000),
        connect(1, PEER_V4, 9),
        set(1, 17, 1, 0),
        advance(10),
    ]);
    actions
}

pub(super) fn pairs() -> Vec<Action> {
    let mut actions = Vec::new();
    for kind in [STREAM, DATAGRAM, SEQPACKET] {
        actions.extend([
            Action::SocketPair { kind },
            set(1, 1, 16, 1),
            // SO_PEEK_OFF
            set(1, 1, 42, 1),
            // Rights, and credentials with them.
            control(0, None, &[0x30]),
            control(0, None, &[0x20, 0x11]),
            Action::SendBytes {
                socket: 0,
                length: 5000,
            },
            receive(1, PEEK, 100),
            receive(1, PEEK, 1000),
            receive(1, 0, 600),
            Action::ReceivePayload {
                socket: 1,
                most: 300,
            },
            Action::ReceivePayload {
                socket: 1,
                most: u16::MAX,
            },
            receive(1, 0, 600),
            close(0),
            receive(0, 0, 10),
            close(0),
        ]);
    }
    actions
}

/// Sockets that stand for the peer, over datagrams and streams, with programs of the host that answer them.
pub(super) fn stand_ins() -> Vec<Action> {
    let mut actions = Vec::new();
    for (version, own, any, peer, port, longest) in [
        (0, OWN_V4, ANY_V4, PEER_V4, 53, 65_507),
        (1, OWN_V6, ANY_V6, PEER_V6, 54, 65_527),
    ] {
        // What is closed is counted no more.
        let first = version * 3;
        let (server, client, nobody) = (first, first + 1, first + 2);
        let (listener, caller, accepted) = (first + 3, first + 4, first + 5);
        let answer = |length| Action::Send {
            socket: server,
            flags: 0,
            length,
            address: Some(at(peer, 4444)),
        };
        actions.extend([
            socket(version, DATAGRAM),
            bind(server, any, port),
            socket(version | STANDS_IN, DATAGRAM),
            bind(client, peer, 4444),
            // Nobody stands in yet: to the outside.
            answer(10),
            connect(client, own, port),
            send(client, 100),
            receive(server, 0, 200),
            answer(200),
            receive(client, 0, 300),
            answer(longest),
            receive(client, 0, longest),
            // A piece is lost.
            Action::Lose { count: 1 },
            answer(longest),
            connect(server, peer, 4444),
            send(server, 0),
            send(client, longest),
            receive(server, 0, longest),
            receive(client, 0, 10),
            // Nobody has the port.
            socket(version | STANDS_IN, DATAGRAM),
            bind(nobody, peer, 4445),
            connect(nobody, own, 9),
            send(nobody, 10),
            receive(nobody, 0, 10),
            // A stream.
            socket(version, STREAM),
            bind(listener, own, 80),
            listen(listener, 4),
            socket(version | STANDS_IN, STREAM),
            bind(caller, peer, 4444),
            connect(caller, own, 80),
            accept(listener),
            send(caller, 5000),
            receive(accepted, 0, 6000),
            send(accepted, 5000),
            receive(caller, 0, 6000),
            // It ends while something is under way to it.
            Action::Lose { count: 2 },
            send(server, 100),
            close(client),
            send(server, 100),
            close(caller - 1),
            advance(300),
            close(accepted - 2),
            advance(5000),
        ]);
    }
    actions
}
