//! Sockets of this host that stand for somebody elsewhere (`IP_TRANSPARENT`).
//!
//! A proxy that stands for its client speaks from the client's address. What is sent back must reach the proxy's socket
//! rather than leave: on Linux by netfilter's `socket` match and a local route, here because the connection is known, and
//! of datagrams because the host was told who stands in ([`Host::stand_in`]).

use core::net::IpAddr;

use hashbrown::HashMap;
use sockeye_wire::{Frame, IpProtocol, Quote, QuotedTransport};

use super::bind_table::PortSpace;
use super::demux::FourTuple;
use super::keyed::Keyed;
use crate::host::Stack;
use crate::ids::InterfaceId;
use crate::ip::output::{Path, Via};
use crate::options::Switches;
use crate::{Errno, Host, SocketId};

/// What of a datagram socket's names finds it: whoever answers may not have chosen the address to answer from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name {
    space: PortSpace,
    address: IpAddr,
    port: u16,
    peer_port: u16,
}

impl Name {
    fn of(tuple: &FourTuple) -> Self {
        Self {
            space: tuple.space,
            address: tuple.local,
            port: tuple.local_port,
            peer_port: tuple.remote_port,
        }
    }
}

/// The connected datagram sockets that stand in, with the address of this host that each is connected to.
#[derive(Debug)]
pub(crate) struct StandIns {
    peers: HashMap<Name, IpAddr, Keyed>,
    /// Some socket of the host has stood in.
    is_used: bool,
}

impl StandIns {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            peers: HashMap::with_hasher(keyed),
            is_used: false,
        }
    }

    pub(crate) fn insert(&mut self, tuple: &FourTuple) {
        self.peers.insert(Name::of(tuple), tuple.remote);
    }

    pub(crate) fn remove(&mut self, tuple: &FourTuple) {
        if self.has(tuple) {
            self.peers.remove(&Name::of(tuple));
        }
    }

    fn has(&self, tuple: &FourTuple) -> bool {
        !self.peers.is_empty() && self.peers.get(&Name::of(tuple)) == Some(&tuple.remote)
    }
}

impl Host {
    /// Makes an internet socket that has no name yet stand for somebody elsewhere, whose address it may then be bound to
    /// (`IP_TRANSPARENT`). Once it is connected to an address of this host, what is sent there is answered from that address
    /// and reaches it. Those who ask the host for its sockets by netlink are not told of it, nor can they end it.
    pub fn stand_in(&mut self, id: SocketId) -> Result<(), Errno> {
        let socket = self.get_mut(id)?;
        let names = socket.names().ok_or(Errno::EOPNOTSUPP)?;
        if names.local_port != 0 || names.is_address_bound {
            return Err(Errno::EINVAL);
        }
        let switches = Switches::TRANSPARENT | Switches::STANDS_IN;
        socket.options.switches.insert(switches);
        self.stack.stand_ins.is_used = true;
        Ok(())
    }

    /// The interface by which a packet seems to have come: not the loopback, but where somebody elsewhere would reach the
    /// address, if it is from a socket that stands in.
    pub(crate) fn seeming_interface(
        &self,
        tuple: &FourTuple,
        interface: InterfaceId,
    ) -> InterfaceId {
        if !self.stack.stand_ins.is_used || interface != InterfaceId::LOOPBACK {
            return interface;
        }
        let sender = tuple.reversed();
        let stands_in = match tuple.space {
            PortSpace::Tcp => self.connected(&sender).is_some_and(|id| {
                let socket = self.sockets.get(id);
                socket.is_some_and(|socket| socket.options.is_on(Switches::STANDS_IN))
            }),
            _ => self.stack.stand_ins.has(&sender),
        };
        match self.stack.interface_of(tuple.local) {
            Some(own) if stands_in => own,
            _ => interface,
        }
    }
}

impl Stack {
    /// The route of a connection's packets.
    pub(crate) fn route_of(&self, tuple: &FourTuple, via: impl Into<Via>) -> Result<Path, Errno> {
        if !self.is_local(tuple.remote) && self.has_end(&tuple.reversed()) {
            return Ok(self.path_home(tuple.remote, Some(tuple.local)));
        }
        self.route(tuple.remote, Some(tuple.local), via)
    }

