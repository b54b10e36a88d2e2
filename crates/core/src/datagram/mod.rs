//! Sockets that keep message boundaries over IP: what UDP, ICMP echo ("ping") and raw sockets have in common.
//!
//! The protocols differ in how they are found (`input` in `udp`, `ping`, `raw`) and in what they put before the data
//! (`build` there); names, queues, errors and readiness are here.

pub(crate) mod errors;
mod gathering;
mod naming;
mod overrides;
mod receive;
mod send;
mod stamps;
mod zero_copy;

use alloc::boxed::Box;

use bytes::Bytes;
use sockeye_wire::IpProtocol;

pub(crate) use crate::socket::defaults::{
    accept, at_mark, listen, receive_payload, send_bytes, unaccept,
};
pub(crate) use gathering::push;
pub(crate) use naming::{bind, close, connect, destroy, options_changed};
pub(crate) use receive::receive_message;
pub(crate) use send::{Departure, send_message};

use gathering::Gathered;

use crate::host::{Host, SocketSummary};
use crate::inet::Names;
use crate::inet::bind::Owner;
use crate::inet::bind_table::PortSpace;
use crate::options::{SharedOptions, Switches};
use crate::raw::RawOptions;
use crate::socket::datagrams::DatagramQueues;
use crate::socket::{Endpoint, Socket};
use crate::udp::Coverage;
use crate::{
    Credentials, Domain, Errno, Instant, Queued, Readiness, Shutdown, SocketAddress, SocketId,
    SocketType, ping, raw,
};

/// What is spoken.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// UDP (RFC 768).
    Udp,
    /// UDP-Lite (RFC 3828).
    UdpLite(Coverage),
    /// ICMP echo requests and their replies: `SOCK_DGRAM` with `IPPROTO_ICMP` or `IPPROTO_ICMPV6`.
    Ping,
    /// Any IP protocol, by `SOCK_RAW`.
    Raw(Box<RawOptions>),
}

impl Protocol {
    /// Whether it is UDP or UDP-Lite, which are the same but for the checksum.
    pub(crate) fn is_udp(&self) -> bool {
        matches!(self, Protocol::Udp | Protocol::UdpLite(_))
    }
}

/// The state of a datagram socket.
#[derive(Debug)]
pub(crate) struct DatagramEndpoint {
    pub(crate) protocol: Protocol,
    pub(crate) names: Names,
    /// `connect` was called; the peer's port may be zero all the same.
    pub(crate) is_connected: bool,
    pub(crate) queues: DatagramQueues,
    is_read_shut: bool,
    is_write_shut: bool,
    gathered: Option<Box<Gathered>>,
}

impl DatagramEndpoint {
    /// Whether the beginning of a message waits for the rest.
    fn is_gathering(&self) -> bool {
        self.gathered.is_some()
    }

    /// Whether `shutdown` has ended reading and writing.
    pub(crate) fn shut_halves(&self) -> (bool, bool) {
        (self.is_read_shut, self.is_write_shut)
    }

    /// Where the socket's port numbers live; `None` for raw sockets, which have none.
    pub(crate) fn space(&self, domain: Domain) -> Option<PortSpace> {
        match (&self.protocol, domain) {
            (Protocol::Udp, _) => Some(PortSpace::Udp),
            (Protocol::UdpLite(_), _) => Some(PortSpace::UdpLite),
            (Protocol::Ping, Domain::Inet6) => Some(PortSpace::PingV6),
            (Protocol::Ping, _) => Some(PortSpace::Ping),
            (Protocol::Raw(_), _) => None,
        }
    }
}

/// `socket(2)` with `SOCK_DGRAM` or `SOCK_RAW` in an internet family.
pub(crate) fn socket(
    host: &mut Host,
    domain: Domain,
    kind: SocketType,
    protocol: i32,
    credentials: Credentials,
) -> Result<SocketId, Errno> {
    let (number, protocol) = match kind {
        SocketType::Raw => raw::open(domain, protocol, credentials)?,
        _ => match IpProtocol(u8::try_from(protocol).map_err(|_| Errno::EPROTONOSUPPORT)?) {
            IpProtocol(0) | IpProtocol::UDP => (IpProtocol::UDP.0.into(), Protocol::Udp),
            IpProtocol::UDP_LITE => (
                IpProtocol::UDP_LITE.0.into(),
                Protocol::UdpLite(Coverage::default()),
            ),
            number => (
                number.0.into(),
                ping::open(&host.stack, domain, number, credentials)?,
            ),
        },
    };
    let mut names = Names::new(domain);
    let mut options = SharedOptions::new(&host.stack.config.sysctl);
    if kind == SocketType::Raw {
        // A raw socket's "port" is its protocol (inet_create sets inet_num). IPPROTO_RAW only sends, and whole packets.
        names.local_port = number;
        let is_whole = number == raw::ANY_PROTOCOL;
        options.switches.set(Switches::HEADER_INCLUDED, is_whole);
    }
    let endpoint = DatagramEndpoint {
        protocol,
        names,
        is_connected: false,
        queues: DatagramQueues::default(),
        is_read_shut: false,
        is_write_shut: false,
        gathered: None,
    };
    let endpoint = Endpoint::Datagram(Box::new(endpoint));
    let id = host.insert_socket(Socket::new(
        domain,
        kind,
        number,
        credentials,
        options,
        endpoint,
    ))?;
    if kind == SocketType::Raw {
        host.stack.raw.add(domain, number, id);
    }
    Ok(id)
}

