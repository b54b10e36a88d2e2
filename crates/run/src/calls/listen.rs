//! `listen(2)`: the program's own file listens, under a name of ours.

use std::os::fd::BorrowedFd;

use sockeye_core::Errno;

use super::errno;
use crate::conduit::{Listening, State};
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
    let backlog = call.int(1);
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let (socket, named) = (conduit.socket, conduit.name);
    match supervisor.host.listen(socket, backlog, supervisor.now) {
        Err(Errno::EADDRINUSE) if supervisor.take_census() > 0 => {
            supervisor.host.listen(socket, backlog, supervisor.now)?;
        }
        answer => answer?,
    }
    if named.is_none() {
        let serial = supervisor.names.serial();
        sys::bind(file, &supervisor.names.name(serial)).map_err(|error| errno(&error))?;
        if let Some(conduit) = supervisor.conduits.get_mut(id) {
            conduit.name = Some(serial);
        }
    }
    sys::listen(file, backlog).map_err(|error| errno(&error))?;
    if let Some(conduit) = supervisor.conduits.get_mut(id)
        && !matches!(conduit.state, State::Listening(_))
    {
        conduit.state = State::Listening(Listening::default());
    }
    Ok(Outcome::Value(0))
}
