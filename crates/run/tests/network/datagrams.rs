//! UDP.

use std::net::UdpSocket;
use std::os::fd::AsFd;

use crate::Program;
use crate::calls::{self, errno};

pub(crate) const PROGRAMS: &[Program] = &[
    (
        "datagrams_come_from_where_they_were_sent",
        datagrams_come_from_where_they_were_sent,
    ),
    (
        "connected_datagram_sockets_hear_their_peer_only",
        connected_datagram_sockets_hear_their_peer_only,
    ),
    (
        "a_refused_datagram_is_told_once",
        a_refused_datagram_is_told_once,
    ),
    ("a_peer_that_closes_refuses", a_peer_that_closes_refuses),
    (
        "ancillary_data_stays_with_its_datagram",
        ancillary_data_stays_with_its_datagram,
    ),
    (
        "unread_datagrams_survive_a_new_peer",
        unread_datagrams_survive_a_new_peer,
    ),
    (
        "a_call_finds_what_was_sent_before_it",
        a_call_finds_what_was_sent_before_it,
    ),
];

fn socket(address: &str) -> UdpSocket {
    UdpSocket::bind(address).unwrap()
}

fn pair() -> (UdpSocket, UdpSocket) {
    let (one, other) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    one.connect(other.local_addr().unwrap()).unwrap();
    other.connect(one.local_addr().unwrap()).unwrap();
    (one, other)
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let read = socket.recv(&mut buffer).unwrap();
    buffer[..read].to_vec()
}

fn datagrams_come_from_where_they_were_sent() {
    for address in ["127.0.0.1:0", "[::1]:0", "10.0.2.100:0"] {
        let server = socket(address);
        let clients = [socket(address), socket(address)];
        for (client, data) in clients.iter().zip([b"one", b"two"]) {
            let sent = client.send_to(data, server.local_addr().unwrap());
            assert_eq!(sent.unwrap(), 3);
        }
        for (client, data) in clients.iter().zip([b"one", b"two"]) {
            let mut buffer = [0; 2];
            let (read, from) = server.recv_from(&mut buffer).unwrap();
            // What does not fit is lost.
            assert_eq!(
                (&buffer[..read], from),
                (&data[..2], client.local_addr().unwrap())
            );
            server.send_to(b"", from).unwrap();
            assert_eq!(receive(client), b"");
        }
    }
}

fn connected_datagram_sockets_hear_their_peer_only() {
    let (one, other) = pair();
    let stranger = socket("127.0.0.1:0");
    stranger
        .send_to(b"noise", other.local_addr().unwrap())
        .unwrap();
    for number in 0..100_u8 {
        one.send(&[number]).unwrap();
        assert_eq!(receive(&other), [number]);
        other.send(&[number]).unwrap();
        assert_eq!(receive(&one), [number]);
    }
    assert_eq!(errno(stranger.peer_addr()), libc::ENOTCONN);
    assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
}

fn a_refused_datagram_is_told_once() {
    let port = socket("127.0.0.1:0").local_addr().unwrap().port();
    let refused = || {
        let client = socket("127.0.0.1:0");
        client.connect(("127.0.0.1", port)).unwrap();
        client.send(b"to nobody").unwrap();
        let seen = calls::poll(client.as_fd(), libc::POLLIN);
        assert!(seen & libc::POLLERR != 0, "{seen:#x}");
        client
    };
    let pending = |client: &UdpSocket| {
        calls::option::<1>(client.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR)[0]
    };
    let client = refused();
    assert_eq!(pending(&client), libc::ECONNREFUSED);
    assert_eq!(pending(&client), 0);
    let client = refused();
    assert_eq!(
        errno(calls::receive_message(client.as_fd())),
        libc::ECONNREFUSED
    );
    assert_eq!(pending(&client), 0);
    let client = refused();
    let again = calls::send_message(client.as_fd(), b"x", &[], None);
    assert_eq!(errno(again), libc::ECONNREFUSED);
    assert_eq!(pending(&client), 0);
    // A native read can be told nothing else; docs/conduit.md says why.
    let client = refused();
    assert_eq!(errno(client.recv(&mut [0])), libc::ECONNRESET);
    assert_eq!(pending(&client), 0);
}

fn a_peer_that_closes_refuses() {
    let (one, other) = pair();
    other.send(b"unread").unwrap();
    assert_eq!(calls::poll(one.as_fd(), libc::POLLIN), libc::POLLIN);
    drop(other);
    one.send(b"too late").unwrap();
    assert_eq!(calls::poll(one.as_fd(), 0) & libc::POLLERR, libc::POLLERR);
    assert_eq!(
        errno(calls::receive_message(one.as_fd())),
        libc::ECONNREFUSED
    );
    assert_eq!(receive(&one), b"unread");
}

fn ancillary_data_stays_with_its_datagram() {
    let (one, other) = pair();
    calls::set_option(other.as_fd(), libc::IPPROTO_IP, libc::IP_RECVTTL, &[1]);
    for hops in [9, 20, 30_u32] {
        one.set_ttl(hops).unwrap();
        one.send(&hops.to_ne_bytes()).unwrap();
    }
    for hops in [9, 20, 30_i32] {
        if hops == 20 {
            // Read without it.
            assert_eq!(receive(&other), hops.to_ne_bytes());
            continue;
        }
        let (data, control) = calls::receive_message(other.as_fd()).unwrap();
        assert_eq!(data, hops.to_ne_bytes());
        assert_eq!(control, Some((libc::IPPROTO_IP, libc::IP_TTL, hops)));
    }
}

fn unread_datagrams_survive_a_new_peer() {
    let (one, other) = pair();
    for data in [b"first", b"other"] {
        one.send(data).unwrap();
    }
    calls::pause(50);
    assert_eq!(calls::poll(other.as_fd(), libc::POLLIN), libc::POLLIN);
    other.connect("127.0.0.1:9").unwrap();
    assert_eq!(receive(&other), b"first");
    other.connect(one.local_addr().unwrap()).unwrap();
    assert_eq!(receive(&other), b"other");
}

fn a_call_finds_what_was_sent_before_it() {
    let server = socket("127.0.0.1:0");
    server.set_nonblocking(true).unwrap();
    let client = socket("127.0.0.1:0");
    client.connect(server.local_addr().unwrap()).unwrap();
    for number in 0..50_u8 {
        client.send(&[number]).unwrap();
        let mut buffer = [0; 8];
        let (read, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(
            (&buffer[..read], from),
            ([number].as_slice(), client.local_addr().unwrap())
        );
    }
    drop(server);
    client.send(b"to nobody").unwrap();
    let error = calls::option::<1>(client.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR);
    assert_eq!(error, [libc::ECONNREFUSED]);
}
