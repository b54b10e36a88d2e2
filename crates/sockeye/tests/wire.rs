//! Two hosts joined by a wire, which may be slow, lossy and recorded.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use sockeye::link::capture::Capture;
use sockeye::link::impair::Netem;
use sockeye::link::{Direction, Pipe, Tap};
use sockeye::{BoxedLink, Net, TcpListener, TcpStream, UdpSocket, Wire};

/// Two hosts, `10.0.0.1` and `10.0.0.2`, also `fd00::1` and `fd00::2`.
fn joined(make: impl Fn(u64) -> BoxedLink) -> (Net, Net) {
    let (a, b) = (Net::new().unwrap(), Net::new().unwrap());
    let interface = |number: u8| {
        let mut interface = Net::interface("eth0", &format!("10.0.0.{number}/24")).unwrap();
        let second = Net::interface("eth0", &format!("fd00::{number}/64")).unwrap();
        interface.addresses.extend(second.addresses);
        interface
    };
    Net::join(
        (&a, interface(1)),
        (&b, interface(2)),
        Wire::new(make(1), make(2)),
    )
    .unwrap();
    (a, b)
}

fn impaired(netem: &str) -> (Net, Net) {
    let netem: Netem = netem.parse().unwrap();
    joined(|seed| Box::new(netem.build(Pipe::new(), seed)))
}

fn transfer(a: &Net, b: &Net, address: &str, length: usize) {
    let listener = TcpListener::bind(b, address).unwrap();
    let data: Vec<u8> = (0..=252).cycle().take(length).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = TcpStream::connect(a, address).unwrap();
            client.write_all(&data).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        });
        let (mut server, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        server.read_to_end(&mut all).unwrap();
        assert!(all == data, "{} of {}", all.len(), data.len());
    });
}

#[test]
fn an_ideal_wire_carries_a_transfer() {
    let (a, b) = joined(|_| Box::new(Pipe::new()));
    transfer(&a, &b, "10.0.0.2:80", 2_000_000);
    transfer(&a, &b, "[fd00::2]:80", 2_000_000);
}

#[test]
fn loss_reordering_and_duplication_lose_nothing() {
    let (a, b) = impaired("delay 1ms loss 2% duplicate 1% reorder 10%");
    transfer(&a, &b, "10.0.0.2:80", 300_000);
    transfer(&a, &b, "[fd00::2]:80", 300_000);
}

#[test]
fn a_connection_takes_the_time_of_the_wire() {
    let (a, b) = impaired("delay 20ms");
    let listener = TcpListener::bind(&b, "10.0.0.2:80").unwrap();
    let address = listener.local_addr().unwrap();
    let error = TcpStream::connect_timeout(&a, &address, Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    TcpStream::connect_timeout(&a, &address, Duration::from_secs(10)).unwrap();
}

#[test]
fn datagrams_cross_the_wire_both_ways() {
    let (a, b) = joined(|_| Box::new(Pipe::new()));
    let client = UdpSocket::bind(&a, "0.0.0.0:0").unwrap();
    let server = UdpSocket::bind(&b, "10.0.0.2:53").unwrap();
    client.send_to(b"there", "10.0.0.2:53").unwrap();
    let mut buffer = [0; 16];
    let (length, peer) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(peer.ip().to_string(), "10.0.0.1");
    server.send_to(&buffer[..length], peer).unwrap();
    assert_eq!(client.recv(&mut buffer).unwrap(), 5);
}

#[test]
fn a_host_that_is_gone_does_not_answer() {
    let (a, b) = joined(|_| Box::new(Pipe::new()));
    drop(b);
    let error = TcpStream::connect_timeout(
        &a,
        &"10.0.0.2:80".parse().unwrap(),
        Duration::from_millis(50),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn elsewhere_is_unreachable() {
    let (a, _b) = joined(|_| Box::new(Pipe::new()));
    let error = TcpStream::connect(&a, "192.0.2.1:80").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
}

#[test]
fn a_wire_can_be_recorded() {
    let path = std::env::temp_dir().join(format!("sockeye-wire-{}.pcapng", std::process::id()));
    let capture = Capture::new(std::fs::File::create(&path).unwrap(), Duration::ZERO).unwrap();
    let interface = capture.interface("wire");
    let (a, b) = joined(|_| {
        let capture = capture.clone();
        Box::new(Tap::new(
            Pipe::new(),
            move |frame: &_, direction: Direction, now| {
                if direction == Direction::Outbound {
                    capture.record(interface, frame, direction, now, "");
                }
            },
        ))
    });
    transfer(&a, &b, "10.0.0.2:80", 1000);
    drop((a, b));
    capture.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    // Section header, and the data somewhere: RFC-like draft "pcapng", 4.1.
    assert_eq!(bytes[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    assert!(bytes.len() > 1000, "{}", bytes.len());
}
