//! TCP: data, end of file, resets, and what poll says in each state.

use libc::{
    MSG_DONTWAIT, MSG_MORE, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, POLLHUP, POLLIN, POLLOUT, POLLRDHUP,
    SOCK_STREAM,
};

use super::Registry;
use super::option_table::{
    SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_RCVLOWAT, SO_REUSEADDR, SO_SNDBUF, TCP_CORK, TCP_NODELAY,
};
use super::options::linger;
use crate::sockets::Question;
use crate::{Address, Message, Reception, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "bytes_arrive_in_order", bytes);
    r.inet("stream", "scatter_and_gather", scatter);
    r.inet("stream", "peek_leaves_the_bytes", peek);
    r.inet("stream", "trunc_discards", trunc);
    r.inet("stream", "waitall_and_dontwait", wait_flags);
    r.inet("stream", "empty_sends_and_receives", empty);
    r.inet("stream", "half_close", half_close);
    r.inet("stream", "both_ends_close", both_close);
    r.inet("stream", "shutdown_read_ends_reading", shutdown_read);
    r.inet(
        "stream",
        "shutdown_read_lets_data_through",
        shutdown_read_data,
    );
    r.inet("stream", "shutdown_both", shutdown_both);
    r.inet("stream", "shutdown_twice", shutdown_twice);
    r.inet(
        "stream",
        "send_after_shutdown_is_epipe",
        send_after_shutdown,
    );
    r.inet("stream", "send_to_a_closed_peer", send_to_closed);
    r.inet("stream", "closing_with_unread_data_resets", unread_close);
    r.inet("stream", "linger_zero_resets", linger_zero);
    r.inet(
        "stream",
        "queued_data_survives_a_reset_or_not",
        reset_with_data,
    );
    r.inet("stream", "a_reset_while_sending", reset_while_sending);
    r.inet("stream", "a_full_queue_is_eagain", full);
    r.inet(
        "stream",
        "a_full_queue_then_close_delivers_all",
        full_then_close,
    );
    r.inet("stream", "counts_of_queued_bytes", counts);
    r.inet("stream", "low_water_holds_readiness_back", low_water);
    r.inet("stream", "more_and_cork_deliver_in_the_end", cork);
    r.inet("stream", "large_transfer", large);
    r.inet("stream", "time_wait_and_rebinding", time_wait);
    r.inet(
        "stream",
        "time_wait_of_the_client_is_not_in_the_way",
        time_wait_client,
    );
    r.inet(
        "stream",
        "time_wait_is_reused_by_a_new_syn",
        time_wait_reuse,
    );
    r.inet("stream", "ends_of_a_connection_in_each_state", states);
    r.inet(
        "stream",
        "a_closed_connection_keeps_names",
        names_after_close,
    );
    r.inet("stream", "small_buffers_still_deliver", small_buffers);
    r.inet("stream", "flags_that_mean_nothing_here", odd_flags);
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap_or(0))
        .collect()
}

fn bytes(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"hello ", 0);
    let _ = w.send(client, b"world", 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 4, 0);
    let _ = w.recv(server, 100, 0);
    let _ = w.recv(server, 100, 0);
    w.poll(server);
    let _ = w.send(server, b"and back", 0);
    w.wait(client, POLLIN);
    let _ = w.recv(client, 100, 0);
    w.poll(client);
}

fn scatter(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let data = vec![b"ab".to_vec(), vec![], b"cdefg".to_vec(), b"h".to_vec()];
    let _ = w.send_message(
        client,
        &Message {
            data,
            ..Message::default()
        },
    );
    let _ = w.send_message(client, &Message::default());
    w.wait(server, POLLIN);
    let _ = w.receive_message(
        server,
        &Reception {
            buffers: vec![1, 0, 3, 2, 9],
            control_room: 64,
            flags: 0,
        },
    );
    let _ = w.receive_message(
        server,
        &Reception {
            buffers: vec![],
            control_room: 0,
            flags: 0,
        },
    );
    let _ = w.send(client, b"xyz", 0);
    w.wait(server, POLLIN);
    let _ = w.receive_message(
        server,
        &Reception {
            buffers: vec![],
            control_room: 0,
            flags: 0,
        },
    );
    let _ = w.receive_message(
        server,
        &Reception {
            buffers: vec![2, 5],
            control_room: 0,
            flags: 0,
        },
    );
}