    /// The way of a datagram to a socket that stands for who is at `to`. `source` is the sender's address, if it has one.
    #[inline]
    pub(crate) fn path_to_stand_in(
        &self,
        space: Option<PortSpace>,
        (source, source_port): (Option<IpAddr>, u16),
        (address, port): (IpAddr, u16),
    ) -> Option<Path> {
        if self.stand_ins.peers.is_empty() {
            return None;
        }
        let name = Name {
            space: space?,
            address,
            port,
            peer_port: source_port,
        };
        let peer = *self.stand_ins.peers.get(&name)?;
        let fits = source.is_none_or(|source| source.is_unspecified() || source == peer);
        fits.then(|| self.path_home(address, Some(peer)))
    }

    /// The way back to the sender of a packet, if a datagram socket that stands in has sent it.
    pub(crate) fn path_back(&self, frame: &Frame) -> Option<Path> {
        let tuple = tuple_of(frame)?.reversed();
        let has = self.stand_ins.has(&tuple);
        has.then(|| self.path_home(tuple.local, Some(tuple.remote)))
    }

    /// Whether a packet to an address of another host is for a connection of this one. Of a fragment that can't be said before
    /// it is together with the others: it may be as long as anybody stands in.
    pub(crate) fn is_for_own_end(&self, interface: InterfaceId, frame: &Frame) -> bool {
        let Ok(layout) = frame.layout() else {
            return false;
        };
        interface == InterfaceId::LOOPBACK
            && match layout.protocol {
                _ if layout.fragment => !self.stand_ins.peers.is_empty(),
                IpProtocol::ICMPV4 | IpProtocol::ICMPV6 => {
                    let quote = Quote::parse(&frame.payload.to_bytes());
                    quote.is_ok_and(|quote| self.is_of_stand_in(&quote))
                }
                _ => tuple_of(frame).is_some_and(|tuple| self.has_end(&tuple)),
            }
    }

    /// Whether a datagram socket that stands in has sent the packet that is quoted.
    pub(crate) fn is_of_stand_in(&self, quote: &Quote) -> bool {
        let QuotedTransport::Udp {
            source_port,
            destination_port,
        } = quote.transport
        else {
            return false;
        };
        space_of(quote.protocol).is_some_and(|space| {
            self.stand_ins.has(&FourTuple {
                space,
                local: quote.source,
                local_port: source_port,
                remote: quote.destination,
                remote_port: destination_port,
            })
        })
    }

    fn has_end(&self, tuple: &FourTuple) -> bool {
        match tuple.space {
            PortSpace::Tcp => {
                self.connections.find(tuple).is_some() || self.time_wait.get(tuple).is_some()
            }
            _ => self.stand_ins.has(tuple),
        }
    }
}

fn space_of(protocol: IpProtocol) -> Option<PortSpace> {
    match protocol {
        IpProtocol::TCP => Some(PortSpace::Tcp),
        IpProtocol::UDP => Some(PortSpace::Udp),
        IpProtocol::UDP_LITE => Some(PortSpace::UdpLite),
        _ => None,
    }
}

/// The names of the connection that a packet is for, seen from the end that takes it.
fn tuple_of(frame: &Frame) -> Option<FourTuple> {
    let layout = frame.layout().ok()?;
    let space = space_of(layout.protocol).filter(|_| !layout.fragment)?;
    let ip = frame.ip().ok()?;
    let (local, remote): (IpAddr, IpAddr) = (ip.destination(), ip.source());
    // The ports are at the same place in all of them.
    let &[a, b, c, d] = frame.headers.get(layout.transport..)?.first_chunk()?;
    Some(FourTuple {
        space,
        local,
        local_port: u16::from_be_bytes([c, d]),
        remote,
        remote_port: u16::from_be_bytes([a, b]),
    })
}

#[cfg(test)]
mod tests;
