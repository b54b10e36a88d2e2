//! Connections that the host accepted, on their way to the program's listening files.

use std::os::fd::AsFd;

use sockeye_core::Errno;

use crate::conduit::{Arrival, Conduit, Far, Relay, State};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

impl Supervisor {
    /// A listener's line has changed: what waits in the program's file counts against the host's backlog.
    pub(crate) fn count_line(&mut self, id: Id) {
        if let Some(Conduit {
            state: State::Listening(listening),
            socket,
            ..
        }) = self.conduits.get(id)
        {
            let count = listening.arrivals.len() + listening.returned.len();
            let _listens = self.host.hold_for_accept(*socket, count);
        }
    }

    /// Makes a conduit for each connection in a listener's accept queue, until the file's queue is full.
    pub(crate) fn deliver_connections(&mut self, id: Id) {
        let mut delivered = false;
        loop {
            let Some(conduit) = self.conduits.get(id) else {
                return;
            };
            let (State::Listening(listening), Some(name)) = (&conduit.state, conduit.name) else {
                return;
            };
            if listening.full {
                break;
            }
            let (listener, domain, owner) = (conduit.socket, conduit.domain, conduit.owner);
            let name = self.names.name(name);
            let Ok(accepted) = self.host.accept(listener, self.now) else {
                break;
            };
            let serial = self.names.serial();
            let queue = self.inbound_queue(accepted.socket);
            let bound = self.read_bound(accepted.socket);
            let end = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, true).and_then(|end| {
                sys::bind(end.as_fd(), &self.names.name(serial))?;
                sys::set_send_buffer(end.as_fd(), queue);
                sys::connect(end.as_fd(), &name)?;
                Ok(end)
            });
            match end {
                Ok(end) => {
                    let mut relay = Relay::new(end, Far::Host, bound);
                    relay.name = Some(serial);
                    let connection = self.conduits.insert(Conduit::new(
                        accepted.socket,
                        domain,
                        owner,
                        State::Relay(Box::new(relay)),
                    ));
                    if let Some(Conduit {
                        state: State::Listening(listening),
                        ..
                    }) = self.conduits.get_mut(id)
                    {
                        listening.arrivals.push_back(Arrival {
                            serial,
                            connection,
                            peer: accepted.peer,
                        });
                    }
                    self.count_line(id);
                    self.watch_relay(connection);
                    delivered = true;
                }
                Err(error) if crate::calls::errno(&error) == Errno::EAGAIN => {
                    // It waits in the host's queue, as in a listener's that nobody accepts from.
                    let _kept = self.host.unaccept(listener, accepted.socket);
                    if let Some(Conduit {
                        state: State::Listening(listening),
                        ..
                    }) = self.conduits.get_mut(id)
                    {
                        listening.full = true;
                    }
                    break;
                }
                Err(_) => {
                    let _closed = self.host.close(accepted.socket, self.now);
                    if !self.listener_lives(id) {
                        self.retire(id);
                        return;
                    }
                }
            }
        }
        if delivered {
            self.resume(id);
        }
    }

    /// A listener was ended from outside (`SOCK_DESTROY`): its file is shut like one that its program has shut.
    pub(crate) fn end_listening(&mut self, id: Id) {
        if let Some(file) = self.program_file(id) {
            let _shut = sys::shutdown(file.as_fd(), libc::SHUT_RDWR);
        }
        self.stop_listening(id);
        self.resume(id);
    }

    /// A listener was shut down: its calls end, and what was not accepted is reset.
    pub(crate) fn stop_listening(&mut self, id: Id) {
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        let State::Listening(listening) = std::mem::replace(&mut conduit.state, State::Failed)
        else {
            return;
        };
        for arrival in listening.arrivals {
            self.retire(arrival.connection);
        }
        for (file, connection, _) in listening.returned {
            drop(file);
            self.retire(connection);
        }
    }
}
