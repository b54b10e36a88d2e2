//! `connect(2)`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sockeye_core::{Errno, MessageFlags, Outgoing, SocketAddress};
use sockeye_linux::address::Purpose;

use super::{errno, read_address};
use crate::conduit::{Connecting, Far, Relay, State};
use crate::join::Join;
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::{Progress, Supervisor};
use crate::sys;

pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let given = (call.argument(1), call.int(2));
    let address = read_address(supervisor, call, id, given, Purpose::Connect)?;
    let Some(conduit) = supervisor.conduits.get_mut(id) else {
        return Err(Errno::EBADF);
    };
    let nonblocking = sys::is_nonblocking(file);
    let timeout = conduit.send_timeout;
    match &conduit.state {
        State::Datagram(_) => return super::send::connect(supervisor, id, file, &address),
        State::Fresh => {}
        State::Listening(_) => {
            // Only AF_UNSPEC gets through: it listens no more, and is as good as new.
            begin(supervisor, id, &address)?;
            renew(supervisor, call, id, nonblocking)?;
            return Ok(Outcome::Value(0));
        }
        State::Joined(_) => {
            // What was begun before has come to its end.
            if std::mem::take(&mut conduit.untold) {
                return Ok(Outcome::Connected(id));
            }
            return Err(Errno::EISCONN);
        }
        State::Relay(_) => return stands(supervisor, id, &address),
        State::Connecting(_) if nonblocking => return Err(Errno::EALREADY),
        State::Connecting(_) => {
            return Ok(Outcome::Wait {
                conduit: id,
                timeout,
                late: Errno::EINPROGRESS,
            });
        }
        State::Failed => {
            // The host tells the failure once; after that the socket may be used again, with a fresh file in its place:
            // a connected AF_UNIX file can't go back.
            return again(supervisor, call, id, &address, nonblocking);
        }
    }
    start(supervisor, id, file, &address, nonblocking)
}

pub(super) fn start(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    address: &SocketAddress,
    nonblocking: bool,
) -> Result<Outcome, Errno> {
    if !matches!(address, SocketAddress::Unspecified) {
        match supervisor.join(id, file, address)? {
            Join::Done if nonblocking => {
                if let Some(conduit) = supervisor.conduits.get_mut(id) {
                    conduit.untold = true;
                }
                return Err(Errno::EINPROGRESS);
            }
            Join::Done => return Ok(Outcome::Connected(id)),
            Join::No => {}
        }
    }
    if begin(supervisor, id, address)? {
        return Ok(Outcome::Value(0));
    }
    conclude(supervisor, id, file, address, nonblocking)
}

/// A connection stands, or did until a moment ago: the host knows whether the program has been told
/// (`inet_stream_connect`).
fn stands(supervisor: &mut Supervisor, id: Id, address: &SocketAddress) -> Result<Outcome, Errno> {
    let answer = begin(supervisor, id, address);
    let Some(conduit) = supervisor.conduits.get_mut(id) else {
        return Err(Errno::EBADF);
    };
    let untold = std::mem::take(&mut conduit.untold);
    match answer {
        Ok(_) if *address == SocketAddress::Unspecified => {
            conduit.state = State::Failed;
            Ok(Outcome::Value(0))
        }
        Ok(_) => Ok(Outcome::Connected(id)),
        Err(_) if untold => Ok(Outcome::Connected(id)),
        Err(errno @ (Errno::EISCONN | Errno::EINVAL | Errno::EAFNOSUPPORT)) => Err(errno),
        // It was reset, and now the socket is as good as new.
        Err(errno) => {
            conduit.state = State::Failed;
            Err(errno)
        }
    }
}

