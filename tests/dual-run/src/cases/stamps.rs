//! When datagrams came and went: SO_TIMESTAMP and its like, and SO_TIMESTAMPING by software. Of times, only whether they
//! are there is written down.

use libc::{MSG_ERRQUEUE, POLLIN, SOCK_DGRAM};

use super::Registry;
use super::option_table::{
    IP_PKTINFO, IP_RECVTOS, IP_RECVTTL, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO, SO_TIMESTAMP,
    SO_TIMESTAMP_NEW, SO_TIMESTAMPING, SO_TIMESTAMPING_NEW, SO_TIMESTAMPNS, SO_TIMESTAMPNS_NEW,
};
use crate::{Address, Control, Flavor, Handle, Message, Reception, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("dgram", "stamps_switch_each_other", switches);
    r.inet("dgram", "stamps_of_what_came", received);
    r.inet("stream", "stamps_of_what_came", stream);
    r.inet("dgram", "stamps_of_what_went", sent);
    r.inet("dgram", "numbers_of_what_went", numbered);
    r.inet("dgram", "stamps_that_a_message_asks_for", asked_for);
    r.inet("dgram", "headers_of_what_went", with_headers);
}

const SCM_TIMESTAMPING_OPT_STATS: i32 = 54;
pub(super) const TX_SOFTWARE: i32 = 1 << 1;
pub(super) const RX_SOFTWARE: i32 = 1 << 3;
pub(super) const SOFTWARE: i32 = 1 << 4;
pub(super) const OPT_ID: i32 = 1 << 7;
pub(super) const TX_SCHED: i32 = 1 << 8;
pub(super) const OPT_TSONLY: i32 = 1 << 11;
pub(super) const OPT_CMSG: i32 = 1 << 10;
const OPT_RX_FILTER: i32 = 1 << 17;

fn switches(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    let all = [
        SO_TIMESTAMP,
        SO_TIMESTAMPNS,
        SO_TIMESTAMP_NEW,
        SO_TIMESTAMPNS_NEW,
    ];
    for first in all {
        for second in all {
            for value in [1, 0] {
                let _ = w.set_int(s, first, 1);
                let _ = w.set_int(s, second, value);
                for option in all {
                    w.get_int(s, option);
                }
            }
        }
    }
    for option in [SO_TIMESTAMPING_NEW, SO_TIMESTAMPING] {
        let _ = w.set_int(s, option, SOFTWARE);
        for option in [SO_TIMESTAMPING_NEW, SO_TIMESTAMPING] {
            w.get(s, option, 8);
        }
    }
}

/// Receives, and writes the control messages down without their times.
pub(super) fn receive(w: &mut World<'_>, s: Handle, flags: i32) {
    let answer = w.quietly(|w| {
        w.receive_message(
            s,
            &Reception {
                buffers: vec![200],
                control_room: 512,
                flags,
            },
        )
    });
    let received = match answer {
        Ok(received) => received,
        Err(errno) => return w.note(&crate::names::errno(errno)),
    };
    let length = received.length;
    let has_name = received.address.is_some();
    w.note(&format!(
        "{length} bytes, flags {:x}, a name: {has_name}",
        received.flags
    ));
    for message in &received.control {
        if let Control::Other { level, kind, data } = message {
            let shown = match *level {
                // Other numbers in every run.
                libc::SOL_SOCKET if *kind == SCM_TIMESTAMPING_OPT_STATS => {
                    format!("of {}", data.len())
                }
                libc::SOL_SOCKET => {
                    // Which of the 8-byte words are set: the nanoseconds may happen to be zero.
                    let words = data
                        .chunks(16)
                        .map(|time| time.iter().any(|byte| *byte != 0));
                    format!("{:?} of {}", words.collect::<Vec<_>>(), data.len())
                }
                _ => format!("{data:?}"),
            };
            w.note(&format!("  {level} {kind} {shown}"));
        }
    }
}

fn received(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for (option, value) in [
        (SO_TIMESTAMP, 1),
        (SO_TIMESTAMPNS, 1),
        (SO_TIMESTAMP_NEW, 1),
        (SO_TIMESTAMPNS_NEW, 1),
        (SO_TIMESTAMPING, SOFTWARE | RX_SOFTWARE),
        (SO_TIMESTAMPING_NEW, SOFTWARE | RX_SOFTWARE),
        (SO_TIMESTAMP, 0),
        (SO_TIMESTAMPING, RX_SOFTWARE),
        (SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE | OPT_RX_FILTER),
        (SO_TIMESTAMPING, 0),
    ] {
        let _ = w.set_int(right, option, value);
        let _ = w.send_to(left, b"x", &b);
        w.wait(right, POLLIN);
        receive(w, right, 0);
    }
}