fn peek(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.recv(server, 10, MSG_PEEK);
    let _ = w.send(client, b"abc", 0);
    let _ = w.send(client, b"def", 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 2, MSG_PEEK);
    let _ = w.recv(server, 10, MSG_PEEK);
    let _ = w.recv(server, 10, MSG_PEEK | MSG_WAITALL);
    let _ = w.recv(server, 4, 0);
    let _ = w.recv(server, 10, MSG_PEEK);
    let _ = w.recv(server, 10, 0);
    w.close(client);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, MSG_PEEK);
    let _ = w.recv(server, 10, 0);
}

fn trunc(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"abcdef", 0);
    w.wait(server, POLLIN);
    let received = w.quietly(|w| w.recv(server, 2, MSG_TRUNC));
    w.note(&format!(
        "recv(2, TRUNC) discards {:?}",
        received.map(|r| r.length)
    ));
    let received = w.quietly(|w| w.recv(server, 3, MSG_TRUNC | MSG_PEEK));
    w.note(&format!(
        "recv(3, TRUNC|PEEK) {:?}",
        received.map(|r| r.length)
    ));
    let _ = w.recv(server, 10, 0);
    let received = w.quietly(|w| w.recv(server, 3, MSG_TRUNC));
    w.note(&format!("empty: {:?}", received.map(|r| r.length)));
}

fn wait_flags(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.recv(server, 4, MSG_WAITALL);
    let _ = w.send(client, b"abc", MSG_DONTWAIT);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, MSG_WAITALL);
    let _ = w.recv(server, 10, MSG_WAITALL | MSG_DONTWAIT);
    let _ = w.recv(server, 10, MSG_DONTWAIT);
}

fn empty(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"", 0);
    w.settle();
    w.poll(server);
    let _ = w.recv(server, 0, 0);
    let _ = w.recv(server, 10, 0);
    let _ = w.send(client, b"x", 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 0, 0);
    let _ = w.recv(server, 0, MSG_PEEK);
    let _ = w.recv(server, 10, 0);
    w.close(client);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 0, 0);
}

fn half_close(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"request", 0);
    w.shutdown(client, libc::SHUT_WR);
    w.poll(client);
    w.wait(server, POLLRDHUP);
    let _ = w.recv(server, 100, 0);
    w.poll(server);
    let _ = w.recv(server, 100, 0);
    let _ = w.send(server, b"answer", 0);
    w.wait(client, POLLIN);
    let _ = w.recv(client, 100, 0);
    w.poll(client);
    let _ = w.send(client, b"more", 0);
    w.shutdown(server, libc::SHUT_WR);
    w.poll(server);
    w.wait(client, POLLHUP);
    let _ = w.recv(client, 100, 0);
    w.poll(client);
    w.poll(server);
    w.peer(client);
    w.peer(server);
    w.error(client);
    w.error(server);
}

fn both_close(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.close(client);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 1, 0);
    let _ = w.recv(server, 1, 0);
    w.poll(server);
    w.close(server);
}

fn shutdown_read(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.shutdown(server, libc::SHUT_RD);
    w.poll(server);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, MSG_PEEK);
    w.poll(client);
    let _ = w.send(server, b"still", 0);
    w.wait(client, POLLIN);
    let _ = w.recv(client, 10, 0);
    w.error(server);
}

fn shutdown_read_data(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"before", 0);
    w.wait(server, POLLIN);
    w.shutdown(server, libc::SHUT_RD);
    w.poll(server);
    let _ = w.recv(server, 3, 0);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, 0);
    let _ = w.send(client, b"after", 0);
    w.settle();
    w.poll(server);
    let _ = w.recv(server, 10, 0);
    w.poll(client);
    w.error(client);
}

