//! Connections for the seeds.
//!
//! Segments are relative to where the connection is: sequence 0 is what the host expects next, acknowledgment 0 covers all that
//! it has sent. Of a connection that the host opens, the peer's first sequence number is 0.
use sockeye_wire::{TcpFlags, TcpHeader, TcpOptions, Timestamps};

use super::packets::{Ip, tcp};
use super::{
    ANY_V4, LOOPBACK_V4, OOB, PEER_V4, PEER_V6, STREAM, accept, advance, bind, close, connect, get,
    listen, outside, receive, send, set, socket,
};
use crate::action::Action;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

/// MSS 1460, SACK permitted, window scale 7.
const SYN_OPTIONS: &[u8] = &[2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7];

fn segment(flags: u8, length: u16) -> Action {
    shifted(flags, 0, 0, length)
}

fn shifted(flags: u8, sequence: i16, acknowledgment: i16, length: u16) -> Action {
    Action::Segment {
        flow: 0,
        flags,
        sequence,
        acknowledgment,
        window: 1000,
        options: Vec::new(),
        length,
    }
}

fn syn_ack() -> Action {
    Action::Segment {
        flow: 0,
        flags: SYN | ACK,
        sequence: 0,
        acknowledgment: 0,
        window: 60_000,
        options: SYN_OPTIONS.to_vec(),
        length: 0,
    }
}

fn syn(ip: Ip, source_port: u16) -> Action {
    let header = TcpHeader {
        source_port,
        destination_port: 8080,
        sequence: 0xffff_fff0,
        flags: TcpFlags::SYN,
        window: 60_000,
        options: TcpOptions {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps { value: 5, echo: 0 }),
            ..TcpOptions::NONE
        },
        ..TcpHeader::default()
    };
    outside(tcp(ip, &header, b""))
}

/// A server with one connection; the connection is socket 1.
fn served() -> Vec<Action> {
    vec![
        socket(0, STREAM),
        bind(0, ANY_V4, 8080),
        listen(0, 5),
        // Without timestamps, so that segments without them are in order.
        outside(tcp(
            Ip::V4,
            &TcpHeader {
                source_port: 4000,
                destination_port: 8080,
                sequence: 0xffff_fff0,
                flags: TcpFlags::SYN,
                window: 60_000,
                options: TcpOptions::parse(SYN_OPTIONS),
                ..TcpHeader::default()
            },
            b"",
        )),
        segment(ACK, 0),
        accept(0),
    ]
}

/// A client with one connection: socket 0.
fn connected() -> Vec<Action> {
    vec![socket(0, STREAM), connect(0, PEER_V4, 80), syn_ack()]
}

fn with(mut actions: Vec<Action>, more: impl IntoIterator<Item = Action>) -> Vec<Action> {
    actions.extend(more);
    actions
}

pub(super) fn passive() -> Vec<Action> {
    with(
        served(),
        [
            segment(ACK | PSH, 100),
            receive(1, 0, 50),
            receive(1, 0, 100),
            send(1, 3000),
            segment(ACK, 0),
            advance(300),
            segment(ACK | FIN, 0),
            receive(1, 0, 100),
            close(1),
            segment(ACK, 0),
            advance(100),
        ],
    )
}

pub(super) fn active() -> Vec<Action> {
    with(
        connected(),
        [
            connect(0, PEER_V4, 80),
            send(0, 100),
            segment(ACK, 0),
            segment(ACK | PSH, 1460),
            segment(ACK | PSH, 1460),
            receive(0, 0, 4000),
            Action::Shutdown { socket: 0, how: 1 },
            segment(ACK, 0),
            segment(ACK | PSH, 10),
            receive(0, 0, 4000),
            segment(ACK | FIN, 0),
            receive(0, 0, 4000),
            close(0),
            // The peer did not hear our last word.
            shifted(ACK | FIN, -1, 0, 0),
            advance(61_000),
        ],
    )
}

pub(super) fn active_v6() -> Vec<Action> {
    vec![
        socket(1, STREAM),
        connect(0, PEER_V6, 80),
        Action::Wait,
        syn_ack(),
        send(0, 5000),
        segment(ACK, 0),
        close(0),
        segment(ACK | FIN, 0),
        advance(61_000),
    ]
}

pub(super) fn refused() -> Vec<Action> {
    vec![
        socket(0, STREAM),
        connect(0, PEER_V4, 80),
        segment(RST | ACK, 0),
        get(0, 1, 4),
        // Linux answers ECONNABORTED once more before the socket is as new.
        connect(0, PEER_V4, 81),
        connect(0, PEER_V4, 81),
        Action::Wait,
        Action::Wait,
        advance(200_000),
        get(0, 1, 4),
    ]
}

pub(super) fn simultaneous_open() -> Vec<Action> {
    let mut both = syn_ack();
    if let Action::Segment { flags, .. } = &mut both {
        *flags = SYN;
    }
    vec![
        socket(0, STREAM),
        connect(0, PEER_V4, 80),
        both,
        segment(ACK, 0),
        send(0, 10),
        segment(ACK | PSH, 10),
        receive(0, 0, 100),
    ]
}

pub(super) fn simultaneous_close() -> Vec<Action> {
    with(
        connected(),
        [
            close(0),
            // A FIN that does not cover ours, then the acknowledgment.
            shifted(ACK | FIN, 0, -1, 0),
            segment(ACK, 0),
            advance(61_000),
        ],
    )
}

