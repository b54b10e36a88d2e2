//! SYN-SENT: the program's file is connected to our end with its send queue full, so that it polls nothing and a write
//! would block.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys;

/// The far end of a conduit whose connection does not stand yet.
#[derive(Debug)]
pub(crate) struct Connecting {
    pub(crate) end: OwnedFd,
    /// Bytes of filler in our receive queue.
    filler: usize,
}

/// What the kernel makes of the smallest SO_SNDBUF.
const SMALL: i32 = 1;

impl Connecting {
    /// Fills the send queue of `program`, which has just been connected to `end`.
    pub(crate) fn fill(program: BorrowedFd<'_>, end: OwnedFd) -> io::Result<Connecting> {
        sys::set_int_option(program, libc::SOL_SOCKET, libc::SO_SNDBUF, SMALL)?;
        let mut filler = 0;
        // The smallest queue takes a handful of one-byte messages; the bound is for a kernel that would not.
        while filler < 4096 {
            match sys::send(program, &[0], libc::MSG_DONTWAIT) {
                Ok(sent) => filler += sent,
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Connecting { end, filler })
    }

    /// The connection stands: takes the filler out, which gives the program its OUT edge.
    pub(crate) fn drain(
        self,
        program: Option<BorrowedFd<'_>>,
        send_buffer: i32,
    ) -> io::Result<OwnedFd> {
        if let Some(program) = program {
            sys::set_send_buffer(program, send_buffer);
        }
        let mut left = self.filler;
        let mut buffer = [0; 4096];
        while left > 0 {
            let room = left.min(buffer.len());
            match sys::receive(self.end.as_fd(), &mut buffer[..room], libc::MSG_DONTWAIT) {
                // The program closed it meanwhile.
                Ok(0) => break,
                Ok(read) => left -= read,
                Err(error) => return Err(error),
            }
        }
        Ok(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_full_queue_polls_nothing_and_a_drained_one_polls_out() {
        let (program, end) = UnixStream::pair().unwrap();
        let connecting = Connecting::fill(program.as_fd(), end.into()).unwrap();
        let all = libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP;
        assert_eq!(sys::poll_now(program.as_fd(), all), 0);
        let end = connecting.drain(Some(program.as_fd()), 1 << 20).unwrap();
        assert_eq!(sys::poll_now(program.as_fd(), all), libc::POLLOUT);
        assert_eq!(sys::poll_now(end.as_fd(), libc::POLLIN), 0);
    }

    #[test]
    fn an_end_dropped_unread_looks_like_a_refused_connection() {
        let (program, end) = UnixStream::pair().unwrap();
        drop(Connecting::fill(program.as_fd(), end.into()).unwrap());
        let seen = sys::poll_now(
            program.as_fd(),
            libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP,
        );
        let all = libc::POLLIN | libc::POLLOUT | libc::POLLERR | libc::POLLHUP | libc::POLLRDHUP;
        assert_eq!(seen, all);
    }
}