/// The endpoint of a socket that is known to be of this kind, with the socket's other parts.
macro_rules! endpoint {
    ($socket:expr) => {
        match &mut $socket.endpoint {
            Endpoint::Datagram(endpoint) => endpoint,
            _ => return Err(Errno::EOPNOTSUPP),
        }
    };
}
pub(crate) use endpoint;

fn endpoint_of(host: &Host, id: SocketId) -> Result<(&Socket, &DatagramEndpoint), Errno> {
    let socket = host.get(id)?;
    match &socket.endpoint {
        Endpoint::Datagram(endpoint) => Ok((socket, endpoint)),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// `shutdown(2)`. Without a peer it answers ENOTCONN, and yet the halves are shut, as in Linux; a raw socket
/// (`inet_shutdown` with no shutdown method of its own) is the same.
pub(crate) fn shutdown(
    host: &mut Host,
    id: SocketId,
    how: Shutdown,
    _now: Instant,
) -> Result<(), Errno> {
    let endpoint = endpoint!(host.get_mut(id)?);
    endpoint.is_read_shut |= how.reads();
    endpoint.is_write_shut |= how.writes();
    let is_connected = endpoint.is_connected;
    host.wake(id);
    if is_connected {
        Ok(())
    } else {
        Err(Errno::ENOTCONN)
    }
}

/// `getsockname(2)`
pub(crate) fn local_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    let (socket, endpoint) = endpoint_of(host, id)?;
    Ok(endpoint.names.local_as_seen_by(socket.domain))
}

/// `getpeername(2)`: a peer with port zero is none.
pub(crate) fn peer_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    let (socket, endpoint) = endpoint_of(host, id)?;
    if !endpoint.is_connected || endpoint.names.remote_port == 0 {
        return Err(Errno::ENOTCONN);
    }
    Ok(endpoint.names.remote_as_seen_by(socket.domain))
}

/// `FIONREAD` counts the first datagram only; nothing stays to be sent.
pub(crate) fn queued(host: &Host, id: SocketId, what: Queued) -> Result<usize, Errno> {
    let (_, endpoint) = endpoint_of(host, id)?;
    Ok(match what {
        Queued::Unread => endpoint.queues.first_length(),
        Queued::Unsent | Queued::NeverSent => 0,
    })
}

/// `poll(2)` (`datagram_poll`).
pub(crate) fn readiness(socket: &Socket, endpoint: &DatagramEndpoint) -> Readiness {
    let mut ready = Readiness::OUT;
    if socket.error.is_some() || endpoint.queues.has_error() {
        ready |= Readiness::ERR;
    }
    if endpoint.is_read_shut {
        ready |= Readiness::IN | Readiness::RDHUP;
        if endpoint.is_write_shut {
            ready |= Readiness::HUP;
        }
    }
    if endpoint.queues.has_datagram() {
        ready |= Readiness::IN;
    }
    ready
}

/// What `ss` shows.
pub(crate) fn summarize(domain: Domain, endpoint: &DatagramEndpoint, summary: &mut SocketSummary) {
    summary.state = if endpoint.is_connected {
        "ESTAB"
    } else {
        "UNCONN"
    };
    summary.local = Some(endpoint.names.local_as_seen_by(domain));
    summary.peer = endpoint
        .is_connected
        .then(|| endpoint.names.remote_as_seen_by(domain));
    summary.recv_q = endpoint.queues.charged();
    summary.memory += size_of::<DatagramEndpoint>() + endpoint.queues.charged();
    summary.drops = endpoint.queues.dropped.into();
}

/// The protocol in the IP header: the low byte of the socket's number.
fn ip_protocol(number: u16) -> IpProtocol {
    let [_, low] = number.to_be_bytes();
    IpProtocol(low)
}

/// Who asks the port table.
fn owner(socket: &Socket) -> Owner<'_> {
    Owner {
        domain: socket.domain,
        is_stream: false,
        options: &socket.options,
        uid: socket.credentials().uid,
    }
}

/// One copy of scattered data.
fn gather(data: &[&[u8]]) -> Bytes {
    match data {
        [] => Bytes::new(),
        [only] => Bytes::copy_from_slice(only),
        pieces => Bytes::from(pieces.concat()),
    }
}

#[cfg(test)]
mod tests;
