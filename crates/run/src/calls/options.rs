//! `getsockopt(2)` and `setsockopt(2)`: the host's option table answers; what the program's file itself must know is
//! set there too.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use sockeye_core::Errno;
use sockeye_linux::number::{
    SO_BUF_LOCK, SO_ERROR, SO_LINGER, SO_RCVBUF, SO_RCVBUFFORCE, SO_RCVLOWAT, SO_RCVTIMEO,
    SO_RCVTIMEO_NEW, SO_SNDBUF, SO_SNDBUFFORCE, SO_SNDTIMEO, SO_SNDTIMEO_NEW, SOL_SOCKET,
};

use super::errno;
use crate::conduit::State;
use crate::memory;
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

/// `SO_OOBINLINE`.
const SO_OOBINLINE: i32 = 10;

const SO_TIMESTAMPING: i32 = 37;
const SO_TIMESTAMPING_NEW: i32 = 65;

const IPPROTO_TCP: i32 = 6;
const TCP_INQ: i32 = 36;

/// The longest option value that is read; the kernel's longest are filters and group lists.
const LONGEST: usize = 64 * 1024;

pub(super) fn get(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let (level, name) = (call.int(1), call.int(2));
    let room = memory::read_u32(call.tid(), call.argument(4))?.cast_signed();
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    if level == SOL_SOCKET
        && name == SO_ERROR
        && let State::Datagram(_) = conduit.state
    {
        let pending = supervisor
            .take_datagram_error(id, file)
            .map_or(0, |errno| errno.number());
        let value = pending.to_ne_bytes();
        let length = room.min(value.len());
        memory::write(call.tid(), call.argument(3), &value[..length])?;
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        memory::write(call.tid(), call.argument(4), &length.to_ne_bytes())?;
        return Ok(Outcome::Value(0));
    }
    let joined = matches!(
        conduit.state,
        State::Joined(_) | State::Relay(_) | State::Failed
    );
    let socket = conduit.socket;
    let asked = supervisor
        .host
        .get_option(socket, level, name, room.min(LONGEST), supervisor.now);
    if asked == Err(Errno::EINVAL)
        && let Some(needed) = supervisor.host.room_for_option(socket, level, name)
    {
        let needed = u32::try_from(needed).unwrap_or(u32::MAX);
        memory::write(call.tid(), call.argument(4), &needed.to_ne_bytes())?;
    }
    let value = asked?;
    let mut value = value.to_vec();
    if level == SOL_SOCKET && name == SO_ERROR && joined && value.iter().all(|byte| *byte == 0) {
        // What went wrong on a joined pair only the kernel knows; a pending error of a file that we made fail stands
        // for one that the host has told already.
        let pending = sys::int_option(file, SO_ERROR).map_err(|error| errno(&error))?;
        if !matches!(conduit.state, State::Failed) {
            value = pending.to_ne_bytes().to_vec();
        }
    }
    value.truncate(room);
    memory::write(call.tid(), call.argument(3), &value)?;
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    memory::write(call.tid(), call.argument(4), &length.to_ne_bytes())?;
    Ok(Outcome::Value(0))
}

pub(super) fn set(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let Some(conduit) = supervisor.conduits.get_mut(id) else {
        return Err(Errno::EBADF);
    };
    let (level, name) = (call.int(1), call.int(2));
    let length = usize::try_from(call.int(4)).map_err(|_| Errno::EINVAL)?;
    if (level, name) == (IPPROTO_TCP, TCP_INQ) && length >= 4 {
        // The program reads from a file of the kernel's, which has no such message.
        return Err(Errno::ENOPROTOOPT);
    }
    if level == SOL_SOCKET
        && matches!(name, SO_TIMESTAMPING | SO_TIMESTAMPING_NEW)
        && !matches!(conduit.state, State::Datagram(_))
    {
        // Nobody sees the program's writes one by one, nor when the kernel's file has them.
        return Err(Errno::EOPNOTSUPP);
    }
    let value = call.read(call.argument(3), length.min(LONGEST))?;
    supervisor
        .host
        .set_option(conduit.socket, level, name, &value, supervisor.now)?;
    if level == SOL_SOCKET {
        match name {
            SO_RCVTIMEO | SO_RCVTIMEO_NEW => conduit.receive_timeout = timeout(&value),
            SO_SNDTIMEO | SO_SNDTIMEO_NEW => conduit.send_timeout = timeout(&value),
            _ => {}
        }
        if matches!(
            name,
            SO_RCVTIMEO
                | SO_RCVTIMEO_NEW
                | SO_SNDTIMEO
                | SO_SNDTIMEO_NEW
                | SO_RCVLOWAT
                | SO_OOBINLINE
        ) {
            sys::set_option(file, level, name, &value).map_err(|error| errno(&error))?;
        }
    }
    match (level, name) {
        (SOL_SOCKET, SO_LINGER) => supervisor.linger_changed(id, file),
        (SOL_SOCKET, SO_SNDBUF | SO_RCVBUF | SO_SNDBUFFORCE | SO_RCVBUFFORCE | SO_BUF_LOCK) => {
            supervisor.queues_changed(id, file);
        }
        _ => {}
    }
    supervisor.settle();
    Ok(Outcome::Value(0))
}

/// A `timeval`; zero means for ever.
fn timeout(value: &[u8]) -> Option<Duration> {
    let seconds = i64::from_ne_bytes(value.get(..8)?.try_into().ok()?);
    let micros = i64::from_ne_bytes(value.get(8..16)?.try_into().ok()?);
    let timeout = Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        + Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    (!timeout.is_zero()).then_some(timeout)
}
