//! Which file a descriptor means.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// The inode number of a file.
pub(crate) fn inode(fd: BorrowedFd<'_>) -> Option<u64> {
    // SAFETY: all zero is a valid stat.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `status` lives across the call.
    check(unsafe { libc::fstat(fd.as_raw_fd(), &mut status) }).ok()?;
    Some(status.st_ino)
}
