//! The types have `std`'s shape where it is more than a call: iterators, `Debug`, timeouts, interfaces.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

use sockeye::link::{Pipe, impair::Netem};
use sockeye::{
    Net, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSocketAddr, UnixStream,
    Wire,
};

const SHORT: Duration = Duration::from_millis(30);

/// Two hosts, 10.0.0.1 and 10.0.0.2, on a wire with these impairments.
fn joined(impairments: &str) -> (Net, Net) {
    let (a, b) = (Net::new().unwrap(), Net::new().unwrap());
    let netem: Netem = impairments.parse().unwrap();
    let wire = |seed| Box::new(netem.build(Pipe::new(), seed));
    Net::join(
        (&a, Net::interface("eth0", "10.0.0.1/24").unwrap()),
        (&b, Net::interface("eth0", "10.0.0.2/24").unwrap()),
        Wire::new(wire(1), wire(2)),
    )
    .unwrap();
    (a, b)
}

#[test]
fn into_incoming_keeps_the_listener() {
    let net = Net::new().unwrap();
    let listener = TcpListener::bind(&net, "127.0.0.1:80").unwrap();
    let mut incoming = listener.into_incoming();
    let client = TcpStream::connect(&net, "127.0.0.1:80").unwrap();
    let server = incoming.next().unwrap().unwrap();
    assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
    drop(incoming);
    assert_eq!(
        TcpStream::connect(&net, "127.0.0.1:80").unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_unix_listener_is_iterated_over_by_reference() {
    let net = Net::new().unwrap();
    let name = UnixSocketAddr::from_abstract_name("listener").unwrap();
    let listener = UnixListener::bind_addr(&net, &name).unwrap();
    let mut client = UnixStream::connect_addr(&net, &name).unwrap();
    client.write_all(b"x").unwrap();
    let server = (&listener).into_iter().next().unwrap();
    let mut buffer = [0; 1];
    server.unwrap().read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"x");
}

#[test]
fn debug_tells_the_addresses() {
    let net = Net::new().unwrap();
    let listener = TcpListener::bind(&net, "127.0.0.1:80").unwrap();
    assert_eq!(
        format!("{listener:?}"),
        "TcpListener { addr: 127.0.0.1:80 }"
    );
    let client = TcpStream::connect(&net, "127.0.0.1:80").unwrap();
    let local = client.local_addr().unwrap();
    assert_eq!(
        format!("{client:?}"),
        format!("TcpStream {{ addr: {local}, peer: 127.0.0.1:80 }}")
    );
    let udp = UdpSocket::bind(&net, "[::1]:53").unwrap();
    assert_eq!(format!("{udp:?}"), "UdpSocket { addr: [::1]:53 }");
    let (a, _b) = UnixStream::pair(&net).unwrap();
    assert_eq!(
        format!("{a:?}"),
        "UnixStream { addr: (unnamed), peer: (unnamed) }"
    );
}

#[test]
fn peek_from_names_the_sender_and_leaves_the_datagram() {
    let net = Net::new().unwrap();
    let [to, from] = ["to", "from"].map(|name| UnixSocketAddr::from_abstract_name(name).unwrap());
    let receiver = UnixDatagram::bind_addr(&net, &to).unwrap();
    let sender = UnixDatagram::bind_addr(&net, &from).unwrap();
    sender.send_to_addr(b"ab", &to).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(receiver.peek_from(&mut buffer).unwrap(), (2, from.clone()));
    assert_eq!(receiver.recv_from(&mut buffer).unwrap(), (2, from));
}

#[test]
fn timeouts_are_the_sockets_so_clones_share_them() {
    let net = Net::new().unwrap();
    let (a, _b) = UnixStream::pair(&net).unwrap();
    let clone = a.try_clone().unwrap();
    a.set_read_timeout(Some(SHORT)).unwrap();
    a.set_write_timeout(Some(Duration::from_nanos(1500)))
        .unwrap();
    assert_eq!(clone.read_timeout().unwrap(), Some(SHORT));
    assert_eq!(
        clone.write_timeout().unwrap(),
        Some(Duration::from_micros(1))
    );
    // Shorter than the option can say is still not for ever.
    clone
        .set_read_timeout(Some(Duration::from_nanos(1)))
        .unwrap();
    assert_eq!(a.read_timeout().unwrap(), Some(Duration::from_micros(1)));
    clone.set_read_timeout(None).unwrap();
    assert_eq!(a.read_timeout().unwrap(), None);
    for refused in [
        a.set_read_timeout(Some(Duration::ZERO)),
        a.set_write_timeout(Some(Duration::ZERO)),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn one_timeout_holds_for_a_write_of_many_pieces() {
    // A piece of 64 KiB takes some 60 ms, so that none of them waits as long as the timeout, and all of them would take
    // many seconds.
    let (a, b) = joined("rate 8mbit");
    let listener = TcpListener::bind(&b, "10.0.0.2:80").unwrap();
    let mut client = TcpStream::connect(&a, "10.0.0.2:80").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let reader = thread::spawn(move || std::io::copy(&mut server, &mut std::io::sink()));
    client
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    client.set_linger(Some(Duration::ZERO)).unwrap();
    let data = vec![7; 64 << 20];
    let written = client.write(&data).unwrap();
    assert!(written < data.len(), "all was written");
    // Closing resets, so that nobody waits for the rest.
    drop(client);
    assert_eq!(
        reader.join().unwrap().unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn a_large_vectored_write_is_whole() {
    let net = Net::new().unwrap();
    let (mut a, mut b) = UnixStream::pair(&net).unwrap();
    let parts: Vec<Vec<u8>> = (0..5).map(|n| vec![n; 70_000]).collect();
    let expected = parts.concat();
    let writer = thread::spawn(move || {
        let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        a.write_vectored(&slices).unwrap()
    });
    let mut read = Vec::new();
    b.read_to_end(&mut read).unwrap();
    assert_eq!(writer.join().unwrap(), expected.len());
    assert!(read == expected);
}

#[test]
fn a_nonblocking_write_takes_all_there_is_room_for() {
    let net = Net::new().unwrap();
    let (mut a, mut b) = UnixStream::pair(&net).unwrap();
    a.set_nonblocking(true).unwrap();
    let data = vec![1; 4 << 20];
    let written = a.write(&data).unwrap();
    assert!(written > 64 << 10, "{written} is one piece");
    assert_eq!(a.write(&data).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(a);
    let mut read = Vec::new();
    b.read_to_end(&mut read).unwrap();
    assert_eq!(read.len(), written);
}

#[test]
fn connecting_into_nothing_times_out() {
    let (a, _b) = joined("loss 100%");
    let address = "10.0.0.2:80".parse().unwrap();
    let error = TcpStream::connect_timeout(&a, &address, SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let error = TcpStream::connect_timeout(&a, &address, Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn joining_by_a_name_that_is_taken_changes_neither_host() {
    let nets = [(); 3].map(|()| Net::new().unwrap());
    let end = |number: usize| {
        let address = format!("10.0.0.{number}/24");
        (&nets[number], Net::interface("eth0", &address).unwrap())
    };
    let wire = || Wire::new(Box::new(Pipe::new()) as _, Box::new(Pipe::new()) as _);
    Net::join(end(0), end(1), wire()).unwrap();
    let error = Net::join(end(2), end(1), wire()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let known = nets[2].with_host(|host, _| host.interface_by_name("eth0"));
    assert_eq!(known, None);
}

#[test]
fn members_hear_their_group() {
    let (a, b) = joined("");
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let member = UdpSocket::bind(&b, "0.0.0.0:5000").unwrap();
    member.set_read_timeout(Some(SHORT)).unwrap();
    member
        .join_multicast_v4(&group, &Ipv4Addr::new(10, 0, 0, 2))
        .unwrap();
    let sender = UdpSocket::bind(&a, "10.0.0.1:0").unwrap();
    let mut buffer = [0; 8];
    assert_eq!(sender.multicast_ttl_v4().unwrap(), 1);
    sender.send_to(b"group", (group, 5000)).unwrap();
    assert_eq!(
        member.recv_from(&mut buffer).unwrap(),
        (5, sender.local_addr().unwrap())
    );
    member
        .leave_multicast_v4(&group, &Ipv4Addr::new(10, 0, 0, 2))
        .unwrap();
    sender.send_to(b"group", (group, 5000)).unwrap();
    let error = member.recv_from(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn multicast_options_are_what_they_were_set_to() {
    let net = Net::new().unwrap();
    let v4 = UdpSocket::bind(&net, "127.0.0.1:0").unwrap();
    let v6 = UdpSocket::bind(&net, "[::1]:0").unwrap();
    assert!(v4.multicast_loop_v4().unwrap() && v6.multicast_loop_v6().unwrap());
    v4.set_multicast_loop_v4(false).unwrap();
    v6.set_multicast_loop_v6(false).unwrap();
    assert!(!v4.multicast_loop_v4().unwrap() && !v6.multicast_loop_v6().unwrap());
    v4.set_multicast_ttl_v4(9).unwrap();
    assert_eq!(v4.multicast_ttl_v4().unwrap(), 9);
    let error = v4.set_multicast_ttl_v4(256).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    v6.join_multicast_v6(&group, 1).unwrap();
    let error = v6.join_multicast_v6(&group, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    v6.leave_multicast_v6(&group, 1).unwrap();
    let error = v6.leave_multicast_v6(&group, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}
