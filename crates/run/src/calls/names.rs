//! `getsockname(2)` and `getpeername(2)`.

use std::os::fd::BorrowedFd;

use sockeye_core::Errno;
use sockeye_linux::address;

use super::write_address;
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::Supervisor;

pub(super) fn own(supervisor: &mut Supervisor, call: &Call, id: Id) -> Result<Outcome, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let name = supervisor.host.local_address(conduit.socket)?;
    write_address(
        call,
        &address::encode(&name),
        call.argument(1),
        call.argument(2),
    )?;
    Ok(Outcome::Value(0))
}

pub(super) fn peer(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    if supervisor.was_reset(id, file) {
        return Err(Errno::ENOTCONN);
    }
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let name = supervisor.host.peer_address(conduit.socket)?;
    write_address(
        call,
        &address::encode(&name),
        call.argument(1),
        call.argument(2),
    )?;
    Ok(Outcome::Value(0))
}
