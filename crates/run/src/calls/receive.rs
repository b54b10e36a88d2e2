//! `recvfrom(2)` with an address, `recvmsg(2)`, `recvmmsg(2)`.
//!
//! Datagrams are taken from the program's own file, whose queue the kernel keeps, and the name each came under is
//! translated.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use sockeye_core::{Errno, Incoming, MessageFlags};
use sockeye_linux::message::{
    CONTROL_LENGTH_OFFSET, FLAGS_OFFSET, MESSAGE_LENGTH_OFFSET, MMSGHDR_SIZE, NAME_LENGTH_OFFSET,
};
use sockeye_linux::{address, control};

use super::message::CallersMessage;
use super::{errno, write_address};
use crate::conduit::{PendingDatagram, State};
use crate::datagrams::{LARGEST, control_of};
use crate::memory;
use crate::notify::{Call, Outcome, Received};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

/// How long a stream waits before it tries again what only the kernel can tell the end of.
const RETRY: Duration = Duration::from_millis(1);

/// A datagram as the program gets it.
struct Taken {
    /// Its data is cut to the room there was.
    datagram: PendingDatagram,
    /// What the call answers.
    length: usize,
    flags: i32,
}

/// What goes back into the queue should the call's caller have been called away.
struct Returns {
    taken: Received,
    /// Nothing that can't be put back was taken: what was cut, and entries of the error queue.
    whole: bool,
}

impl Returns {
    fn new() -> Returns {
        Returns {
            taken: Received::new(),
            whole: true,
        }
    }

    /// Notes what a call with these flags has taken.
    fn note(&mut self, taken: Taken, flags: i32) {
        if flags & libc::MSG_PEEK != 0 {
            return;
        }
        self.whole &= flags & libc::MSG_ERRQUEUE == 0 && taken.flags & libc::MSG_TRUNC == 0;
        self.taken.push(taken.datagram);
    }

    fn outcome(self, value: u64, conduit: Id) -> Outcome {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let taken = self.taken;
        if self.whole {
            Outcome::Received {
                value,
                conduit,
                taken,
            }
        } else {
            Outcome::Value(value)
        }
    }
}

fn is_stream(supervisor: &Supervisor, id: Id) -> bool {
    supervisor
        .conduits
        .get(id)
        .is_some_and(|conduit| !matches!(conduit.state, State::Datagram(_)))
}

fn wait(
    supervisor: &Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    flags: i32,
) -> Result<Outcome, Errno> {
    if flags & libc::MSG_DONTWAIT != 0 || sys::is_nonblocking(file) {
        return Err(Errno::EAGAIN);
    }
    let timeout = supervisor
        .conduits
        .get(id)
        .and_then(|conduit| conduit.receive_timeout);
    Ok(Outcome::Wait {
        conduit: id,
        timeout,
        late: Errno::EAGAIN,
    })
}

/// What the error queue of a stream has: which sends without a copy are done with.
fn take_report(supervisor: &mut Supervisor, id: Id) -> Result<sockeye_core::Ancillary, Errno> {
    let conduit = supervisor.conduits.get_mut(id).ok_or(Errno::EBADF)?;
    let is_v6 = i32::from(conduit.domain) == libc::AF_INET6;
    conduit.zero_copies.take(is_v6).ok_or(Errno::EAGAIN)
}

