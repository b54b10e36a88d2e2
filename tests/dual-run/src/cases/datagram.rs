//! UDP and UDP-Lite: boundaries, peers, errors that come back, readiness.

use libc::{MSG_PEEK, MSG_TRUNC, MSG_WAITALL, POLLERR, POLLIN, SOCK_DGRAM};

use super::Registry;
use super::option_table::{
    IP_PKTINFO, IP_RECVTOS, IP_RECVTTL, IP_TOS, IP_TTL, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO,
    IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_UNICAST_HOPS, SO_BROADCAST, SO_RCVBUF,
};
use crate::sockets::Question;
use crate::{Address, Flavor, Message, Reception, World};

pub(super) fn register(r: &mut Registry) {
    r.datagram("datagrams_keep_their_boundaries", boundaries);
    r.datagram("a_short_buffer_truncates", truncates);
    r.datagram("peek_leaves_the_datagram", peek);
    r.datagram("zero_length_datagrams", zero);
    r.datagram("scatter_and_gather", scatter);
    r.datagram("connected_sockets_hear_only_their_peer", connected);
    r.datagram("connect_again_and_unspec", reconnect);
    r.datagram("an_unconnected_send_binds", send_binds);
    r.datagram("sendto_on_a_connected_socket", sendto_connected);
    r.datagram("port_unreachable_is_econnrefused", unreachable);
    r.datagram(
        "port_unreachable_of_an_unconnected_socket_is_silent",
        unreachable_unconnected,
    );
    r.datagram("the_error_is_told_once", error_once);
    r.datagram("too_long_is_emsgsize", too_long);
    r.datagram("the_largest_datagram", largest);
    r.datagram("shutdown", shutdown);
    r.datagram("shutdown_of_a_connected_socket", shutdown_connected);
    r.datagram("readiness", readiness);
    r.datagram("counts_of_queued_bytes", counts);
    r.datagram("a_full_queue_drops", full);
    r.datagram("packet_information", packet_information);
    r.datagram("broadcast_needs_permission", broadcast);
    r.datagram(
        "a_wildcard_socket_answers_from_where_it_was_asked",
        wildcard,
    );
    r.datagram("closing_forgets_the_queue", closing);
    r.datagram("to_itself", to_itself);
    r.datagram_of(Flavor::V6, "dual_stack", dual_stack);
}

fn boundaries(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for data in [&b"one"[..], b"two2", b"three"] {
        let _ = w.send_to(left, data, &b);
    }
    w.wait(right, POLLIN);
    for _ in 0..4 {
        let _ = w.recv(right, 100, 0);
    }
    w.poll(right);
}

fn truncates(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for _ in 0..5 {
        let _ = w.send_to(left, b"abcdefgh", &b);
    }
    w.wait(right, POLLIN);
    let _ = w.recv(right, 3, 0);
    let _ = w.recv(right, 3, MSG_TRUNC);
    let _ = w.recv(right, 3, MSG_TRUNC | MSG_PEEK);
    let _ = w.recv(right, 0, 0);
    let _ = w.recv(right, 8, 0);
    let _ = w.receive_message(
        right,
        &Reception {
            buffers: vec![],
            control_room: 0,
            flags: MSG_TRUNC,
        },
    );
    let _ = w.recv(right, 8, 0);
}

fn peek(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let _ = w.recv(right, 10, MSG_PEEK);
    let _ = w.send_to(left, b"one", &b);
    let _ = w.send_to(left, b"two", &b);
    w.wait(right, POLLIN);
    let _ = w.recv(right, 10, MSG_PEEK);
    let _ = w.recv(right, 2, MSG_PEEK);
    let _ = w.recv(right, 10, MSG_WAITALL);
    let _ = w.recv(right, 10, 0);
}

fn zero(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let _ = w.send_to(left, b"", &b);
    w.wait(right, POLLIN);
    w.ask(right, Question::Unread);
    let _ = w.recv(right, 10, MSG_PEEK);
    let _ = w.recv(right, 10, 0);
    let _ = w.recv(right, 10, 0);
    let _ = w.send_message(
        left,
        &Message {
            address: Some(b),
            ..Message::default()
        },
    );
    w.wait(right, POLLIN);
    let _ = w.recv(right, 0, 0);
    let _ = w.recv(right, 0, 0);
}

fn scatter(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let data = vec![b"ab".to_vec(), vec![], b"cde".to_vec()];
    let _ = w.send_message(
        left,
        &Message {
            data,
            address: Some(b),
            ..Message::default()
        },
    );
    w.wait(right, POLLIN);
    let _ = w.receive_message(
        right,
        &Reception {
            buffers: vec![1, 0, 2, 1],
            control_room: 0,
            flags: 0,
        },
    );
}

