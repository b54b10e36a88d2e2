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

/// Room for control messages, aligned as the kernel's header of them.
#[repr(C, align(8))]
pub(super) struct Control<const ROOM: usize>([u8; ROOM]);

impl<const ROOM: usize> Control<ROOM> {
    pub(super) const EMPTY: Control<ROOM> = Control([0; ROOM]);
}

/// What `recvmsg(2)` told.
pub(super) struct Told<'a> {
    pub(super) length: usize,
    pub(super) flags: i32,
    pub(super) name: Name,
    pub(super) control: &'a [u8],
}

/// `recvmsg(2)` with the sender's name and as many control messages as there is room for.
pub(super) fn receive_with<'a, const ROOM: usize>(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &'a mut Control<ROOM>,
    flags: i32,
) -> io::Result<Told<'a>> {
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
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = ROOM;
    // SAFETY: the buffers and the name have room for what is said.
    let length = check_size(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, flags) })?;
    name.length = (message.msg_namelen as usize).min(128);
    Ok(Told {
        length,
        flags: message.msg_flags,
        name,
        control: control.0.get(..message.msg_controllen).unwrap_or_default(),
    })
}

/// `CMSG_LEN(4)`: room for one descriptor, and not for a second in the padding behind it.
const ONE_FILE: usize = HEADER + 4;

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
    let mut control = Control::<ONE_FILE>::EMPTY;
    let told = receive_with(fd, buffer, &mut control, flags | libc::MSG_CMSG_CLOEXEC)?;
    let messages = control_messages(told.control).unwrap_or_default();
    let file = messages.into_iter().find_map(|message| match message {
        (libc::SOL_SOCKET, libc::SCM_RIGHTS, data) => {
            let number = i32::from_ne_bytes(data.try_into().ok()?);
            // SAFETY: the kernel has just made this descriptor for us.
            Some(unsafe { OwnedFd::from_raw_fd(number) })
        }
        _ => None,
    });
    Ok(ReceivedMessage {
        length: told.length,
        flags: told.flags,
        name: told.name,
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

    #[test]
    fn one_file_comes_along_and_the_kernel_drops_a_second() {
        use std::os::fd::AsFd;
        use std::os::unix::net::UnixDatagram;
        let (here, there) = UnixDatagram::pair().expect("a pair");
        let file = here.as_raw_fd().to_ne_bytes();
        for (files, is_cut) in [(file.to_vec(), false), ([file, file].concat(), true)] {
            let mut control = Vec::new();
            push_control_message(&mut control, libc::SOL_SOCKET, libc::SCM_RIGHTS, &files);
            send_message(here.as_fd(), b"x", None, &control, 0).expect("sent");
            let received = receive_message(there.as_fd(), &mut [0; 8], 0).expect("received");
            assert!(received.file.is_some());
            assert_eq!(received.flags & libc::MSG_CTRUNC != 0, is_cut);
        }
    }
}
