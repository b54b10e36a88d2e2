//! `AF_UNIX` sockets behave as `std`'s.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use sockeye::{Net, UnixDatagram, UnixListener, UnixSocketAddr, UnixStream};

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn a_pair_carries_bytes_both_ways_and_ends() {
    let net = Net::new().unwrap();
    let (mut a, mut b) = UnixStream::pair(&net).unwrap();
    a.write_all(b"there").unwrap();
    let mut buffer = [0; 5];
    b.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"there");
    b.write_all(b"back").unwrap();
    b.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    a.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "back");
    drop(b);
    assert_eq!(a.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_reader_sleeps_until_there_is_something() {
    let net = Net::new().unwrap();
    let (mut a, mut b) = UnixStream::pair(&net).unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut all = Vec::new();
            b.read_to_end(&mut all).unwrap();
            all
        });
        thread::yield_now();
        // More than any buffer holds: the writer waits for the reader, too.
        let data: Vec<u8> = (0..1_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        a.write_all(&data).unwrap();
        drop(a);
        assert_eq!(reader.join().unwrap(), data);
    });
}

#[test]
fn several_buffers_are_one_read_and_one_write() {
    let net = Net::new().unwrap();
    let (mut a, mut b) = UnixStream::pair(&net).unwrap();
    let sent = a
        .write_vectored(&[
            IoSlice::new(b"one"),
            IoSlice::new(b""),
            IoSlice::new(b"two"),
        ])
        .unwrap();
    assert_eq!(sent, 6);
    let (mut first, mut second) = ([0; 4], [0; 4]);
    let got = b
        .read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)])
        .unwrap();
    assert_eq!((got, &first, &second[..2]), (6, b"onet", &b"wo"[..]));
}

#[test]
fn peek_leaves_what_it_saw() {
    let net = Net::new().unwrap();
    let (mut a, mut b) = UnixStream::pair(&net).unwrap();
    a.write_all(b"seen").unwrap();
    let mut buffer = [0; 8];
    assert_eq!(b.peek(&mut buffer).unwrap(), 4);
    assert_eq!(b.read(&mut buffer).unwrap(), 4);
    assert_eq!(&buffer[..4], b"seen");
}

