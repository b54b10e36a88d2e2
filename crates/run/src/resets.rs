//! Resets, where the kernel does not tell them by itself.
//!
//! Joined connections: `SO_LINGER` with no time makes a close a reset (RFC 9293 3.10.4, ABORT).
//!
//! The kernel tells the far end of a pair ECONNRESET if its own queue held something unread. So a byte is put there that
//! reads go over: an urgent one. It stays until the program reads on; if it does, its close is an end of file after all.
//! A socket that is to abort before it is connected is not joined but takes the stack's way.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sockeye_core::SocketId;
use sockeye_linux::number::{SO_LINGER, SOL_SOCKET};

use crate::conduit::{Joined, State};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

/// The value of `SO_LINGER` that makes closing a reset: on, for no time.
pub(crate) const LINGER_NONE: [u8; 8] = {
    let [a, b, c, d] = 1_i32.to_ne_bytes();
    [a, b, c, d, 0, 0, 0, 0]
};

/// Makes a connection of the machine end with a reset once it is closed.
pub(crate) fn reset_when_closed(file: BorrowedFd<'_>) {
    let _told = sys::set_option(file, SOL_SOCKET, SO_LINGER, &LINGER_NONE);
}

impl Supervisor {
    /// Whether closing this socket of the host is to reset its connection.
    pub(crate) fn aborts_at_close(&mut self, socket: SocketId) -> bool {
        let linger = self
            .host
            .get_option(socket, SOL_SOCKET, SO_LINGER, 8, self.now);
        linger.is_ok_and(|value| {
            let value = value.to_vec();
            let (on, seconds) = value.split_at(value.len().min(4));
            on.iter().any(|byte| *byte != 0) && seconds.iter().all(|byte| *byte == 0)
        })
    }

    fn joined(&mut self, id: Id) -> Option<&mut Joined> {
        match &mut self.conduits.get_mut(id)?.state {
            State::Joined(joined) => Some(joined),
            _ => None,
        }
    }

    /// The program has set `SO_LINGER`.
    pub(crate) fn linger_changed(&mut self, id: Id, file: BorrowedFd<'_>) {
        let Some(Joined { partner, .. }) = self.joined(id).copied() else {
            return;
        };
        let Some(socket) = self.conduits.get(id).map(|conduit| conduit.socket) else {
            return;
        };
        let aborts = self.aborts_at_close(socket);
        if let Some(joined) = self.joined(partner) {
            joined.partner_aborts = aborts;
        }
        if !aborts {
            // Takes the byte, if there is one.
            let _none = sys::receive(file, &mut [0], libc::MSG_OOB | libc::MSG_DONTWAIT);
        } else if let Some(far) = self.program_file(partner) {
            leave_unread(file, far.as_fd());
        }
    }

    /// A connection is about to be accepted whose client may have set `SO_LINGER`, and may even be gone: answers the file
    /// to hand over.
    pub(crate) fn before_accept(&mut self, id: Id, file: OwnedFd) -> io::Result<OwnedFd> {
        // Through the stack the host has told a reset, when there was no file to show it.
        if matches!(
            self.conduits.get(id).map(|conduit| &conduit.state),
            Some(State::Failed)
        ) {
            return after_reset(file.as_fd(), self.send_buffer);
        }
        let Some(Joined {
            partner,
            partner_aborts: true,
            ..
        }) = self.joined(id).copied()
        else {
            return Ok(file);
        };
        if self.was_reset(id, file.as_fd()) {
            return after_reset(file.as_fd(), self.send_buffer);
        }
        if let Some(near) = self.program_file(partner) {
            leave_unread(near.as_fd(), file.as_fd());
        }
        Ok(file)
    }

    /// One end of a joined connection has been closed.
    pub(crate) fn end_joined(&mut self, partner: Id) {
        if let Some(joined) = self.joined(partner) {
            joined.is_reset |= joined.partner_aborts;
        }
    }

    /// Whether the far end has reset a joined connection.
    pub(crate) fn was_reset(&mut self, id: Id, file: BorrowedFd<'_>) -> bool {
        let Some(joined) = self.joined(id) else {
            return false;
        };
        if joined.is_reset {
            return true;
        }
        let seen = sys::poll_now(file, 0);
        if seen & libc::POLLERR != 0 {
            joined.is_reset = true;
        } else if seen & libc::POLLHUP != 0 && joined.partner_aborts {
            // Closed, or both directions shut: the census tells.
            self.take_census();
        }
        self.joined(id).is_some_and(|joined| joined.is_reset)
    }
}

/// Makes a close of `near` a reset for `far`, unless there is something unread already.
fn leave_unread(near: BorrowedFd<'_>, far: BorrowedFd<'_>) {
    if sys::unread(near).is_ok_and(|bytes| bytes == 0)
        && sys::send(far, &[0], libc::MSG_OOB | libc::MSG_DONTWAIT).is_err()
    {
        tracing::debug!("a close that is to reset will be an end of file");
    }
}

/// A file in the place of `file`, whose far end is gone: what is queued in it, then ECONNRESET.
fn after_reset(file: BorrowedFd<'_>, send_buffer: i32) -> io::Result<OwnedFd> {
    let (near, far) = sys::socket_pair()?;
    sys::set_send_buffer(far.as_fd(), send_buffer);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match sys::receive(file, &mut buffer, libc::MSG_DONTWAIT) {
            Ok(read) if read > 0 => {
                let data = buffer.get(..read).unwrap_or_default();
                if sys::send(far.as_fd(), data, libc::MSG_DONTWAIT)? < read {
                    return Err(io::Error::from_raw_os_error(libc::ENOBUFS));
                }
            }
            _ => break,
        }
    }
    sys::send(near.as_fd(), &[0], libc::MSG_DONTWAIT)?;
    Ok(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(file: BorrowedFd<'_>) -> Result<Vec<u8>, i32> {
        let mut buffer = [0; 64];
        match sys::receive(file, &mut buffer, libc::MSG_DONTWAIT) {
            Ok(read) => Ok(buffer[..read].to_vec()),
            Err(error) => Err(sys::errno_of(&error)),
        }
    }

    #[test]
    fn a_close_with_the_byte_unread_is_a_reset_behind_the_data() {
        let (near, far) = sys::socket_pair().unwrap();
        leave_unread(near.as_fd(), far.as_fd());
        sys::send(near.as_fd(), b"data", 0).unwrap();
        drop(near);
        assert_eq!(reads(far.as_fd()), Ok(b"data".to_vec()));
        assert_eq!(reads(far.as_fd()), Err(libc::ECONNRESET));
    }

    #[test]
    fn reads_go_over_the_byte() {
        let (near, far) = sys::socket_pair().unwrap();
        leave_unread(near.as_fd(), far.as_fd());
        sys::send(far.as_fd(), b"data", 0).unwrap();
        assert_eq!(reads(near.as_fd()), Ok(b"data".to_vec()));
    }

    #[test]
    fn the_file_after_a_reset_has_the_data_and_then_the_reset() {
        let (near, far) = sys::socket_pair().unwrap();
        sys::send(far.as_fd(), b"data", 0).unwrap();
        drop(far);
        let file = after_reset(near.as_fd(), 1 << 20).unwrap();
        assert_eq!(reads(file.as_fd()), Ok(b"data".to_vec()));
        assert_eq!(reads(file.as_fd()), Err(libc::ECONNRESET));
    }
}