fn shutdown_both(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.shutdown(client, libc::SHUT_RDWR);
    w.poll(client);
    let _ = w.send(client, b"x", 0);
    let _ = w.recv(client, 1, 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 1, 0);
    let _ = w.send(server, b"x", 0);
    w.settle();
    w.poll(server);
    w.poll(client);
    let _ = w.recv(client, 1, 0);
    let _ = w.send(server, b"x", 0);
    w.error(server);
    w.error(client);
}

fn shutdown_twice(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.shutdown(client, libc::SHUT_WR);
    w.shutdown(client, libc::SHUT_WR);
    w.shutdown(client, libc::SHUT_RD);
    w.shutdown(client, libc::SHUT_RDWR);
    w.wait(server, POLLIN);
    w.shutdown(server, libc::SHUT_WR);
    w.settle();
    w.shutdown(client, libc::SHUT_WR);
    w.shutdown(server, libc::SHUT_WR);
    w.shutdown(server, libc::SHUT_RD);
    w.poll(client);
    w.poll(server);
    w.peer(client);
    w.peer(server);
}

fn send_after_shutdown(w: &mut World<'_>) {
    let (client, _, _) = w.established();
    w.shutdown(client, libc::SHUT_WR);
    let _ = w.send(client, b"x", 0);
    let _ = w.send(client, b"", 0);
    let _ = w.send(client, b"x", libc::MSG_OOB);
    w.error(client);
    w.poll(client);
}

fn send_to_closed(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.close(server);
    w.wait(client, POLLIN);
    w.note("the first send is answered by a reset");
    let _ = w.send(client, b"x", 0);
    w.wait(client, POLLHUP);
    let _ = w.send(client, b"x", 0);
    let _ = w.send(client, b"x", 0);
    w.error(client);
    let _ = w.recv(client, 1, 0);
    w.poll(client);
    w.peer(client);
}

fn unread_close(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"unread", 0);
    w.wait(server, POLLIN);
    w.close(server);
    w.wait(client, POLLHUP);
    w.note("recv tells it, then end of file");
    let _ = w.recv(client, 1, 0);
    let _ = w.recv(client, 1, 0);
    w.poll(client);
    let _ = w.send(client, b"x", 0);
    w.peer(client);
    w.local(client);
}

fn linger_zero(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set(server, SO_LINGER, &linger(1, 0));
    w.close(server);
    w.wait(client, POLLHUP);
    w.error(client);
    w.poll(client);
    let _ = w.recv(client, 1, 0);
    let _ = w.send(client, b"x", 0);
}

fn reset_with_data(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(server, b"queued", 0);
    w.wait(client, POLLIN);
    let _ = w.set(server, SO_LINGER, &linger(1, 0));
    w.close(server);
    w.wait(client, POLLHUP);
    w.ask(client, Question::Unread);
    let _ = w.recv(client, 3, 0);
    let _ = w.recv(client, 100, 0);
    let _ = w.recv(client, 100, 0);
    w.error(client);
    let _ = w.recv(client, 100, 0);
}

fn reset_while_sending(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.fill(client, 10_000);
    w.settle();
    w.close(server);
    w.wait(client, POLLHUP);
    let _ = w.send(client, b"x", 0);
    let _ = w.send(client, b"x", 0);
    let _ = w.recv(client, 1, 0);
}

fn full(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.poll(client);
    let sent = w.fill(client, 50_000);
    w.pass(50);
    // How much more there is room for by now is a matter of buffer tuning.
    let more = w.quietly(|w| w.fill(client, 50_000));
    w.poll(client);
    w.quietly(|w| w.wait(server, POLLIN));
    let received = w.quietly(|w| w.drain(server));
    w.wait(client, POLLOUT);
    w.pass(300);
    let rest = w.quietly(|w| w.drain(server));
    w.note(&format!("all arrived: {}", received + rest == sent + more));
}