#[test]
fn a_read_timeout_answers_would_block() {
    let net = Net::new().unwrap();
    let (mut a, _b) = UnixStream::pair(&net).unwrap();
    assert_eq!(a.read_timeout().unwrap(), None);
    assert_eq!(
        a.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    a.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(a.read_timeout().unwrap(), Some(SHORT));
    assert_eq!(
        a.read(&mut [0; 1]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn a_write_timeout_tells_of_what_was_written_first() {
    let net = Net::new().unwrap();
    let (mut a, _b) = UnixStream::pair(&net).unwrap();
    a.set_write_timeout(Some(SHORT)).unwrap();
    let data = vec![7; 10_000_000];
    let sent = a.write(&data).unwrap();
    assert!(sent > 0 && sent < data.len(), "{sent}");
    assert_eq!(a.write(&data).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn clones_are_handles_on_one_socket() {
    let net = Net::new().unwrap();
    let (a, mut b) = UnixStream::pair(&net).unwrap();
    let mut clone = a.try_clone().unwrap();
    drop(a);
    clone.write_all(b"still open").unwrap();
    clone.set_nonblocking(true).unwrap();
    assert_eq!(
        clone.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    drop(clone);
    let mut text = String::new();
    b.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still open");
}

#[test]
fn a_listener_accepts_from_many_threads() {
    let net = Net::new().unwrap();
    let listener = UnixListener::bind(&net, "/run/echo").unwrap();
    assert_eq!(
        listener
            .local_addr()
            .unwrap()
            .as_pathname()
            .unwrap()
            .to_str(),
        Some("/run/echo")
    );
    thread::scope(|scope| {
        for _ in 0..4 {
            let listener = listener.try_clone().unwrap();
            scope.spawn(move || {
                let (mut stream, peer) = listener.accept().unwrap();
                assert!(peer.is_unnamed());
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                stream.write_all(&byte).unwrap();
            });
        }
        for i in 0..4 {
            let mut client = UnixStream::connect(&net, "/run/echo").unwrap();
            client.write_all(&[i]).unwrap();
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [i]);
        }
    });
}

#[test]
fn incoming_gives_connections_as_they_come() {
    let net = Net::new().unwrap();
    let name = UnixSocketAddr::from_abstract_name(b"hidden").unwrap();
    let listener = UnixListener::bind_addr(&net, &name).unwrap();
    let clients: Vec<_> = (0..3)
        .map(|_| UnixStream::connect_addr(&net, &name).unwrap())
        .collect();
    assert_eq!(listener.incoming().take(3).filter(Result::is_ok).count(), 3);
    assert_eq!(
        clients[0].peer_addr().unwrap().as_abstract_name(),
        Some(&b"hidden"[..])
    );
}

#[test]
fn names_are_taken_missing_or_too_long() {
    let net = Net::new().unwrap();
    let _listener = UnixListener::bind(&net, "/taken").unwrap();
    let kind = |answer: std::io::Result<()>| answer.unwrap_err().kind();
    assert_eq!(
        kind(UnixListener::bind(&net, "/taken").map(drop)),
        ErrorKind::AddrInUse
    );
    assert_eq!(
        kind(UnixStream::connect(&net, "/missing").map(drop)),
        ErrorKind::NotFound
    );
    let long = format!("/{}", "x".repeat(107));
    assert_eq!(
        kind(UnixStream::connect(&net, long).map(drop)),
        ErrorKind::InvalidInput
    );
    assert_eq!(
        kind(UnixStream::connect(&net, "/nul\0").map(drop)),
        ErrorKind::InvalidInput
    );
}

#[test]
fn datagrams_keep_their_bounds_and_senders() {
    let net = Net::new().unwrap();
    let server = UnixDatagram::bind(&net, "/server").unwrap();
    let client = UnixDatagram::bind(&net, "/client").unwrap();
    client.send_to(b"first", "/server").unwrap();
    client.send_to(b"second", "/server").unwrap();
    let mut buffer = [0; 4];
    let (length, sender) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(
        (&buffer[..length], sender),
        (&b"firs"[..], client.local_addr().unwrap())
    );
    server.connect("/client").unwrap();
    assert_eq!(server.recv(&mut buffer).unwrap(), 4);
    server.send(b"answer").unwrap();
    assert_eq!(client.recv(&mut [0; 16]).unwrap(), 6);

    let (a, b) = UnixDatagram::pair(&net).unwrap();
    a.send(b"").unwrap();
    assert_eq!(b.recv(&mut buffer).unwrap(), 0);
    let (nameless, _) = {
        a.send(b"x").unwrap();
        b.recv_from(&mut buffer)
            .map(|(length, sender)| (sender, length))
            .unwrap()
    };
    assert!(nameless.is_unnamed());
}

#[test]
fn a_full_datagram_socket_holds_its_sender_until_there_is_room() {
    let net = Net::new().unwrap();
    let (a, b) = UnixDatagram::pair(&net).unwrap();
    a.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while a.send(b"fill").is_ok() {
        sent += 1;
        assert!(sent < 1_000_000, "a queue without a bound");
    }
    a.set_nonblocking(false).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(a.send(b"last").unwrap(), 4));
        let mut buffer = [0; 8];
        for _ in 0..=sent {
            assert_eq!(b.recv(&mut buffer).unwrap(), 4);
        }
        assert_eq!(&buffer[..4], b"last");
    });
}

#[test]
fn a_host_keeps_nothing_of_sockets_that_are_gone() {
    let net = Net::new().unwrap();
    for _ in 0..100 {
        let (mut a, _b) = UnixStream::pair(&net).unwrap();
        a.write_all(b"unread").unwrap();
    }
    assert_eq!(net.snapshot().sockets.len(), 0);
}
