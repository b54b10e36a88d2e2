//! `AF_UNIX` sockets: stream, datagram and sequenced-packet, pairs, names, rights and credentials.
//!
//! What a message owns: its bytes (copied once in and once out), the rights that travel with it, and a charge against
//! its sender's `SO_SNDBUF`. A socket without queued messages owns no buffer.
//!
//! Invariants:
//! - `references` of a socket counts the sockets whose peer it is and the queued messages that it sent. A closed socket
//!   stays in the slab as a hidden shell until that is 0: its peer may still ask for its name, and its messages must
//!   find whom to credit.
//! - `charged` is the sum of the charges of the messages it sent that are still queued.
//! - A name leads to a socket only while the socket is open.
//!
//! Differences from Linux: `SIOCINQ` does not count a skipped out-of-band byte (Linux 6.18 forgets to subtract it);
//! a process id in `SCM_CREDENTIALS` is not looked up (`ESRCH`), since the host knows no processes.

mod connect;
mod datagram;
mod message;
mod names;
mod poll;
mod rights;
mod stream;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;

use crate::options::SharedOptions;
use crate::socket::{Endpoint, Socket};
use crate::{
    Credentials, Domain, Errno, Host, Incoming, Instant, Outgoing, Payload, Received,
    SocketAddress, SocketId, SocketType, UnixAddress,
};

use message::Message;
pub(crate) use names::Names;
pub use names::{PathNode, PathResolver, PathTable};
pub(crate) use poll::{Shown, at_mark, queued, readiness, summarize};

/// What the `AF_UNIX` sockets of a host share: names, and rights in flight.
#[derive(Debug, Default)]
pub(crate) struct UnixState {
    pub(crate) names: Names,
    /// Rights in flight, by the user who sent them.
    in_flight: BTreeMap<u32, usize>,
    /// Sockets of this host in flight, and how many times.
    sockets_in_flight: BTreeMap<SocketId, usize>,
    socket_of: rights::SocketOf,
}

/// `TCP_CLOSE`, `TCP_LISTEN`, `TCP_ESTABLISHED`: what Linux's `AF_UNIX` borrows from TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Listening,
    Established,
}

/// The state of one `AF_UNIX` socket.
#[derive(Debug)]
pub(crate) struct UnixEndpoint {
    kind: SocketType,
    state: State,
    name: UnixAddress,
    /// The node its path led to when it was bound.
    node: Option<PathNode>,
    peer: Option<SocketId>,
    /// What `SO_PEERCRED` tells.
    peer_credentials: Option<Credentials>,
    queue: VecDeque<Message>,
    /// Bytes in `queue`.
    unread: usize,
    /// The number of the next message that is queued here.
    next_number: u64,
    /// The number of the message that is the out-of-band byte.
    urgent: Option<u64>,
    /// `RCV_SHUTDOWN`
    no_read: bool,
    /// `SEND_SHUTDOWN`
    no_write: bool,
    is_closed: bool,
    /// A send was refused for want of room since the last time there was some.
    is_starved: bool,
    /// Charges of what it sent and nobody read yet.
    charged: usize,
    references: u32,
    /// `sk_max_ack_backlog`: of a listener the backlog, of a datagram socket the longest queue.
    backlog: usize,
    crowd: Option<Box<Crowd>>,
}

/// What only listeners and datagram sockets with one-way senders have.
#[derive(Debug, Default)]
struct Crowd {
    /// Connections to accept.
    pending: VecDeque<SocketId>,
    /// Sockets that were refused for want of room in this one's queue.
    waiters: Vec<SocketId>,
    /// Datagram sockets that are connected to this one, which is not connected to them.
    followers: Vec<SocketId>,
}

impl UnixEndpoint {
    fn new(kind: SocketType, backlog: usize) -> Self {
        Self {
            kind,
            state: State::Closed,
            name: UnixAddress::Unnamed,
            node: None,
            peer: None,
            peer_credentials: None,
            queue: VecDeque::new(),
            unread: 0,
            next_number: 0,
            urgent: None,
            no_read: false,
            no_write: false,
            is_closed: false,
            is_starved: false,
            charged: 0,
            references: 0,
            backlog,
            crowd: None,
        }
    }

    fn crowd(&mut self) -> &mut Crowd {
        self.crowd.get_or_insert_default()
    }

    fn pending(&self) -> usize {
        self.crowd.as_ref().map_or(0, |crowd| crowd.pending.len())
    }

    /// `unix_recvq_full`: what waits is more than the backlog.
    fn is_full(&self) -> bool {
        let waiting = if self.state == State::Listening {
            self.pending()
        } else {
            self.queue.len()
        };
        waiting > self.backlog
    }

    /// Whether it is a listening socket.
    pub(crate) fn is_listening(&self) -> bool {
        self.state == State::Listening
    }

    /// Who is at the other end, as `SO_PEERCRED` tells.
    pub(crate) fn peer_credentials(&self) -> Option<Credentials> {
        self.peer_credentials
    }
}

/// The endpoint of any `AF_UNIX` socket, closed and not yet accepted ones too.
fn end(host: &Host, id: SocketId) -> Result<&UnixEndpoint, Errno> {
    match host.sockets.get(id).map(|socket| &socket.endpoint) {
        Some(Endpoint::Unix(endpoint)) => Ok(endpoint),
        #[allow(
            unreachable_patterns,
            reason = "other kinds of endpoint exist once the stack is there"
        )]
        Some(_) => Err(Errno::EBADF),
        None => Err(Errno::EBADF),
    }
}

