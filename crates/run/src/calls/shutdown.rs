//! `shutdown(2)`: the host says whether it may be, the program's file carries it out.

use std::os::fd::BorrowedFd;

use sockeye_core::{Errno, Shutdown};

use super::errno;
use crate::conduit::State;
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
    let how = call.int(1);
    let direction = match how {
        libc::SHUT_RD => Shutdown::Read,
        libc::SHUT_WR => Shutdown::Write,
        libc::SHUT_RDWR => Shutdown::Both,
        _ => return Err(Errno::EINVAL),
    };
    let now = supervisor.now;
    let Some(conduit) = supervisor.conduits.get_mut(id) else {
        return Err(Errno::EBADF);
    };
    let socket = conduit.socket;
    // inet_shutdown: from now on a connect is one too many, told or not.
    conduit.untold = false;
    match &conduit.state {
        // The bytes still in the file's queue go first: the pump ends our sending when it has read them all.
        State::Relay(_) => {
            supervisor.host.peer_address(socket)?;
            conduit.program_shut |= how != libc::SHUT_RD;
            if how == libc::SHUT_RD {
                supervisor.host.shutdown(socket, direction, now)?;
            }
            sys::shutdown(file, how).map_err(|error| errno(&error))?;
            supervisor.program_ended(id);
        }
        State::Joined(_) => {
            supervisor.host.shutdown(socket, direction, now)?;
            conduit.program_shut |= how != libc::SHUT_RD;
            sys::shutdown(file, how).map_err(|error| errno(&error))?;
        }
        State::Listening(_) => {
            supervisor.host.shutdown(socket, direction, now)?;
            if how != libc::SHUT_WR {
                sys::shutdown(file, how).map_err(|error| errno(&error))?;
                supervisor.stop_listening(id);
            }
        }
        State::Fresh | State::Failed => supervisor.host.shutdown(socket, direction, now)?,
        State::Connecting(_) => {
            supervisor.host.shutdown(socket, direction, now)?;
            sys::shutdown(file, how).map_err(|error| errno(&error))?;
        }
        State::Datagram(_) => {
            supervisor.host.shutdown(socket, direction, now)?;
            sys::shutdown(file, how).map_err(|error| errno(&error))?;
        }
    }
    supervisor.settle();
    supervisor.resume(id);
    Ok(Outcome::Value(0))
}