fn full_then_close(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let sent = w.quietly(|w| w.fill(client, 50_000));
    w.close(client);
    let mut total = 0;
    for _ in 0..400 {
        let (got, end) = w.quietly(|w| {
            w.wait(server, POLLIN);
            let received = w.recv(server, 1 << 20, 0);
            (
                received.as_ref().map_or(0, |r| r.length),
                received.is_ok_and(|r| r.length == 0),
            )
        });
        total += got;
        if end {
            break;
        }
    }
    w.note(&format!("all arrived: {}", total == sent));
    let _ = w.recv(server, 1, 0);
    w.poll(server);
}

fn counts(w: &mut World<'_>) {
    let (client, server, listener) = w.established();
    w.ask(client, Question::Unsent);
    w.ask(client, Question::Unread);
    w.ask(client, Question::AtMark);
    let _ = w.send(client, b"abcdef", 0);
    w.wait(server, POLLIN);
    w.ask(server, Question::Unread);
    let _ = w.recv(server, 2, 0);
    w.ask(server, Question::Unread);
    w.pass(100);
    w.ask(client, Question::Unsent);
    w.ask(listener, Question::Unread);
    w.ask(listener, Question::Unsent);
    w.close(client);
    w.wait(server, POLLRDHUP);
    w.ask(server, Question::Unread);
    let _ = w.recv(server, 10, 0);
    w.ask(server, Question::Unread);
    w.ask(server, Question::Unsent);
}

fn low_water(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set_int(server, SO_RCVLOWAT, 5);
    let _ = w.send(client, b"abc", 0);
    w.settle();
    w.poll(server);
    let _ = w.recv(server, 1, MSG_PEEK);
    let _ = w.send(client, b"de", 0);
    w.settle();
    w.poll(server);
    let _ = w.recv(server, 1, 0);
    w.poll(server);
    w.close(client);
    w.wait(server, POLLRDHUP);
}

fn cork(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"held", MSG_MORE);
    w.settle();
    w.note("one segment or two, the bytes are there after the next send");
    let _ = w.send(client, b"-free", 0);
    w.settle();
    w.wait(server, POLLIN);
    let _ = w.recv(server, 100, 0);
    let _ = w.set_int(client, TCP_CORK, 1);
    w.get_int(client, TCP_NODELAY);
    let _ = w.send(client, b"corked", 0);
    w.settle();
    w.poll(server);
    let _ = w.set_int(client, TCP_CORK, 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 100, 0);
    w.note("a cork gives way after 200 ms");
    let _ = w.set_int(client, TCP_CORK, 1);
    let _ = w.send(client, b"slow", 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 100, 0);
    w.note("nodelay does not pull the cork; close does");
    let _ = w.set_int(client, TCP_NODELAY, 1);
    let _ = w.send(client, b"end", 0);
    w.close(client);
    w.wait(server, POLLRDHUP);
    let _ = w.recv(server, 100, 0);
}

fn large(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let data = pattern(3_000_000);
    let received = w.quietly(|w| {
        let (mut sent, mut got) = (0, Vec::new());
        for _ in 0..100_000 {
            if sent < data.len() {
                sent += w
                    .send(client, &data[sent..data.len().min(sent + 65_536)], 0)
                    .unwrap_or(0);
            } else if sent == data.len() {
                w.shutdown(client, libc::SHUT_WR);
                sent += 1;
            }
            match w.recv(server, 100_000, 0) {
                Ok(received) if received.length == 0 => break,
                Ok(received) => got.extend(received.data),
                Err(_) => w.wait(server, POLLIN),
            }
        }
        got
    });
    w.note(&format!(
        "{} bytes, the same: {}",
        received.len(),
        received == data
    ));
}

fn time_wait(w: &mut World<'_>) {
    w.note("the server closes first: its port is in TIME-WAIT");
    let (listener, address) = w.listener(2);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    let server = w.accept(listener);
    w.close(server);
    w.wait(client, POLLIN);
    w.close(client);
    w.close(listener);
    w.settle();
    let again = w.socket(SOCK_STREAM);
    let _ = w.bind(again, &address);
    let _ = w.set_int(again, SO_REUSEADDR, 1);
    let _ = w.bind(again, &address);
    w.listen(again, 1);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    w.error(client);
    w.accept(again);
}

