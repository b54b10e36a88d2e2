//! TCP: from the first call to an established connection, and the ways in which that fails.

use libc::{POLLIN, POLLOUT, SOCK_STREAM};

use super::Registry;
use super::option_table::{IPV6_V6ONLY, SO_REUSEADDR, TCP_DEFER_ACCEPT};
use crate::{Address, Flavor, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "connect_and_accept", connect_and_accept);
    r.inet("stream", "connect_to_nobody_is_refused", refused);
    r.inet(
        "stream",
        "a_refused_socket_connects_again",
        refused_then_again,
    );
    r.inet("stream", "connect_to_the_wildcard_is_loopback", wildcard);
    r.inet("stream", "connect_to_port_zero", port_zero);
    r.inet("stream", "connect_from_a_bound_port", from_bound);
    r.inet("stream", "connect_to_itself", to_itself);
    r.inet("stream", "simultaneous_open", simultaneous);
    r.inet("stream", "listen_without_bind_takes_a_port", listen_unbound);
    r.inet("stream", "bind_to_port_zero_takes_a_port", bind_zero);
    r.inet("stream", "accept_in_order", accept_order);
    r.inet("stream", "data_before_accept", data_before_accept);
    r.inet("stream", "reset_before_accept", reset_before_accept);
    r.inet("stream", "fin_before_accept", fin_before_accept);
    r.inet("stream", "backlog_overflow", backlog);
    r.inet("stream", "backlog_of_zero_takes_one", backlog_zero);
    r.inet(
        "stream",
        "a_negative_backlog_is_a_large_one",
        backlog_negative,
    );
    r.inet(
        "stream",
        "closing_a_listener_resets_what_waits",
        listener_close,
    );
    r.inet(
        "stream",
        "shutting_a_listener_resets_what_waits",
        listener_shutdown,
    );
    r.inet("stream", "unspec_disconnects", unspec);
    r.inet("stream", "defer_accept_waits_for_data", defer_accept);
    r.inet("stream", "no_route", no_route);
    r.one(
        "inet6",
        "stream",
        "dual_stack_listener_sees_mapped_peers",
        Flavor::V6,
        dual_stack,
    );
    r.one("inet6", "stream", "v6only_refuses_v4", Flavor::V6, v6_only);
}

fn connect_and_accept(w: &mut World<'_>) {
    let (listener, address) = w.listener(4);
    w.poll(listener);
    w.accept(listener);
    let client = w.socket(SOCK_STREAM);
    w.poll(client);
    w.connect(client, &address);
    w.wait(listener, POLLIN);
    w.wait(client, POLLOUT);
    w.error(client);
    w.note("the second connect says that the first succeeded, the third that it is connected");
    w.connect(client, &address);
    w.connect(client, &address);
    let server = w.accept(listener);
    w.poll(server);
    w.poll(listener);
    for s in [client, server] {
        w.local(s);
        w.peer(s);
    }
    w.close(client);
    w.wait(server, POLLIN);
}

fn refused(w: &mut World<'_>) {
    let port = w.port("P");
    let address = w.loopback(port);
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    w.error(s);
    w.poll(s);
    w.error(s);
    w.local(s);
    w.peer(s);
    let _ = w.recv(s, 1, 0);
    let _ = w.send(s, b"x", 0);
    w.note("the error is told once: here by recv");
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    let _ = w.recv(s, 1, 0);
    let _ = w.recv(s, 1, 0);
    w.error(s);
    w.note("and here by send");
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    let _ = w.send(s, b"x", 0);
    let _ = w.send(s, b"x", 0);
    w.error(s);
    w.note("and here by connect");
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    w.connect(s, &address);
}

fn refused_then_again(w: &mut World<'_>) {
    let port = w.port("P");
    let address = w.loopback(port);
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    w.error(s);
    let listener = w.socket(SOCK_STREAM);
    let _ = w.bind(listener, &address);
    w.listen(listener, 1);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    w.error(s);
    w.connect(s, &address);
    w.peer(s);
    let server = w.accept(listener);
    w.peer(server);
}

fn wildcard(w: &mut World<'_>) {
    let port = w.port("P");
    let any = w.any(port);
    let listener = w.socket(SOCK_STREAM);
    let _ = w.bind(listener, &any);
    w.listen(listener, 1);
    w.local(listener);
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &any);
    w.wait(s, POLLOUT);
    w.local(s);
    w.peer(s);
    let server = w.accept(listener);
    w.local(server);
    w.peer(server);
}

fn port_zero(w: &mut World<'_>) {
    let zero = w.loopback(0);
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &zero);
    w.wait(s, POLLOUT);
    w.error(s);
    w.peer(s);
}

