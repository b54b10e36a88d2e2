//! Ports: a netlink socket's address within its protocol.

use super::{NetlinkEndpoint, Ports, endpoint, endpoint_mut, groups_of};
use crate::ids::SocketId;
use crate::{Errno, Host, Instant, SocketAddress};

/// Where the search for a port begins when the process's own number is taken, downwards (`netlink_autobind`).
const FIRST_SPARE: u32 = (-4097_i32).cast_unsigned();

/// The groups that a `sockaddr_nl` has room for.
pub(super) fn low_groups(groups: u64) -> u32 {
    u32::try_from(groups & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// `bind(2)` (`netlink_bind`)
pub(crate) fn bind(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    _now: Instant,
) -> Result<(), Errno> {
    let SocketAddress::Netlink { port, groups } = *address else {
        return Err(Errno::EINVAL);
    };
    match endpoint(host, id)?.1.port {
        Some(bound) if bound != port => return Err(Errno::EINVAL),
        Some(_) => {}
        None if port == 0 => autobind(host, id)?,
        None => claim(host, id, port)?,
    }
    let known = (1_u64 << groups_of(endpoint(host, id)?.0.protocol)) - 1;
    let endpoint = endpoint_mut(host, id)?;
    let beyond = endpoint.groups & !u64::from(u32::MAX);
    endpoint.groups = beyond | (u64::from(groups) & known);
    Ok(())
}

/// A port for a socket that has none: the number of the process that made it, or any that is free.
pub(super) fn autobind(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    let (socket, endpoint) = endpoint(host, id)?;
    if endpoint.port.is_some() {
        return Ok(());
    }
    let protocol = socket.protocol;
    let own = socket.credentials().pid.cast_unsigned();
    let ports: &Ports = &host.stack.netlink;
    // More sockets than these are not there to be tried, since each has one port.
    let spare = (0..=u32::MAX).map(|step| FIRST_SPARE.wrapping_sub(step));
    let free = core::iter::once(own)
        .chain(spare)
        .find(|port| *port != 0 && !ports.contains_key(&(protocol, *port)));
    claim(host, id, free.ok_or(Errno::EADDRINUSE)?)
}

fn claim(host: &mut Host, id: SocketId, port: u32) -> Result<(), Errno> {
    let protocol = endpoint(host, id)?.0.protocol;
    let ports = &mut host.stack.netlink;
    if ports.contains_key(&(protocol, port)) {
        return Err(Errno::EADDRINUSE);
    }
    ports.insert((protocol, port), id);
    endpoint_mut(host, id)?.port = Some(port);
    Ok(())
}

/// `connect(2)` (`netlink_connect`): only the kernel can be a peer, but for who is privileged.
pub(crate) fn connect(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    _now: Instant,
) -> Result<(), Errno> {
    let peer = match *address {
        SocketAddress::Unspecified => (0, 0),
        SocketAddress::Netlink { port, groups } => (port, groups),
        _ => return Err(Errno::EINVAL),
    };
    may_send_to(host, id, peer)?;
    autobind(host, id)?;
    endpoint_mut(host, id)?.peer = peer;
    Ok(())
}

/// These protocols are for asking the kernel: other sockets are reached with privilege only.
pub(super) fn may_send_to(host: &Host, id: SocketId, peer: (u32, u32)) -> Result<(), Errno> {
    let (socket, _) = endpoint(host, id)?;
    if peer != (0, 0) && socket.credentials().uid != 0 {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// `close(2)`
pub(crate) fn close(host: &mut Host, id: SocketId, _now: Instant) -> Result<(), Errno> {
    let (socket, endpoint) = endpoint(host, id)?;
    if let Some(port) = endpoint.port {
        let key = (socket.protocol, port);
        host.stack.netlink.remove(&key);
    }
    host.sockets.remove(id);
    Ok(())
}

/// `getsockname(2)`
pub(crate) fn local_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    let (_, NetlinkEndpoint { port, groups, .. }) = endpoint(host, id)?;
    Ok(SocketAddress::Netlink {
        port: port.unwrap_or(0),
        groups: low_groups(*groups),
    })
}

/// `getpeername(2)`: every netlink socket has a peer, the kernel if no other.
pub(crate) fn peer_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    let (port, groups) = endpoint(host, id)?.1.peer;
    Ok(SocketAddress::Netlink { port, groups })
}
