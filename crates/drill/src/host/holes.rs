//! Buffers that are nowhere in memory. The host is handed slices, which always are somewhere: what the kernel does when it
//! comes upon the hole is done here, where programs and host meet.

use sockeye_core::pending::{Pending, Step};
use sockeye_core::{
    Errno, Host, Incoming, Instant, MessageFlags, Outgoing, Readiness, SocketId, SocketType,
};

use super::files::{Result, count};
use crate::system::Answer;

/// Sends what lies before the hole. With nothing before it the call fails as it would without the hole, and only then of it.
pub(super) fn send(
    host: &mut Host,
    (id, kind): (SocketId, SocketType),
    message: Outgoing<'_>,
    pending: &mut Pending,
    is_nonblocking: bool,
    now: Instant,
) -> Result<Option<Answer>> {
    if kind != SocketType::Stream {
        return Err(Errno::EFAULT);
    }
    // The flow of a call that copies: is the socket fit, is there room, is there data.
    let flags = message.flags;
    match pending.send(host, message, now) {
        Step::Blocked => return Ok(None),
        Step::Done(Ok(0)) => {}
        Step::Done(sent) => return sent.map(|sent| Some(Answer::of(Ok(count(sent))))),
    }
    if host.readiness(id).contains(Readiness::OUT) {
        return Err(Errno::EFAULT);
    }
    // A byte that finds no room waits for it.
    let is_over = pending.deadline().is_some_and(|deadline| deadline <= now);
    if is_nonblocking || is_over || flags.contains(MessageFlags::DONTWAIT) {
        return Err(Errno::EAGAIN);
    }
    Ok(None)
}

/// Looks whether there is data that would have to be copied into the hole. A stream keeps it; a datagram is lost.
pub(super) fn receive(
    host: &mut Host,
    kind: SocketType,
    before: usize,
    flags: MessageFlags,
    pending: &mut Pending,
    now: Instant,
) -> Result<Option<Answer>> {
    let is_stream = kind == SocketType::Stream;
    let mut buffer = vec![0; before + 1];
    let mut pieces = [buffer.as_mut_slice()];
    let message = Incoming {
        buffers: &mut pieces,
        flags: if is_stream {
            flags | MessageFlags::PEEK
        } else {
            flags
        },
        ancillary_room: 0,
    };
    let Step::Done(received) = pending.receive(host, message, now) else {
        return Ok(None);
    };
    let received = received?;
    if received.length > before {
        return Err(Errno::EFAULT);
    }
    if is_stream && received.length > 0 {
        // All of it lies before the hole: it is read after all.
        let mut pieces = [buffer.get_mut(..received.length).unwrap_or_default()];
        let message = Incoming {
            buffers: &mut pieces,
            flags,
            ancillary_room: 0,
        };
        let taken = host.receive_message(pending.socket(), message, now)?;
        buffer.truncate(taken.length);
    } else {
        buffer.truncate(received.length);
    }
    Ok(Some(Answer {
        value: count(buffer.len()),
        data: buffer,
        ..Answer::default()
    }))
}