fn connected(w: &mut World<'_>) {
    let (left, right, a, b) = w.datagram_pair();
    let other = w.socket(SOCK_DGRAM);
    w.connect(right, &a);
    w.peer(right);
    w.local(right);
    w.poll(right);
    let _ = w.send_to(other, b"stranger", &b);
    w.settle();
    w.poll(right);
    w.note("a stranger's datagram finds no socket: the connected stranger is refused");
    w.connect(other, &b);
    let _ = w.send(other, b"again", 0);
    w.wait(other, POLLERR);
    w.error(other);
    let _ = w.send_to(left, b"friend", &b);
    w.wait(right, POLLIN);
    let _ = w.recv(right, 10, 0);
    let _ = w.send(right, b"back", 0);
    w.wait(left, POLLIN);
    let _ = w.recv(left, 10, 0);
}

fn reconnect(w: &mut World<'_>) {
    let (_, _, a, b) = w.datagram_pair();
    let s = w.socket(SOCK_DGRAM);
    w.connect(s, &a);
    w.local(s);
    w.connect(s, &b);
    w.local(s);
    w.peer(s);
    w.connect(s, &Address::Unspecified);
    w.peer(s);
    w.note("the port was not asked for, so it is given back");
    w.local(s);
    let _ = w.send(s, b"x", 0);
    w.note("a port that was asked for stays");
    let port = w.port("C");
    let any = w.any(port);
    let s = w.socket(SOCK_DGRAM);
    let _ = w.bind(s, &any);
    w.connect(s, &a);
    w.local(s);
    w.connect(s, &Address::Unspecified);
    w.local(s);
    w.note("an address that was asked for stays, too");
    let port = w.port("D");
    let own = w.loopback(port);
    let s = w.socket(SOCK_DGRAM);
    let _ = w.bind(s, &own);
    w.connect(s, &a);
    w.connect(s, &Address::Unspecified);
    w.local(s);
}

fn send_binds(w: &mut World<'_>) {
    let (_, right, _, b) = w.datagram_pair();
    let s = w.socket(SOCK_DGRAM);
    w.local(s);
    let _ = w.send_to(s, b"x", &b);
    w.local(s);
    w.peer(s);
    w.wait(right, POLLIN);
    let _ = w.recv(right, 10, 0);
    let _ = w.send(s, b"x", 0);
    let any = w.any(0);
    let _ = w.bind(s, &any);
}

fn sendto_connected(w: &mut World<'_>) {
    let (left, right, a, b) = w.datagram_pair();
    let s = w.socket(SOCK_DGRAM);
    w.connect(s, &a);
    let _ = w.send_to(s, b"to a", &a);
    let _ = w.send_to(s, b"to b", &b);
    w.wait(left, POLLIN);
    w.wait(right, POLLIN);
    let _ = w.recv(left, 10, 0);
    let _ = w.recv(right, 10, 0);
    let _ = w.send_to(s, b"x", &Address::Unspecified);
}

fn unreachable(w: &mut World<'_>) {
    let port = w.port("N");
    let nobody = w.loopback(port);
    let s = w.socket(SOCK_DGRAM);
    w.connect(s, &nobody);
    let _ = w.send(s, b"x", 0);
    w.wait(s, POLLERR);
    w.error(s);
    w.poll(s);
    let _ = w.send(s, b"x", 0);
    w.wait(s, POLLERR);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 10, 0);
    let _ = w.send(s, b"x", 0);
    w.wait(s, POLLERR);
    let _ = w.send(s, b"x", 0);
    w.settle();
    w.error(s);
    w.peer(s);
}

fn unreachable_unconnected(w: &mut World<'_>) {
    let port = w.port("N");
    let nobody = w.loopback(port);
    let s = w.socket(SOCK_DGRAM);
    let _ = w.send_to(s, b"x", &nobody);
    w.settle();
    w.poll(s);
    w.error(s);
    let _ = w.recv(s, 10, 0);
}

