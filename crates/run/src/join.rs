//! Direct joins: two of the program's files become one kernel pair, and the supervisor leaves the path.

use std::os::fd::BorrowedFd;

use sockeye_core::{Errno, SocketAddress, SocketId};

use crate::conduit::{Arrival, Conduit, Joined, State};
use crate::launch::Loopback;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

/// What trying to join came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Done,
    /// Not this way: the destination is no listener of this host, or its queue is full.
    No,
}

impl Supervisor {
    /// Joins the program's unconnected `file` to a listener of this host.
    pub(crate) fn join(
        &mut self,
        id: Id,
        file: BorrowedFd<'_>,
        address: &SocketAddress,
    ) -> Result<Join, Errno> {
        if self.loopback != Loopback::Direct {
            return self.forget_dead_listener(id, address).map(|()| Join::No);
        }
        let Some(client) = self.conduits.get(id).map(|conduit| conduit.socket) else {
            return Err(Errno::EBADF);
        };
        let Some(listener) = self.living_listener(client, address) else {
            return Ok(Join::No);
        };
        // A reset at close is TCP's to tell: the kernel pair has only an end of file.
        let listening = self.conduits.get(listener).map(|conduit| conduit.socket);
        if self.aborts_at_close(client)
            || listening.is_some_and(|socket| self.aborts_at_close(socket))
        {
            return Ok(Join::No);
        }
        let listener_name = match self.conduits.get(listener) {
            Some(Conduit {
                state: State::Listening(listening),
                name: Some(name),
                socket,
                ..
            }) if !listening.full && self.host.has_room_to_accept(*socket) => {
                self.names.name(*name)
            }
            _ => return Ok(Join::No),
        };
        // The file is bound to a name that says which connection it is. A file that has one keeps it.
        let serial = match self.conduits.get(id).and_then(|conduit| conduit.name) {
            Some(serial) => serial,
            None => {
                let serial = self.names.serial();
                sys::bind(file, &self.names.name(serial))
                    .map_err(|error| crate::calls::errno(&error))?;
                if let Some(conduit) = self.conduits.get_mut(id) {
                    conduit.name = Some(serial);
                }
                serial
            }
        };
        if let Err(errno) = self.connect_briefly(id, file, &listener_name) {
            if errno == Errno::EAGAIN
                && let Some(Conduit {
                    state: State::Listening(listening),
                    ..
                }) = self.conduits.get_mut(listener)
            {
                listening.full = true;
            }
            return Ok(Join::No);
        }
        let joined = self.host.join(client, address, self.now);
        let server = match joined {
            Ok(Some(server)) => server,
            // The pair exists but the host won't have it: end it at both sides.
            Ok(None) => {
                let _ended = sys::shutdown(file, libc::SHUT_RDWR);
                return Err(Errno::ECONNREFUSED);
            }
            Err(errno) => {
                let _ended = sys::shutdown(file, libc::SHUT_RDWR);
                return Err(errno);
            }
        };
        self.size_client(client, server, file);
        let domain = self
            .conduits
            .get(listener)
            .map_or(2, |conduit| conduit.domain);
        let owner = self
            .conduits
            .get(listener)
            .map_or(crate::conduit::Owner { pid: 0, fd: -1 }, |conduit| {
                conduit.owner
            });
        let peer = self
            .host
            .peer_address(server)
            .unwrap_or(SocketAddress::Unspecified);
        let connection = self.conduits.insert(Conduit::new(
            server,
            domain,
            owner,
            State::Joined(Joined::to(id)),
        ));
        if let Some(Conduit {
            state: State::Listening(listening),
            ..
        }) = self.conduits.get_mut(listener)
        {
            listening.arrivals.push_back(Arrival {
                serial,
                connection,
                peer,
            });
        }
        self.count_line(listener);
        if let Some(conduit) = self.conduits.get_mut(id) {
            conduit.state = State::Joined(Joined::to(connection));
        }
        if self.census.report_hang_up(file, id).is_err() {
            tracing::debug!("no hang-up reports for a joined connection");
        }
        self.resume(listener);
        Ok(Join::Done)
    }

    /// The listener that a connect would reach, after making sure that its file is still open.
    fn living_listener(&mut self, client: SocketId, address: &SocketAddress) -> Option<Id> {
        // Each turn retires one dead listener.
        loop {
            let listener = self.host.listener_for(client, address)?;
            let id = self.conduit_of(listener)?;
            if self.listener_lives(id) {
                return Some(id);
            }
            self.retire(id);
        }
    }

    /// Retires listeners in the way of a connect whose files have been closed, so that it is refused as it should be.
    fn forget_dead_listener(&mut self, id: Id, address: &SocketAddress) -> Result<(), Errno> {
        let Some(client) = self.conduits.get(id).map(|conduit| conduit.socket) else {
            return Err(Errno::EBADF);
        };
        let _living = self.living_listener(client, address);
        Ok(())
    }

    /// Whether a listener's file is still open: its name can be taken if not.
    pub(crate) fn listener_lives(&self, id: Id) -> bool {
        let Some(Conduit {
            name: Some(name), ..
        }) = self.conduits.get(id)
        else {
            return false;
        };
        let probe = match sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, true) {
            Ok(probe) => probe,
            Err(_) => return true,
        };
        use std::os::fd::AsFd;
        sys::bind(probe.as_fd(), &self.names.name(*name)).is_err()
    }

    /// Connects a file that may be blocking without blocking.
    fn connect_briefly(
        &mut self,
        id: Id,
        file: BorrowedFd<'_>,
        name: &sys::Name,
    ) -> Result<(), Errno> {
        let nonblocking = sys::is_nonblocking(file);
        if !nonblocking {
            // The shortest time there is: a full queue answers EAGAIN after one tick.
            sys::set_send_timeout(file, Some(std::time::Duration::from_micros(1)))
                .map_err(|error| crate::calls::errno(&error))?;
        }
        let answer = sys::connect(file, name);
        if !nonblocking {
            let timeout = self
                .conduits
                .get(id)
                .and_then(|conduit| conduit.send_timeout);
            sys::set_send_timeout(file, timeout).map_err(|error| crate::calls::errno(&error))?;
        }
        answer.map_err(|error| crate::calls::errno(&error))
    }
}
