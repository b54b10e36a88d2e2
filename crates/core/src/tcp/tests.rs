//! Behaviour of TCP sockets within one host and between two, over IPv4 and IPv6.

mod buffers;
mod calls;
mod deferring;
mod ends;
mod flood;
mod icmp;
mod joined;
mod listening;
mod peer;
mod route;
mod standards;
mod stream;
mod transparent;
mod wire;
mod zero_copy;

use std::vec;
use std::vec::Vec;

use crate::{
    Config, Credentials, Domain, Errno, Host, Incoming, Instant, IpCidr, Loopback, MessageFlags,
    Outgoing, Readiness, Shutdown, SocketAddress, SocketId, SocketType,
};

const NOW: Instant = Instant::from_secs(1000);

fn host() -> Host {
    Host::new(Config {
        seed: 7,
        ..Config::default()
    })
}

fn loopback(domain: Domain, port: u16) -> SocketAddress {
    let ip = if domain == Domain::Inet {
        "127.0.0.1"
    } else {
        "::1"
    };
    SocketAddress::new(ip.parse().unwrap(), port)
}

fn tcp(host: &mut Host, domain: Domain) -> SocketId {
    host.socket(domain, SocketType::Stream, 0, Credentials::ROOT)
        .unwrap()
}

fn listener(host: &mut Host, domain: Domain, port: u16, backlog: i32) -> SocketId {
    let id = tcp(host, domain);
    host.bind(id, &loopback(domain, port), NOW).unwrap();
    host.listen(id, backlog, NOW).unwrap();
    id
}

fn pair(host: &mut Host, domain: Domain) -> (SocketId, SocketId) {
    let server = listener(host, domain, 80, 10);
    let client = tcp(host, domain);
    assert_eq!(
        host.connect(client, &loopback(domain, 80), NOW),
        Err(Errno::EINPROGRESS)
    );
    assert_eq!(host.readiness(client), Readiness::OUT);
    assert_eq!(host.connect(client, &loopback(domain, 80), NOW), Ok(()));
    let accepted = host.accept(server, NOW).unwrap();
    host.close(server, NOW).unwrap();
    (client, accepted.socket)
}

fn send(host: &mut Host, id: SocketId, data: &[u8]) -> Result<usize, Errno> {
    host.send_message(
        id,
        Outgoing {
            data: &[data],
            ..Outgoing::default()
        },
        NOW,
    )
}

fn receive(host: &mut Host, id: SocketId, room: usize) -> Result<Vec<u8>, Errno> {
    receive_with(host, id, room, MessageFlags::empty())
}

fn receive_with(
    host: &mut Host,
    id: SocketId,
    room: usize,
    flags: MessageFlags,
) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; room];
    let received = host.receive_message(
        id,
        Incoming {
            buffers: &mut [&mut buffer],
            flags,
            ancillary_room: 0,
        },
        NOW,
    )?;
    buffer.truncate(received.length);
    Ok(buffer)
}

fn both(test: impl Fn(Domain)) {
    test(Domain::Inet);
    test(Domain::Inet6);
}

#[test]
fn an_idle_connection_is_small() {
    use crate::socket::{Endpoint, Socket};
    use crate::tcp::TcpEndpoint;
    let sizes = [
        ("Socket", size_of::<Socket>()),
        ("Endpoint", size_of::<Endpoint>()),
        ("TcpEndpoint", size_of::<TcpEndpoint>()),
        ("Connection", size_of::<sockeye_tcp::Connection>()),
        ("SharedOptions", size_of::<crate::options::SharedOptions>()),
        ("Names", size_of::<crate::inet::Names>()),
    ];
    // A slot's generation, the timer, the tables and the claim on a port add about 53 bytes for each end; the whole is to stay
    // within 512.
    assert!(
        size_of::<Socket>() + size_of::<TcpEndpoint>() <= 456,
        "{sizes:?}"
    );
}