fn error_once(w: &mut World<'_>) {
    let (left, _, _, _) = w.datagram_pair();
    let port = w.port("N");
    let nobody = w.loopback(port);
    let s = w.socket(SOCK_DGRAM);
    w.connect(s, &nobody);
    let _ = w.send(s, b"x", 0);
    w.wait(s, POLLERR);
    let own = w.local(s);
    w.note("a datagram that waits is read after the error");
    let stranger = w.socket(SOCK_DGRAM);
    let _ = w.bind(stranger, &nobody);
    let _ = w.send_to(stranger, b"late", &own);
    w.wait(s, POLLIN);
    let _ = w.recv(s, 10, MSG_PEEK);
    let _ = w.recv(s, 10, 0);
    let _ = w.recv(s, 10, 0);
    w.close(left);
    w.note("connect clears nothing");
    w.close(stranger);
    let _ = w.send(s, b"x", 0);
    w.wait(s, POLLERR);
    w.connect(s, &nobody);
    w.connect(s, &nobody);
}

fn too_long(w: &mut World<'_>) {
    let (left, _, _, b) = w.datagram_pair();
    for length in [65_507, 65_508, 65_527, 65_528, 65_535, 65_536, 100_000] {
        let _ = w.send_to(left, &vec![0; length], &b);
    }
    w.poll(left);
    w.error(left);
}

fn largest(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let length = if w.flavor == Flavor::V6 {
        65_527
    } else {
        65_507
    };
    let _ = w.send_to(left, &vec![7; length], &b);
    w.wait(right, POLLIN);
    w.ask(right, Question::Unread);
    let _ = w.recv(right, 70_000, 0);
}

fn shutdown(w: &mut World<'_>) {
    let (left, right, a, b) = w.datagram_pair();
    w.shutdown(left, libc::SHUT_WR);
    w.poll(left);
    let _ = w.send_to(left, b"x", &b);
    w.shutdown(right, libc::SHUT_RD);
    w.poll(right);
    let _ = w.recv(right, 10, 0);
    let _ = w.send_to(right, b"y", &a);
    w.settle();
    let _ = w.recv(left, 10, 0);
}

fn shutdown_connected(w: &mut World<'_>) {
    let (left, right, a, b) = w.datagram_pair();
    w.connect(left, &b);
    w.connect(right, &a);
    w.shutdown(left, libc::SHUT_WR);
    w.poll(left);
    let _ = w.send(left, b"x", 0);
    let _ = w.send(right, b"y", 0);
    w.wait(left, POLLIN);
    let _ = w.recv(left, 10, 0);
    let _ = w.recv(left, 10, 0);
    w.shutdown(left, libc::SHUT_RD);
    w.poll(left);
    w.note("a nonblocking recv answers EAGAIN or end of file");
    let _ = w.recv(left, 10, 0);
    let _ = w.send(right, b"z", 0);
    w.settle();
    w.poll(left);
    let _ = w.recv(left, 10, 0);
    let _ = w.recv(left, 10, 0);
    w.shutdown(right, libc::SHUT_RDWR);
    w.poll(right);
    let _ = w.send(right, b"z", 0);
    let _ = w.recv(right, 10, 0);
    w.note("connecting again does not open it");
    w.connect(right, &a);
    w.poll(right);
    let _ = w.send(right, b"z", 0);
}

fn readiness(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    w.poll(s);
    let port = w.port("P");
    let own = w.loopback(port);
    let _ = w.bind(s, &own);
    w.poll(s);
    w.connect(s, &own);
    w.poll(s);
    let _ = w.send(s, b"me", 0);
    w.wait(s, POLLIN);
    let _ = w.recv(s, 10, 0);
    w.poll(s);
}

fn counts(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    w.ask(right, Question::Unread);
    w.ask(right, Question::Unsent);
    let _ = w.send_to(left, b"12345", &b);
    let _ = w.send_to(left, b"123", &b);
    w.wait(right, POLLIN);
    w.note("only the first datagram counts");
    w.ask(right, Question::Unread);
    w.ask(left, Question::Unsent);
    w.ask(right, Question::AtMark);
    let _ = w.recv(right, 10, 0);
    w.ask(right, Question::Unread);
}

fn full(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let _ = w.set_int(right, SO_RCVBUF, 1);
    w.get_int(right, SO_RCVBUF);
    w.note("what does not fit is dropped without a word");
    w.quietly(|w| {
        for _ in 0..200 {
            let _ = w.send_to(left, &[1; 100], &b);
        }
    });
    w.wait(right, POLLIN);
    w.poll(left);
    let got = w.quietly(|w| {
        let mut got = 0;
        while w.recv(right, 200, 0).is_ok() {
            got += 1;
        }
        got
    });
    w.note(&format!(
        "some came: {}, some did not: {}",
        got > 0,
        got < 200
    ));
}

