//! Names of datagram sockets: `bind`, `connect`, `close`, and ports that the host chooses.

use super::{DatagramEndpoint, Protocol, endpoint, endpoint_of, owner};
use crate::host::{Host, Stack};
use core::net::IpAddr;

use crate::inet::bind_table::PortSpace;
use crate::inet::demux::Receiver;
use crate::inet::{Names, any_address, bind as inet_bind};
use crate::multicast::Sender;
use crate::options::{SharedOptions, Switches};
use crate::socket::{Endpoint, Socket};
use crate::{Domain, Errno, Instant, InterfaceId, SocketAddress, SocketId, multicast};

/// `bind(2)`
pub(crate) fn bind(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    _now: Instant,
) -> Result<(), Errno> {
    change_names(host, id, |stack, socket, endpoint, names| {
        match endpoint.space(socket.domain) {
            Some(space) => inet_bind::bind(stack, &owner(socket), names, address, space),
            // A raw socket may be bound as often as it likes (raw_bind): it holds no port.
            None => {
                let named = inet_bind::named(socket.domain, address)?;
                // rawv6_bind
                if named.is_mapped {
                    return Err(Errno::EADDRNOTAVAIL);
                }
                if endpoint.is_connected {
                    return Err(Errno::EINVAL);
                }
                stack.check_bindable(&owner(socket), named.address)?;
                names.set_local(named.address);
                names.scope_id = named.scope_id;
                names.is_address_bound = !named.address.is_unspecified();
                Ok(())
            }
        }
    })
}

/// A port for a socket that has none, as sending and connecting need one.
pub(super) fn autobind(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    let (_, endpoint) = endpoint_of(host, id)?;
    if endpoint.names.local_port != 0 {
        return Ok(());
    }
    change_names(host, id, |stack, socket, endpoint, names| {
        match endpoint.space(socket.domain) {
            Some(space) => inet_bind::autobind(stack, &owner(socket), names, space),
            None => Ok(()),
        }
    })
}

/// `connect(2)`: remembers the peer. Port zero is taken, as Linux does, and AF_UNSPEC ends it.
pub(crate) fn connect(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    _now: Instant,
) -> Result<(), Errno> {
    if *address == SocketAddress::Unspecified {
        set_connected(host, id, false)?;
        return change_names(host, id, |stack, socket, endpoint, names| {
            match endpoint.space(socket.domain) {
                Some(_) => {
                    inet_bind::forget_peer(stack, socket.domain, names);
                    inet_bind::fit_claim(stack, &owner(socket), names);
                }
                None => {
                    forget_raw_peer(socket, names);
                    // __udp_disconnect takes it off the list of raw sockets, to which nothing ever adds it again.
                    stack.raw.remove(socket.domain, socket.protocol, id);
                }
            }
            Ok(())
        });
    }
    // inet_dgram_connect: the port is taken before the address is looked at.
    autobind(host, id)?;
    let (socket, endpoint) = endpoint_of(host, id)?;
    let names = &endpoint.names;
    let to = inet_bind::destination(&owner(socket), names, address)?;
    // __ip6_datagram_connect: a socket that has an IPv4 address by now can't take an IPv6 peer.
    if endpoint.is_connected && names.local().is_ipv4() && to.address.is_ipv6() {
        return Err(Errno::EAFNOSUPPORT);
    }
    let bound = names.is_address_bound.then_some(names.local());
    let sender = Sender {
        options: &socket.options,
        source: bound.and_then(|local| source(&host.stack, socket.domain, local)),
        device: scope(&host.stack, to.address, to.scope_id)?.or(socket.options.device),
        is_on_link: false,
    };
    let from = (sender.source, names.local_port);
    let space = endpoint.space(socket.domain);
    let stand_in = (host.stack).path_to_stand_in(space, from, (to.address, to.port));
    let path = match stand_in {
        Some(path) => path,
        None => host.stack.route_from(&sender, to.address)?,
    };
    if host.stack.is_broadcast(to.address) && !socket.options.is_on(Switches::BROADCAST) {
        return Err(Errno::EACCES);
    }
    change_names(host, id, |stack, socket, _, names| {
        if !names.is_address_bound || names.local().is_unspecified() {
            names.set_local(path.source);
        }
        names.set_remote(to.address);
        names.remote_port = to.port;
        names.scope_id = to.scope_id;
        inet_bind::fit_claim(stack, &owner(socket), names);
        Ok(())
    })?;
    set_connected(host, id, true)?;
    if let Some(gathered) = &mut endpoint!(host.get_mut(id)?).gathered {
        gathered.connect(path.source, to.address, to.port);
    }
    host.wake(id);
    Ok(())
}

/// The source address that a bound socket has: none if it is bound to a group or a broadcast address (`__inet_bind`,
/// not so `__inet6_bind`).
pub(super) fn source(stack: &Stack, domain: Domain, local: IpAddr) -> Option<IpAddr> {
    let is_of_many = local.is_multicast() || stack.is_broadcast(local);
    Some(local).filter(|local| !is_of_many || (domain == Domain::Inet6 && local.is_ipv4()))
}

/// The interface that the scope of a link-local address names (RFC 4007 6).
pub(super) fn scope(
    stack: &Stack,
    address: IpAddr,
    scope_id: u32,
) -> Result<Option<InterfaceId>, Errno> {
    let is_scoped = match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => {
            let is_narrow = matches!(address.segments()[0], 0xff01 | 0xff11 | 0xff02 | 0xff12);
            address.is_unicast_link_local() || is_narrow
        }
    };
    if !is_scoped || scope_id == 0 {
        return Ok(None);
    }
    let interface = stack.interface_by_index(scope_id);
    interface.map(Some).ok_or(Errno::ENODEV)
}

