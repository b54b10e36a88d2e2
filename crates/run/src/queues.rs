//! How much the program's files take before a write has to wait: `SO_SNDBUF` and `SO_RCVBUF` of the program, made the
//! conduit's.
//!
//! The queue of an AF_UNIX stream is the writing file's to bound, so the bound of what a file receives is set at its far
//! end. A program that has asked for nothing gets queues that keep the data flowing, as TCP's own tuning would.

use std::os::fd::{AsFd, BorrowedFd};

use sockeye_core::SocketId;
use sockeye_linux::number::{SO_BUF_LOCK, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET};

use crate::conduit::State;
use crate::pump::MOST_READ;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

/// `SOCK_SNDBUF_LOCK`, `SOCK_RCVBUF_LOCK`
const SEND_LOCKED: i32 = 1;
const RECEIVE_LOCKED: i32 = 2;

/// The window that a receiver which has asked for nothing starts with, before it has read anything.
const FIRST_WINDOW: i32 = 64 * 1024;

/// What a program has asked for, as it was passed to `setsockopt`.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    send: Option<i32>,
    receive: Option<i32>,
}

impl Supervisor {
    fn asked(&mut self, socket: SocketId) -> Asked {
        let mut option = |name| {
            let value = self
                .host
                .get_option(socket, SOL_SOCKET, name, 4, self.now)
                .ok()?;
            let four = value.first_chunk::<4>()?;
            Some(i32::from_ne_bytes(*four))
        };
        let locked = option(SO_BUF_LOCK).unwrap_or(0);
        let mut asked = Asked::default();
        // The kernel doubles what it is given, and so will it with the conduit's.
        if locked & SEND_LOCKED != 0 {
            asked.send = option(SO_SNDBUF).map(|bytes| bytes / 2);
        }
        if locked & RECEIVE_LOCKED != 0 {
            asked.receive = option(SO_RCVBUF).map(|bytes| bytes / 2);
        }
        asked
    }

    /// How much the program's file of a socket takes: what leaves by Sockeye's TCP.
    pub(crate) fn outbound_queue(&mut self, socket: SocketId) -> i32 {
        self.asked(socket).send.unwrap_or(self.send_buffer)
    }

    /// How much is read of the program's file before the host has taken it: what a small `SO_SNDBUF` is to hold back
    /// does not pile up in between.
    pub(crate) fn read_bound(&mut self, socket: SocketId) -> usize {
        let asked = self.asked(socket).send;
        asked.map_or(MOST_READ, |bytes| {
            usize::try_from(bytes).unwrap_or(0).clamp(1, MOST_READ)
        })
    }

    /// How much our end takes for the program's file of a socket.
    pub(crate) fn inbound_queue(&mut self, socket: SocketId) -> i32 {
        self.asked(socket).receive.unwrap_or(self.send_buffer)
    }

    /// How much a joined file takes: the sender's queue and the receiver's are one.
    fn joined_queue(&mut self, sender: SocketId, receiver: SocketId) -> i32 {
        match (self.asked(sender).send, self.asked(receiver).receive) {
            (None, None) => self.send_buffer,
            (send, receive) => send
                .unwrap_or(self.send_buffer)
                .saturating_add(receive.unwrap_or(FIRST_WINDOW)),
        }
    }

    /// Sizes the queue of a client's file that has just been joined to a server's socket.
    pub(crate) fn size_client(&mut self, client: SocketId, server: SocketId, file: BorrowedFd<'_>) {
        let bytes = self.joined_queue(client, server);
        if bytes != self.outbound_queue(client) {
            sys::set_send_buffer(file, bytes);
        }
    }

    /// The program has set the size of a queue.
    pub(crate) fn queues_changed(&mut self, id: Id, file: BorrowedFd<'_>) {
        let Some(conduit) = self.conduits.get(id) else {
            return;
        };
        let socket = conduit.socket;
        match &conduit.state {
            State::Fresh => {
                let bytes = self.outbound_queue(socket);
                sys::set_send_buffer(file, bytes);
            }
            State::Relay(relay) => {
                let Ok(end) = relay.end.try_clone() else {
                    return;
                };
                let (outbound, inbound) = (self.outbound_queue(socket), self.inbound_queue(socket));
                sys::set_send_buffer(file, outbound);
                sys::set_send_buffer(end.as_fd(), inbound);
                let bound = self.read_bound(socket);
                if let Some(State::Relay(relay)) =
                    self.conduits.get_mut(id).map(|conduit| &mut conduit.state)
                {
                    relay.read_bound = bound;
                }
            }
            State::Joined(joined) => {
                let partner = joined.partner;
                self.size_joined(id, file, partner);
            }
            // The queue of one that is connecting is full on purpose; it is sized when the connection stands.
            State::Connecting(_) | State::Listening(_) | State::Failed | State::Datagram(_) => {}
        }
    }

    /// Sizes the queue of a file that is about to be accepted.
    pub(crate) fn size_accepted(&mut self, id: Id, file: BorrowedFd<'_>) {
        let Some(conduit) = self.conduits.get(id) else {
            return;
        };
        let socket = conduit.socket;
        let partner = match &conduit.state {
            State::Joined(joined) => self.conduits.get(joined.partner),
            _ => None,
        };
        let bytes = match partner.map(|partner| partner.socket) {
            Some(partner) => self.joined_queue(socket, partner),
            None => self.outbound_queue(socket),
        };
        sys::set_send_buffer(file, bytes);
    }

    /// Sizes both queues of a joined connection, as far as its files are there.
    fn size_joined(&mut self, id: Id, file: BorrowedFd<'_>, partner: Id) {
        let socket_of = |id: Id| self.conduits.get(id).map(|conduit| conduit.socket);
        let (Some(own), Some(other)) = (socket_of(id), socket_of(partner)) else {
            return;
        };
        let outbound = self.joined_queue(own, other);
        sys::set_send_buffer(file, outbound);
        if let Some(far) = self.program_file(partner) {
            let inbound = self.joined_queue(other, own);
            sys::set_send_buffer(far.as_fd(), inbound);
        }
    }
}
