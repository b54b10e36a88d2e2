//! UDP behaves as `std`'s: over IPv4 and IPv6 from one body each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

use sockeye::{Net, UdpSocket};

fn each_ip(body: impl Fn(&Net, IpAddr)) {
    for ip in [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ] {
        let net = Net::new().unwrap();
        body(&net, ip);
    }
}

#[test]
fn datagrams_keep_their_bounds_and_senders() {
    each_ip(|net, ip| {
        let a = UdpSocket::bind(net, (ip, 0)).unwrap();
        let b = UdpSocket::bind(net, (ip, 0)).unwrap();
        let to = b.local_addr().unwrap();
        assert_eq!(a.send_to(b"one", to).unwrap(), 3);
        assert_eq!(a.send_to(b"", to).unwrap(), 0);
        assert_eq!(a.send_to(b"three", to).unwrap(), 5);
        let mut buffer = [0; 4];
        assert_eq!(
            b.peek_from(&mut buffer).unwrap(),
            (3, a.local_addr().unwrap())
        );
        assert_eq!(
            b.recv_from(&mut buffer).unwrap(),
            (3, a.local_addr().unwrap())
        );
        assert_eq!(b.recv_from(&mut buffer).unwrap().0, 0);
        assert_eq!(b.recv_from(&mut buffer).unwrap().0, 4, "cut to the buffer");
        assert_eq!(&buffer, b"thre");
    });
}

#[test]
fn a_connected_socket_hears_its_peer_only() {
    each_ip(|net, ip| {
        let a = UdpSocket::bind(net, (ip, 0)).unwrap();
        let b = UdpSocket::bind(net, (ip, 0)).unwrap();
        let stranger = UdpSocket::bind(net, (ip, 0)).unwrap();
        a.connect(b.local_addr().unwrap()).unwrap();
        assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
        stranger.send_to(b"no", a.local_addr().unwrap()).unwrap();
        b.send_to(b"yes", a.local_addr().unwrap()).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(a.peek(&mut buffer).unwrap(), 3);
        assert_eq!(a.recv(&mut buffer).unwrap(), 3);
        a.send(b"back").unwrap();
        assert_eq!(b.recv(&mut buffer).unwrap(), 4);
        assert_eq!(b.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn nobody_there_is_refused_on_the_next_call() {
    each_ip(|net, ip| {
        let a = UdpSocket::bind(net, (ip, 0)).unwrap();
        a.connect((ip, 9)).unwrap();
        a.send(b"anyone?").unwrap();
        assert_eq!(
            a.recv(&mut [0; 8]).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    });
}

#[test]
fn a_receiver_sleeps_until_a_datagram_comes_or_its_time_is_over() {
    each_ip(|net, ip| {
        let a = UdpSocket::bind(net, (ip, 0)).unwrap();
        let b = UdpSocket::bind(net, (ip, 0)).unwrap();
        b.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
        assert_eq!(b.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        b.set_read_timeout(None).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| b.recv(&mut [0; 8]).unwrap());
            thread::yield_now();
            a.send_to(b"wake", b.local_addr().unwrap()).unwrap();
            assert_eq!(waiting.join().unwrap(), 4);
        });
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    each_ip(|net, ip| {
        let a = UdpSocket::bind(net, (ip, 0)).unwrap();
        let error = a.send_to(&vec![0; 65_536], (ip, 9)).unwrap_err();
        // EMSGSIZE has no kind of its own in std.
        assert_eq!(error.raw_os_error(), Some(90));
    });
}

#[test]
fn options_are_what_they_were_set_to() {
    each_ip(|net, ip| {
        let a = UdpSocket::bind(net, (ip, 0)).unwrap();
        assert!(!a.broadcast().unwrap());
        a.set_broadcast(true).unwrap();
        assert!(a.broadcast().unwrap());
        a.set_ttl(7).unwrap();
        assert_eq!(a.ttl().unwrap(), 7);
        a.set_nonblocking(true).unwrap();
        assert_eq!(a.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}
