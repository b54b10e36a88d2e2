//! The socket calls: which endpoint answers, and what follows.

use bytes::Bytes;

use super::Host;
use crate::inet::bind;
use crate::socket::Endpoint;
use crate::{
    Accepted, Credentials, Domain, Errno, Incoming, Instant, OptionValue, Outgoing, Payload,
    Queued, Received, Shutdown, SocketAddress, SocketId, SocketType, datagram, netlink, options,
    tcp, unix,
};

/// Calls the function of this name in the module of the socket's kind.
macro_rules! dispatch {
    ($host:ident, $id:ident, $call:ident($($argument:expr),*)) => {
        match $host.get($id)?.endpoint {
            Endpoint::Tcp(_) | Endpoint::Listener(_) => tcp::$call($host, $id $(, $argument)*),
            Endpoint::Datagram(_) => datagram::$call($host, $id $(, $argument)*),
            Endpoint::Unix(_) => unix::$call($host, $id $(, $argument)*),
            Endpoint::Netlink(_) => netlink::$call($host, $id $(, $argument)*),
        }
    };
}

impl Host {
    /// `socket(2)`: a new socket of `credentials`' process.
    pub fn socket(
        &mut self,
        domain: Domain,
        kind: SocketType,
        protocol: i32,
        credentials: Credentials,
    ) -> Result<SocketId, Errno> {
        match domain {
            Domain::Unix => unix::socket(self, kind, protocol, credentials),
            Domain::Netlink => netlink::socket(self, kind, protocol, credentials),
            Domain::Inet | Domain::Inet6 => self.inet_socket(domain, kind, protocol, credentials),
        }
    }

    /// `socketpair(2)`.
    pub fn socket_pair(
        &mut self,
        domain: Domain,
        kind: SocketType,
        protocol: i32,
        credentials: Credentials,
    ) -> Result<(SocketId, SocketId), Errno> {
        match domain {
            Domain::Unix => unix::socket_pair(self, kind, protocol, credentials),
            // The other families know no pairs; but first the socket itself must be possible.
            Domain::Inet | Domain::Inet6 | Domain::Netlink => {
                let id = self.socket(domain, kind, protocol, credentials)?;
                self.close(id, Instant::ZERO)?;
                Err(Errno::EOPNOTSUPP)
            }
        }
    }

    /// `SO_TYPE`.
    pub fn socket_type(&self, id: SocketId) -> Result<SocketType, Errno> {
        self.get(id).map(|socket| socket.kind)
    }

    /// `bind(2)`.
    pub fn bind(
        &mut self,
        id: SocketId,
        address: &SocketAddress,
        now: Instant,
    ) -> Result<(), Errno> {
        let result = dispatch!(self, id, bind(address, now));
        if result.is_ok()
            && let Some(socket) = self.sockets.get_mut(id)
        {
            bind::narrow(socket);
        }
        self.finish_call(id, now);
        result
    }

    /// `listen(2)`.
    pub fn listen(&mut self, id: SocketId, backlog: i32, now: Instant) -> Result<(), Errno> {
        let result = dispatch!(self, id, listen(backlog, now));
        self.finish_call(id, now);
        result
    }

    /// `accept(2)`: `EAGAIN` if nobody waits.
    pub fn accept(&mut self, id: SocketId, now: Instant) -> Result<Accepted, Errno> {
        let result = dispatch!(self, id, accept(now));
        self.finish_call(id, now);
        result
    }

    /// Puts an accepted socket that could not be delivered back to the head of its listener's queue.
    pub fn unaccept(&mut self, listener: SocketId, socket: SocketId) -> Result<(), Errno> {
        let result = dispatch!(self, listener, unaccept(socket));
        self.refresh(listener);
        result
    }

    /// `connect(2)`: `EINPROGRESS` if it takes a round trip, `EALREADY` while it does.
    pub fn connect(
        &mut self,
        id: SocketId,
        address: &SocketAddress,
        now: Instant,
    ) -> Result<(), Errno> {
        let result = dispatch!(self, id, connect(address, now));
        self.finish_call(id, now);
        result
    }

    /// `sendmsg(2)`. Takes what there is room for; `EAGAIN` if there is none.
    pub fn send_message(
        &mut self,
        id: SocketId,
        message: Outgoing<'_>,
        now: Instant,
    ) -> Result<usize, Errno> {
        let result = dispatch!(self, id, send_message(message, now));
        self.finish_call(id, now);
        result
    }

