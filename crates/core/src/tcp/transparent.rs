//! Both ends of a connection on this host, one of them at an address of another (`IP_TRANSPARENT`).
//!
//! A proxy that stands for its client connects from the client's address. What is sent back must reach the proxy's socket
//! rather than leave: on Linux by netfilter's `socket` match and a local route, here because the connection is known.

use core::net::IpAddr;

use sockeye_wire::{Frame, IpProtocol};

use crate::Errno;
use crate::host::Stack;
use crate::ids::InterfaceId;
use crate::inet::bind_table::PortSpace;
use crate::inet::demux::FourTuple;
use crate::ip::output::{Path, Via};

impl Stack {
    /// The route of a connection's packets.
    pub(crate) fn route_of(&self, tuple: &FourTuple, via: impl Into<Via>) -> Result<Path, Errno> {
        if !self.is_local(tuple.remote) && self.has_end(&tuple.reversed()) {
            return Ok(self.path_home(tuple.remote, Some(tuple.local)));
        }
        self.route(tuple.remote, Some(tuple.local), via)
    }

    /// Whether a packet to an address of another host is for a connection of this one.
    pub(crate) fn is_for_own_end(&self, interface: InterfaceId, frame: &Frame) -> bool {
        interface == InterfaceId::LOOPBACK
            && tuple_of(frame).is_some_and(|tuple| self.has_end(&tuple))
    }

    fn has_end(&self, tuple: &FourTuple) -> bool {
        self.connections.find(tuple).is_some() || self.time_wait.get(tuple).is_some()
    }
}

/// The names of the connection that a segment is for, seen from the end that takes it.
fn tuple_of(frame: &Frame) -> Option<FourTuple> {
    let layout = frame.layout().ok()?;
    if layout.fragment || layout.protocol != IpProtocol::TCP {
        return None;
    }
    let ip = frame.ip().ok()?;
    let (local, remote): (IpAddr, IpAddr) = (ip.destination(), ip.source());
    let &[a, b, c, d] = frame.headers.get(layout.transport..)?.first_chunk()?;
    Some(FourTuple {
        space: PortSpace::Tcp,
        local,
        local_port: u16::from_be_bytes([c, d]),
        remote,
        remote_port: u16::from_be_bytes([a, b]),
    })
}
