//! The host.

mod calls;
mod events;
mod inspect;

use alloc::collections::VecDeque;

use crate::config::Config;
use crate::counters::Counters;
use crate::ids::{Slab, SocketKind};
use crate::rng::Rng;
use crate::socket::Socket;
use crate::unix::UnixState;
use crate::{Errno, SocketId};

pub use inspect::{Snapshot, SocketSummary};

/// One network host: sockets, and the protocol stack beneath them.
///
/// Methods come in four groups:
///
/// 1. *inputs*: [`receive`](Self::receive) and [`advance`](Self::advance);
/// 2. *socket calls*: [`socket`](Self::socket), [`bind`](Self::bind), ... They never block: what can't finish answers
///    `EAGAIN` (`EINPROGRESS` for `connect`). See [`crate::pending`] for blocking;
/// 3. *outputs*, to be drained after each input and call, in this order: [`transmit`](Self::transmit) of each
///    interface until `None`, [`next_event`](Self::next_event) until `None`, then
///    [`next_deadline`](Self::next_deadline), by which `advance` must be called;
/// 4. *inspection*: [`snapshot`](Self::snapshot), [`counters`](Self::counters).
///
/// `now` never goes back.
#[derive(Debug)]
pub struct Host {
    pub(crate) sockets: Slab<Socket, SocketKind>,
    pub(crate) stack: Stack,
}

/// Everything of a host but its sockets.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    #[allow(dead_code, reason = "autobind draws from it")]
    pub(crate) rng: Rng,
    /// Sockets whose readiness the embedder has to hear of, each at most once.
    pub(crate) events: VecDeque<SocketId>,
    pub(crate) unix: UnixState,
    next_cookie: u64,
}

impl Host {
    /// A host that has `lo`, and `eth0` if the configuration names addresses.
    pub fn new(config: Config) -> Self {
        Self {
            sockets: Slab::new(),
            stack: Stack {
                rng: Rng::new(config.seed),
                counters: Counters::default(),
                events: VecDeque::new(),
                unix: UnixState::default(),
                next_cookie: 1,
                config,
            },
        }
    }

    /// The socket a program has under this id.
    pub(crate) fn get(&self, id: SocketId) -> Result<&Socket, Errno> {
        let socket = self.sockets.get(id).filter(|socket| !socket.is_hidden);
        socket.ok_or(Errno::EBADF)
    }

    /// The socket a program has under this id.
    pub(crate) fn get_mut(&mut self, id: SocketId) -> Result<&mut Socket, Errno> {
        let socket = self.sockets.get_mut(id).filter(|socket| !socket.is_hidden);
        socket.ok_or(Errno::EBADF)
    }

    /// Puts a new socket in; its cookie is set here.
    pub(crate) fn insert_socket(&mut self, mut socket: Socket) -> Result<SocketId, Errno> {
        socket.cookie = self.stack.next_cookie;
        self.stack.next_cookie += 1;
        self.sockets.insert_with(|_| socket).ok_or(Errno::ENFILE)
    }
}
