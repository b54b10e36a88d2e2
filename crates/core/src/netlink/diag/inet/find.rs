//! One socket by its names.

use core::net::IpAddr;

use super::{AF_INET, AF_INET6, RAW, Request, TCP, UDP, UDP_LITE, address};
use crate::address::unmapped;
use crate::inet::bind_table::PortSpace;
use crate::inet::demux::FourTuple;
use crate::netlink::diag::is_cookie;
use crate::options::Switches;
use crate::socket::{Endpoint, Socket};
use crate::{Domain, Errno, Host, InterfaceId, SocketId, SocketType};

/// What the names lead to.
#[derive(Clone, Copy, Debug)]
pub(in crate::netlink::diag) enum Found {
    Socket(SocketId),
    /// A connection in TIME-WAIT.
    Record(FourTuple),
}

/// Which end of a UDP socket's conversation is the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::netlink::diag) enum Source {
    /// The socket.
    Own,
    /// Its peer: `udp_dump_one` names a packet that comes in, where `udp_diag_destroy` names the socket.
    Peer,
}

/// The socket that has these names, or would receive a packet with them.
pub(in crate::netlink::diag) fn find(
    host: &Host,
    request: &Request,
    of_datagrams: Source,
) -> Result<Found, Errno> {
    if !matches!(request.protocol, TCP | UDP | UDP_LITE | RAW) {
        return Err(Errno::ENOENT);
    }
    let names = &request.names;
    let source = address(request.family, names.source).ok_or(Errno::EINVAL)?;
    let destination = address(request.family, names.destination).ok_or(Errno::EINVAL)?;
    let own = (source, names.source_port);
    let peer = (destination, names.destination_port);
    let datagrams = |space| match of_datagrams {
        Source::Own => by_ports(host, space, request, own, peer),
        Source::Peer => by_ports(host, space, request, peer, own),
    };
    let found = match request.protocol {
        TCP => by_ports(host, PortSpace::Tcp, request, own, peer),
        UDP => datagrams(PortSpace::Udp),
        UDP_LITE => datagrams(PortSpace::UdpLite),
        _ => raw(host, request, source, destination).map(Found::Socket),
    };
    let is_stale = request.protocol != TCP && of_datagrams == Source::Peer;
    let mismatch = if is_stale {
        Errno::ESTALE
    } else {
        Errno::ENOENT
    };
    let found = found.ok_or(Errno::ENOENT)?;
    // Of who stands for somebody elsewhere nobody is told.
    let cookie = match found {
        Found::Socket(id) => {
            let socket = host.sockets.get(id);
            let socket = socket.filter(|socket| !socket.options.is_on(Switches::STANDS_IN));
            socket.map(|socket| socket.cookie)
        }
        Found::Record(tuple) => {
            let waiting = host.stack.time_wait.get(&tuple);
            let waiting = waiting.filter(|waiting| !waiting.stands_in());
            waiting.map(|waiting| waiting.cookie)
        }
    };
    if is_cookie(names.cookie, cookie.ok_or(Errno::ENOENT)?) {
        Ok(found)
    } else {
        Err(mismatch)
    }
}

/// A connection of these names, else who receives there.
fn by_ports(
    host: &Host,
    space: PortSpace,
    request: &Request,
    (local, local_port): (IpAddr, u16),
    (remote, remote_port): (IpAddr, u16),
) -> Option<Found> {
    // Mapped addresses are IPv4's only if both are.
    let are_mapped =
        unmapped(local).is_ipv4() && unmapped(remote).is_ipv4() && request.family == AF_INET6;
    let plain = |address| {
        if are_mapped {
            unmapped(address)
        } else {
            address
        }
    };
    let tuple = FourTuple {
        space,
        local: plain(local),
        local_port,
        remote: plain(remote),
        remote_port,
    };
    let names_it = |id: &SocketId| {
        let socket = host.sockets.get(*id);
        let names = socket.and_then(Socket::names);
        names.is_some_and(|names| names.tuple(space) == tuple)
    };
    if let Some(id) = host.connected(&tuple).filter(names_it) {
        return Some(Found::Socket(id));
    }
    if space == PortSpace::Tcp && host.stack.time_wait.get(&tuple).is_some() {
        return Some(Found::Record(tuple));
    }
    let interface = InterfaceId::from_ifindex(request.names.interface);
    let receiver = host.stack.receivers.find(&tuple, interface);
    receiver.map(Found::Socket)
}

/// `raw_sock_get`
fn raw(host: &Host, request: &Request, source: IpAddr, destination: IpAddr) -> Option<SocketId> {
    let domain = if request.family == AF_INET {
        Domain::Inet
    } else {
        Domain::Inet6
    };
    // `raw_v4_match`: what is fixed must be the same.
    let fits = |own: IpAddr, named: IpAddr| own.is_unspecified() || own == named;
    let found = host.sockets.iter().find(|(_, socket)| {
        let Endpoint::Datagram(endpoint) = &socket.endpoint else {
            return false;
        };
        socket.kind == SocketType::Raw
            && socket.domain == domain
            && socket.protocol == u16::from(request.raw_protocol)
            && fits(endpoint.names.remote(), destination)
            && fits(endpoint.names.local(), source)
    });
    found.map(|(id, _)| id)
}
