//! A client and a server that send each other bytes.

use sockeye_core::{
    Accepted, Credentials, Domain, Errno, Instant, SocketAddress, SocketId, SocketType,
};

use crate::end::{Allowance, Endpoint, failed, set_options};
use crate::{Family, Plan, Side, Stall, World};

/// A connection with its two programs.
#[derive(Debug)]
pub struct Flow {
    plan: Plan,
    listener: Option<SocketId>,
    client: Endpoint,
    server: Endpoint,
}

const USER: Credentials = Credentials {
    pid: 1,
    uid: 1000,
    gid: 1000,
};

impl Flow {
    /// A flow that follows a plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            client: Endpoint::new(Side::Client, &plan),
            server: Endpoint::new(Side::Server, &plan),
            plan,
            listener: None,
        }
    }

    fn address(&self) -> SocketAddress {
        World::endpoint(Side::Server, self.plan.family == Family::V6, self.plan.port).into()
    }

    fn domain(&self) -> Domain {
        match self.plan.family {
            Family::V4 => Domain::Inet,
            Family::V6 => Domain::Inet6,
        }
    }

    /// Listens and begins to connect.
    pub(crate) fn open(&mut self, world: &mut World) -> Result<(), Stall> {
        let (domain, address, now) = (self.domain(), self.address(), world.now);
        let call = |errno| failed("listening", errno);
        let socket = |world: &mut World, side: Side| {
            let host = world.host(side);
            host.socket(domain, SocketType::Stream, 0, USER)
                .map_err(|errno| failed("socket", errno))
        };
        let listener = socket(world, Side::Server)?;
        set_options(world, Side::Server, listener, &self.plan.server)?;
        let host = world.host(Side::Server);
        host.bind(listener, &address, now).map_err(call)?;
        host.listen(listener, 4, now).map_err(call)?;
        self.listener = Some(listener);
        let client = socket(world, Side::Client)?;
        set_options(world, Side::Client, client, &self.plan.client)?;
        match world.host(Side::Client).connect(client, &address, now) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(failed("connect", errno)),
        }
        self.client.socket = Some(client);
        Ok(())
    }

    /// Whether both ends are closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.client.is_closed && self.server.is_closed
    }

    /// When a program wants to go on by itself.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let ends = [&self.client, &self.server];
        ends.into_iter().filter_map(Endpoint::next_deadline).min()
    }

    pub(crate) fn close_listener(&mut self, world: &mut World) -> Result<(), Stall> {
        let now = world.now;
        match self.listener.take() {
            Some(listener) => world
                .host(Side::Server)
                .close(listener, now)
                .map_err(|errno| failed("closing the listener", errno)),
            None => Ok(()),
        }
    }

    pub(crate) fn describe(&self, world: &World) -> String {
        format!(
            "{self:#?}\nclient: {}\nserver: {}",
            world.sockets(Side::Client),
            world.sockets(Side::Server)
        )
    }

    /// Does what can be done now. Says whether it was something.
    pub(crate) fn turn(&mut self, world: &mut World) -> Result<bool, Stall> {
        let mut moved = self.accept(world)?;
        let allowed = self.allowance(&self.server);
        moved |= self.client.serve(&self.plan, allowed, world)?;
        let allowed = self.allowance(&self.client);
        moved |= self.server.serve(&self.plan, allowed, world)?;
        Ok(moved)
    }

    /// What the peer of an end may see.
    fn allowance(&self, peer: &Endpoint) -> Allowance {
        Allowance {
            errors: peer.has_left || self.plan.is_doomed,
            early_end: peer.may_end_early(),
            waits_for_peer: peer.has_rests(),
        }
    }

    fn accept(&mut self, world: &mut World) -> Result<bool, Stall> {
        let (None, false, Some(listener)) =
            (self.server.socket, self.server.is_closed, self.listener)
        else {
            if self.server.is_closed && self.server.has_left {
                // The client may not have heard of it and try again: there is nobody who would accept it.
                self.close_listener(world)?;
            }
            return Ok(false);
        };
        let now = world.now;
        match world.host(Side::Server).accept(listener, now) {
            Ok(Accepted { socket, .. }) => {
                self.server.socket = Some(socket);
                Ok(true)
            }
            // The client has left, and nothing of it is left here: nobody will ever come.
            Err(Errno::EAGAIN) if self.client.has_left && self.is_forgotten(world) => {
                self.server.is_closed = true;
                Ok(true)
            }
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => Err(failed("accept", errno)),
        }
    }

    /// Whether the client's host has no connection to the server any more, and the server's none from it.
    fn is_forgotten(&self, world: &mut World) -> bool {
        [Side::Client, Side::Server].into_iter().all(|side| {
            let snapshot = world.host(side).snapshot();
            let port = |address: &Option<SocketAddress>| {
                let named = address.as_ref().and_then(SocketAddress::ip);
                named.map_or(0, |(_, port)| port)
            };
            !snapshot.sockets.iter().any(|socket| {
                let at = match side {
                    Side::Client => port(&socket.peer),
                    Side::Server => port(&socket.local),
                };
                at == self.plan.port && socket.state != "LISTEN"
            })
        })
    }
}
