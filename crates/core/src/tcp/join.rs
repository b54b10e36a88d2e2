//! Connections whose data travels outside of the host: the embedder has joined the two ends itself. Everything else is
//! here: names, ports, options, `ss`.

use alloc::boxed::Box;

use core::net::IpAddr;

use sockeye_tcp::State;

use super::connect::choose;
use super::{Marks, Phase, Progress, TcpEndpoint, close, owner_of};
use crate::host::Host;
use crate::ids::{InterfaceId, SocketId};
use crate::inet::Names;
use crate::inet::bind::{self, binding_of};
use crate::inet::bind_table::{Holder, PortSpace};
use crate::inet::demux::FourTuple;
use crate::socket::{Endpoint, Socket};
use crate::{Errno, Instant, SocketAddress};

/// Which directions of a joined connection have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// This side sends no more.
    pub(super) sent: bool,
    /// The other side sends no more, or is gone.
    pub(super) received: bool,
}

impl Ends {
    /// The state in which TCP would be. The acknowledgement of an end is taken for granted, and no record stays when both
    /// have ended.
    pub(super) fn state(self) -> State {
        match (self.sent, self.received) {
            (false, false) => State::Established,
            (true, false) => State::FinWait2,
            (false, true) => State::CloseWait,
            (true, true) => State::Closed,
        }
    }
}

/// This side of a joined connection sends no more: the other side, if it is a socket of this host, has read it all.
pub(super) fn tell_peer(host: &mut Host, id: SocketId) {
    if let Some(peer) = host.joined_peer(id) {
        host.joined_peer_ended(peer);
    }
}

impl Host {
    /// The other end of a joined connection, if it is a socket of this host.
    fn joined_peer(&self, id: SocketId) -> Option<SocketId> {
        let names = self.get(id).ok()?.names()?;
        let peer = self.connected(&names.tuple(PortSpace::Tcp).reversed())?;
        self.is_joined(id).then_some(peer)
    }

    /// The peer of a joined connection sends no more: for embedders whose peer is no socket of this host.
    pub fn joined_peer_ended(&mut self, id: SocketId) {
        if let Some(parts) = super::endpoint_mut(&mut self.sockets, id)
            && let Phase::Joined(ends) = &mut parts.endpoint.phase
        {
            ends.received = true;
        }
    }

    fn is_joined(&self, id: SocketId) -> bool {
        self.get(id).is_ok_and(|socket| match &socket.endpoint {
            Endpoint::Tcp(endpoint) => matches!(endpoint.phase, Phase::Joined(_)),
            _ => false,
        })
    }

    /// The listening TCP socket of this host that `connect(client, destination)` would reach, if it is one.
    pub fn listener_for(&self, client: SocketId, destination: &SocketAddress) -> Option<SocketId> {
        let socket = self.get(client).ok()?;
        let Endpoint::Tcp(endpoint) = &socket.endpoint else {
            return None;
        };
        let owner = owner_of(socket.domain, &socket.options, socket.credentials());
        let named = bind::destination(&owner, &endpoint.names, destination).ok()?;
        let names = (named.address, named.port, endpoint.names.local());
        self.local_listener(names, InterfaceId::LOOPBACK)
    }

    /// The listening TCP socket that a connection from outside to this address of the host would reach.
    pub fn listener_at(&self, local: &SocketAddress) -> Option<SocketId> {
        let (address, port) = local.ip()?;
        let address = crate::address::unmapped(address);
        let interface = self.stack.interface_of(address)?;
        self.local_listener((address, port, address), interface)
    }

    /// Which one of a `SO_REUSEPORT` group gets the connection depends on the peer's names in Linux; here, where they
    /// are not chosen yet, the group's members take turns by what is known: the answer stays the same until a
    /// connection is made.
    fn local_listener(
        &self,
        (address, port, source): (IpAddr, u16, IpAddr),
        interface: InterfaceId,
    ) -> Option<SocketId> {
        if !self.stack.is_local(address) {
            return None;
        }
        let tuple = FourTuple {
            space: PortSpace::Tcp,
            local: address,
            local_port: port,
            remote: source,
            remote_port: self.stack.join_step,
        };
        self.stack.receivers.find(&tuple, interface)
    }

