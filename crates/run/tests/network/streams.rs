//! TCP.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;

use crate::Program;
use crate::calls::{self, errno};

pub(crate) const PROGRAMS: &[Program] = &[
    ("bytes_come_back_whole", bytes_come_back_whole),
    (
        "an_end_that_is_shut_still_reads",
        an_end_that_is_shut_still_reads,
    ),
    ("names_are_the_networks", names_are_the_networks),
    ("connects_that_lead_nowhere", connects_that_lead_nowhere),
    ("a_connect_that_does_not_wait", a_connect_that_does_not_wait),
    ("urgent_data", urgent_data),
    ("a_reset_behind_the_data", a_reset_behind_the_data),
    (
        "a_peer_that_closes_unread_fails_the_next_write",
        a_peer_that_closes_unread_fails_the_next_write,
    ),
    ("a_reset_before_accept", a_reset_before_accept),
    ("data_outlives_its_sender", data_outlives_its_sender),
    ("a_backlog_of_none_holds_one", a_backlog_of_none_holds_one),
    ("accepts_wait_and_time_out", accepts_wait_and_time_out),
    ("a_listener_becomes_a_client", a_listener_becomes_a_client),
    (
        "sends_without_a_copy_are_told_of",
        sends_without_a_copy_are_told_of,
    ),
];

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn bytes_come_back_whole() {
    for address in ["127.0.0.1:0", "[::1]:0", "10.0.2.100:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let to = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = vec![0; 100_000];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                if read == 0 {
                    break;
                }
                stream.write_all(&buffer[..read]).unwrap();
            }
        });
        let mut client = TcpStream::connect(to).unwrap();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let writer = {
            let (mut client, sent) = (client.try_clone().unwrap(), sent.clone());
            std::thread::spawn(move || {
                client.write_all(&sent).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            })
        };
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert!(received == sent, "{} bytes came back", received.len());
        writer.join().unwrap();
        server.join().unwrap();
    }
}

fn an_end_that_is_shut_still_reads() {
    let (mut client, mut server) = pair();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = String::new();
    server.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    server.write_all(b"answer").unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
    assert_eq!(errno(client.write(b"more")), libc::EPIPE);
}

fn names_are_the_networks() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "127.9.8.7", "::1", "10.0.2.100", "fd00::100"] {
        let host: std::net::IpAddr = host.parse().unwrap();
        let client = TcpStream::connect((host, port)).unwrap();
        let (server, peer) = listener.accept().unwrap();
        assert_eq!(client.peer_addr().unwrap(), (host, port).into());
        assert_eq!(peer.ip().to_canonical(), client.local_addr().unwrap().ip());
        assert_eq!(peer.port(), client.local_addr().unwrap().port());
        assert_eq!(server.local_addr().unwrap().ip().to_canonical(), host);
        assert_eq!(server.peer_addr().unwrap(), peer);
    }
    let taken = TcpListener::bind(("127.0.0.1", port));
    assert_eq!(errno(taken), libc::EADDRINUSE);
}

fn connects_that_lead_nowhere() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for (address, number) in [
        (format!("127.0.0.1:{port}"), libc::ECONNREFUSED),
        (format!("[::1]:{port}"), libc::ECONNREFUSED),
        ("192.0.2.1:80".to_owned(), libc::ENETUNREACH),
        ("[2001:db8::1]:80".to_owned(), libc::ENETUNREACH),
    ] {
        assert_eq!(errno(TcpStream::connect(&address)), number, "{address}");
    }
}

fn a_connect_that_does_not_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
    let client = calls::socket(libc::AF_INET, kind);
    let began = calls::connect_v4(client.as_fd(), port);
    assert_eq!(errno(began), libc::EINPROGRESS);
    assert_eq!(calls::poll(client.as_fd(), libc::POLLOUT), libc::POLLOUT);
    let error = calls::option::<1>(client.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR);
    assert_eq!(error, [0]);
    listener.accept().unwrap();
    drop(listener);

    let client = calls::socket(libc::AF_INET, kind);
    let began = calls::connect_v4(client.as_fd(), port);
    assert_eq!(errno(began), libc::EINPROGRESS);
    let seen = calls::poll(client.as_fd(), libc::POLLOUT);
    assert_eq!(
        seen & (libc::POLLERR | libc::POLLHUP),
        libc::POLLERR | libc::POLLHUP
    );
    let error = calls::option::<1>(client.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR);
    assert_eq!(error, [libc::ECONNREFUSED]);
}

