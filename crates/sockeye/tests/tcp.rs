//! TCP behaves as `std`'s: over IPv4 and IPv6 from one body each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sockeye::{Net, TcpListener, TcpStream};

const SHORT: Duration = Duration::from_millis(30);

/// Runs a body with a host and the loopback address of each family.
fn each_ip(body: impl Fn(&Net, IpAddr)) {
    for ip in [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ] {
        let net = Net::new().unwrap();
        body(&net, ip);
    }
}

/// Both ends of a connection.
fn connected(net: &Net, ip: IpAddr) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(net, (ip, 0)).unwrap();
    let client = TcpStream::connect(net, listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

#[test]
fn bytes_go_both_ways_until_the_end() {
    each_ip(|net, ip| {
        let (mut client, mut server) = connected(net, ip);
        client.write_all(b"hello").unwrap();
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        server.write_all(b"bye").unwrap();
        drop(server);
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bye");
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn nobody_listening_is_refused() {
    each_ip(|net, ip| {
        let error = TcpStream::connect(net, (ip, 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_last_address_decides_if_none_answers() {
    let net = Net::new().unwrap();
    let listener = TcpListener::bind(&net, "[::1]:80").unwrap();
    // 127.0.0.1 refuses, ::1 answers.
    let client = TcpStream::connect(&net, "localhost:80").unwrap();
    assert_eq!(client.peer_addr().unwrap(), listener.local_addr().unwrap());
    let nothing: [SocketAddr; 0] = [];
    assert_eq!(
        TcpStream::connect(&net, nothing).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn an_address_that_is_taken_or_foreign_can_not_be_listened_on() {
    each_ip(|net, ip| {
        let listener = TcpListener::bind(net, (ip, 0)).unwrap();
        let error = TcpListener::bind(net, listener.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let foreign: IpAddr = match ip {
            IpAddr::V4(_) => "192.0.2.1".parse().unwrap(),
            IpAddr::V6(_) => "2001:db8::1".parse().unwrap(),
        };
        let error = TcpListener::bind(net, (foreign, 80)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn two_hosts_may_use_the_same_port() {
    let (a, b) = (Net::new().unwrap(), Net::new().unwrap());
    let _one = TcpListener::bind(&a, "127.0.0.1:80").unwrap();
    let _two = TcpListener::bind(&b, "127.0.0.1:80").unwrap();
}

#[test]
fn a_large_transfer_arrives_whole() {
    each_ip(|net, ip| {
        let (mut client, mut server) = connected(net, ip);
        let data: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
        thread::scope(|scope| {
            scope.spawn(|| {
                client.write_all(&data).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            });
            let mut all = Vec::new();
            server.read_to_end(&mut all).unwrap();
            assert_eq!(all.len(), data.len());
            assert!(all == data);
        });
    });
}

#[test]
fn both_directions_are_busy_at_once() {
    each_ip(|net, ip| {
        let (client, server) = connected(net, ip);
        let data = &vec![3; 2_000_000];
        thread::scope(|scope| {
            for end in [&client, &server] {
                scope.spawn(move || {
                    let mut end = end;
                    end.write_all(data).unwrap();
                    end.shutdown(Shutdown::Write).unwrap();
                });
                scope.spawn(move || {
                    let mut end = end;
                    let mut all = Vec::new();
                    end.read_to_end(&mut all).unwrap();
                    assert_eq!(all.len(), data.len());
                });
            }
        });
    });
}

#[test]
fn many_clients_are_served_by_threads() {
    each_ip(|net, ip| {
        const CLIENTS: u8 = 32;
        let listener = TcpListener::bind(net, (ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                for stream in listener.incoming().take(CLIENTS.into()) {
                    let mut stream = stream.unwrap();
                    thread::spawn(move || {
                        let mut byte = [0];
                        stream.read_exact(&mut byte).unwrap();
                        stream.write_all(&byte).unwrap();
                    });
                }
            });
            for number in 0..CLIENTS {
                scope.spawn(move || {
                    let mut client = TcpStream::connect(net, address).unwrap();
                    client.write_all(&[number]).unwrap();
                    let mut answer = Vec::new();
                    client.read_to_end(&mut answer).unwrap();
                    assert_eq!(answer, [number]);
                });
            }
        });
    });
}

#[test]
fn shutdown_wakes_a_reader_that_waits() {
    each_ip(|net, ip| {
        let (client, _server) = connected(net, ip);
        let mut clone = client.try_clone().unwrap();
        thread::scope(|scope| {
            let reader = scope.spawn(move || clone.read(&mut [0]).unwrap());
            thread::yield_now();
            client.shutdown(Shutdown::Read).unwrap();
            assert_eq!(reader.join().unwrap(), 0);
        });
    });
}

#[test]
fn writing_after_shutdown_is_a_broken_pipe() {
    each_ip(|net, ip| {
        let (mut client, mut server) = connected(net, ip);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(
            client.write(b"x").unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
        server.write_all(b"half open").unwrap();
        drop(server);
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "half open");
    });
}

#[test]
fn an_accept_that_waits_gets_the_next_connection() {
    each_ip(|net, ip| {
        let listener = TcpListener::bind(net, (ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| listener.accept().unwrap().1))
                .collect();
            let clients: Vec<_> = (0..3)
                .map(|_| TcpStream::connect(net, address).unwrap())
                .collect();
            let mut peers: Vec<_> = waiting
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect();
            let mut expected: Vec<_> = clients
                .iter()
                .map(|client| client.local_addr().unwrap())
                .collect();
            peers.sort();
            expected.sort();
            assert_eq!(peers, expected);
        });
    });
}

#[test]
fn timeouts_answer_would_block_and_leave_the_stream_usable() {
    each_ip(|net, ip| {
        let (mut client, mut server) = connected(net, ip);
        client.set_read_timeout(Some(SHORT)).unwrap();
        assert_eq!(
            client.read(&mut [0]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        server.write_all(b"x").unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 1);
        assert_eq!(
            client
                .set_write_timeout(Some(Duration::ZERO))
                .unwrap_err()
                .kind(),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
fn a_nonblocking_stream_never_waits() {
    each_ip(|net, ip| {
        let listener = TcpListener::bind(net, (ip, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let (mut client, _server) = connected(net, ip);
        client.set_nonblocking(true).unwrap();
        assert_eq!(
            client.read(&mut [0]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let data = vec![1; 1 << 20];
        let mut total = 0;
        let error = loop {
            match client.write(&data) {
                Ok(sent) => total += sent,
                Err(error) => break error,
            }
            assert!(total < 1 << 30, "a queue without a bound");
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn peek_and_several_buffers() {
    each_ip(|net, ip| {
        let (mut client, mut server) = connected(net, ip);
        let written = client
            .write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cdef")])
            .unwrap();
        assert_eq!(written, 6);
        let mut seen = [0; 3];
        assert_eq!(server.peek(&mut seen).unwrap(), 3);
        let (mut first, mut second) = ([0; 4], [0; 4]);
        let got = server
            .read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)])
            .unwrap();
        assert_eq!(
            (got, &seen, &first, &second[..2]),
            (6, b"abc", b"abcd", &b"ef"[..])
        );
    });
}

#[test]
fn options_are_what_they_were_set_to() {
    each_ip(|net, ip| {
        let (client, _server) = connected(net, ip);
        assert!(!client.nodelay().unwrap());
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        assert_eq!(client.ttl().unwrap(), 64);
        client.set_ttl(9).unwrap();
        assert_eq!(client.ttl().unwrap(), 9);
        assert_eq!(client.linger().unwrap(), None);
        client.set_linger(Some(Duration::from_secs(2))).unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::from_secs(2)));
        assert!(client.take_error().unwrap().is_none());
    });
}

#[test]
fn no_linger_closes_by_reset() {
    each_ip(|net, ip| {
        let (client, mut server) = connected(net, ip);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(
            server.read(&mut [0]).unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
    });
}

#[test]
fn a_socket_lives_as_long_as_a_clone_of_it() {
    each_ip(|net, ip| {
        let (client, mut server) = connected(net, ip);
        let mut clone = client.try_clone().unwrap();
        drop(client);
        clone.write_all(b"x").unwrap();
        drop(clone);
        let mut all = Vec::new();
        server.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"x");
    });
}

#[test]
fn a_socket_outlives_the_handle_it_was_made_with() {
    let (sender, receiver) = mpsc::channel();
    let client = {
        let net = Net::new().unwrap();
        let (client, server) = connected(&net, Ipv4Addr::LOCALHOST.into());
        sender.send(server).unwrap();
        client
    };
    let mut client = client;
    client.write_all(b"x").unwrap();
    assert_eq!(receiver.recv().unwrap().read(&mut [0]).unwrap(), 1);
}