    /// Tells how many connections of a listener, accepted or joined, the embedder keeps in line until the program accepts
    /// them: they count against the backlog.
    pub fn hold_for_accept(&mut self, listener: SocketId, count: usize) -> Result<(), Errno> {
        match &mut self.get_mut(listener)?.endpoint {
            Endpoint::Listener(listener) => {
                listener.held = count;
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Whether a listener would take one more connection.
    pub fn has_room_to_accept(&self, listener: SocketId) -> bool {
        self.get(listener).is_ok_and(|socket| {
            matches!(&socket.endpoint, Endpoint::Listener(listener) if !listener.is_full())
        })
    }

    /// Connects `client` to the listener of this host at `destination`, with names and ports as `connect` chooses them,
    /// and the data path left to the embedder. The new socket is the server's end, which the embedder hands out
    /// itself. `None` if no listener of this host would be reached: `connect` says what is wrong then.
    ///
    /// Errors are those of `connect`: `EISCONN`, `EALREADY`, `EADDRNOTAVAIL`, ...
    pub fn join(
        &mut self,
        client: SocketId,
        destination: &SocketAddress,
        now: Instant,
    ) -> Result<Option<SocketId>, Errno> {
        let Endpoint::Tcp(endpoint) = &self.get(client)?.endpoint else {
            return Err(Errno::EISCONN);
        };
        match (endpoint.progress, &endpoint.phase) {
            (Progress::Unconnected, Phase::Unconnected) => {}
            (Progress::Connecting, _) => return Err(Errno::EALREADY),
            (Progress::Disconnecting, _) => return Err(Errno::EINVAL),
            _ => return Err(Errno::EISCONN),
        }
        let Some(listener) = self.listener_for(client, destination) else {
            return Ok(None);
        };
        let (parts, stack) = super::call(self, client)?;
        let owner = owner_of(parts.domain, parts.options, parts.credentials);
        let chosen = choose(stack, &owner, &mut parts.endpoint.names, destination, now)?;
        parts.endpoint.phase = Phase::Joined(Ends::default());
        parts.endpoint.progress = Progress::Connected;
        parts.endpoint.marks.set(
            Marks::LISTED,
            stack.connections.insert(&chosen.tuple, client),
        );
        *parts.error = None;
        stack.counters.tcp_active_opens += 1;
        let server = self.join_server(listener, chosen.tuple.reversed());
        match server {
            Ok(server) => {
                super::saved_syn::keep_of_joined(self, client, server, &chosen, now);
                self.refresh(client);
                Ok(Some(server))
            }
            Err(errno) => {
                super::connect::reset_to_unconnected(self, client, now);
                Err(errno)
            }
        }
    }

    /// A server's end of a connection that came in from outside to `listener`, with these names and the data path left
    /// to the embedder: for ports that are published.
    pub fn join_from(
        &mut self,
        listener: SocketId,
        local: &SocketAddress,
        peer: &SocketAddress,
        _now: Instant,
    ) -> Result<SocketId, Errno> {
        let (local, local_port) = local.ip().ok_or(Errno::EAFNOSUPPORT)?;
        let (remote, remote_port) = peer.ip().ok_or(Errno::EAFNOSUPPORT)?;
        let tuple = FourTuple {
            space: PortSpace::Tcp,
            local: crate::address::unmapped(local),
            local_port,
            remote: crate::address::unmapped(remote),
            remote_port,
        };
        if self.stack.connections.find(&tuple).is_some()
            || self.stack.time_wait.get(&tuple).is_some()
        {
            return Err(Errno::EADDRINUSE);
        }
        self.join_server(listener, tuple)
    }

    fn join_server(&mut self, listener: SocketId, tuple: FourTuple) -> Result<SocketId, Errno> {
        let socket = self.get(listener)?;
        if !matches!(socket.endpoint, Endpoint::Listener(_)) {
            return Err(Errno::EINVAL);
        }
        let owner = owner_of(socket.domain, &socket.options, socket.credentials());
        let binding = binding_of(
            &owner,
            PortSpace::Tcp,
            tuple.local,
            tuple.local_port,
            Holder::Bound,
        );
        let mut names = Names::new(socket.domain);
        names.set_local(tuple.local);
        names.local_port = tuple.local_port;
        names.set_remote(tuple.remote);
        names.remote_port = tuple.remote_port;
        names.is_address_bound = true;
        names.is_port_bound = true;
        let mut endpoint = TcpEndpoint::new(names, Phase::Joined(Ends::default()));
        endpoint.progress = Progress::Connected;
        endpoint.marks |= Marks::LISTED | Marks::PASSIVE;
        let server = Socket::new(
            socket.domain,
            socket.kind,
            socket.protocol,
            socket.credentials(),
            socket.options.inherited(),
            Endpoint::Tcp(Box::new(endpoint)),
        );
        let server = self.insert_socket(server)?;
        let claim = self.stack.ports.insert(binding);
        if let Some(parts) = super::endpoint_mut(&mut self.sockets, server) {
            parts.endpoint.names.claim = claim;
        }
        if !self.stack.connections.insert(&tuple, server) {
            if let Some(parts) = super::endpoint_mut(&mut self.sockets, server) {
                parts.endpoint.marks.set(Marks::LISTED, false);
            }
            close::free(self, server);
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.stack.join_step = self.stack.join_step.wrapping_add(1);
        self.stack.counters.tcp_passive_opens += 1;
        self.acknowledge_readiness(server);
        Ok(server)
    }
}

/// `TCP_INFO` of a joined connection: that it stands, and the loopback it would take. What is sent nobody counts.
pub(super) fn info(host: &Host, endpoint: &TcpEndpoint, ends: Ends) -> sockeye_tcp::Info {
    const TCP_HEADER: usize = 20;
    let ip_header = if endpoint.names.local().is_ipv4() {
        20
    } else {
        40
    };
    let loopback = host.stack.interface(InterfaceId::LOOPBACK);
    let mtu = loopback.map_or(0, |interface| interface.mtu);
    let mss = mtu.saturating_sub(ip_header + TCP_HEADER);
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    sockeye_tcp::Info::of_path(ends.state(), number(mss), number(mtu))
}
