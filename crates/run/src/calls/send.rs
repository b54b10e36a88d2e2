//! `sendto(2)` with an address, `sendmsg(2)`, `sendmmsg(2)`; `connect(2)` of datagram sockets.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use sockeye_core::{Ancillary, Errno, MessageFlags, SocketAddress};
use sockeye_linux::address::{self, Purpose};
use sockeye_linux::control;
use sockeye_linux::message::{MESSAGE_LENGTH_OFFSET, MMSGHDR_SIZE};
use sockeye_linux::number::{AF_NETLINK, SOL_SOCKET};

use super::message::CallersMessage;
use super::{errno, read_address};
use crate::conduit::State;
use crate::memory;
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

const SO_ZEROCOPY: i32 = 60;

/// How long a stream waits before it tries again what only the kernel can tell the end of.
const RETRY: Duration = Duration::from_millis(1);

fn flags_of(call: &Call, index: usize) -> MessageFlags {
    MessageFlags::from_bits_retain(call.int(index).cast_unsigned())
}

fn is_stream(supervisor: &Supervisor, id: Id) -> bool {
    supervisor
        .conduits
        .get(id)
        .is_some_and(|conduit| !matches!(conduit.state, State::Datagram(_)))
}

/// `sendto` with an address, or of nothing.
pub(super) fn to(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let flags = flags_of(call, 3);
    let length = usize::try_from(call.argument(2)).unwrap_or(usize::MAX);
    if is_stream(supervisor, id) {
        if call.argument(4) == 0 {
            if flags.contains(MessageFlags::ZEROCOPY) && length > 0 {
                return zero_copy(supervisor, id, file, flags, || {
                    call.read(call.argument(1), length.min(memory::MOST_BYTES))
                });
            }
            return Ok(nothing(supervisor, id, file, length));
        }
        let given = (call.argument(4), call.int(5));
        return stream(supervisor, call, id, file, given, flags, || {
            call.read(call.argument(1), length.min(memory::MOST_BYTES))
        });
    }
    let address = if call.argument(4) == 0 {
        None
    } else {
        let given = (call.argument(4), call.int(5));
        Some(read_address(supervisor, call, id, given, Purpose::Send)?)
    };
    if length > 65_535 {
        return Err(Errno::EMSGSIZE);
    }
    let data = call.read(call.argument(1), length)?;
    match datagram(
        supervisor,
        id,
        file,
        &data,
        address.as_ref(),
        Vec::new(),
        flags,
    ) {
        Ok(sent) => value(sent),
        Err(Errno::EAGAIN) => wait(supervisor, id, file, flags),
        Err(errno) => Err(errno),
    }
}

/// A stream is sent nothing, which `tcp_sendmsg` does while the socket may send at all. The pair of a joined connection
/// says EPIPE once the peer has closed, so it is not asked.
fn nothing(supervisor: &mut Supervisor, id: Id, file: BorrowedFd<'_>, length: usize) -> Outcome {
    let may_send = supervisor
        .conduits
        .get(id)
        .is_some_and(|conduit| matches!(conduit.state, State::Joined(_)) && !conduit.program_shut);
    if length == 0 && may_send && !supervisor.was_reset(id, file) {
        Outcome::Value(0)
    } else {
        Outcome::Proceed
    }
}

