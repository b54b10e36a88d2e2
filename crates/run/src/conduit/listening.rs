//! LISTEN: the program's file listens under an abstract name; each connection is one connect to it.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use crate::names::Serial;
use crate::slab::Id;

/// A listening socket.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    /// Connections that were taken for a caller who was gone by then: the next accept gets them first. For each of
    /// them a knock is in the file's queue, so that it still polls IN.
    pub(crate) returned: VecDeque<(OwnedFd, Id)>,
    /// Connections in the file's queue, by the name they come from, with the socket each belongs to.
    pub(crate) arrivals: VecDeque<(Serial, Id)>,
    /// The file's queue was full when last tried.
    pub(crate) full: bool,
}
