//! `accept(2)` and `accept4(2)`: takes a connection from the program's own listening file and hands it over with the
//! peer's internet address.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sockeye_core::{Errno, SocketAddress};
use sockeye_linux::address;
use sockeye_linux::number::{SOCK_CLOEXEC, SOCK_NONBLOCK};

use super::{errno, write_address};
use crate::conduit::State;
use crate::notify::{Call, Outcome, Undo};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
    flags: i32,
) -> Result<Outcome, Errno> {
    if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let timeout = conduit.receive_timeout;
    match &conduit.state {
        State::Listening(_) => {}
        State::Datagram(_) => return Err(Errno::EOPNOTSUPP),
        _ => return Err(Errno::EINVAL),
    }
    let Some((connection, peer, accepted)) = take(supervisor, id, file)? else {
        if sys::is_nonblocking(file) {
            return Err(Errno::EAGAIN);
        }
        return Ok(Outcome::Wait {
            conduit: id,
            timeout,
            late: Errno::EAGAIN,
        });
    };
    if call.argument(1) != 0
        && let Err(errno) = write_address(
            call,
            &address::encode(&peer),
            call.argument(1),
            call.argument(2),
        )
    {
        // As in the kernel the connection is lost with the call.
        drop(accepted);
        supervisor.retire(connection);
        return Err(errno);
    }
    if let Err(error) = sys::set_nonblocking(accepted.as_fd(), flags & SOCK_NONBLOCK != 0) {
        return Err(errno(&error));
    }
    Ok(Outcome::File {
        file: accepted,
        close_on_exec: flags & SOCK_CLOEXEC != 0,
        undo: Undo::Accept {
            listener: id,
            connection,
        },
    })
}

/// The next connection that the supervisor made, if there is one.
fn take(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Option<(Id, SocketAddress, OwnedFd)>, Errno> {
    loop {
        // Nobody but us takes from this queue, so what poll sees is there: accept doesn't block.
        let seen = sys::poll_now(file, libc::POLLIN);
        if seen & libc::POLLIN == 0 {
            return Ok(None);
        }
        let (accepted, name) = match sys::accept(file, false) {
            Ok(accepted) => accepted,
            Err(error) => return Err(errno(&error)),
        };
        let ours = sys::peer_pid(accepted.as_fd()).is_ok_and(|pid| pid == supervisor.pid);
        let serial = supervisor.names.serial_of(&name);
        let State::Listening(listening) = (match supervisor.conduits.get_mut(id) {
            Some(conduit) => &mut conduit.state,
            None => return Err(Errno::EBADF),
        }) else {
            return Err(Errno::EINVAL);
        };
        let was_full = std::mem::take(&mut listening.full);
        let found = match serial {
            Some(serial) if ours => {
                let at = listening
                    .arrivals
                    .iter()
                    .position(|arrival| arrival.serial == serial);
                at.and_then(|at| listening.arrivals.remove(at))
                    .map(|arrival| (arrival.connection, arrival.peer, accepted))
            }
            // A knock: the connection was taken before, for somebody who was gone.
            None if ours => listening
                .returned
                .pop_front()
                .map(|(file, connection, peer)| (connection, peer, file)),
            // A stranger who guessed the name.
            _ => None,
        };
        supervisor.count_line(id);
        if was_full {
            supervisor.deliver_connections(id);
        }
        let Some((connection, peer, mut accepted)) = found else {
            continue;
        };
        let Some(conduit) = supervisor.conduits.get(connection) else {
            continue;
        };
        if conduit.cookie == 0 {
            let joined = matches!(conduit.state, State::Joined(_));
            accepted = supervisor
                .before_accept(connection, accepted)
                .map_err(|error| errno(&error))?;
            let cookie = sys::socket_cookie(accepted.as_fd()).map_err(|error| errno(&error))?;
            supervisor.size_accepted(connection, accepted.as_fd());
            supervisor.conduits.set_cookie(connection, cookie);
            if supervisor
                .census
                .enter(accepted.as_fd(), connection, joined)
                .is_err()
            {
                supervisor.retire(connection);
                return Err(Errno::ENFILE);
            }
            supervisor.count_up();
        }
        return Ok(Some((connection, peer, accepted)));
    }
}

/// Puts a connection back that could not be handed over: the next accept takes it first.
pub(crate) fn give_back(supervisor: &mut Supervisor, listener: Id, connection: Id, file: OwnedFd) {
    let peer = supervisor
        .conduits
        .get(connection)
        .and_then(|conduit| supervisor.host.peer_address(conduit.socket).ok())
        .unwrap_or(SocketAddress::Unspecified);
    let Some(conduit) = supervisor.conduits.get_mut(listener) else {
        supervisor.retire(connection);
        return;
    };
    let (State::Listening(listening), Some(serial)) = (&mut conduit.state, conduit.name) else {
        supervisor.retire(connection);
        return;
    };
    listening.returned.push_front((file, connection, peer));
    supervisor.count_line(listener);
    // The file polled IN for it; an unnamed knock makes it do so again.
    let name = supervisor.names.name(serial);
    let knock = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, true)
        .and_then(|knock| sys::connect(knock.as_fd(), &name));
    if knock.is_err() {
        // The queue is full or gone. Full is as good: its connections make the file poll IN.
        tracing::debug!("no knock for a returned connection");
    }
    supervisor.resume(listener);
}
