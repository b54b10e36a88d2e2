//! Messages with what comes along: names, descriptors, credentials.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::{Name, check_size, socklen};

/// `sizeof(struct cmsghdr)`
const HEADER: usize = 16;

/// A control message: level, type and data.
pub(crate) type ControlMessage<'a> = (i32, i32, &'a [u8]);

/// The control messages of a call that sends; `None` if one is malformed.
pub(crate) fn control_messages(bytes: &[u8]) -> Option<Vec<ControlMessage<'_>>> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while rest.len() >= HEADER {
        let length = usize::try_from(u64::from_ne_bytes(rest.get(..8)?.try_into().ok()?)).ok()?;
        let word = |at: usize| -> Option<i32> {
            Some(i32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?))
        };
        messages.push((word(8)?, word(12)?, rest.get(HEADER..length)?));
        rest = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    Some(messages)
}

/// Appends a control message.
pub(crate) fn push_control_message(out: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
    out.extend_from_slice(&((HEADER + data.len()) as u64).to_ne_bytes());
    out.extend_from_slice(&level.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(8), 0);
}

/// `sendmsg(2)` to `target` or the peer, never blocking.
pub(crate) fn send_message(
    fd: BorrowedFd<'_>,
    data: &[u8],
    target: Option<&Name>,
    control: &[u8],
    flags: i32,
) -> io::Result<usize> {
    let mut span = libc::iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    };
    // SAFETY: all zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut span;
    message.msg_iovlen = 1;
    if !control.is_empty() {
        message.msg_control = control.as_ptr().cast_mut().cast();
        message.msg_controllen = control.len();
    }
    if let Some(target) = target {
        message.msg_name = target.storage.as_ptr().cast_mut().cast();
        message.msg_namelen = socklen(target.length);
    }
    let flags = flags | libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: everything the message points to lives across the call, which only reads it.
    check_size(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, flags) })
}

/// `struct cmsghdr` with one descriptor, as long as `CMSG_SPACE(4)`.
#[repr(C)]
#[derive(Default)]
struct ControlOfOne {
    length: usize,
    level: i32,
    kind: i32,
    file: i32,
    padding: i32,
}

/// `CMSG_LEN(4)`
const CONTROL_LENGTH: usize = 20;

/// What [`receive_message`] found.
pub(crate) struct ReceivedMessage {
    pub(crate) length: usize,
    pub(crate) flags: i32,
    pub(crate) name: Name,
    /// A file that came along.
    pub(crate) file: Option<OwnedFd>,
}

/// `recvmsg(2)` with the sender's name and a file that came along; the kernel drops a second one.
pub(crate) fn receive_message(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    flags: i32,
) -> io::Result<ReceivedMessage> {
    let mut name = Name {
        storage: [0; 128],
        length: 0,
    };
    let mut span = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut span;
    message.msg_iovlen = 1;
    message.msg_name = name.storage.as_mut_ptr().cast();
    message.msg_namelen = socklen(128);
    let mut control = ControlOfOne::default();
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<ControlOfOne>();
    let flags = flags | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the buffers and the name have room for what is said.
    let length = check_size(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, flags) })?;
    let came = message.msg_controllen >= CONTROL_LENGTH
        && control.level == libc::SOL_SOCKET
        && control.kind == libc::SCM_RIGHTS;
    // SAFETY: the kernel has just made this descriptor for us.
    let file = came.then(|| unsafe { OwnedFd::from_raw_fd(control.file) });
    name.length = (message.msg_namelen as usize).min(128);
    Ok(ReceivedMessage {
        length,
        flags: message.msg_flags,
        name,
        file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_read_as_they_are_written() {
        let mut bytes = Vec::new();
        push_control_message(&mut bytes, 1, 1, &[1, 2, 3, 4]);
        push_control_message(&mut bytes, 1, 2, &[5; 12]);
        let expected: Vec<ControlMessage<'_>> = vec![(1, 1, &[1, 2, 3, 4]), (1, 2, &[5; 12])];
        assert_eq!(control_messages(&bytes), Some(expected.clone()));
        // The padding of the last need not be there.
        bytes.truncate(bytes.len() - 4);
        assert_eq!(control_messages(&bytes), Some(expected));
        bytes.truncate(bytes.len() - 1);
        assert_eq!(control_messages(&bytes), None);
        assert_eq!(control_messages(&[0; 16]), None);
        assert_eq!(control_messages(&[0; 15]), Some(Vec::new()));
    }
}
