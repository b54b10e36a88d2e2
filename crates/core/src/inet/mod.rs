//! What the internet transports share: who holds which port, whose packet it is, and the names of a socket.

pub(crate) mod bind;
pub(crate) mod bind_table;
pub(crate) mod crowds;
pub(crate) mod demux;
pub(crate) mod ephemeral;
pub(crate) mod keyed;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bind_table::{Claim, PortSpace};
use demux::FourTuple;

use crate::address::as_seen_by;
use crate::{Domain, SocketAddress};

/// The names of an internet socket. IPv4 addresses of an AF_INET6 socket are kept as IPv4, not mapped.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The local address; unspecified as long as none is chosen.
    pub(crate) local: IpAddr,
    /// The local port, 0 as long as none is held.
    pub(crate) local_port: u16,
    /// The port that `getsockname` still tells when none is held: TCP tells the last one after a disconnect, as Linux.
    pub(crate) stale_port: u16,
    /// The peer's address; unspecified if there is none.
    pub(crate) remote: IpAddr,
    /// The peer's port.
    pub(crate) remote_port: u16,
    /// `sin6_scope_id` of link-local names.
    pub(crate) scope_id: u32,
    /// The local address was given to `bind`: it survives a disconnect.
    pub(crate) is_address_bound: bool,
    /// The port was given to `bind`, not chosen: it survives a disconnect.
    pub(crate) is_port_bound: bool,
    /// The claim on the port.
    pub(crate) claim: Option<Claim>,
}

impl Names {
    /// No names yet.
    pub(crate) fn new(domain: Domain) -> Self {
        let any = any_address(domain);
        Self {
            local: any,
            local_port: 0,
            stale_port: 0,
            remote: any,
            remote_port: 0,
            scope_id: 0,
            is_address_bound: false,
            is_port_bound: false,
            claim: None,
        }
    }

    /// `getsockname` of a socket of this domain.
    pub(crate) fn local_as_seen_by(&self, domain: Domain) -> SocketAddress {
        let address = if self.local.is_unspecified() {
            any_address(domain)
        } else {
            self.local
        };
        let port = match self.local_port {
            0 => self.stale_port,
            port => port,
        };
        as_seen_by(domain, address, port, self.scope_id)
    }

    /// `getpeername` of a socket of this domain.
    pub(crate) fn remote_as_seen_by(&self, domain: Domain) -> SocketAddress {
        as_seen_by(domain, self.remote, self.remote_port, self.scope_id)
    }

    /// What names the connection.
    pub(crate) fn tuple(&self, space: PortSpace) -> FourTuple {
        FourTuple {
            space,
            local: self.local,
            local_port: self.local_port,
            remote: self.remote,
            remote_port: self.remote_port,
        }
    }
}

/// `INADDR_ANY` or `in6addr_any`.
pub(crate) fn any_address(domain: Domain) -> IpAddr {
    match domain {
        Domain::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        Domain::Inet | Domain::Unix | Domain::Netlink => Ipv4Addr::UNSPECIFIED.into(),
    }
}
