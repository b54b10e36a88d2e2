//! Signals as events.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

fn set_of(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: an all-zero set is valid, and `sigaddset` only writes into it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in signals {
            libc::sigaddset(&mut set, *signal);
        }
        set
    }
}

/// The mask a thread had, to be put back in a child.
#[derive(Clone, Copy)]
pub(crate) struct SignalMask(libc::sigset_t);

/// Blocks `signals`, so that they arrive through a [`SignalFile`]; answers the mask before.
pub(crate) fn block_signals(signals: &[i32]) -> SignalMask {
    let set = set_of(signals);
    let mut before = set_of(&[]);
    // SAFETY: both sets live across the call.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, &mut before) };
    SignalMask(before)
}

/// Puts a mask back.
pub(crate) fn restore_signals(mask: &SignalMask) {
    // SAFETY: the set lives across the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &mask.0, std::ptr::null_mut()) };
}

/// Sets a signal's disposition to ignored (`true`) or the default, and answers whether it was ignored before.
pub(crate) fn ignore_signal(signal: i32, ignored: bool) -> bool {
    // SAFETY: SIG_IGN and SIG_DFL are valid handlers.
    let before = unsafe {
        libc::signal(
            signal,
            if ignored {
                libc::SIG_IGN
            } else {
                libc::SIG_DFL
            },
        )
    };
    before == libc::SIG_IGN
}

/// A signal that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) signal: i32,
    /// Sent by the kernel (a terminal key, a child's end), not by a process.
    pub(crate) from_kernel: bool,
}

/// Blocked signals as a readable file.
#[derive(Debug)]
pub(crate) struct SignalFile(OwnedFd);

impl SignalFile {
    pub(crate) fn new(signals: &[i32]) -> io::Result<SignalFile> {
        let set = set_of(signals);
        // SAFETY: the set lives across the call.
        let fd =
            check(unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        // SAFETY: just created.
        Ok(SignalFile(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal, if one is pending.
    pub(crate) fn next(&self) -> Option<Arrived> {
        // SAFETY: all zero is a valid value of this plain structure.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the structure is as large as said.
        let answer = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size) };
        if usize::try_from(answer) != Ok(size) {
            return None;
        }
        Some(Arrived {
            signal: i32::try_from(info.ssi_signo).ok()?,
            from_kernel: info.ssi_code > 0,
        })
    }
}

impl std::os::fd::AsFd for SignalFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0)
    }
}