fn urgent_data() {
    let (client, server) = pair();
    calls::send(client.as_fd(), b"abc", 0).unwrap();
    calls::send(client.as_fd(), b"!", libc::MSG_OOB).unwrap();
    calls::send(client.as_fd(), b"def", 0).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(calls::poll(server.as_fd(), libc::POLLPRI), libc::POLLPRI);
    let urgent = calls::receive(server.as_fd(), 1, libc::MSG_OOB);
    assert_eq!(urgent.unwrap(), b"!");
    // A read ends before the mark.
    assert_eq!(calls::receive(server.as_fd(), 100, 0).unwrap(), b"abc");
    let rest = calls::receive(server.as_fd(), 100, libc::MSG_WAITALL);
    assert_eq!(rest.unwrap(), b"def");
    // And back, in the stream.
    calls::set_option(client.as_fd(), libc::SOL_SOCKET, libc::SO_OOBINLINE, &[1]);
    calls::send(server.as_fd(), b"xy", libc::MSG_OOB).unwrap();
    assert_eq!(calls::poll(client.as_fd(), libc::POLLPRI), libc::POLLPRI);
    assert_eq!(calls::receive(client.as_fd(), 100, 0).unwrap(), b"x");
    assert_eq!(calls::receive(client.as_fd(), 100, 0).unwrap(), b"y");
}

/// What a writer's small `SO_SNDBUF` holds back is not taken off its file and lost between the reset and its telling.
fn a_peer_that_closes_unread_fails_the_next_write() {
    const WHOLE: usize = 128 * 1024;
    let data = calls::memory_file(&vec![b'x'; WHOLE]);
    for _ in 0..50 {
        let (client, mut server) = pair();
        calls::set_option(client.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, &[4096]);
        calls::set_option(server.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, &[4096]);
        client.set_nonblocking(true).unwrap();
        let reader = std::thread::spawn(move || server.read_exact(&mut [0; 1024]).unwrap());
        let mut sent = 0;
        while sent < WHOLE {
            match calls::send_file(client.as_fd(), &data, sent, WHOLE - sent) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    calls::poll(client.as_fd(), libc::POLLOUT);
                }
                Err(error) => {
                    let known = [libc::EPIPE, libc::ECONNRESET];
                    assert!(known.contains(&error.raw_os_error().unwrap()));
                    break;
                }
            }
        }
        reader.join().unwrap();
        assert!(sent < WHOLE);
    }
}

/// What a peer of a reset connection reads.
fn reads_a_reset(mut stream: &TcpStream, data: &[u8]) {
    let seen = calls::poll(stream.as_fd(), libc::POLLRDHUP);
    assert!(seen & libc::POLLHUP != 0, "{seen:#x}");
    assert_eq!(errno(stream.peer_addr()), libc::ENOTCONN);
    let mut buffer = vec![0; data.len()];
    stream.read_exact(&mut buffer).unwrap();
    assert_eq!(buffer, data);
    assert_eq!(errno(stream.read(&mut [0])), libc::ECONNRESET);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

fn a_reset_behind_the_data() {
    for is_server in [false, true] {
        let (mut near, mut far) = pair();
        if is_server {
            std::mem::swap(&mut near, &mut far);
        }
        near.write_all(b"last words").unwrap();
        assert_eq!(calls::poll(far.as_fd(), libc::POLLIN), libc::POLLIN);
        calls::abort_at_close(near.as_fd());
        drop(near);
        reads_a_reset(&far, b"last words");
    }
    // Unread data at close is as good. RFC 2525 2.17
    let (client, mut server) = pair();
    server.write_all(b"unread").unwrap();
    assert_eq!(calls::poll(client.as_fd(), libc::POLLIN), libc::POLLIN);
    drop(client);
    assert_eq!(errno(server.read(&mut [0])), libc::ECONNRESET);
}

fn a_reset_before_accept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for data in [b"".as_slice(), b"data"] {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        calls::abort_at_close(client.as_fd());
        client.write_all(data).unwrap();
        drop(client);
        // What a close does reaches the supervisor by another way than accept.
        calls::pause(200);
        reads_a_reset(&listener.accept().unwrap().0, data);
    }
}

