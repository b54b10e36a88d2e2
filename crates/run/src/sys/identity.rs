//! Which file a descriptor means, and who is at its other end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::check;

/// `NETLINK_SOCK_DIAG`, and what it is asked (`linux/sock_diag.h`, `linux/unix_diag.h`).
const SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SHOW_PEER: u32 = 4;
const DIAG_PEER: u16 = 2;
const REQUEST: u16 = 1;
/// `struct nlmsghdr` and `struct unix_diag_msg`
const HEADER: usize = 16;
const ANSWER: usize = 16;

/// The inode number of a file.
pub(crate) fn inode(fd: BorrowedFd<'_>) -> Option<u64> {
    // SAFETY: all zero is a valid stat.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `status` lives across the call.
    check(unsafe { libc::fstat(fd.as_raw_fd(), &mut status) }).ok()?;
    Some(status.st_ino)
}

/// The inode number of the socket that the AF_UNIX socket with this one is connected to.
pub(crate) fn unix_peer(inode: u64) -> Option<u64> {
    let inode = u32::try_from(inode).ok()?;
    let answer = ask(inode).ok()?;
    if u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?) != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let mut rest = answer.get(HEADER + ANSWER..)?;
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let kind = u16::from_ne_bytes([rest[2], rest[3]]);
        let value = rest.get(4..length)?;
        if kind == DIAG_PEER {
            return Some(u32::from_ne_bytes(value.try_into().ok()?).into());
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn ask(inode: u32) -> io::Result<Vec<u8>> {
    let socket = super::raw_socket(libc::AF_NETLINK, libc::SOCK_RAW, SOCK_DIAG)?;
    let mut request = Vec::with_capacity(40);
    request.extend_from_slice(&40_u32.to_ne_bytes());
    request.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend_from_slice(&REQUEST.to_ne_bytes());
    // The sequence and the port; the family; every state.
    request.extend_from_slice(&[0; 8]);
    request.extend_from_slice(&[1, 0, 0, 0]);
    request.extend_from_slice(&u32::MAX.to_ne_bytes());
    request.extend_from_slice(&inode.to_ne_bytes());
    request.extend_from_slice(&SHOW_PEER.to_ne_bytes());
    // Any cookie.
    request.extend_from_slice(&[0xff; 8]);
    super::send(socket.as_fd(), &request, libc::MSG_DONTWAIT)?;
    let mut answer = vec![0; 1024];
    let length = super::receive(socket.as_fd(), &mut answer, libc::MSG_DONTWAIT)?;
    answer.truncate(length);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_of_a_pair_is_its_other_half() {
        let (near, far) = crate::sys::socket_pair().unwrap();
        let peer = unix_peer(inode(near.as_fd()).unwrap());
        // A kernel without unix_diag knows of no peer.
        assert!(peer.is_none() || peer == inode(far.as_fd()));
        drop(far);
        let lone = crate::sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, true).unwrap();
        assert_eq!(unix_peer(inode(lone.as_fd()).unwrap()), None);
    }
}
