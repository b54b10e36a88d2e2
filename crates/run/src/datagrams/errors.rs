//! Errors of datagram sockets: nobody listens at the peer's port, and what else ICMP tells.
//!
//! A native read or poll of the program is told by the kernel, and the kernel has one errno for it: a peer that goes
//! elsewhere while a datagram for it is unread gives ECONNRESET, where UDP gives ECONNREFUSED and others. That mark is
//! the stand-in for the error; `SO_ERROR` and the trapped calls take it and tell the true errno.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use sockeye_core::{Errno, Readiness};
use sockeye_linux::number::SO_ERROR;

use super::pairs::nobody;
use crate::conduit::{Datagram, State};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

/// An error that the host has told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    errno: Errno,
    /// The program's file has the stand-in for it, or had it until a native call took it.
    marked: bool,
}

impl Supervisor {
    fn datagram_of(&mut self, id: Id) -> Option<&mut Datagram> {
        match &mut self.conduits.get_mut(id)?.state {
            State::Datagram(datagram) => Some(datagram),
            _ => None,
        }
    }

    /// The host has told an error of a socket.
    pub(super) fn tell_error(&mut self, id: Id, errno: Errno) {
        let marked = match self.program_file(id) {
            Some(file) => self.mark_error(id, file.as_fd()).is_ok(),
            None => false,
        };
        if let Some(datagram) = self.datagram_of(id) {
            datagram.error = Some(Told { errno, marked });
        }
    }

    fn mark_error(&mut self, id: Id, file: BorrowedFd<'_>) -> io::Result<()> {
        // What the program has sent would be purged.
        self.forward_sent(id);
        let gone = || io::Error::from_raw_os_error(libc::EBADF);
        let name = self.conduits.get(id).and_then(|conduit| conduit.name);
        let target = self.names.name(name.ok_or_else(gone)?);
        let salt = self.sources.salt();
        let lent = self.names.address_name(salt, &[]);
        if let Some(end) = &self.datagram_of(id).ok_or_else(gone)?.end {
            dissolve(file, end.as_fd())?;
            return sys::connect(end.as_fd(), &target);
        }
        // A peer for a moment.
        let end = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, true)?;
        sys::bind(end.as_fd(), &lent)?;
        let kept = self.take_queue(file);
        sys::connect(file, &lent)?;
        let marked = sys::connect(end.as_fd(), &target).and_then(|()| dissolve(file, end.as_fd()));
        sys::connect(file, &nobody())?;
        for datagram in kept.datagrams {
            self.put_datagram(id, datagram);
        }
        marked
    }

    /// The stand-in was taken by the supervisor itself.
    pub(super) fn mark_again(&mut self, id: Id, file: BorrowedFd<'_>, taken: bool) {
        let is_told = self
            .datagram_of(id)
            .is_some_and(|datagram| datagram.error.is_some());
        if taken && is_told && self.mark_error(id, file).is_err() {
            tracing::debug!("an error of a datagram socket is not shown to its poll");
        }
    }

    /// Takes the error that a datagram socket has pending.
    pub(crate) fn take_datagram_error(&mut self, id: Id, file: BorrowedFd<'_>) -> Option<Errno> {
        let told = self.datagram_of(id)?.error.take();
        let Some(told) = told else {
            return self.pending_error(id);
        };
        let stand_in = sys::int_option(file, SO_ERROR).unwrap_or(0);
        // Without the stand-in a native call has told the error already.
        (!told.marked || stand_in != 0).then_some(told.errno)
    }

    /// A receive has met the stand-in and thereby taken it.
    pub(crate) fn error_met(&mut self, id: Id, met: Errno) -> Errno {
        let told = self
            .datagram_of(id)
            .and_then(|datagram| datagram.error.take());
        told.map_or(met, |told| told.errno)
    }

    /// An entry of the error queue was read: the last one takes the error along (`sock_dequeue_err_skb`).
    pub(crate) fn error_queue_read(&mut self, id: Id, file: BorrowedFd<'_>) {
        let Some(conduit) = self.conduits.get(id) else {
            return;
        };
        if !self.host.readiness(conduit.socket).contains(Readiness::ERR) {
            let _taken = self.take_datagram_error(id, file);
        }
    }
}

/// Marks the program's file: its peer goes elsewhere with a datagram of its unread.
fn dissolve(file: BorrowedFd<'_>, end: BorrowedFd<'_>) -> io::Result<()> {
    sys::send(file, &[], libc::MSG_DONTWAIT)?;
    sys::connect(end, &nobody())
}