/// Takes one datagram from the program's file, or an entry from the host's error queue.
fn take(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    room: usize,
    control_room: usize,
    flags: i32,
) -> Result<Taken, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let socket = conduit.socket;
    if flags & libc::MSG_ERRQUEUE != 0 && is_stream(supervisor, id) {
        let report = take_report(supervisor, id)?;
        return Ok(Taken {
            length: 0,
            datagram: PendingDatagram {
                data: Vec::new(),
                source: Vec::new(),
                control: control::encode(&[report]),
            },
            flags: libc::MSG_ERRQUEUE,
        });
    }
    if flags & libc::MSG_ERRQUEUE != 0 {
        let mut data = vec![0; room.min(LARGEST)];
        let received = supervisor.host.receive_message(
            socket,
            Incoming {
                buffers: &mut [&mut data],
                flags: MessageFlags::from_bits_retain(flags.cast_unsigned()),
                ancillary_room: control_room,
            },
            supervisor.now,
        )?;
        data.truncate(received.length);
        supervisor.error_queue_read(id, file);
        let source = received.address.as_ref().map(address::encode);
        return Ok(Taken {
            length: received.length,
            datagram: PendingDatagram {
                data,
                source: source.unwrap_or_default(),
                control: control::encode(&received.ancillary),
            },
            flags: received.flags.bits().cast_signed(),
        });
    }
    supervisor.note_room(id, room);
    let mut buffer = vec![0; room.min(LARGEST)];
    let kept = flags & (libc::MSG_PEEK | libc::MSG_TRUNC);
    let mut received = sys::receive_message(file, &mut buffer, kept | libc::MSG_DONTWAIT);
    if matches!(&received, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        && supervisor.flush_all_sent()
    {
        received = sys::receive_message(file, &mut buffer, kept | libc::MSG_DONTWAIT);
    }
    let received = match received {
        Ok(received) => received,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            return Err(supervisor
                .take_datagram_error(id, file)
                .unwrap_or(Errno::EAGAIN));
        }
        Err(error) => return Err(supervisor.error_met(id, errno(&error))),
    };
    let source = supervisor
        .names
        .address_of(&received.name)
        .unwrap_or_default();
    let control = received
        .file
        .map(|file| control_of(file.as_fd()))
        .unwrap_or_default();
    buffer.truncate(received.length);
    // There is room in the queue now.
    supervisor.deliver_datagrams(id);
    Ok(Taken {
        datagram: PendingDatagram {
            data: buffer,
            source,
            control,
        },
        length: received.length,
        flags: received.flags & libc::MSG_TRUNC,
    })
}

/// `recvfrom` with an address, or with `MSG_ERRQUEUE`.
pub(super) fn from(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let (buffer, length, flags) = (call.argument(1), call.argument(2), call.int(3));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if is_stream(supervisor, id) {
        return stream(
            supervisor,
            call,
            id,
            file,
            length.min(memory::MOST_BYTES),
            flags,
        );
    }
    let taken = match take(supervisor, id, file, length, 0, flags) {
        Err(Errno::EAGAIN) => return wait(supervisor, id, file, flags),
        taken => taken?,
    };
    memory::write(call.tid(), buffer, &taken.datagram.data)?;
    if call.argument(4) != 0 {
        let source = &taken.datagram.source;
        write_address(call, source, call.argument(4), call.argument(5))?;
    }
    let length = taken.length as u64;
    let mut returns = Returns::new();
    returns.note(taken, flags);
    Ok(returns.outcome(length, id))
}

/// A stream gives no address: its length comes back as 0. tcp(7)
fn stream(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
    length: usize,
    flags: i32,
) -> Result<Outcome, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    match conduit.state {
        State::Joined(_) | State::Relay(_) | State::Failed | State::Connecting(_) => {}
        _ => return Err(Errno::ENOTCONN),
    }
    if flags & libc::MSG_ERRQUEUE != 0 {
        let _told = take_report(supervisor, id)?;
        return Ok(Outcome::Value(0));
    }
    let mut data = vec![0; length];
    let kept = flags & (libc::MSG_PEEK | libc::MSG_OOB);
    match sys::receive(file, &mut data, kept | libc::MSG_DONTWAIT) {
        Ok(read) => {
            data.truncate(read);
            memory::write(call.tid(), call.argument(1), &data)?;
            if call.argument(5) != 0 {
                memory::write(call.tid(), call.argument(5), &0_u32.to_ne_bytes())?;
            }
            Ok(Outcome::Value(i64::try_from(read).unwrap_or(i64::MAX)))
        }
        Err(error)
            if error.kind() == std::io::ErrorKind::WouldBlock
                && flags & libc::MSG_DONTWAIT == 0
                && !sys::is_nonblocking(file) =>
        {
            Ok(Outcome::Again(RETRY))
        }
        Err(error) => Err(errno(&error)),
    }
}

/// `recvmsg`.
pub(super) fn message(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let flags = call.int(2);
    // The conduit's error queue is not what was asked for.
    if is_stream(supervisor, id) && flags & libc::MSG_ERRQUEUE == 0 {
        return Ok(Outcome::Proceed);
    }
    let mut returns = Returns::new();
    match one(
        supervisor,
        call,
        id,
        file,
        call.argument(1),
        flags,
        &mut returns,
    ) {
        Ok(length) => Ok(returns.outcome(length as u64, id)),
        Err(Errno::EAGAIN) if flags & libc::MSG_ERRQUEUE != 0 => Err(Errno::EAGAIN),
        Err(Errno::EAGAIN) => wait(supervisor, id, file, flags),
        Err(errno) => Err(errno),
    }
}