pub(super) fn resets() -> Vec<Action> {
    with(
        served(),
        [
            // In the window but not exact, outside, behind.
            shifted(RST, 10, 0, 0),
            shifted(RST, -10, 0, 0),
            shifted(RST, i16::MAX, 0, 0),
            // A SYN in the window, acknowledgments of nothing.
            shifted(SYN, 5, 0, 0),
            shifted(ACK, 0, 5000, 0),
            shifted(ACK, 0, -30_000, 0),
            segment(0, 10),
            segment(SYN | FIN, 0),
            segment(ACK | PSH, 5),
            segment(RST, 0),
            receive(1, 0, 10),
            receive(1, 0, 10),
            // Nobody is there any more.
            segment(ACK, 5),
            segment(RST, 0),
        ],
    )
}

pub(super) fn out_of_order() -> Vec<Action> {
    with(
        served(),
        [
            shifted(ACK, 1000, 0, 500),
            shifted(ACK, 3000, 0, 500),
            shifted(ACK, 1400, 0, 800),
            shifted(ACK | URG, 5000, 0, 10),
            shifted(ACK | FIN, 6000, 0, 10),
            shifted(ACK, -100, 0, 150),
            segment(ACK, 1000),
            receive(1, 0, 4000),
            segment(ACK, 1300),
            segment(ACK | URG, 700),
            receive(1, OOB, 1),
            receive(1, 0, 6000),
            segment(ACK, 1460),
            segment(ACK, 1460),
            receive(1, 0, 6000),
            advance(1000),
        ],
    )
}

pub(super) fn recovery() -> Vec<Action> {
    let mut actions = with(served(), [send(1, 40_000), send(1, 40_000)]);
    // The first segment is lost: duplicate acknowledgments, then nothing, so that the timer fires.
    for _ in 0..5 {
        actions.push(shifted(ACK, 0, -14_600, 0));
    }
    actions.extend([
        Action::Wait,
        Action::Wait,
        segment(ACK, 0),
        Action::Wait,
        shifted(ACK, 0, -1460, 0),
        segment(ACK, 0),
        Action::Wait,
        segment(ACK, 0),
        close(1),
        Action::Wait,
        segment(ACK, 0),
        advance(5_000),
    ]);
    actions
}

pub(super) fn zero_window() -> Vec<Action> {
    let mut closed = shifted(ACK, 0, 0, 0);
    if let Action::Segment { window, .. } = &mut closed {
        *window = 0;
    }
    with(
        served(),
        [
            closed.clone(),
            send(1, 5000),
            Action::Wait,
            Action::Wait,
            closed,
            Action::Wait,
            segment(ACK, 0),
            advance(1000),
            segment(ACK, 0),
            // And ours: nobody reads.
            set(1, 1, 8, 2048),
            segment(ACK, 1460),
            segment(ACK, 1460),
            segment(ACK, 1460),
            segment(ACK, 1460),
            receive(1, 0, 6000),
        ],
    )
}

pub(super) fn keepalive() -> Vec<Action> {
    with(
        connected(),
        [
            // SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT.
            set(0, 1, 9, 1),
            set(0, 6, 4, 1),
            set(0, 6, 5, 1),
            set(0, 6, 6, 3),
            advance(1_500),
            segment(ACK, 0),
            advance(10_000),
            receive(0, 0, 10),
        ],
    )
}

pub(super) fn loopback() -> Vec<Action> {
    vec![
        socket(0, STREAM),
        bind(0, LOOPBACK_V4, 9000),
        listen(0, 2),
        socket(0, STREAM),
        connect(1, LOOPBACK_V4, 9000),
        accept(0),
        send(1, 60_000),
        receive(2, 0, 30_000),
        Action::Lose { count: 2 },
        send(1, 60_000),
        Action::Wait,
        Action::Wait,
        receive(2, 0, 60_000),
        receive(2, 0, 60_000),
        Action::Send {
            socket: 2,
            flags: OOB,
            length: 3,
            address: None,
        },
        receive(1, OOB, 1),
        receive(1, 0, 10),
        Action::Shutdown { socket: 1, how: 1 },
        receive(2, 0, 60_000),
        close(2),
        close(1),
        // Onto itself.
        socket(0, STREAM),
        bind(1, LOOPBACK_V4, 9001),
        connect(1, LOOPBACK_V4, 9001),
        send(1, 10),
        receive(1, 0, 10),
        advance(100),
    ]
}

pub(super) fn backlog() -> Vec<Action> {
    let mut actions = vec![socket(0, STREAM), bind(0, ANY_V4, 8080), listen(0, 1)];
    for port in 0..20 {
        actions.push(syn(Ip::V4, 4000 + port));
    }
    for flow in 0..20 {
        actions.push(Action::Segment {
            flow,
            flags: ACK,
            sequence: 0,
            acknowledgment: 0,
            window: 1000,
            options: vec![1, 1, 8, 10, 0, 0, 0, 6, 0, 0, 0, 0],
            length: 20,
        });
    }
    actions.extend([accept(0), accept(0), accept(0), Action::Wait, Action::Wait]);
    actions.extend([listen(0, 0), close(0), advance(70_000)]);
    actions
}