/// A raw socket's "port" is its protocol, until it has no peer any more.
fn forget_raw_peer(socket: &Socket, names: &mut Names) {
    let any = any_address(socket.domain);
    names.set_remote(any);
    names.remote_port = 0;
    names.local_port = 0;
    // raw_bind does not lock the address.
    names.set_local(any);
    names.is_address_bound = false;
}

/// What ends a socket's association from outside (`udp_abort`, `raw_abort`): its program hears that it was aborted.
pub(crate) fn destroy(host: &mut Host, id: SocketId, now: Instant) -> Result<(), Errno> {
    connect(host, id, &SocketAddress::Unspecified, now)?;
    host.get_mut(id)?.error = Some(Errno::ECONNABORTED);
    host.wake(id);
    Ok(())
}

/// `close(2)`
pub(crate) fn close(host: &mut Host, id: SocketId, _now: Instant) -> Result<(), Errno> {
    let Host { sockets, stack } = host;
    let mut socket = sockets.remove(id).ok_or(Errno::EBADF)?;
    withdraw(stack, id, &socket);
    multicast::leave_all(stack, id, &socket.options);
    if let Endpoint::Datagram(endpoint) = &mut socket.endpoint {
        if let Protocol::Raw(_) = endpoint.protocol {
            stack.raw.remove(socket.domain, socket.protocol, id);
        }
        inet_bind::release(stack, &mut endpoint.names);
    }
    Ok(())
}

fn set_connected(host: &mut Host, id: SocketId, is_connected: bool) -> Result<(), Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    withdraw(stack, id, socket);
    endpoint!(socket).is_connected = is_connected;
    publish(stack, id, socket);
    Ok(())
}

/// Changes a socket's names, and where it is found with them. When `change` fails nothing has changed.
fn change_names(
    host: &mut Host,
    id: SocketId,
    change: impl FnOnce(&mut Stack, &Socket, &DatagramEndpoint, &mut Names) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    let Endpoint::Datagram(endpoint) = &socket.endpoint else {
        return Err(Errno::EOPNOTSUPP);
    };
    withdraw(stack, id, socket);
    let mut names = endpoint.names.clone();
    let result = change(stack, socket, endpoint, &mut names);
    if result.is_ok() {
        endpoint!(socket).names = names;
    }
    publish(stack, id, socket);
    result
}

/// Where a socket is found by what comes in, if it has a port.
fn place(socket: &Socket) -> Option<(PortSpace, &DatagramEndpoint)> {
    let Endpoint::Datagram(endpoint) = &socket.endpoint else {
        return None;
    };
    let space = endpoint.space(socket.domain)?;
    (endpoint.names.local_port != 0).then_some((space, endpoint))
}

fn publish(stack: &mut Stack, id: SocketId, socket: &Socket) {
    let Some((space, endpoint)) = place(socket) else {
        return;
    };
    let names = &endpoint.names;
    if is_found_by_peer(endpoint) {
        // A second socket with the very same names, by SO_REUSEADDR, hears nothing while the first is there.
        let tuple = names.tuple(space);
        if stack.connections.insert(&tuple, id) && socket.options.is_on(Switches::STANDS_IN) {
            stack.stand_ins.insert(&tuple);
        }
        return;
    }
    let receiver = receiver(id, &socket.options);
    stack
        .receivers
        .insert(space, names.local(), names.local_port, receiver);
}

fn receiver(id: SocketId, options: &SharedOptions) -> Receiver {
    Receiver {
        id,
        reuse_port: options.is_on(Switches::REUSE_PORT),
        v6_only: options.is_on(Switches::V6_ONLY),
        device: options.device,
    }
}

/// After an option was set: the claim on the port and the place in the table follow.
pub(crate) fn options_changed(host: &mut Host, id: SocketId) {
    let Host { sockets, stack } = host;
    let Some(socket) = sockets.get_mut(id) else {
        return;
    };
    let Some((space, endpoint)) = place(socket) else {
        return;
    };
    if !is_found_by_peer(endpoint) {
        let (address, port) = (endpoint.names.local(), endpoint.names.local_port);
        let receiver = receiver(id, &socket.options);
        stack.receivers.update(space, address, port, receiver);
    }
    let owner = inet_bind::Owner {
        domain: socket.domain,
        is_stream: false,
        options: &socket.options,
        uid: socket.credentials().uid,
    };
    if let Endpoint::Datagram(endpoint) = &mut socket.endpoint {
        inet_bind::fit_claim(stack, &owner, &mut endpoint.names);
    }
}

fn withdraw(stack: &mut Stack, id: SocketId, socket: &Socket) {
    let Some((space, endpoint)) = place(socket) else {
        return;
    };
    let names = &endpoint.names;
    if is_found_by_peer(endpoint) {
        let tuple = names.tuple(space);
        stack.connections.remove(&tuple, id);
        if socket.options.is_on(Switches::STANDS_IN) {
            stack.stand_ins.remove(&tuple);
        }
    } else {
        stack
            .receivers
            .remove(space, names.local(), names.local_port, id);
    }
}

/// Ping sockets are found by their identifier alone; a peer's port of zero names nobody.
fn is_found_by_peer(endpoint: &DatagramEndpoint) -> bool {
    endpoint.protocol.is_udp() && endpoint.is_connected && endpoint.names.remote_port != 0
}
