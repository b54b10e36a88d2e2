//! LISTEN: the program's file listens under an abstract name; each connection is one connect to it.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use sockeye_core::SocketAddress;

use crate::names::Serial;
use crate::slab::Id;

/// A connection on its way to be accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The name it comes from.
    pub(crate) serial: Serial,
    pub(crate) connection: Id,
    /// Its peer: a connection that is reset before it is accepted knows it no more.
    pub(crate) peer: SocketAddress,
}

/// A listening socket.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    /// Connections that were taken for a caller who was gone by then: the next accept gets them first. For each of
    /// them a knock is in the file's queue, so that it still polls IN.
    pub(crate) returned: VecDeque<(OwnedFd, Id, SocketAddress)>,
    /// Connections in the file's queue.
    pub(crate) arrivals: VecDeque<Arrival>,
    /// The file's queue was full when last tried.
    pub(crate) full: bool,
}