/// `MSG_FASTOPEN`: connects first. What there is to answer, unless the data can go; it goes behind the handshake, for the
/// program's file is no conduit before.
fn open(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
    given: (u64, i32),
    flags: MessageFlags,
) -> Result<Option<Outcome>, Errno> {
    let nonblocking = flags.contains(MessageFlags::DONTWAIT) || sys::is_nonblocking(file);
    let state = |supervisor: &Supervisor| {
        let conduit = supervisor.conduits.get(id);
        conduit.map(|conduit| match conduit.state {
            State::Fresh => Some(false),
            State::Connecting(_) => Some(true),
            _ => None,
        })
    };
    if state(supervisor) == Some(Some(false)) {
        let address = read_address(supervisor, call, id, given, Purpose::Connect)?;
        match super::connect::start(supervisor, id, file, &address, nonblocking) {
            Ok(_) | Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(match state(supervisor).ok_or(Errno::EBADF)? {
        Some(true) if nonblocking => return Err(Errno::EINPROGRESS),
        Some(true) => Some(Outcome::Again(RETRY)),
        _ => None,
    })
}

/// `MSG_ZEROCOPY` of a stream: as without, but that the program is told that it is done (`SO_ZEROCOPY`).
fn zero_copy(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    flags: MessageFlags,
    read: impl FnOnce() -> Result<Vec<u8>, Errno>,
) -> Result<Outcome, Errno> {
    let is_on = supervisor.conduits.get(id).is_some_and(|conduit| {
        let host = &mut supervisor.host;
        let asked = host.get_option(conduit.socket, SOL_SOCKET, SO_ZEROCOPY, 4, supervisor.now);
        asked.is_ok_and(|value| value.iter().any(|byte| *byte != 0))
    });
    if !is_on {
        return Ok(Outcome::Proceed);
    }
    let outcome = into_conduit(supervisor, id, file, flags, read)?;
    if matches!(outcome, Outcome::Value(_))
        && let Some(conduit) = supervisor.conduits.get_mut(id)
    {
        conduit.zero_copies.count();
    }
    Ok(outcome)
}

/// A connected stream takes no notice of the address that is given. tcp(7)
fn stream(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
    given: (u64, i32),
    flags: MessageFlags,
    read: impl FnOnce() -> Result<Vec<u8>, Errno>,
) -> Result<Outcome, Errno> {
    if flags.contains(MessageFlags::FASTOPEN)
        && let Some(outcome) = open(supervisor, call, id, file, given, flags)?
    {
        return Ok(outcome);
    }
    into_conduit(supervisor, id, file, flags, read)
}

/// Puts a stream's data into the program's file, as the program would.
fn into_conduit(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    flags: MessageFlags,
    read: impl FnOnce() -> Result<Vec<u8>, Errno>,
) -> Result<Outcome, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    match conduit.state {
        State::Joined(_) | State::Relay(_) | State::Failed | State::Connecting(_) => {}
        _ => return Err(Errno::EPIPE),
    }
    let data = read()?;
    let flags = flags.bits().cast_signed() & (libc::MSG_OOB | libc::MSG_MORE);
    match sys::send(file, &data, flags | libc::MSG_DONTWAIT) {
        Ok(sent) => value(sent),
        Err(error)
            if error.kind() == std::io::ErrorKind::WouldBlock && !sys::is_nonblocking(file) =>
        {
            Ok(Outcome::Again(RETRY))
        }
        Err(error) => Err(errno(&error)),
    }
}

fn value(count: usize) -> Result<Outcome, Errno> {
    Ok(Outcome::Value(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn wait(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    flags: MessageFlags,
) -> Result<Outcome, Errno> {
    if supervisor.is_preparing(id) {
        return Ok(Outcome::Again(RETRY));
    }
    if flags.contains(MessageFlags::DONTWAIT) || sys::is_nonblocking(file) {
        return Err(Errno::EAGAIN);
    }
    let timeout = supervisor
        .conduits
        .get(id)
        .and_then(|conduit| conduit.send_timeout);
    Ok(Outcome::Wait {
        conduit: id,
        timeout,
        late: Errno::EAGAIN,
    })
}

/// Sends one datagram through the host, or to where a published port's client is.
fn datagram(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    data: &[u8],
    address: Option<&SocketAddress>,
    ancillary: Vec<Ancillary>,
    flags: MessageFlags,
) -> Result<usize, Errno> {
    if let Some(sent) = supervisor.send_published(id, data, address) {
        return Ok(sent);
    }
    // sock_alloc_send_skb: an error that is pending is told instead.
    if matches!(supervisor.conduits.get(id).map(|conduit| &conduit.state), Some(State::Datagram(datagram)) if datagram.error.is_some())
        && let Some(errno) = supervisor.take_datagram_error(id, file)
    {
        return Err(errno);
    }
    let Some(socket) = supervisor.conduits.get(id).map(|conduit| conduit.socket) else {
        return Err(Errno::EBADF);
    };
    let outgoing = sockeye_core::Outgoing {
        data: &[data],
        address,
        ancillary,
        flags,
    };
    if !supervisor.prepare_question(id, data) {
        return Err(Errno::EAGAIN);
    }
    let sent = supervisor.send_datagram(id, socket, outgoing);
    supervisor.settle();
    sent
}

/// `sendmsg`.
pub(super) fn message(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let flags = flags_of(call, 2);
    if is_stream(supervisor, id) {
        let mut message = CallersMessage::read(call, call.argument(1))?;
        let header = &message.header;
        // The conduit takes a stream's message as it is, but for an address.
        if header.name == 0 || header.name_length == 0 {
            if flags.contains(MessageFlags::ZEROCOPY) && memory::total(&message.spans) > 0 {
                return zero_copy(supervisor, id, file, flags, || {
                    memory::shorten(&mut message.spans, memory::MOST_BYTES);
                    call.gather(&message.spans)
                });
            }
            return Ok(Outcome::Proceed);
        }
        let given = (header.name, header.name_length.min(128));
        return stream(supervisor, call, id, file, given, flags, || {
            memory::shorten(&mut message.spans, memory::MOST_BYTES);
            call.gather(&message.spans)
        });
    }
    match one(supervisor, call, id, file, call.argument(1), flags) {
        Ok(sent) => value(sent),
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
    flags: MessageFlags,
) -> Result<usize, Errno> {
    let message = CallersMessage::read(call, header)?;
    let address = if message.header.name == 0 || message.header.name_length == 0 {
        None
    } else {
        let length = message.header.name_length.min(128);
        let given = (message.header.name, length);
        Some(read_address(supervisor, call, id, given, Purpose::Send)?)
    };
    let ancillary = control::decode(&message.control(call)?);
    if memory::total(&message.spans) > 65_535 {
        return Err(Errno::EMSGSIZE);
    }
    let data = call.gather(&message.spans)?;
    datagram(
        supervisor,
        id,
        file,
        &data,
        address.as_ref(),
        ancillary,
        flags,
    )
}

/// `sendmmsg`: as many as go; an error counts only if none went.
pub(super) fn messages(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    if is_stream(supervisor, id) {
        return Ok(Outcome::Proceed);
    }
    let flags = flags_of(call, 3);
    let count = call.int(2).cast_unsigned().min(1024);
    let mut done = 0_u64;
    while done < u64::from(count) {
        let header = call.argument(1).wrapping_add(done * MMSGHDR_SIZE as u64);
        match one(supervisor, call, id, file, header, flags) {
            Ok(sent) => {
                let sent = u32::try_from(sent).unwrap_or(u32::MAX);
                memory::write(
                    call.tid(),
                    header.wrapping_add(MESSAGE_LENGTH_OFFSET),
                    &sent.to_ne_bytes(),
                )?;
                done += 1;
            }
            Err(_) if done > 0 => break,
            Err(Errno::EAGAIN) => return wait(supervisor, id, file, flags),
            Err(errno) => return Err(errno),
        }
    }
    Ok(Outcome::Value(i64::try_from(done).unwrap_or(i64::MAX)))
}

/// `connect` of a datagram socket: the host fixes the peer, and the file becomes one half of a pair.
pub(super) fn connect(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    peer: &SocketAddress,
) -> Result<Outcome, Errno> {
    let Some(socket) = supervisor.conduits.get(id).map(|conduit| conduit.socket) else {
        return Err(Errno::EBADF);
    };
    supervisor.recall(id, peer);
    supervisor.host.connect(socket, peer, supervisor.now)?;
    if matches!(supervisor.conduits.get(id), Some(conduit) if conduit.domain == AF_NETLINK) {
        // The pair stays: its peer is the kernel, whatever was named.
    } else if matches!(peer, SocketAddress::Unspecified) {
        supervisor.unpair(id, file).map_err(|error| errno(&error))?;
    } else {
        let name = supervisor
            .host
            .peer_address(socket)
            .map_or_else(|_| address::encode(peer), |name| address::encode(&name));
        supervisor
            .pair_up(id, file, &name)
            .map_err(|error| errno(&error))?;
    }
    supervisor.settle();
    Ok(Outcome::Value(0))
}
