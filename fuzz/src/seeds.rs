//! Inputs to begin with: each leads a host into some corner with well-formed actions.
//!
//! The host has 10.1.0.2 and fd00:1::2; packets come from 10.1.0.1 and fd00:1::1. Packets that a Linux kernel once exchanged
//! between these addresses are among the seeds.
use crate::action::{Action, Address};

mod packets;
mod sockets;
mod tcp;

use packets::{Ip, captured, echo, fragments_v4, fragments_v6, malformed, udp, udp_lite};

/// What a seed must at least lead to, so that it is known to do what it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Packets that the host sends to the outside.
    pub packets: usize,
    /// Connections that it has with the outside.
    pub flows: usize,
}

/// Indices into the world's addresses.
const LOOPBACK_V4: u8 = 0;
const ANY_V4: u8 = 1;
const OWN_V4: u8 = 2;
const PEER_V4: u8 = 3;
const LOOPBACK_V6: u8 = 4;
const ANY_V6: u8 = 5;
const OWN_V6: u8 = 6;
const PEER_V6: u8 = 7;
const UNIX: u8 = 14;

const STREAM: u8 = 0;
const DATAGRAM: u8 = 1;
const RAW: u8 = 2;
const SEQPACKET: u8 = 3;

/// `MSG_OOB`, `MSG_PEEK`, `MSG_ERRQUEUE`.
const OOB: u16 = 1;
const PEEK: u16 = 2;
const ERRQUEUE: u16 = 0x2000;

/// All seeds with their names.
pub fn all() -> Vec<(&'static str, Vec<Action>)> {
    vec![
        ("kernel-packets", kernel_packets()),
        ("tcp-passive", tcp::passive()),
        ("tcp-active", tcp::active()),
        ("tcp-active-v6", tcp::active_v6()),
        ("tcp-refused", tcp::refused()),
        ("tcp-simultaneous-open", tcp::simultaneous_open()),
        ("tcp-simultaneous-close", tcp::simultaneous_close()),
        ("tcp-resets", tcp::resets()),
        ("tcp-out-of-order", tcp::out_of_order()),
        ("tcp-recovery", tcp::recovery()),
        ("tcp-zero-window", tcp::zero_window()),
        ("tcp-keepalive", tcp::keepalive()),
        ("tcp-loopback", tcp::loopback()),
        ("tcp-backlog", tcp::backlog()),
        ("udp", udp_scene()),
        ("udp-lite", udp_lite_scene()),
        ("icmp", icmp()),
        ("fragments", fragments()),
        ("extension-headers", extension_headers()),
        ("malformed", malformed_scene()),
        ("raw-and-ping", raw_and_ping()),
        ("unix", unix()),
        ("options", options()),
        ("multicast", sockets::multicast()),
        ("messages", sockets::messages()),
        ("pairs", sockets::pairs()),
        ("stand-ins", sockets::stand_ins()),
    ]
}

/// What the seed of this name leads to.
pub fn expectation(name: &str) -> Expectation {
    let (packets, flows) = match name {
        "kernel-packets" => (20, 2),
        "tcp-passive" | "tcp-active" | "tcp-active-v6" => (4, 1),
        "tcp-refused" | "tcp-simultaneous-close" | "tcp-keepalive" => (2, 1),
        "tcp-simultaneous-open" => (2, 1),
        "tcp-resets" | "tcp-out-of-order" => (4, 1),
        "tcp-recovery" => (20, 1),
        "tcp-zero-window" => (4, 1),
        "tcp-backlog" => (2, 2),
        "udp" | "udp-lite" | "icmp" | "fragments" => (2, 0),
        "extension-headers" | "raw-and-ping" => (1, 0),
        // From one that was not connected yet, and to one that was gone.
        "stand-ins" => (4, 0),
        "multicast" => (4, 0),
        "messages" => (20, 0),
        _ => (0, 0),
    };
    Expectation { packets, flows }
}

fn socket(domain: u8, kind: u8) -> Action {
    Action::Socket {
        domain,
        kind,
        protocol: 0,
    }
}

fn at(host: u8, port: u16) -> Address {
    Address { host, port }
}

fn bind(socket: u8, host: u8, port: u16) -> Action {
    Action::Bind {
        socket,
        address: at(host, port),
    }
}

fn connect(socket: u8, host: u8, port: u16) -> Action {
    Action::Connect {
        socket,
        address: at(host, port),
    }
}

fn listen(socket: u8, backlog: i8) -> Action {
    Action::Listen { socket, backlog }
}

fn accept(socket: u8) -> Action {
    Action::Accept { socket }
}

fn send(socket: u8, length: u16) -> Action {
    Action::Send {
        socket,
        flags: 0,
        length,
        address: None,
    }
}

fn receive(socket: u8, flags: u16, length: u16) -> Action {
    Action::Receive {
        socket,
        flags,
        length,
    }
}