fn end_mut(host: &mut Host, id: SocketId) -> Result<&mut UnixEndpoint, Errno> {
    match host.sockets.get_mut(id).map(|socket| &mut socket.endpoint) {
        Some(Endpoint::Unix(endpoint)) => Ok(endpoint),
        #[allow(
            unreachable_patterns,
            reason = "other kinds of endpoint exist once the stack is there"
        )]
        Some(_) => Err(Errno::EBADF),
        None => Err(Errno::EBADF),
    }
}

fn add_reference(host: &mut Host, id: SocketId) {
    if let Ok(end) = end_mut(host, id) {
        end.references = end.references.saturating_add(1);
    }
}

/// Gives up a reference; the last one to a closed socket frees it.
fn drop_reference(host: &mut Host, id: SocketId) {
    let Ok(end) = end_mut(host, id) else {
        return;
    };
    end.references = end.references.saturating_sub(1);
    free_if_unreferenced(host, id);
}

fn free_if_unreferenced(host: &mut Host, id: SocketId) {
    if end(host, id).is_ok_and(|end| end.is_closed && end.references == 0) {
        host.sockets.remove(id);
    }
}

/// Leaves an error for the next call to find.
fn fail(host: &mut Host, id: SocketId, errno: Errno) {
    if let Some(socket) = host.sockets.get_mut(id) {
        socket.error = Some(errno);
    }
}

pub(crate) fn socket(
    host: &mut Host,
    kind: SocketType,
    protocol: i32,
    credentials: Credentials,
) -> Result<SocketId, Errno> {
    // PF_UNIX itself is taken as a protocol.
    if !matches!(protocol, 0 | 1) {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let kind = match kind {
        // BSD believes in AF_UNIX SOCK_RAW; Linux makes it a datagram socket.
        SocketType::Raw => SocketType::Datagram,
        other => other,
    };
    insert(host, kind, credentials, false)
}

fn insert(
    host: &mut Host,
    kind: SocketType,
    credentials: Credentials,
    is_hidden: bool,
) -> Result<SocketId, Errno> {
    let backlog = host.stack.config.sysctl.unix_max_dgram_qlen;
    let mut socket = Socket::new(
        Domain::Unix,
        kind,
        0,
        credentials,
        SharedOptions::new(&host.stack.config.sysctl),
        Endpoint::Unix(Box::new(UnixEndpoint::new(kind, backlog))),
    );
    socket.is_hidden = is_hidden;
    host.insert_socket(socket)
}

pub(crate) fn socket_pair(
    host: &mut Host,
    kind: SocketType,
    protocol: i32,
    credentials: Credentials,
) -> Result<(SocketId, SocketId), Errno> {
    let a = socket(host, kind, protocol, credentials)?;
    let b = socket(host, kind, protocol, credentials).inspect_err(|_| {
        host.sockets.remove(a);
    })?;
    for (id, peer) in [(a, b), (b, a)] {
        let end = end_mut(host, id)?;
        end.peer = Some(peer);
        end.state = State::Established;
        end.peer_credentials = Some(credentials);
        end.references = 1;
        host.refresh(id);
    }
    Ok((a, b))
}

pub(crate) use connect::{accept, bind, close, connect, listen, shutdown, unaccept};

pub(crate) fn send_message(
    host: &mut Host,
    id: SocketId,
    message: Outgoing<'_>,
    _now: Instant,
) -> Result<usize, Errno> {
    match end(host, id)?.kind {
        SocketType::Stream => stream::send(host, id, message),
        SocketType::SeqPacket => datagram::send_packet(host, id, message),
        _ => datagram::send(host, id, message),
    }
}

pub(crate) fn receive_message(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
    _now: Instant,
) -> Result<Received, Errno> {
    match end(host, id)?.kind {
        SocketType::Stream => stream::receive(host, id, message),
        SocketType::SeqPacket => datagram::receive_packet(host, id, message),
        _ => datagram::receive(host, id, message),
    }
}

pub(crate) fn send_bytes(
    host: &mut Host,
    id: SocketId,
    data: Bytes,
    _now: Instant,
) -> Result<usize, Errno> {
    match end(host, id)?.kind {
        SocketType::Stream => stream::send_bytes(host, id, data),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

pub(crate) fn receive_payload(
    host: &mut Host,
    id: SocketId,
    max: usize,
    _now: Instant,
) -> Result<Payload, Errno> {
    match end(host, id)?.kind {
        SocketType::Stream => stream::receive_payload(host, id, max),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

pub(crate) fn local_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    Ok(SocketAddress::Unix(end(host, id)?.name.clone()))
}

pub(crate) fn peer_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    let peer = end(host, id)?.peer.ok_or(Errno::ENOTCONN)?;
    let name = end(host, peer).map(|end| end.name.clone());
    Ok(SocketAddress::Unix(name.unwrap_or_default()))
}

impl Host {
    /// Hands the resolving of `AF_UNIX` paths to the embedder. Until then an in-memory table of the host's own serves.
    pub fn set_path_resolver(&mut self, resolver: Box<dyn PathResolver>) {
        self.stack.unix.names.resolver = resolver;
    }

    /// Removes the socket file at a path, as `unlink(2)` does. The socket that was bound there lives on.
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    pub fn unlink(&mut self, path: &[u8]) -> Result<(), Errno> {
        self.stack.unix.names.resolver.unlink(path)
    }
}