fn packet_information(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    for option in [
        IP_PKTINFO,
        IP_RECVTTL,
        IP_RECVTOS,
        IPV6_RECVPKTINFO,
        IPV6_RECVHOPLIMIT,
        IPV6_RECVTCLASS,
    ] {
        let _ = w.set_int(right, option, 1);
    }
    for (option, value) in [
        (IP_TTL, 33),
        (IP_TOS, 0x10),
        (IPV6_UNICAST_HOPS, 44),
        (IPV6_TCLASS, 0x20),
    ] {
        let _ = w.set_int(left, option, value);
    }
    let _ = w.send_to(left, b"x", &b);
    w.wait(right, POLLIN);
    let _ = w.receive_message(
        right,
        &Reception {
            buffers: vec![10],
            control_room: 20,
            flags: MSG_PEEK,
        },
    );
    let _ = w.receive_message(
        right,
        &Reception {
            buffers: vec![10],
            control_room: 256,
            flags: 0,
        },
    );
}

fn broadcast(w: &mut World<'_>) {
    if w.flavor != Flavor::V4 {
        return;
    }
    let s = w.socket(SOCK_DGRAM);
    let address = Address::inet(std::net::Ipv4Addr::new(127, 255, 255, 255), 9);
    let _ = w.send_to(s, b"x", &address);
    w.connect(s, &address);
    let _ = w.set_int(s, SO_BROADCAST, 1);
    let _ = w.send_to(s, b"x", &address);
    w.connect(s, &address);
    w.local(s);
}

fn wildcard(w: &mut World<'_>) {
    let port = w.port("W");
    let any = w.any(port);
    let server = w.socket(SOCK_DGRAM);
    let _ = w.bind(server, &any);
    let client = w.socket(SOCK_DGRAM);
    let target = w.loopback(port);
    w.connect(client, &target);
    let _ = w.send(client, b"ask", 0);
    w.wait(server, POLLIN);
    let from = w
        .recv(server, 10, 0)
        .ok()
        .and_then(|r| r.address)
        .unwrap_or(Address::Nothing);
    let _ = w.send_to(server, b"answer", &from);
    w.wait(client, POLLIN);
    let _ = w.recv(client, 10, 0);
    w.local(server);
    w.note("to the wildcard address is to this host");
    let s = w.socket(SOCK_DGRAM);
    let _ = w.send_to(s, b"any", &any);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, 0);
    w.connect(s, &any);
    w.peer(s);
    w.local(s);
}

fn closing(w: &mut World<'_>) {
    let (left, right, _, b) = w.datagram_pair();
    let _ = w.send_to(left, b"lost", &b);
    w.close(right);
    let again = w.socket(SOCK_DGRAM);
    let _ = w.bind(again, &b);
    let _ = w.recv(again, 10, 0);
}

fn to_itself(w: &mut World<'_>) {
    let (left, _, a, _) = w.datagram_pair();
    let _ = w.send_to(left, b"self", &a);
    w.wait(left, POLLIN);
    let _ = w.recv(left, 10, 0);
}

fn dual_stack(w: &mut World<'_>) {
    let port = w.port("P");
    let any = w.any(port);
    let server = w.socket(SOCK_DGRAM);
    let _ = w.bind(server, &any);
    let v4 = w.socket_of(libc::AF_INET, SOCK_DGRAM, w.datagram_protocol);
    let _ = w.send_to(
        v4,
        b"four",
        &Address::inet(std::net::Ipv4Addr::LOCALHOST, port),
    );
    w.wait(server, POLLIN);
    let from = w
        .recv(server, 10, 0)
        .ok()
        .and_then(|r| r.address)
        .unwrap_or(Address::Nothing);
    let _ = w.send_to(server, b"back", &from);
    w.wait(v4, POLLIN);
    let _ = w.recv(v4, 10, 0);
    let v6 = w.socket(SOCK_DGRAM);
    w.connect(
        v6,
        &Address::inet(std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port),
    );
    w.local(v6);
    let _ = w.send(v6, b"mapped", 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, 0);
    w.note("then to a v6 peer");
    let target = w.loopback(port);
    w.connect(v6, &target);
    w.local(v6);
    w.note("an AF_INET address on a v6 socket");
    let plain = w.socket(SOCK_DGRAM);
    let _ = w.send_to(
        plain,
        b"x",
        &Address::inet(std::net::Ipv4Addr::LOCALHOST, port),
    );
    w.connect(plain, &Address::inet(std::net::Ipv4Addr::LOCALHOST, port));
    w.peer(plain);
    w.local(plain);
}
