//! A client and a server that send each other bytes.

use sockeye_core::{
    Accepted, Credentials, Domain, Errno, Incoming, MessageFlags, Outgoing, Readiness, Shutdown,
    SocketAddress, SocketId, SocketType,
};

use crate::random::mix;
use crate::{Random, Side, Stall, World};

/// Over which addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What a flow does.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Over which addresses.
    pub family: Family,
    /// The server's port.
    pub port: u16,
    /// Bytes from the client to the server.
    pub request: usize,
    /// Bytes from the server to the client.
    pub response: usize,
    /// Whether the server answers only after the request's end.
    pub in_turns: bool,
    /// The longest single send and receive.
    pub piece: usize,
}

impl Plan {
    /// A plan that depends on the seed.
    #[must_use]
    pub fn random(random: &mut Random, port: u16, most: usize) -> Self {
        let amount = |random: &mut Random| match random.below(5) {
            0 => random.below(2),
            1 => random.below(2000),
            _ => random.below(most),
        };
        Self {
            family: if random.below(2) == 0 {
                Family::V4
            } else {
                Family::V6
            },
            port,
            request: amount(random),
            response: amount(random),
            in_turns: random.below(2) == 0,
            piece: 1 + random.below(20_000),
        }
    }
}

/// One end of a flow.
#[derive(Debug)]
struct Endpoint {
    side: Side,
    socket: Option<SocketId>,
    to_send: usize,
    sent: usize,
    to_receive: usize,
    received: usize,
    is_shut: bool,
    saw_end: bool,
    is_closed: bool,
}

impl Endpoint {
    fn new(side: Side, to_send: usize, to_receive: usize) -> Self {
        Self {
            side,
            socket: None,
            to_send,
            sent: 0,
            to_receive,
            received: 0,
            is_shut: false,
            saw_end: false,
            is_closed: false,
        }
    }
}

/// A connection with its two programs.
#[derive(Debug)]
pub struct Flow {
    plan: Plan,
    listener: Option<SocketId>,
    client: Endpoint,
    server: Endpoint,
}

/// The byte at an offset of what one side sends.
fn byte(port: u16, side: Side, offset: usize) -> u8 {
    let place = u64::try_from(offset).unwrap_or(0);
    let salt = if side == Side::Client { 1 } else { 2 };
    mix(place ^ (u64::from(port) << 40) ^ (salt << 60)).to_le_bytes()[0]
}

fn failed(what: &str, errno: Errno) -> Stall {
    Stall(format!("{what}: {errno:?}"))
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
            plan,
            listener: None,
            client: Endpoint::new(Side::Client, plan.request, plan.response),
            server: Endpoint::new(Side::Server, plan.response, plan.request),
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
        let host = world.host(Side::Server);
        let call = |errno| failed("listening", errno);
        let listener = host
            .socket(domain, SocketType::Stream, 0, USER)
            .map_err(call)?;
        host.bind(listener, &address, now).map_err(call)?;
        host.listen(listener, 4, now).map_err(call)?;
        self.listener = Some(listener);
        let host = world.host(Side::Client);
        let client = host
            .socket(domain, SocketType::Stream, 0, USER)
            .map_err(|errno| failed("socket", errno))?;
        match host.connect(client, &address, now) {
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
        let mut moved = false;
        if let (None, false, Some(listener)) =
            (self.server.socket, self.server.is_closed, self.listener)
        {
            let now = world.now;
            match world.host(Side::Server).accept(listener, now) {
                Ok(Accepted { socket, .. }) => {
                    self.server.socket = Some(socket);
                    moved = true;
                }
                Err(Errno::EAGAIN) => {}
                Err(errno) => return Err(failed("accept", errno)),
            }
        }
        moved |= Self::serve(&self.plan, &mut self.client, world)?;
        moved |= Self::serve(&self.plan, &mut self.server, world)?;
        Ok(moved)
    }

    fn serve(plan: &Plan, end: &mut Endpoint, world: &mut World) -> Result<bool, Stall> {
        let Some(socket) = end.socket else {
            return Ok(false);
        };
        let readiness = world.host(end.side).readiness(socket);
        let mut moved = false;
        if readiness.intersects(Readiness::IN | Readiness::ERR | Readiness::HUP) {
            moved |= Self::receive(plan, end, socket, world)?;
        }
        let may_send = end.side == Side::Client || !plan.in_turns || end.saw_end;
        if readiness.contains(Readiness::OUT) && may_send {
            moved |= Self::send(plan, end, socket, world)?;
        }
        if end.saw_end && end.is_shut {
            let now = world.now;
            world
                .host(end.side)
                .close(socket, now)
                .map_err(|errno| failed("close", errno))?;
            end.socket = None;
            end.is_closed = true;
            moved = true;
        }
        Ok(moved)
    }

    fn send(
        plan: &Plan,
        end: &mut Endpoint,
        socket: SocketId,
        world: &mut World,
    ) -> Result<bool, Stall> {
        let mut moved = false;
        let now = world.now;
        while end.sent < end.to_send {
            let length = plan.piece.min(end.to_send - end.sent);
            let data: Vec<u8> = (end.sent..end.sent + length)
                .map(|at| byte(plan.port, end.side, at))
                .collect();
            let outgoing = Outgoing {
                data: &[&data],
                flags: MessageFlags::NOSIGNAL,
                ..Outgoing::default()
            };
            match world.host(end.side).send_message(socket, outgoing, now) {
                Ok(sent) if sent > 0 && sent <= length => end.sent += sent,
                Ok(sent) => return Err(Stall(format!("send of {length} bytes answered {sent}"))),
                Err(Errno::EAGAIN) => return Ok(moved),
                Err(errno) => return Err(failed("send", errno)),
            }
            moved = true;
        }
        if !end.is_shut {
            let host = world.host(end.side);
            host.shutdown(socket, Shutdown::Write, now)
                .map_err(|errno| failed("shutdown", errno))?;
            end.is_shut = true;
            moved = true;
        }
        Ok(moved)
    }

    fn receive(
        plan: &Plan,
        end: &mut Endpoint,
        socket: SocketId,
        world: &mut World,
    ) -> Result<bool, Stall> {
        let other = if end.side == Side::Client {
            Side::Server
        } else {
            Side::Client
        };
        let now = world.now;
        let mut moved = false;
        let mut buffer = vec![0; plan.piece];
        while !end.saw_end {
            let incoming = Incoming {
                buffers: &mut [&mut buffer],
                ..Incoming::default()
            };
            match world.host(end.side).receive_message(socket, incoming, now) {
                Ok(received) if received.length == 0 => {
                    end.saw_end = true;
                    if end.received != end.to_receive {
                        let (got, all) = (end.received, end.to_receive);
                        return Err(Stall(format!(
                            "{:?} saw the end after {got} bytes of {all}",
                            end.side
                        )));
                    }
                }
                Ok(received) => {
                    for (at, got) in buffer[..received.length].iter().enumerate() {
                        if *got != byte(plan.port, other, end.received + at) {
                            let at = end.received + at;
                            return Err(Stall(format!(
                                "{:?} received a wrong byte at {at}",
                                end.side
                            )));
                        }
                    }
                    end.received += received.length;
                }
                Err(Errno::EAGAIN) => return Ok(moved),
                Err(errno) => return Err(failed("receive", errno)),
            }
            moved = true;
        }
        Ok(moved)
    }
}
