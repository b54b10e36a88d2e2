//! The kernel calls the supervisor makes: thin, typed, one SAFETY line each.
//!
//! Nothing here knows what a conduit is. Every function answers `io::Result`, whose error is always an errno.

mod datagrams;
mod epoll;
mod files;
mod identity;
mod landlock;
mod messages;
mod process;
mod seccomp;
mod signals;
mod sockets;
mod unix_diag;

pub(crate) use datagrams::*;
pub(crate) use epoll::*;
pub(crate) use files::*;
pub(crate) use identity::*;
pub(crate) use landlock::*;
pub(crate) use messages::*;
pub(crate) use process::*;
pub(crate) use seccomp::*;
pub(crate) use signals::*;
pub(crate) use sockets::*;
pub(crate) use unix_diag::*;

use std::io;

/// The answer of a call that returns -1 and sets `errno`.
fn check(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

/// The answer of a call that returns a byte count.
fn check_size(answer: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// The errno inside an error that came from this module.
pub(crate) fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// A length as the kernel's `socklen_t`; lengths here are always small.
fn socklen(length: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(length).unwrap_or(libc::socklen_t::MAX)
}
