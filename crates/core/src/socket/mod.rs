//! What sockets of all kinds share.

pub(crate) mod datagrams;
pub(crate) mod defaults;
pub(crate) mod departures;

use alloc::boxed::Box;

use crate::datagram::DatagramEndpoint;
use crate::inet::Names;
use crate::netlink::NetlinkEndpoint;
use crate::options::{SharedOptions, Switches};
use crate::tcp::{Listener, TcpEndpoint};
use crate::unix::UnixEndpoint;
use crate::{Credentials, Domain, Errno, Readiness, SocketType};

/// One socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) domain: Domain,
    pub(crate) kind: SocketType,
    /// `SO_PROTOCOL`
    pub(crate) protocol: u16,
    /// `SO_COOKIE`: never used again in the life of a host.
    pub(crate) cookie: u64,
    pub(crate) options: SharedOptions,
    /// The pending error: `SO_ERROR`, or the result of the next call.
    pub(crate) error: Option<Errno>,
    /// What the embedder was told last.
    pub(crate) readiness: Readiness,
    /// Grows whenever an edge-triggered poller is to be woken.
    pub(crate) edges: u32,
    /// It is in the queue of events.
    pub(crate) is_queued: bool,
    /// No program has it any more (or not yet): it lives on for its connection's sake.
    pub(crate) is_hidden: bool,
    pub(crate) endpoint: Endpoint,
}

/// The state that only sockets of one kind have.
#[derive(Debug)]
pub(crate) enum Endpoint {
    Unix(Box<UnixEndpoint>),
    /// TCP that is not connected, connecting, connected or over.
    Tcp(Box<TcpEndpoint>),
    /// TCP in LISTEN.
    Listener(Box<Listener>),
    /// UDP, ICMP echo and raw sockets.
    Datagram(Box<DatagramEndpoint>),
    Netlink(Box<NetlinkEndpoint>),
}

/// What an idle TCP connection costs is this, a [`TcpEndpoint`] and its places in the tables: together at most 512 bytes, so
/// that what few sockets need goes into a box.
const _: () = assert!(size_of::<Socket>() <= 56);

impl Socket {
    /// A stream's SYN waits for the first write (`TCP_FASTOPEN_CONNECT`).
    pub(crate) fn waits_to_connect(&self) -> bool {
        matches!(&self.endpoint, Endpoint::Tcp(endpoint) if endpoint.waits_to_connect())
    }

    /// A new socket. Its cookie is set by `Host::insert_socket`.
    pub(crate) fn new(
        domain: Domain,
        kind: SocketType,
        protocol: u16,
        credentials: Credentials,
        mut options: SharedOptions,
        endpoint: Endpoint,
    ) -> Self {
        // Most have them already, and share them with others.
        if options.credentials != credentials {
            options.credentials = credentials;
        }
        // `inet6_create` leaves IPv4's flag out, which `inet_create` sets.
        if domain == Domain::Inet6 {
            options.switches.remove(Switches::MULTICAST_ALL);
        }
        Self {
            domain,
            kind,
            protocol,
            cookie: 0,
            options,
            error: None,
            readiness: Readiness::empty(),
            edges: 0,
            is_queued: false,
            is_hidden: false,
            endpoint,
        }
    }

    /// Who made it.
    pub(crate) fn credentials(&self) -> Credentials {
        self.options.credentials
    }

    /// It is closed, and only kept for the sake of others.
    pub(crate) fn is_orphan(&self) -> bool {
        matches!(&self.endpoint, Endpoint::Unix(endpoint) if endpoint.is_shell())
    }

    /// The names of an internet socket.
    pub(crate) fn names(&self) -> Option<&Names> {
        match &self.endpoint {
            Endpoint::Tcp(endpoint) => Some(&endpoint.names),
            Endpoint::Listener(listener) => Some(&listener.names),
            Endpoint::Datagram(endpoint) => Some(&endpoint.names),
            Endpoint::Unix(_) | Endpoint::Netlink(_) => None,
        }
    }

    /// Takes the pending error, as a call that fails with it does.
    pub(crate) fn take_error(&mut self) -> Result<(), Errno> {
        match self.error.take() {
            Some(errno) => Err(errno),
            None => Ok(()),
        }
    }
}
