//! `ioctl(2)` on sockets: their queues.

use std::os::fd::BorrowedFd;

use sockeye_core::{Errno, Queued};
use sockeye_linux::ioctl;

use super::interfaces;
use crate::conduit::{Far, State};
use crate::memory;
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let command = call.int(1).cast_unsigned();
    let argument = call.argument(2);
    let tid = call.tid();
    match command {
        ioctl::SIOCOUTQ | ioctl::SIOCOUTQNSD => {
            let value = unsent(supervisor, id, file, command)?;
            memory::write(tid, argument, &value.to_ne_bytes())?;
        }
        // The urgent mark is the conduit's own.
        ioctl::SIOCATMARK => return Ok(Outcome::Proceed),
        _ => {
            let domain = supervisor
                .conduits
                .get(id)
                .map_or(0, |conduit| conduit.domain);
            return interfaces::carry_out(supervisor, call, domain);
        }
    }
    Ok(Outcome::Value(0))
}

/// Bytes that were sent and are not acknowledged: in the conduit and in the host.
fn unsent(
    supervisor: &Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    command: u32,
) -> Result<i32, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let which = if command == ioctl::SIOCOUTQ {
        Queued::Unsent
    } else {
        Queued::NeverSent
    };
    match &conduit.state {
        State::Listening(_) => Err(Errno::EINVAL),
        // The kernel's number counts its bookkeeping too, but it is zero exactly when all has been read.
        State::Joined(_) => Ok(i32::from(sys::unsent(file).is_ok_and(|bytes| bytes > 0))),
        State::Relay(relay) => {
            let waiting =
                usize::try_from(sys::unread(std::os::fd::AsFd::as_fd(&relay.end)).unwrap_or(0))
                    .unwrap_or(0);
            let host = match relay.far {
                Far::Host => supervisor.host.queued(conduit.socket, which)?,
                Far::Published(_) => 0,
            };
            Ok(i32::try_from(waiting + relay.outbound.len() + host).unwrap_or(i32::MAX))
        }
        _ => Ok(i32::try_from(supervisor.host.queued(conduit.socket, which)?).unwrap_or(i32::MAX)),
    }
}
