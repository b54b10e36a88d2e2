//! When the bytes of a stream went and were acknowledged (`SO_TIMESTAMPING`), over the loopback.

use libc::{MSG_ERRQUEUE, SOCK_STREAM};

use super::Registry;
use super::option_table::{SO_TIMESTAMPING, SO_TIMESTAMPING_NEW};
use super::stamps::{
    OPT_CMSG, OPT_ID, OPT_TSONLY, RX_SOFTWARE, SCM_TIMESTAMPING, SCM_TIMESTAMPING_NEW,
    SCM_TS_OPT_ID, SOFTWARE, TX_SCHED, TX_SOFTWARE, asking, receive,
};
use crate::{Handle, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "stamps_of_what_went", sent);
    r.inet("stream", "stamps_that_a_message_asks_for", asked_for);
    r.inet("stream", "numbers_of_what_went", numbered);
    r.inet("stream", "stamps_without_a_connection", unconnected);
    r.inet("stream", "detailed_stamps_of_what_came", received);
    r.inet("stream", "stamps_and_a_reset", reset);
}

const TX_ACK: i32 = 1 << 9;
const OPT_STATS: i32 = 1 << 12;
const OPT_ID_TCP: i32 = 1 << 16;
const ALL: i32 = TX_SCHED | TX_SOFTWARE | TX_ACK | SOFTWARE | OPT_ID;

/// All that the error queue has.
fn drain(w: &mut World<'_>, s: Handle) {
    w.settle();
    w.poll(s);
    for _ in 0..4 {
        receive(w, s, MSG_ERRQUEUE);
        w.poll(s);
    }
    w.error(s);
}

fn sent(w: &mut World<'_>) {
    for (option, flags) in [
        (SO_TIMESTAMPING, ALL),
        (SO_TIMESTAMPING, ALL & !SOFTWARE),
        (SO_TIMESTAMPING, ALL & !OPT_ID),
        (SO_TIMESTAMPING, ALL | OPT_TSONLY),
        (SO_TIMESTAMPING, ALL | OPT_TSONLY | OPT_STATS),
        (SO_TIMESTAMPING, ALL | OPT_CMSG),
        (SO_TIMESTAMPING, TX_ACK | SOFTWARE),
        (SO_TIMESTAMPING, SOFTWARE | RX_SOFTWARE),
        (SO_TIMESTAMPING_NEW, ALL),
    ] {
        let (client, _, _) = w.established();
        let _ = w.set_int(client, option, flags);
        for data in [&b"hello"[..], &[b'x'; 3000]] {
            let _ = w.send(client, data, 0);
            drain(w, client);
        }
    }
}

fn asked_for(w: &mut World<'_>) {
    let (client, _, _) = w.established();
    for option in [SOFTWARE | OPT_TSONLY, ALL | OPT_TSONLY] {
        let _ = w.set_int(client, SO_TIMESTAMPING, option);
        for kind in [SCM_TIMESTAMPING, SCM_TIMESTAMPING_NEW, SCM_TS_OPT_ID] {
            for value in [0, TX_SOFTWARE, TX_ACK, 1, SOFTWARE, OPT_ID, -1] {
                let _ = w.send_message(client, &asking(kind, &value.to_ne_bytes(), None));
                drain(w, client);
            }
        }
        let _ = w.send_message(client, &asking(SCM_TIMESTAMPING, &[0; 8], None));
    }
}

fn numbered(w: &mut World<'_>) {
    let (client, _, _) = w.established();
    let flags = TX_ACK | SOFTWARE | OPT_TSONLY;
    for more in [OPT_ID, OPT_ID, 0, OPT_ID | OPT_ID_TCP, OPT_ID, OPT_ID_TCP] {
        let _ = w.set_int(client, SO_TIMESTAMPING, flags | more);
        let _ = w.send(client, b"abcdefg", 0);
        drain(w, client);
    }
}

fn unconnected(w: &mut World<'_>) {
    let s = w.socket(SOCK_STREAM);
    for flags in [ALL, ALL & !OPT_ID, OPT_ID_TCP, OPT_STATS] {
        let _ = w.set_int(s, SO_TIMESTAMPING, flags);
        w.get(s, SO_TIMESTAMPING, 8);
    }
    let (listener, address) = w.listener(4);
    let _ = w.set_int(listener, SO_TIMESTAMPING, ALL);
    let _ = w.set_int(listener, SO_TIMESTAMPING, ALL & !OPT_ID);
    w.connect(s, &address);
    w.wait(listener, libc::POLLIN);
    let accepted = w.accept(listener);
    w.get(accepted, SO_TIMESTAMPING, 8);
    let _ = w.send(accepted, b"inherited", 0);
    drain(w, accepted);
    let _ = w.set_int(accepted, SO_TIMESTAMPING, ALL);
    let _ = w.send(accepted, b"numbered", 0);
    drain(w, accepted);
}

fn received(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    for flags in [SOFTWARE | RX_SOFTWARE, RX_SOFTWARE, 0] {
        let _ = w.set_int(server, SO_TIMESTAMPING, flags);
        let _ = w.send(client, b"abc", 0);
        w.wait(server, libc::POLLIN);
        receive(w, server, 0);
    }
}

/// A reset leaves what is in the queue, and the queue leaves the error.
fn reset(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set_int(client, SO_TIMESTAMPING, ALL | OPT_TSONLY);
    let _ = w.send(client, b"unread", 0);
    w.settle();
    w.close(server);
    w.settle();
    drain(w, client);
}
