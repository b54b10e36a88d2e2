//! Published connections through Sockeye's TCP.
//!
//! With `--loopback stack` every byte of a run goes through our TCP, so that captures show it and impairments shape it. For a
//! client outside a socket of the host stands in: it is bound to the client's address (`IP_TRANSPARENT`) and connects to the
//! port of the run as a program of the run would.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use sockeye_core::{Credentials, Domain, Errno, SocketId, SocketType};
use sockeye_linux::number::SOL_SOCKET;

use crate::conduit::{Conduit, Far, Owner, Relay, State};
use crate::pump::MOST_READ;
use crate::supervisor::Supervisor;

const SO_REUSEADDR: i32 = 2;
const SOL_IP: i32 = 0;
const IP_TRANSPARENT: i32 = 19;
const SOL_IPV6: i32 = 41;
const IPV6_TRANSPARENT: i32 = 75;

impl Supervisor {
    /// Connects a client from outside to `local`, a port of the run; `None` if no socket can stand in for it, for instance
    /// because the run has one of the same name.
    pub(crate) fn stand_in(
        &mut self,
        file: &OwnedFd,
        client: SocketAddr,
        local: SocketAddr,
    ) -> Option<()> {
        let file = file.try_clone().ok()?;
        let (domain, family) = match client {
            SocketAddr::V4(_) => (Domain::Inet, libc::AF_INET),
            SocketAddr::V6(_) => (Domain::Inet6, libc::AF_INET6),
        };
        let socket = self
            .host
            .socket(domain, SocketType::Stream, 0, Credentials::ROOT)
            .ok()?;
        if self.connect_as(socket, client, local).is_err() {
            let _closed = self.host.close(socket, self.now);
            return None;
        }
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

    fn connect_as(
        &mut self,
        socket: SocketId,
        client: SocketAddr,
        local: SocketAddr,
    ) -> Result<(), Errno> {
        let (level, name) = match client {
            SocketAddr::V4(_) => (SOL_IP, IP_TRANSPARENT),
            SocketAddr::V6(_) => (SOL_IPV6, IPV6_TRANSPARENT),
        };
        let on = 1_i32.to_ne_bytes();
        let now = self.now;
        self.host.set_option(socket, level, name, &on, now)?;
        // A client may have several connections from one port.
        self.host
            .set_option(socket, SOL_SOCKET, SO_REUSEADDR, &on, now)?;
        self.host.bind(socket, &client.into(), now)?;
        match self.host.connect(socket, &local.into(), now) {
            Err(Errno::EINPROGRESS) | Ok(()) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}