fn data_outlives_its_sender() {
    let (mut client, mut server) = pair();
    let sent = vec![7; 200_000];
    client.write_all(&sent).unwrap();
    drop(client);
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
    assert!(received == sent);
}

fn a_backlog_of_none_holds_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    calls::listen(listener.as_fd(), 0);
    let port = listener.local_addr().unwrap().port();
    let connect = || {
        let client = calls::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK);
        assert_eq!(
            errno(calls::connect_v4(client.as_fd(), port)),
            libc::EINPROGRESS
        );
        client
    };
    let first = connect();
    assert_eq!(calls::poll(first.as_fd(), libc::POLLOUT), libc::POLLOUT);
    let second = connect();
    let error = calls::option::<1>(second.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR);
    assert_eq!(error, [0]);
    assert_eq!(
        errno(calls::connect_v4(second.as_fd(), port)),
        libc::EALREADY
    );
    listener.accept().unwrap();
    // The SYN is sent again, and now there is room.
    assert_eq!(calls::poll(second.as_fd(), libc::POLLOUT), libc::POLLOUT);
    listener.accept().unwrap();
}

fn accepts_wait_and_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let late = std::thread::spawn(move || {
        calls::pause(50);
        TcpStream::connect(to).unwrap()
    });
    let (server, _) = listener.accept().unwrap();
    let client = late.join().unwrap();
    assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
    // A timeval of 20 ms.
    calls::set_option(
        listener.as_fd(),
        libc::SOL_SOCKET,
        libc::SO_RCVTIMEO,
        &[0, 0, 20_000, 0],
    );
    assert_eq!(errno(listener.accept()), libc::EAGAIN);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(errno(listener.accept()), libc::EAGAIN);
}

fn a_listener_becomes_a_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let _waiting = TcpStream::connect(at).unwrap();
    calls::dissolve(listener.as_fd()).unwrap();
    assert_eq!(errno(TcpStream::connect(at)), libc::ECONNREFUSED);
    assert_eq!(errno(listener.accept()), libc::EINVAL);
    assert_eq!(
        listener.local_addr().unwrap(),
        at,
        "it was bound to its port"
    );
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    calls::connect_v4(listener.as_fd(), port).unwrap();
    let mut client = TcpStream::from(std::os::fd::OwnedFd::from(listener));
    client.write_all(b"x").unwrap();
    let (mut server, _) = other.accept().unwrap();
    server.read_exact(&mut [0]).unwrap();
}

/// `SO_ZEROCOPY`, `MSG_ZEROCOPY`: the error queue says which sends are done with.
fn sends_without_a_copy_are_told_of() {
    const OPTION: i32 = 60;
    const MESSAGE: i32 = 0x400_0000;
    let (client, mut server) = pair();
    let told = || calls::error_queue(client.as_fd());
    let send = |data: &[u8], flags| calls::send(client.as_fd(), data, flags);
    // Without the option the flag means nothing.
    assert_eq!(send(b"one", MESSAGE).unwrap(), 3);
    assert_eq!(errno(told()), libc::EAGAIN);
    calls::set_option(client.as_fd(), libc::SOL_SOCKET, OPTION, &[1]);
    for data in [&b"two"[..], b"three"] {
        assert_eq!(send(data, MESSAGE).unwrap(), data.len());
    }
    assert_eq!(send(b"four", 0).unwrap(), 4);
    // No error, of ZEROCOPY, copied, from 0 to 1.
    assert_eq!(told().unwrap(), (0, 5, 1, 0, 1));
    assert_eq!(errno(told()), libc::EAGAIN);
    assert_eq!(send(b"five", MESSAGE).unwrap(), 4);
    assert_eq!(told().unwrap(), (0, 5, 1, 2, 2));
    let mut read = [0; 19];
    server.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"onetwothreefourfive");
}
