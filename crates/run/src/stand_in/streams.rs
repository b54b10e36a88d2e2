//! Clients that have connected.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use sockeye_core::SocketType;

use crate::conduit::{Conduit, Far, Owner, Relay, State};
use crate::pump::MOST_READ;
use crate::supervisor::Supervisor;

impl Supervisor {
    /// Connects a client from outside to `local`, a port of the run; `None` if no socket can stand in for it.
    pub(crate) fn stand_in(
        &mut self,
        file: &OwnedFd,
        client: SocketAddr,
        local: SocketAddr,
    ) -> Option<()> {
        let file = file.try_clone().ok()?;
        let family = match client {
            SocketAddr::V4(_) => libc::AF_INET,
            SocketAddr::V6(_) => libc::AF_INET6,
        };
        let socket = self.connect_as(SocketType::Stream, client, local)?;
        let mut relay = Relay::new(file, Far::Host, MOST_READ);
        relay.stands_in = true;
        // It is connecting: nothing is taken from the client before it has connected.
        relay.far_writable = false;
        let id = self.conduits.insert(Conduit::new(
            socket,
            u16::try_from(family).ok()?,
            Owner::NOBODY,
            State::Relay(Box::new(relay)),
        ));
        self.watch_relay(id);
        Some(())
    }
}