fn from_bound(w: &mut World<'_>) {
    let (listener, address) = w.listener(2);
    let port = w.port("C");
    let own = w.loopback(port);
    let any = w.any(0);
    let s = w.socket(SOCK_STREAM);
    let _ = w.bind(s, &own);
    w.local(s);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    w.local(s);
    w.accept(listener);
    w.note("a wildcard bind becomes specific");
    let s = w.socket(SOCK_STREAM);
    let _ = w.bind(s, &any);
    w.local(s);
    w.connect(s, &address);
    w.wait(s, POLLOUT);
    w.local(s);
    w.accept(listener);
    w.note("and wide again after AF_UNSPEC");
    w.connect(s, &Address::Unspecified);
    w.local(s);
    w.peer(s);
    w.poll(s);
}

fn to_itself(w: &mut World<'_>) {
    let port = w.port("P");
    let own = w.loopback(port);
    let s = w.socket(SOCK_STREAM);
    let _ = w.bind(s, &own);
    w.connect(s, &own);
    w.wait(s, POLLOUT);
    w.error(s);
    w.local(s);
    w.peer(s);
    let _ = w.send(s, b"hello", 0);
    w.wait(s, POLLIN);
    let _ = w.recv(s, 10, 0);
    w.shutdown(s, libc::SHUT_WR);
    w.wait(s, POLLIN);
    let _ = w.recv(s, 10, 0);
    w.poll(s);
    w.error(s);
}

fn simultaneous(w: &mut World<'_>) {
    w.note("over loopback the first SYN meets a closed port, so this is refusal and then a listenerless connect");
    let (a, b) = (w.port("A"), w.port("B"));
    let (a, b) = (w.loopback(a), w.loopback(b));
    let left = w.socket(SOCK_STREAM);
    let right = w.socket(SOCK_STREAM);
    let _ = w.bind(left, &a);
    let _ = w.bind(right, &b);
    w.connect(left, &b);
    w.wait(left, POLLOUT);
    w.connect(right, &a);
    w.wait(right, POLLOUT);
    for s in [left, right] {
        w.error(s);
        w.local(s);
        w.peer(s);
    }
}

fn listen_unbound(w: &mut World<'_>) {
    let listener = w.socket(SOCK_STREAM);
    w.listen(listener, 1);
    let address = w.local(listener);
    w.poll(listener);
    let Address::Inet { port, .. } = address else {
        return;
    };
    let target = w.loopback(port);
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &target);
    w.wait(s, POLLOUT);
    let server = w.accept(listener);
    w.local(server);
}

fn bind_zero(w: &mut World<'_>) {
    let zero = w.loopback(0);
    let s = w.socket(SOCK_STREAM);
    let _ = w.bind(s, &zero);
    let address = w.local(s);
    let again = w.socket(SOCK_STREAM);
    let _ = w.bind(again, &address);
    let _ = w.bind(again, &zero);
    w.local(again);
    w.listen(s, 1);
    w.local(s);
}

fn accept_order(w: &mut World<'_>) {
    let (listener, address) = w.listener(8);
    let mut clients = Vec::new();
    for name in ["C1", "C2", "C3"] {
        let port = w.port(name);
        let own = w.loopback(port);
        let s = w.socket(SOCK_STREAM);
        let _ = w.bind(s, &own);
        w.connect(s, &address);
        w.wait(s, POLLOUT);
        clients.push(s);
    }
    for _ in 0..4 {
        w.poll(listener);
        w.accept(listener);
    }
}

fn data_before_accept(w: &mut World<'_>) {
    let (listener, address) = w.listener(8);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    let _ = w.send(client, b"early", 0);
    w.settle();
    let server = w.accept(listener);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, 0);
}

fn reset_before_accept(w: &mut World<'_>) {
    let (listener, address) = w.listener(8);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    let _ = w.set(
        client,
        super::option_table::SO_LINGER,
        &super::options::linger(1, 0),
    );
    w.close(client);
    w.settle();
    w.poll(listener);
    let server = w.accept(listener);
    w.poll(server);
    w.peer(server);
    w.local(server);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, 0);
    w.error(server);
}

fn fin_before_accept(w: &mut World<'_>) {
    let (listener, address) = w.listener(8);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    let _ = w.send(client, b"last", 0);
    w.close(client);
    w.settle();
    w.poll(listener);
    let server = w.accept(listener);
    w.wait(server, libc::POLLRDHUP);
    w.peer(server);
    let _ = w.recv(server, 10, 0);
    let _ = w.recv(server, 10, 0);
}

/// More connections than the backlog: how many are established, and what the others poll.
fn overflow(w: &mut World<'_>, backlog: i32, clients: usize) {
    let (listener, address) = w.listener(backlog);
    let mut list = Vec::new();
    for _ in 0..clients {
        let s = w.socket(SOCK_STREAM);
        w.connect(s, &address);
        w.settle();
        w.poll(s);
        list.push(s);
    }
    w.poll(listener);
    let mut accepted = Vec::new();
    for _ in 0..clients {
        accepted.push(w.accept(listener));
    }
    w.note("a client that was left out gets in when it asks again");
    for s in list {
        w.wait(s, POLLOUT);
    }
    w.wait(listener, POLLIN);
    w.accept(listener);
}

fn backlog(w: &mut World<'_>) {
    overflow(w, 2, 4);
}

