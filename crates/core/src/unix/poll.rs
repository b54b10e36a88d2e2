//! What can be asked about a socket: readiness, queue lengths, the urgent mark.

use alloc::vec::Vec;

use super::{PathNode, State, UnixEndpoint, end};
use crate::host::SocketSummary;
use crate::{Errno, Host, Queued, Readiness, SocketAddress, SocketId, SocketType, UnixAddress};

/// `unix_writable`: not listening, and at most a quarter of the send buffer in use.
pub(super) fn is_writable(host: &Host, id: SocketId) -> bool {
    let Ok(endpoint) = end(host, id) else {
        return false;
    };
    let send_buffer = host
        .sockets
        .get(id)
        .map_or(0, |socket| socket.options.send_buffer as usize);
    endpoint.state != State::Listening && endpoint.charged.saturating_mul(4) <= send_buffer
}

/// What `poll(2)` answers now: `unix_poll` and `unix_dgram_poll`.
pub(crate) fn readiness(host: &Host, id: SocketId, endpoint: &UnixEndpoint) -> Readiness {
    let mut ready = Readiness::empty();
    let has_error = host
        .sockets
        .get(id)
        .is_some_and(|socket| socket.error.is_some());
    ready.set(Readiness::ERR, has_error);
    ready.set(Readiness::HUP, endpoint.no_read && endpoint.no_write);
    ready.set(Readiness::RDHUP, endpoint.no_read);
    ready.set(
        Readiness::IN,
        endpoint.no_read || !endpoint.queue.is_empty() || endpoint.pending() > 0,
    );
    ready.set(Readiness::PRI, endpoint.urgent.is_some());
    if endpoint.kind != SocketType::Datagram && endpoint.state == State::Closed {
        ready |= Readiness::HUP;
    }
    let peer_has_room = endpoint.kind == SocketType::Stream
        || endpoint
            .peer
            .and_then(|peer| end(host, peer).ok())
            .is_none_or(|peer| {
                // A pair bounds itself by the send buffers alone.
                peer.is_closed || peer.peer == Some(id) || !peer.is_full()
            });
    ready.set(Readiness::OUT, is_writable(host, id) && peer_has_room);
    ready
}

pub(crate) fn queued(host: &Host, id: SocketId, what: Queued) -> Result<usize, Errno> {
    let endpoint = end(host, id)?;
    match what {
        Queued::Unread if endpoint.state == State::Listening => Err(Errno::EINVAL),
        Queued::Unread if endpoint.kind == SocketType::Datagram => Ok(endpoint
            .queue
            .front()
            .map_or(0, |message| message.data.len())),
        Queued::Unread => Ok(endpoint.unread),
        Queued::Unsent => Ok(endpoint.charged),
        // Only TCP knows it.
        Queued::NeverSent => Err(Errno::ENOTTY),
    }
}

/// `SIOCATMARK`: whether the next byte is the out-of-band one, or it was just read.
pub(crate) fn at_mark(host: &Host, id: SocketId) -> Result<bool, Errno> {
    let endpoint = end(host, id)?;
    if endpoint.kind != SocketType::Stream {
        return Err(Errno::EOPNOTSUPP);
    }
    if endpoint.state == State::Listening {
        // What waits in a listener's queue in Linux is a message without data, which looks like one that was read.
        return Ok(endpoint.pending() > 0);
    }
    let Some(first) = endpoint.queue.front() else {
        return Ok(false);
    };
    let is_urgent = |number: u64| endpoint.urgent == Some(number);
    let was_read = first.data.is_empty();
    Ok(is_urgent(first.number)
        || (was_read && (endpoint.urgent.is_none() || is_urgent(first.number + 1))))
}

/// What `unix_diag` tells of a socket.
pub(crate) struct Shown<'a> {
    pub(crate) state: State,
    pub(crate) name: &'a UnixAddress,
    /// The node its path led to when it was bound.
    pub(crate) node: Option<PathNode>,
    pub(crate) peer: Option<SocketId>,
    /// The clients of the connections that wait to be accepted.
    pub(crate) waiting: Vec<Option<SocketId>>,
    /// What can be read and what nobody has read yet; of a listener how many wait and may.
    pub(crate) queues: (usize, usize),
    /// No reading, no writing.
    pub(crate) shut: (bool, bool),
}

impl UnixEndpoint {
    /// See [`Shown`].
    pub(crate) fn shown(&self, host: &Host, id: SocketId) -> Shown<'_> {
        let crowd = self.crowd.iter().flat_map(|crowd| &crowd.pending);
        let clients = crowd.map(|server| end(host, *server).ok().and_then(|end| end.peer));
        let unread = queued(host, id, Queued::Unread).unwrap_or(0);
        Shown {
            state: self.state,
            name: &self.name,
            node: self.node,
            peer: self.peer,
            waiting: clients.collect(),
            queues: if self.state == State::Listening {
                (self.pending(), self.backlog)
            } else {
                (unread, self.charged)
            },
            shut: (self.no_read, self.no_write),
        }
    }

    /// Closed, and kept for those that may still ask for its name.
    pub(crate) fn is_shell(&self) -> bool {
        self.is_closed
    }
}

/// Fills in the state, names and queue lengths of a socket for `ss`.
pub(crate) fn summarize(host: &Host, endpoint: &UnixEndpoint, summary: &mut SocketSummary) {
    summary.state = match (endpoint.state, endpoint.is_closed) {
        (State::Listening, _) => "LISTEN",
        (State::Established, _) => "ESTAB",
        (State::Closed, _) => "UNCONN",
    };
    summary.local = Some(SocketAddress::Unix(endpoint.name.clone()));
    let peer = endpoint.peer.and_then(|peer| end(host, peer).ok());
    summary.peer = peer.map(|peer| SocketAddress::Unix(peer.name.clone()));
    (summary.recv_q, summary.send_q) = if endpoint.state == State::Listening {
        (endpoint.pending(), endpoint.backlog)
    } else {
        (endpoint.unread, endpoint.charged)
    };
    summary.is_orphan = endpoint.is_closed;
    summary.memory = size_of::<crate::socket::Socket>()
        + endpoint.queue.capacity() * size_of::<super::message::Message>()
        + endpoint.unread;
}