/// Lets the host begin; answers whether that was all there is to do.
fn begin(supervisor: &mut Supervisor, id: Id, address: &SocketAddress) -> Result<bool, Errno> {
    let Some(socket) = supervisor.conduits.get(id).map(|conduit| conduit.socket) else {
        return Err(Errno::EBADF);
    };
    let begun = match supervisor.host.connect(socket, address, supervisor.now) {
        Err(Errno::EADDRNOTAVAIL) if supervisor.take_census() > 0 => {
            supervisor.host.connect(socket, address, supervisor.now)
        }
        answer => answer,
    };
    let mut begun = begun;
    if begun.is_ok() && supervisor.host.waits_to_connect(socket) {
        // `TCP_FASTOPEN_CONNECT`: the program's first write would not reach the host before its file is a conduit, so
        // that the SYN goes without data.
        let nothing = Outgoing {
            data: &[],
            address: None,
            ancillary: Vec::new(),
            flags: MessageFlags::empty(),
        };
        let sent = supervisor
            .host
            .send_message(socket, nothing, supervisor.now);
        begun = sent.map(|_| ());
    }
    supervisor.settle();
    match begun {
        Ok(()) => Ok(true),
        Err(Errno::EINPROGRESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Gives the program's unconnected file the looks of what the host has come to.
fn conclude(
    supervisor: &mut Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    address: &SocketAddress,
    nonblocking: bool,
) -> Result<Outcome, Errno> {
    let timeout = supervisor
        .conduits
        .get(id)
        .and_then(|conduit| conduit.send_timeout);
    match supervisor.progress(id) {
        Progress::Established => {
            let end = supervisor.attach(id, file).map_err(|error| errno(&error))?;
            let socket = supervisor.conduits.get(id).map(|conduit| conduit.socket);
            let bound = supervisor.read_bound(socket.ok_or(Errno::EBADF)?);
            if let Some(conduit) = supervisor.conduits.get_mut(id) {
                conduit.state = State::Relay(Box::new(Relay::new(end, Far::Host, bound)));
                conduit.untold = nonblocking;
            }
            supervisor.watch_relay(id);
            if nonblocking {
                Err(Errno::EINPROGRESS)
            } else {
                let _told = begin(supervisor, id, address);
                Ok(Outcome::Connected(id))
            }
        }
        Progress::Failed if nonblocking => {
            let end = supervisor.attach(id, file).map_err(|error| errno(&error))?;
            drop(Connecting::fill(file, end).map_err(|error| errno(&error))?);
            if let Some(conduit) = supervisor.conduits.get_mut(id) {
                conduit.state = State::Failed;
            }
            Err(Errno::EINPROGRESS)
        }
        // The file has not been touched: the socket may connect again.
        Progress::Failed => Err(begin(supervisor, id, address)
            .err()
            .unwrap_or(Errno::ECONNREFUSED)),
        Progress::Pending => {
            let end = supervisor.attach(id, file).map_err(|error| errno(&error))?;
            let connecting = Connecting::fill(file, end).map_err(|error| errno(&error))?;
            if let Some(conduit) = supervisor.conduits.get_mut(id) {
                conduit.state = State::Connecting(connecting);
            }
            supervisor.watch_connecting(id);
            if nonblocking {
                Err(Errno::EINPROGRESS)
            } else {
                Ok(Outcome::Wait {
                    conduit: id,
                    timeout,
                    late: Errno::EINPROGRESS,
                })
            }
        }
    }
}

/// Connects a socket whose file is used up: a fresh file takes its place under the same descriptor. Other duplicates
/// and epoll registrations keep the old one.
fn again(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    address: &SocketAddress,
    nonblocking: bool,
) -> Result<Outcome, Errno> {
    // The host knows what it still has to say of the last attempt.
    if begin(supervisor, id, address)? {
        return Ok(Outcome::Value(0));
    }
    let file = renew(supervisor, call, id, nonblocking)?;
    conclude(supervisor, id, file.as_fd(), address, nonblocking)
}

/// Puts a fresh file in the place of one that an AF_UNIX socket can't go back from.
fn renew(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    nonblocking: bool,
) -> Result<OwnedFd, Errno> {
    let file = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, nonblocking)
        .map_err(|error| errno(&error))?;
    if let Some(socket) = supervisor.conduits.get(id).map(|conduit| conduit.socket) {
        let queue = supervisor.outbound_queue(socket);
        sys::set_send_buffer(file.as_fd(), queue);
    }
    replace(supervisor, call, id, &file)?;
    Ok(file)
}

fn replace(supervisor: &mut Supervisor, call: &Call, id: Id, file: &OwnedFd) -> Result<(), Errno> {
    let cookie = sys::socket_cookie(file.as_fd()).map_err(|error| errno(&error))?;
    let target = u32::try_from(call.int(0)).map_err(|_| Errno::EBADF)?;
    let close_on_exec = sys::closes_on_exec(call.tid(), call.int(0));
    supervisor
        .listener
        .replace_file(call.notification.id, file.as_fd(), target, close_on_exec)
        .map_err(|error| errno(&error))?;
    supervisor.conduits.set_cookie(id, cookie);
    if let Some(conduit) = supervisor.conduits.get_mut(id) {
        conduit.state = State::Fresh;
        conduit.name = None;
    }
    supervisor
        .census
        .enter(file.as_fd(), id, false)
        .map_err(|error| errno(&error))
}
