//! Urgent data: the mark in one side's stream becomes the same mark in the other's.
//!
//! TCP names the urgent byte by a pointer (RFC 9293 3.8.5, RFC 6093); an AF_UNIX stream knows `MSG_OOB` with TCP's rules.
//! A read of either ends before its mark, so it is enough to ask whether a read begins at one.

use std::os::fd::BorrowedFd;

use sockeye_core::{Errno, Host, Incoming, Instant, MessageFlags, Readiness, SocketId};

use crate::sys;

/// Takes the urgent byte of a kernel file if it is the next one.
pub(super) fn take_from_file(file: BorrowedFd<'_>) -> Option<u8> {
    if !sys::at_mark(file).unwrap_or(false) {
        return None;
    }
    let mut byte = [0];
    match sys::receive(file, &mut byte, libc::MSG_OOB | libc::MSG_DONTWAIT) {
        Ok(1) => Some(byte[0]),
        // Taken before: the mark stays until the next read.
        _ => None,
    }
}

/// Takes the urgent byte of a socket of the host if it is the next one.
pub(super) fn take_from_host(host: &mut Host, socket: SocketId, now: Instant) -> Option<u8> {
    if !host.at_mark(socket).unwrap_or(false) || !host.readiness(socket).contains(Readiness::PRI) {
        return None;
    }
    let mut byte = [0];
    let incoming = Incoming {
        buffers: &mut [byte.as_mut_slice()],
        flags: MessageFlags::OOB,
        ancillary_room: 0,
    };
    match host.receive_message(socket, incoming, now) {
        Ok(received) => (received.length == 1).then_some(byte[0]),
        // SO_OOBINLINE: it is part of the stream.
        Err(Errno::EINVAL) => host
            .receive_payload(socket, 1, now)
            .ok()?
            .to_vec()
            .first()
            .copied(),
        Err(_) => None,
    }
}