    /// `recvmsg(2)`. Gives what there is; `EAGAIN` if there is nothing.
    pub fn receive_message(
        &mut self,
        id: SocketId,
        message: Incoming<'_, '_>,
        now: Instant,
    ) -> Result<Received, Errno> {
        let result = dispatch!(self, id, receive_message(message, now));
        self.finish_call(id, now);
        result
    }

    /// Sends without copying, on a stream. Takes what there is room for; `EAGAIN` if there is none.
    pub fn send_bytes(&mut self, id: SocketId, data: Bytes, now: Instant) -> Result<usize, Errno> {
        let result = dispatch!(self, id, send_bytes(data, now));
        self.finish_call(id, now);
        result
    }

    /// Receives at most `max` bytes without copying, from a stream. Empty at its end.
    pub fn receive_payload(
        &mut self,
        id: SocketId,
        max: usize,
        now: Instant,
    ) -> Result<Payload, Errno> {
        let result = dispatch!(self, id, receive_payload(max, now));
        self.finish_call(id, now);
        result
    }

    /// `shutdown(2)`.
    pub fn shutdown(&mut self, id: SocketId, how: Shutdown, now: Instant) -> Result<(), Errno> {
        let result = dispatch!(self, id, shutdown(how, now));
        self.finish_call(id, now);
        result
    }

    /// The last `close(2)` of the socket: its id is stale from now on, its connection ends in the background.
    pub fn close(&mut self, id: SocketId, now: Instant) -> Result<(), Errno> {
        let result = dispatch!(self, id, close(now));
        self.finish_call(id, now);
        result
    }

    /// `getsockname(2)`.
    pub fn local_address(&self, id: SocketId) -> Result<SocketAddress, Errno> {
        dispatch!(self, id, local_address())
    }

    /// `getpeername(2)`.
    pub fn peer_address(&self, id: SocketId) -> Result<SocketAddress, Errno> {
        dispatch!(self, id, peer_address())
    }

    /// `setsockopt(2)` with Linux's numbers and bytes.
    pub fn set_option(
        &mut self,
        id: SocketId,
        level: i32,
        name: i32,
        value: &[u8],
        now: Instant,
    ) -> Result<(), Errno> {
        let result = options::set(self, id, level, name, value, now);
        self.finish_call(id, now);
        result
    }

    /// `getsockopt(2)` with Linux's numbers and bytes: at most `length` of them.
    pub fn get_option(
        &mut self,
        id: SocketId,
        level: i32,
        name: i32,
        length: usize,
        now: Instant,
    ) -> Result<OptionValue, Errno> {
        tcp::note_buffer_sizes(self, id);
        let result = options::get(self, id, level, name, length, now);
        // Reading SO_ERROR takes it.
        self.refresh(id);
        result
    }

    /// The length that `getsockopt(2)` writes beside `EINVAL`: of what had no room, how much would do. `None` where it leaves
    /// the length as it is.
    pub fn room_for_option(&self, id: SocketId, level: i32, name: i32) -> Option<usize> {
        self.get(id).ok()?.options.needed_room(level, name)
    }

    /// `ioctl` on the queues: `FIONREAD`, `SIOCOUTQ`, `SIOCOUTQNSD`.
    pub fn queued(&self, id: SocketId, what: Queued) -> Result<usize, Errno> {
        dispatch!(self, id, queued(what))
    }

    /// `SIOCATMARK`.
    pub fn at_mark(&self, id: SocketId) -> Result<bool, Errno> {
        dispatch!(self, id, at_mark())
    }

    /// `inet_create` and `inet6_create`: which kind of socket this is, and what is wrong if it is none.
    fn inet_socket(
        &mut self,
        domain: Domain,
        kind: SocketType,
        protocol: i32,
        credentials: Credentials,
    ) -> Result<SocketId, Errno> {
        // IPPROTO_MAX
        const LIMIT: i32 = 263;
        const TCP: i32 = 6;
        if !(0..LIMIT).contains(&protocol) {
            return Err(Errno::EINVAL);
        }
        match (kind, protocol) {
            (SocketType::Stream, 0 | TCP) => tcp::socket(self, domain, credentials),
            (SocketType::Stream, _) => Err(Errno::EPROTONOSUPPORT),
            (SocketType::Datagram | SocketType::Raw, _) => {
                datagram::socket(self, domain, kind, protocol, credentials)
            }
            (SocketType::SeqPacket, _) => Err(Errno::ESOCKTNOSUPPORT),
        }
    }

    /// What follows each call: packets to own addresses are delivered, and readiness is compared.
    fn finish_call(&mut self, id: SocketId, now: Instant) {
        self.settle(now);
        self.refresh(id);
        self.check_readiness();
    }
}