/// What came before it was asked for is left out: Linux stamps everything as long as any socket of the machine asks.
fn stream(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let send = |w: &mut World<'_>, data: &[u8]| {
        let _ = w.quietly(|w| w.send(client, data, 0));
        w.wait(server, POLLIN);
        w.settle();
    };
    for option in [
        SO_TIMESTAMP,
        SO_TIMESTAMPNS,
        SO_TIMESTAMP_NEW,
        SO_TIMESTAMPNS_NEW,
    ] {
        let _ = w.set_int(server, option, 1);
        send(w, b"stamped");
        receive(w, server, libc::MSG_PEEK);
        receive(w, server, 0);
        send(w, b"thrown away");
        receive(w, server, libc::MSG_TRUNC);
    }
    let _ = w.set_int(server, SO_TIMESTAMP, 0);
    send(w, b"stamped no more");
    receive(w, server, 0);
    let _ = w.set_int(server, SO_TIMESTAMP, 1);
    w.quietly(|w| w.shutdown(client, libc::SHUT_WR));
    w.wait(server, POLLIN);
    receive(w, server, 0);
}

fn sent(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for flags in [
        TX_SOFTWARE | SOFTWARE,
        TX_SOFTWARE,
        TX_SCHED | TX_SOFTWARE | SOFTWARE,
        TX_SOFTWARE | SOFTWARE | OPT_TSONLY,
        SOFTWARE | RX_SOFTWARE,
    ] {
        let _ = w.set_int(left, SO_TIMESTAMPING, flags);
        let _ = w.send_to(left, b"abcd", &b);
        w.settle();
        w.poll(left);
        w.error(left);
        receive(w, left, MSG_ERRQUEUE);
        w.poll(left);
        receive(w, left, MSG_ERRQUEUE);
        let _ = w.recv(right, 10, 0);
    }
    w.poll(left);
}

fn numbered(w: &mut World<'_>) {
    let (left, _, _, b) = w.datagram_pair();
    let flags = TX_SOFTWARE | SOFTWARE | OPT_TSONLY | OPT_ID;
    for flags in [flags, flags, flags & !OPT_ID, flags] {
        let _ = w.set_int(left, SO_TIMESTAMPING, flags);
        for _ in 0..2 {
            let _ = w.send_to(left, b"abcd", &b);
            w.settle();
            receive(w, left, MSG_ERRQUEUE);
        }
    }
}

/// A message with a control message of `SOL_SOCKET` that is a number.
pub(super) fn asking(kind: i32, value: &[u8], address: Option<&Address>) -> Message {
    Message {
        data: vec![b"abcd".to_vec()],
        address: address.cloned(),
        control: vec![Control::Other {
            level: libc::SOL_SOCKET,
            kind,
            data: value.to_vec(),
        }],
        ..Message::default()
    }
}

pub(super) const SCM_TIMESTAMPING: i32 = 37;
pub(super) const SCM_TIMESTAMPING_NEW: i32 = 65;
pub(super) const SCM_TS_OPT_ID: i32 = 81;

fn asked_for(w: &mut World<'_>) {
    let (left, _, _, b) = w.datagram_pair();
    for option in [SOFTWARE | OPT_TSONLY, SOFTWARE | OPT_TSONLY | OPT_ID] {
        let _ = w.set_int(left, SO_TIMESTAMPING, option);
        for kind in [SCM_TIMESTAMPING, SCM_TIMESTAMPING_NEW, SCM_TS_OPT_ID] {
            for value in [0, TX_SOFTWARE, TX_SCHED, SOFTWARE, OPT_ID, -1] {
                let message = asking(kind, &value.to_ne_bytes(), Some(&b));
                let _ = w.send_message(left, &message);
                w.settle();
                receive(w, left, MSG_ERRQUEUE);
            }
        }
        for length in [0, 2, 8] {
            for kind in [SCM_TIMESTAMPING, SCM_TS_OPT_ID] {
                let _ = w.send_message(left, &asking(kind, &vec![0; length], Some(&b)));
            }
        }
    }
    // The number that a message gives is not counted.
    let flags = SOFTWARE | OPT_TSONLY | OPT_ID | TX_SOFTWARE;
    let _ = w.set_int(left, SO_TIMESTAMPING, flags);
    for key in [None, Some(77), None] {
        let message = match key {
            Some(key) => asking(SCM_TS_OPT_ID, &i32::to_ne_bytes(key), Some(&b)),
            None => asking(SCM_TIMESTAMPING, &TX_SOFTWARE.to_ne_bytes(), Some(&b)),
        };
        let _ = w.send_message(left, &message);
        w.settle();
        receive(w, left, MSG_ERRQUEUE);
    }
}

fn with_headers(w: &mut World<'_>) {
    let (left, _, _, b) = w.datagram_pair();
    for option in [IP_PKTINFO, IP_RECVTTL, IP_RECVTOS] {
        if w.flavor == Flavor::V4 {
            let _ = w.set_int(left, option, 1);
        }
    }
    if w.flavor == Flavor::V6 {
        let _ = w.set_int(left, IPV6_RECVPKTINFO, 1);
        let _ = w.set_int(left, IPV6_RECVHOPLIMIT, 1);
    }
    for flags in [0, OPT_CMSG, OPT_CMSG | OPT_TSONLY] {
        let _ = w.set_int(left, SO_TIMESTAMPING, SOFTWARE | TX_SOFTWARE | flags);
        let _ = w.send_to(left, b"abcd", &b);
        w.settle();
        receive(w, left, MSG_ERRQUEUE);
    }
}
