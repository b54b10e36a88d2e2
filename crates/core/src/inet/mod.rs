//! What the internet transports share: who holds which port, whose packet it is, and the names of a socket.

pub(crate) mod bind;
pub(crate) mod bind_table;
pub(crate) mod crowds;
pub(crate) mod demux;
pub(crate) mod ephemeral;
pub(crate) mod keyed;
pub(crate) mod stand_in;

use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bind_table::{Claim, PortSpace};
use demux::FourTuple;

use crate::address::as_seen_by;
use crate::{Domain, SocketAddress};

/// A local address and a peer's. Those of IPv6 are in a box, so that those of IPv4 need no more than half the room.
#[derive(Clone, Debug)]
enum Addresses {
    V4(Ipv4Addr, Ipv4Addr),
    Other(Box<(IpAddr, IpAddr)>),
}

impl Addresses {
    fn of(local: IpAddr, remote: IpAddr) -> Self {
        match (local, remote) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => Self::V4(local, remote),
            _ => Self::Other(Box::new((local, remote))),
        }
    }

    fn get(&self) -> (IpAddr, IpAddr) {
        match self {
            Self::V4(local, remote) => ((*local).into(), (*remote).into()),
            Self::Other(both) => **both,
        }
    }
}

/// The names of an internet socket. IPv4 addresses of an AF_INET6 socket are kept as IPv4, not mapped.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    addresses: Addresses,
    /// The local port, 0 as long as none is held.
    pub(crate) local_port: u16,
    /// The port that `getsockname` still tells when none is held: TCP tells the last one after a disconnect, as Linux.
    pub(crate) stale_port: u16,
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
            addresses: Addresses::of(any, any),
            local_port: 0,
            stale_port: 0,
            remote_port: 0,
            scope_id: 0,
            is_address_bound: false,
            is_port_bound: false,
            claim: None,
        }
    }

    /// The local address; unspecified as long as none is chosen.
    pub(crate) fn local(&self) -> IpAddr {
        self.addresses.get().0
    }

    /// The peer's address; unspecified if there is none.
    pub(crate) fn remote(&self) -> IpAddr {
        self.addresses.get().1
    }

    pub(crate) fn set_local(&mut self, local: IpAddr) {
        self.addresses = Addresses::of(local, self.remote());
    }

    pub(crate) fn set_remote(&mut self, remote: IpAddr) {
        self.addresses = Addresses::of(self.local(), remote);
    }

    /// `getsockname` of a socket of this domain.
    pub(crate) fn local_as_seen_by(&self, domain: Domain) -> SocketAddress {
        let address = if self.local().is_unspecified() {
            any_address(domain)
        } else {
            self.local()
        };
        let port = match self.local_port {
            0 => self.stale_port,
            port => port,
        };
        as_seen_by(domain, address, port, self.scope_id)
    }

    /// `getpeername` of a socket of this domain.
    pub(crate) fn remote_as_seen_by(&self, domain: Domain) -> SocketAddress {
        as_seen_by(domain, self.remote(), self.remote_port, self.scope_id)
    }

    /// What names the connection.
    pub(crate) fn tuple(&self, space: PortSpace) -> FourTuple {
        let (local, remote) = self.addresses.get();
        FourTuple {
            space,
            local,
            local_port: self.local_port,
            remote,
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