fn one(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
    header: u64,
    flags: i32,
    returns: &mut Returns,
) -> Result<usize, Errno> {
    let tid = call.tid();
    let message = CallersMessage::read(call, header)?;
    let control_room = usize::try_from(message.header.control_length).unwrap_or(usize::MAX);
    let taken = take(
        supervisor,
        id,
        file,
        memory::total(&message.spans),
        control_room,
        flags,
    )?;
    let PendingDatagram {
        data,
        source,
        control,
    } = &taken.datagram;
    memory::scatter(tid, &message.spans, data)?;
    let mut out = taken.flags;
    if message.header.name != 0 {
        let room = usize::try_from(message.header.name_length).map_err(|_| Errno::EINVAL)?;
        memory::write(tid, message.header.name, &source[..room.min(source.len())])?;
        let whole = u32::try_from(source.len()).unwrap_or(0);
        memory::write(
            tid,
            message.address.wrapping_add(NAME_LENGTH_OFFSET),
            &whole.to_ne_bytes(),
        )?;
    }
    let mut given = 0;
    if !control.is_empty() {
        if message.header.control != 0 && control_room > 0 {
            let mut fitting = control.clone();
            if control::fit(&mut fitting, control_room) {
                out |= libc::MSG_CTRUNC;
            }
            memory::write(tid, message.header.control, &fitting)?;
            given = fitting.len();
        } else {
            out |= libc::MSG_CTRUNC;
        }
    }
    memory::write(
        tid,
        message.address.wrapping_add(CONTROL_LENGTH_OFFSET),
        &(given as u64).to_ne_bytes(),
    )?;
    memory::write(
        tid,
        message.address.wrapping_add(FLAGS_OFFSET),
        &out.to_ne_bytes(),
    )?;
    let length = taken.length;
    returns.note(taken, flags);
    Ok(length)
}

/// `recvmmsg`: waits for the first, then takes what is there. (Linux without `MSG_WAITFORONE` waits for all of them; a
/// call that was interrupted on the way could not give back what it has taken.)
pub(super) fn messages(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    if is_stream(supervisor, id) {
        return Ok(Outcome::Proceed);
    }
    let tid = call.tid();
    let timeout = match call.argument(4) {
        0 => None,
        address => Some(read_timeout(tid, address)?),
    };
    let end = timeout.map(|timeout| call.began + timeout);
    let flags = call.int(3);
    let count = call.int(2).cast_unsigned().min(1024);
    let mut done = 0_u64;
    let mut returns = Returns::new();
    while done < u64::from(count) {
        let header = call.argument(1).wrapping_add(done * MMSGHDR_SIZE as u64);
        match one(supervisor, call, id, file, header, flags, &mut returns) {
            Ok(length) => {
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                memory::write(
                    tid,
                    header.wrapping_add(MESSAGE_LENGTH_OFFSET),
                    &length.to_ne_bytes(),
                )?;
                done += 1;
            }
            Err(_) if done > 0 => break,
            Err(Errno::EAGAIN) => return wait(supervisor, id, file, flags),
            Err(errno) => return Err(errno),
        }
        // The clock is looked at between datagrams only, as in Linux.
        if end.is_some_and(|end| end <= supervisor.now) {
            break;
        }
    }
    if let (Some(end), true) = (end, done > 0) {
        let left = end - supervisor.now;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&left.as_secs().to_ne_bytes());
        bytes[8..].copy_from_slice(&u64::from(left.subsec_nanos()).to_ne_bytes());
        memory::write(tid, call.argument(4), &bytes)?;
    }
    Ok(returns.outcome(done, id))
}

/// A `timespec` that is a time to wait (`poll_select_set_timeout`).
fn read_timeout(tid: i32, address: u64) -> Result<Duration, Errno> {
    let bytes = memory::read(tid, address, 16)?;
    let word = |at: usize| -> Result<u64, Errno> {
        let bytes = bytes
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        u64::try_from(bytes.map_or(-1, i64::from_ne_bytes)).map_err(|_| Errno::EINVAL)
    };
    let (seconds, nanos) = (word(0)?, word(8)?);
    let nanos = u32::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)
        .ok_or(Errno::EINVAL)?;
    Ok(Duration::new(seconds.min(u32::MAX.into()), nanos))
}
