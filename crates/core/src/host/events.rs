//! Readiness on its way to the embedder.

use super::Host;
use crate::socket::Endpoint;
use crate::{Readiness, SocketId, datagram, netlink, tcp, unix};

impl Host {
    /// What `poll(2)` answers for the socket now: nothing for an id that is stale.
    pub fn readiness(&self, id: SocketId) -> Readiness {
        self.get(id)
            .map_or(Readiness::empty(), |_| self.compute_readiness(id))
    }

    /// How often something happened that wakes an edge-triggered poller.
    pub fn edges(&self, id: SocketId) -> u32 {
        self.get(id).map_or(0, |socket| socket.edges)
    }

    /// A socket whose readiness changed, or that has something new under the same readiness. A socket is queued once
    /// until it is taken here, and the answer is what it is ready for now.
    pub fn next_event(&mut self) -> Option<(SocketId, Readiness)> {
        loop {
            let id = self.stack.events.pop_front()?;
            let Some(socket) = self.sockets.get_mut(id) else {
                continue;
            };
            socket.is_queued = false;
            if socket.is_hidden {
                continue;
            }
            let readiness = self.compute_readiness(id);
            if let Some(socket) = self.sockets.get_mut(id) {
                socket.readiness = readiness;
            }
            return Some((id, readiness));
        }
    }

    /// Something happened that an edge-triggered poller of the socket must hear of.
    pub(crate) fn wake(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(id) else {
            return;
        };
        socket.edges = socket.edges.wrapping_add(1);
        if !socket.is_queued && !socket.is_hidden {
            socket.is_queued = true;
            self.stack.events.push_back(id);
        }
    }

    /// Compares what the socket is ready for with what the embedder knows, and tells it of a difference.
    pub(crate) fn refresh(&mut self, id: SocketId) {
        // Of one that is in the queue it is found out when it is taken from there.
        if self.sockets.get(id).is_some_and(|socket| socket.is_queued) {
            return;
        }
        let readiness = self.compute_readiness(id);
        let Some(socket) = self.sockets.get_mut(id) else {
            return;
        };
        if socket.readiness == readiness {
            return;
        }
        socket.readiness = readiness;
        if !socket.is_queued && !socket.is_hidden {
            socket.is_queued = true;
            self.stack.events.push_back(id);
        }
    }

    /// A socket that is handed out now: what it is ready for is no news.
    pub(crate) fn acknowledge_readiness(&mut self, id: SocketId) {
        let readiness = self.compute_readiness(id);
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.readiness = readiness;
        }
    }

    pub(super) fn compute_readiness(&self, id: SocketId) -> Readiness {
        let Some(socket) = self.sockets.get(id) else {
            return Readiness::empty();
        };
        match &socket.endpoint {
            Endpoint::Tcp(endpoint) => tcp::readiness(socket, endpoint),
            Endpoint::Listener(listener) => listener.readiness(),
            Endpoint::Unix(endpoint) => unix::readiness(self, id, endpoint),
            Endpoint::Datagram(endpoint) => datagram::readiness(socket, endpoint),
            Endpoint::Netlink(endpoint) => netlink::readiness(socket, endpoint),
        }
    }

    /// In debug builds of small hosts: what the embedder was told equals what the state says, or it is about to be told.
    pub(crate) fn check_readiness(&self) {
        if cfg!(debug_assertions) && self.sockets.len() <= 64 {
            for (id, socket) in self
                .sockets
                .iter()
                .filter(|(_, socket)| !socket.is_hidden && !socket.is_queued)
            {
                let computed = self.compute_readiness(id);
                debug_assert_eq!(
                    socket.readiness, computed,
                    "{id:?} changed without an event: {socket:?}"
                );
            }
        }
    }
}