fn close(socket: u8) -> Action {
    Action::Close { socket }
}

fn advance(millis: u32) -> Action {
    Action::Advance {
        micros: millis * 1000,
    }
}

fn outside(bytes: Vec<u8>) -> Action {
    Action::Frame {
        loopback: false,
        fix: false,
        bytes,
    }
}

fn fixed(bytes: Vec<u8>) -> Action {
    Action::Frame {
        loopback: false,
        fix: true,
        bytes,
    }
}

fn set(socket: u8, level: u8, name: u8, value: i32) -> Action {
    Action::SetOption {
        socket,
        level,
        name,
        value: value.to_le_bytes().to_vec(),
    }
}

fn get(socket: u8, level: u8, name: u8) -> Action {
    Action::GetOption {
        socket,
        level,
        name,
        length: 4,
    }
}

fn kernel_packets() -> Vec<Action> {
    let mut actions = vec![
        socket(1, STREAM),
        bind(0, ANY_V6, 8080),
        listen(0, 16),
        socket(1, DATAGRAM),
        bind(1, ANY_V6, 5353),
    ];
    for (index, packet) in captured().into_iter().enumerate() {
        actions.push(outside(packet));
        actions.push(receive(1, 0, 2000));
        if index % 8 == 7 {
            actions.push(accept(0));
            actions.push(send(2, 100));
            actions.push(receive(2, 0, 2000));
        }
    }
    actions
}

fn udp_scene() -> Vec<Action> {
    let datagram = |data: &[u8]| outside(udp(Ip::V4, 4000, 5353, data));
    let to_peer = |socket, host| Action::Send {
        socket,
        flags: 0,
        length: 30,
        address: Some(at(host, 77)),
    };
    vec![
        socket(0, DATAGRAM),
        bind(0, ANY_V4, 5353),
        datagram(b"one"),
        datagram(b""),
        datagram(&[7; 1400]),
        receive(0, PEEK, 2),
        receive(0, 0, 2),
        receive(0, 0, 100),
        // IP_RECVERR, then an answer that nobody listens.
        set(0, 0, 11, 1),
        to_peer(0, PEER_V4),
        outside(packets::port_unreachable(5353, 77)),
        receive(0, ERRQUEUE, 100),
        receive(0, 0, 100),
        connect(0, PEER_V4, 4000),
        datagram(b"connected"),
        send(0, 1500),
        send(0, 60_000),
        receive(0, 0, 100),
        // Nobody's port.
        outside(udp(Ip::V4, 4000, 9, b"nobody")),
        outside(udp(Ip::V6, 4000, 9, b"nobody")),
        socket(1, DATAGRAM),
        bind(1, ANY_V6, 6000),
        outside(udp(Ip::V6, 4000, 6000, b"six")),
        receive(1, 0, 100),
        to_peer(1, PEER_V6),
        to_peer(1, LOOPBACK_V6),
        advance(100),
    ]
}

fn icmp() -> Vec<Action> {
    let mut actions = vec![
        outside(echo(Ip::V4, b"ping")),
        outside(echo(Ip::V6, b"ping")),
        outside(echo(Ip::V4, &[1; 1400])),
    ];
    let kinds = [
        0u8, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 128, 129, 130, 134, 135, 136,
    ];
    for kind in kinds {
        for (ip, protocol) in [(Ip::V4, 1), (Ip::V6, 58)] {
            let mut message = vec![kind, 0, 0, 0, 0, 0, 5, 0xdc];
            message.extend(udp(ip, 1, 2, b"quoted"));
            actions.push(fixed(packets::packet(ip, protocol, &message)));
        }
    }
    actions
}

fn fragments() -> Vec<Action> {
    let mut actions = vec![socket(1, DATAGRAM), bind(0, ANY_V6, 5353)];
    for fragments in [fragments_v4(1, 3000), fragments_v6(1, 3000)] {
        // In order; backwards; twice; all but one, which never comes.
        actions.extend(fragments.iter().cloned().map(outside));
        actions.push(receive(0, 0, 4000));
        actions.extend(fragments.iter().rev().cloned().map(outside));
        for fragment in &fragments {
            actions.push(outside(fragment.clone()));
            actions.push(outside(fragment.clone()));
        }
        actions.push(receive(0, 0, 4000));
        actions.extend(fragments.iter().skip(1).cloned().map(outside));
        actions.push(advance(1000));
        actions.extend(fragments.iter().take(1).cloned().map(outside));
        actions.push(receive(0, 0, 4000));
        // The first alone: the sender hears of it when time is up.
        actions.extend(fragments.iter().take(1).cloned().map(outside));
        actions.push(advance(120_000));
    }
    // Overlaps, and a tail beyond 65535 bytes.
    actions.extend(packets::overlapping_fragments().into_iter().map(fixed));
    actions.push(advance(120_000));
    actions
}

