//! TCP: urgent data, as Linux has it.

use libc::{MSG_OOB, MSG_PEEK, POLLIN, POLLPRI};

use super::Registry;
use super::option_table::SO_OOBINLINE;
use crate::World;
use crate::sockets::Question;

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "urgent_byte_comes_apart", apart);
    r.inet("stream", "urgent_byte_inline", inline);
    r.inet("stream", "urgent_byte_after_the_mark", mark);
    r.inet("stream", "a_second_urgent_byte", second);
    r.inet("stream", "no_urgent_byte", none);
    r.inet("stream", "urgent_byte_of_a_long_send_is_the_last", last);
    r.inet("stream", "switching_inline_with_a_byte_waiting", switch);
}

fn apart(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"abc", 0);
    let _ = w.send(client, b"!", MSG_OOB);
    let _ = w.send(client, b"def", 0);
    w.wait(server, POLLPRI);
    w.ask(server, Question::AtMark);
    w.ask(server, Question::Unread);
    let _ = w.recv(server, 10, MSG_OOB | MSG_PEEK);
    let _ = w.recv(server, 10, MSG_OOB);
    let _ = w.recv(server, 10, MSG_OOB);
    w.poll(server);
    let _ = w.recv(server, 10, 0);
    w.ask(server, Question::AtMark);
    w.ask(server, Question::Unread);
    let _ = w.recv(server, 10, 0);
    w.ask(server, Question::AtMark);
    w.poll(server);
}

fn inline(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.set_int(server, SO_OOBINLINE, 1);
    let _ = w.send(client, b"abc", 0);
    let _ = w.send(client, b"!", MSG_OOB);
    let _ = w.send(client, b"def", 0);
    w.wait(server, POLLPRI);
    let _ = w.recv(server, 10, MSG_OOB);
    w.ask(server, Question::Unread);
    let _ = w.recv(server, 10, 0);
    w.ask(server, Question::AtMark);
    w.poll(server);
    let _ = w.recv(server, 10, 0);
    w.ask(server, Question::AtMark);
    w.poll(server);
}

fn mark(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"!", MSG_OOB);
    w.wait(server, POLLPRI);
    w.ask(server, Question::AtMark);
    let _ = w.recv(server, 10, 0);
    w.ask(server, Question::Unread);
    let _ = w.send(client, b"x", 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, MSG_PEEK);
    let _ = w.recv(server, 10, 0);
    w.note("the byte that was read past is gone");
    let _ = w.recv(server, 10, MSG_OOB);
    w.poll(server);
}

fn second(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"a1", MSG_OOB);
    w.wait(server, POLLPRI);
    let _ = w.send(client, b"b2", MSG_OOB);
    w.settle();
    w.poll(server);
    let _ = w.recv(server, 10, MSG_OOB);
    let _ = w.recv(server, 10, MSG_OOB);
    w.note("the first becomes ordinary data");
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, 0);
    w.ask(server, Question::AtMark);
}

fn none(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.recv(server, 10, MSG_OOB);
    let _ = w.send(client, b"x", 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, MSG_OOB);
    w.ask(server, Question::AtMark);
    w.close(client);
    w.wait(server, libc::POLLRDHUP);
    let _ = w.recv(server, 10, MSG_OOB);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, MSG_OOB);
}

fn last(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"hello!", MSG_OOB);
    w.wait(server, POLLPRI);
    let _ = w.recv(server, 0, MSG_OOB);
    let _ = w.recv(server, 10, MSG_OOB);
    let _ = w.recv(server, 10, 0);
    let _ = w.send(client, b"", MSG_OOB);
    w.settle();
    w.poll(server);
}

fn switch(w: &mut World<'_>) {
    let (client, server, _) = w.established();
    let _ = w.send(client, b"ab!", MSG_OOB);
    w.wait(server, POLLPRI);
    let _ = w.set_int(server, SO_OOBINLINE, 1);
    w.poll(server);
    let _ = w.recv(server, 10, MSG_OOB);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, 0);
}