fn time_wait_client(w: &mut World<'_>) {
    let (listener, address) = w.listener(2);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    let server = w.accept(listener);
    w.close(client);
    w.wait(server, POLLIN);
    w.close(server);
    w.close(listener);
    w.settle();
    let again = w.socket(SOCK_STREAM);
    let _ = w.bind(again, &address);
    w.listen(again, 1);
}

fn time_wait_reuse(w: &mut World<'_>) {
    let (listener, address) = w.listener(2);
    let port = w.port("C");
    let own = w.loopback(port);
    for round in 0..2 {
        w.note(&format!("round {round}"));
        let client = w.socket(SOCK_STREAM);
        let _ = w.set_int(client, SO_REUSEADDR, 1);
        let _ = w.bind(client, &own);
        w.connect(client, &address);
        w.wait(client, POLLOUT);
        w.error(client);
        let server = w.accept(listener);
        w.note("the server closes first, so that the client's port is free");
        w.close(server);
        w.wait(client, POLLIN);
        w.close(client);
        w.settle();
    }
}

fn states(w: &mut World<'_>) {
    let state = |w: &mut World<'_>, s| w.get(s, super::option_table::TCP_INFO, 1);
    let (client, server, listener) = w.established();
    state(w, listener);
    state(w, client);
    w.shutdown(client, libc::SHUT_WR);
    w.wait(server, POLLRDHUP);
    w.note("FIN-WAIT-2, once the acknowledgement is there, and CLOSE-WAIT");
    w.pass(100);
    state(w, client);
    state(w, server);
    w.poll(client);
    w.poll(server);
    w.shutdown(server, libc::SHUT_WR);
    w.wait(client, POLLHUP);
    w.note("TIME-WAIT is closed for the socket that is still open");
    state(w, client);
    state(w, server);
    w.poll(client);
    w.poll(server);
    w.connect(client, &Address::Unspecified);
    state(w, client);
    let fresh = w.socket(SOCK_STREAM);
    state(w, fresh);
}

fn names_after_close(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    w.local(client);
    w.peer(client);
    w.shutdown(client, libc::SHUT_WR);
    w.wait(server, POLLRDHUP);
    w.peer(client);
    w.peer(server);
    w.shutdown(server, libc::SHUT_WR);
    w.wait(client, POLLHUP);
    w.local(client);
    w.peer(client);
    w.local(server);
    w.peer(server);
    let _ = w.recv(client, 1, 0);
    let _ = w.recv(client, 1, 0);
    let _ = w.send(client, b"x", 0);
    w.shutdown(client, libc::SHUT_RD);
}

fn small_buffers(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set_int(client, SO_SNDBUF, 1);
    let _ = w.set_int(server, SO_RCVBUF, 1);
    w.get_int(client, SO_SNDBUF);
    w.get_int(server, SO_RCVBUF);
    let _ = w.set_int(client, SO_KEEPALIVE, 1);
    let data = pattern(40_000);
    let received = w.quietly(|w| {
        let (mut sent, mut got) = (0, Vec::new());
        for _ in 0..2000 {
            if sent < data.len() {
                sent += w.send(client, &data[sent..], 0).unwrap_or(0);
            }
            match w.recv(server, 4096, 0) {
                Ok(received) => got.extend(received.data),
                Err(_) => w.wait(server, POLLIN),
            }
            if got.len() >= data.len() {
                break;
            }
        }
        got
    });
    w.note(&format!("the same: {}", received == data));
}

fn odd_flags(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    for flags in [
        libc::MSG_DONTROUTE,
        libc::MSG_EOR,
        libc::MSG_CONFIRM,
        0x0100_0000,
    ] {
        let _ = w.send(client, b"x", flags);
    }
    w.wait(server, POLLIN);
    for flags in [libc::MSG_ERRQUEUE, libc::MSG_CMSG_CLOEXEC, 0x0100_0000] {
        let _ = w.recv(server, 1, flags);
    }
    let _ = w.recv(server, 9, 0);
}