fn extension_headers() -> Vec<Action> {
    let mut actions = vec![socket(1, DATAGRAM), bind(0, ANY_V6, 5353)];
    for packet in packets::extension_headers() {
        actions.push(fixed(packet));
        actions.push(receive(0, 0, 100));
    }
    actions
}

fn malformed_scene() -> Vec<Action> {
    let mut actions = vec![socket(0, STREAM), bind(0, ANY_V4, 8080), listen(0, 5)];
    for packet in malformed() {
        actions.push(outside(packet.clone()));
        actions.push(fixed(packet.clone()));
        actions.push(Action::Frame {
            loopback: true,
            fix: false,
            bytes: packet,
        });
    }
    actions
}

fn udp_lite_scene() -> Vec<Action> {
    const UDPLITE: u8 = 136;
    let lite = |domain| Action::Socket {
        domain,
        kind: DATAGRAM,
        protocol: UDPLITE,
    };
    let mut actions = vec![
        lite(0),
        bind(0, ANY_V4, 5353),
        lite(1),
        bind(1, ANY_V6, 6000),
        set(1, UDPLITE, 11, 12),
        set(0, UDPLITE, 10, 9),
        get(0, UDPLITE, 10),
    ];
    // All, the header, some, all by number; then what no datagram can say.
    for coverage in [0, 8, 12, 16, 1, 7, 17, 0xffff] {
        actions.push(outside(udp_lite(Ip::V4, 5353, coverage, b"covered?")));
        actions.push(outside(udp_lite(Ip::V6, 6000, coverage, b"covered?")));
        actions.push(receive(0, 0, 100));
        actions.push(receive(1, 0, 100));
    }
    actions.extend([
        connect(0, PEER_V4, 4000),
        send(0, 1500),
        send(0, 0),
        connect(1, PEER_V6, 4000),
        send(1, 60_000),
        // Nobody's port.
        outside(udp_lite(Ip::V4, 9, 0, b"nobody")),
        outside(udp_lite(Ip::V6, 9, 0, b"nobody")),
    ]);
    actions
}

fn raw_and_ping() -> Vec<Action> {
    let raw = |domain, protocol| Action::Socket {
        domain,
        kind: RAW,
        protocol,
    };
    let ping = |domain, protocol| Action::Socket {
        domain,
        kind: DATAGRAM,
        protocol,
    };
    vec![
        raw(0, 1),
        raw(1, 58),
        raw(0, 255),
        raw(0, 6),
        ping(0, 1),
        ping(1, 58),
        connect(0, PEER_V4, 0),
        send(0, 64),
        outside(echo(Ip::V4, b"to a raw socket")),
        outside(echo(Ip::V6, b"to a raw socket")),
        receive(0, 0, 100),
        receive(1, 0, 100),
        // IP_HDRINCL with nonsense behind.
        set(2, 0, 3, 1),
        send(2, 40),
        connect(4, LOOPBACK_V4, 0),
        send(4, 64),
        receive(4, 0, 100),
        connect(5, LOOPBACK_V6, 0),
        send(5, 64),
        receive(5, 0, 100),
        receive(3, 0, 100),
    ]
}

fn unix() -> Vec<Action> {
    let mut actions = Vec::new();
    for kind in [STREAM, SEQPACKET] {
        actions.extend([
            socket(2, kind),
            bind(0, UNIX, 1),
            listen(0, 1),
            socket(2, kind),
            connect(1, UNIX, 1),
            send(1, 3000),
            accept(0),
            receive(2, PEEK, 10),
            receive(2, 0, 5000),
            send(2, 100),
            Action::Shutdown { socket: 2, how: 1 },
            receive(1, 0, 200),
            receive(1, 0, 200),
            close(0),
            close(0),
            send(0, 1),
            close(0),
        ]);
    }
    actions.extend([
        socket(2, DATAGRAM),
        bind(0, UNIX, 2),
        socket(2, DATAGRAM),
        connect(1, UNIX, 2),
        send(1, 100),
        send(1, 0),
        receive(0, 0, 10),
        receive(0, 0, 10),
        receive(0, 0, 10),
        close(0),
        send(0, 5),
    ]);
    actions
}

fn options() -> Vec<Action> {
    let mut actions = vec![
        socket(0, STREAM),
        socket(1, DATAGRAM),
        socket(2, STREAM),
        socket(0, RAW),
    ];
    for name in 1..=80 {
        for level in [1, 0, 6, 41, 17] {
            let which = name % 4;
            actions.push(set(which, level, name, 1));
            actions.push(get(which, level, name));
        }
    }
    for value in [-1, 0, i32::MIN, i32::MAX] {
        for name in [7, 8, 13, 18, 20, 21] {
            actions.push(set(0, 1, name, value));
        }
    }
    actions
}
