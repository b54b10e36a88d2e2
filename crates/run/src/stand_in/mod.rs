//! Published ports through Sockeye's stack.
//!
//! With `--loopback stack` every packet of a run goes through our TCP/IP, so that captures show it and impairments shape it. For
//! a client outside a socket of the host stands in: it is bound to the client's address (`Host::stand_in`) and connected to
//! the port of the run as a program of the run would be.

mod clients;
mod datagrams;
mod streams;

use std::net::SocketAddr;

use sockeye_core::{Credentials, Domain, Errno, SocketId, SocketType};
use sockeye_linux::number::SOL_SOCKET;

pub(crate) use clients::{Client, Clients};

use crate::supervisor::Supervisor;

const SO_REUSEADDR: i32 = 2;

impl Supervisor {
    /// A socket that stands for `client` and is connected, or on its way, to `local`, a port of the run; `None` if none can, for
    /// instance because the run has one of the same name.
    fn connect_as(
        &mut self,
        kind: SocketType,
        client: SocketAddr,
        local: SocketAddr,
    ) -> Option<SocketId> {
        let domain = match client {
            SocketAddr::V4(_) => Domain::Inet,
            SocketAddr::V6(_) => Domain::Inet6,
        };
        let root = Credentials::ROOT;
        let socket = self.host.socket(domain, kind, 0, root).ok()?;
        match self.name_as(socket, client, local) {
            Err(Errno::EINPROGRESS) | Ok(()) => Some(socket),
            Err(_) => {
                let _closed = self.host.close(socket, self.now);
                None
            }
        }
    }

    fn name_as(
        &mut self,
        socket: SocketId,
        client: SocketAddr,
        local: SocketAddr,
    ) -> Result<(), Errno> {
        let now = self.now;
        self.host.stand_in(socket)?;
        // A client may speak with several ports from one of its own.
        let on = 1_i32.to_ne_bytes();
        self.host
            .set_option(socket, SOL_SOCKET, SO_REUSEADDR, &on, now)?;
        self.host.bind(socket, &client.into(), now)?;
        self.host.connect(socket, &local.into(), now)
    }
}