fn backlog_zero(w: &mut World<'_>) {
    overflow(w, 0, 2);
}

fn backlog_negative(w: &mut World<'_>) {
    let (listener, address) = w.listener(-1);
    for _ in 0..5 {
        let s = w.socket(SOCK_STREAM);
        w.connect(s, &address);
        w.wait(s, POLLOUT);
    }
    for _ in 0..6 {
        w.accept(listener);
    }
}

fn listener_close(w: &mut World<'_>) {
    let (listener, address) = w.listener(4);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    w.error(client);
    w.close(listener);
    w.wait(client, POLLIN);
    let _ = w.recv(client, 10, 0);
    let _ = w.recv(client, 10, 0);
    let late = w.socket(SOCK_STREAM);
    w.connect(late, &address);
    w.wait(late, POLLOUT);
    w.error(late);
}

fn listener_shutdown(w: &mut World<'_>) {
    let (listener, address) = w.listener(4);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    w.shutdown(listener, libc::SHUT_RD);
    w.wait(client, POLLIN);
    let _ = w.recv(client, 10, 0);
    w.poll(listener);
    w.accept(listener);
    w.note("it may listen again");
    w.listen(listener, 4);
    let late = w.socket(SOCK_STREAM);
    w.connect(late, &address);
    w.wait(late, POLLOUT);
    w.error(late);
    w.accept(listener);
}

fn unspec(w: &mut World<'_>) {
    let (client, server, listener) = w.established();
    let address = w.local(listener);
    w.connect(client, &Address::Unspecified);
    w.poll(client);
    w.local(client);
    w.peer(client);
    let _ = w.send(client, b"x", 0);
    let _ = w.recv(client, 1, 0);
    w.wait(server, POLLIN);
    let _ = w.recv(server, 10, 0);
    w.note("and connects again");
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    w.error(client);
    let server = w.accept(listener);
    w.poll(server);
    w.connect(client, &Address::Raw(vec![0, 0]));
    w.poll(client);
}

fn defer_accept(w: &mut World<'_>) {
    let (listener, address) = w.listener(4);
    let _ = w.set_int(listener, TCP_DEFER_ACCEPT, 5);
    let client = w.socket(SOCK_STREAM);
    w.connect(client, &address);
    w.wait(client, POLLOUT);
    w.settle();
    w.poll(listener);
    w.accept(listener);
    let _ = w.send(client, b"now", 0);
    w.wait(listener, POLLIN);
    let server = w.accept(listener);
    w.poll(server);
    let _ = w.recv(server, 10, 0);
}

fn no_route(w: &mut World<'_>) {
    // Only in a namespace of its own is it certain that there is no route.
    let address = Address::inet(
        w.flavor.address(
            std::net::Ipv4Addr::new(127, 0, 0, 0),
            "::2".parse().expect("an address"),
        ),
        9,
    );
    if w.flavor == Flavor::V6 {
        return;
    }
    let s = w.socket(SOCK_STREAM);
    w.connect(s, &address);
    w.error(s);
    w.poll(s);
}

fn dual_stack(w: &mut World<'_>) {
    let port = w.port("P");
    let any = w.any(port);
    let listener = w.socket(SOCK_STREAM);
    let _ = w.set_int(listener, SO_REUSEADDR, 1);
    let _ = w.bind(listener, &any);
    w.listen(listener, 4);
    let v4 = w.socket_of(libc::AF_INET, SOCK_STREAM, 0);
    w.connect(v4, &Address::inet(std::net::Ipv4Addr::LOCALHOST, port));
    w.wait(v4, POLLOUT);
    let server = w.accept(listener);
    w.local(server);
    w.peer(server);
    w.get_int(server, IPV6_V6ONLY);
    let v6 = w.socket(SOCK_STREAM);
    let target = w.loopback(port);
    w.connect(v6, &target);
    w.wait(v6, POLLOUT);
    let server = w.accept(listener);
    w.local(server);
    w.peer(server);
    w.note("v6only may not change once bound");
    let _ = w.set_int(listener, IPV6_V6ONLY, 1);
}

fn v6_only(w: &mut World<'_>) {
    let port = w.port("P");
    let any = w.any(port);
    let listener = w.socket(SOCK_STREAM);
    let _ = w.set_int(listener, IPV6_V6ONLY, 1);
    let _ = w.bind(listener, &any);
    w.listen(listener, 4);
    let v4 = w.socket_of(libc::AF_INET, SOCK_STREAM, 0);
    w.connect(v4, &Address::inet(std::net::Ipv4Addr::LOCALHOST, port));
    w.wait(v4, POLLOUT);
    w.error(v4);
    let mapped = w.socket(SOCK_STREAM);
    w.note("a v6only socket can neither bind nor connect to a mapped address");
    let _ = w.set_int(mapped, IPV6_V6ONLY, 1);
    let address = Address::inet(std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port);
    w.connect(mapped, &address);
    let _ = w.bind(mapped, &address);
}
