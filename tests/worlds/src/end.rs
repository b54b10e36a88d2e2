//! One end of a flow: a program with its socket.

use sockeye_core::{
    Errno, Host, Incoming, Instant, MessageFlags, Outgoing, Queued, Readiness, Shutdown, SocketId,
};

use crate::plan::{Habits, Leave, Plan};
use crate::random::mix;
use crate::{Side, Stall, World};

/// Where the program is.
#[derive(Debug)]
pub(crate) struct Endpoint {
    side: Side,
    habits: Habits,
    pub(crate) socket: Option<SocketId>,
    to_send: usize,
    sent: usize,
    to_receive: usize,
    received: usize,
    sends: usize,
    is_shut: bool,
    saw_end: bool,
    pub(crate) is_closed: bool,
    /// It has left before its time, or an error that is none of its own ended it.
    pub(crate) has_left: bool,
    /// Where the next rest begins, and until when it is.
    rest_at: usize,
    rests_until: Option<Instant>,
}

/// What an end may take from its peer and the wire without being wrong.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    /// The connection may end with an error.
    pub(crate) errors: bool,
    /// The stream may end early.
    pub(crate) early_end: bool,
    /// Nothing is closed before the peer, who rests, has taken it.
    pub(crate) waits_for_peer: bool,
}

/// The byte at an offset of what one side sends.
fn byte(port: u16, side: Side, offset: usize) -> u8 {
    let place = u64::try_from(offset).unwrap_or(0);
    let salt = if side == Side::Client { 1 } else { 2 };
    mix(place ^ (u64::from(port) << 40) ^ (salt << 60)).to_le_bytes()[0]
}

pub(crate) fn failed(what: &str, errno: Errno) -> Stall {
    Stall(format!("{what}: {errno:?}"))
}

/// Sets the options of a habit.
pub(crate) fn set_options(
    world: &mut World,
    side: Side,
    socket: SocketId,
    habits: &Habits,
) -> Result<(), Stall> {
    let now = world.now;
    for option in &habits.options {
        let (level, name) = (option.level, option.name);
        world
            .host(side)
            .set_option(socket, level, name, &option.value, now)
            .map_err(|errno| failed(&format!("setsockopt {level} {name}"), errno))?;
    }
    Ok(())
}

impl Endpoint {
    pub(crate) fn new(side: Side, plan: &Plan) -> Self {
        let (habits, to_send, to_receive) = match side {
            Side::Client => (plan.client.clone(), plan.request, plan.response),
            Side::Server => (plan.server.clone(), plan.response, plan.request),
        };
        Self {
            side,
            rest_at: habits.rest.map_or(usize::MAX, |rest| rest.every),
            habits,
            socket: None,
            to_send,
            sent: 0,
            sends: 0,
            to_receive,
            received: 0,
            is_shut: false,
            saw_end: false,
            is_closed: false,
            has_left: false,
            rests_until: None,
        }
    }

    /// How it may be that its peer ends without having seen everything.
    pub(crate) fn may_end_early(&self) -> bool {
        self.has_left
            && (self.is_shut
                || self
                    .habits
                    .leaves
                    .is_none_or(|(_, how)| how == Leave::Close))
    }

    /// When its rest is over.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.socket.and(self.rests_until)
    }

    pub(crate) fn has_rests(&self) -> bool {
        self.habits.rest.is_some()
    }

    /// Does what can be done now. Says whether it was something.
    pub(crate) fn serve(
        &mut self,
        plan: &Plan,
        allowed: Allowance,
        world: &mut World,
    ) -> Result<bool, Stall> {
        let Some(socket) = self.socket else {
            return Ok(false);
        };
        match self.work(plan, allowed, socket, world) {
            Ok(moved) => Ok(moved
                | self.leave_early(socket, world)?
                | self.leave(allowed, socket, world)?),
            Err(Failure::Errno(_, errno)) if allowed.errors && is_an_end(errno) => {
                self.has_left = true;
                self.close(socket, world)?;
                Ok(true)
            }
            Err(Failure::Errno(what, errno)) => {
                Err(failed(&format!("{:?}: {what}", self.side), errno))
            }
            Err(Failure::Wrong(what)) => Err(Stall(format!("{:?} {what}", self.side))),
        }
    }

    fn work(
        &mut self,
        plan: &Plan,
        allowed: Allowance,
        socket: SocketId,
        world: &mut World,
    ) -> Result<bool, Failure> {
        let mut moved = false;
        if self.rests_until.is_some_and(|until| until <= world.now) {
            self.rests_until = None;
            moved = true;
        }
        let readiness = world.host(self.side).readiness(socket);
        let has_input = readiness.intersects(Readiness::IN | Readiness::ERR | Readiness::HUP);
        if has_input && self.rests_until.is_none() {
            moved |= self.receive(plan, allowed, socket, world)?;
        }
        let may_send = self.side == Side::Client || !plan.in_turns || self.saw_end;
        if readiness.contains(Readiness::OUT) && may_send {
            moved |= self.send(plan, socket, world)?;
        }
        Ok(moved)
    }

    /// Leaves before its time, if that has come.
    fn leave_early(&mut self, socket: SocketId, world: &mut World) -> Result<bool, Stall> {
        let Some((after, how)) = self.habits.leaves else {
            return Ok(false);
        };
        // Who has nothing yet knows of no connection.
        if self.sent.max(self.received) < after.max(1) {
            return Ok(false);
        }
        if how == Leave::Reset {
            let linger = [1_i32.to_ne_bytes(), 0_i32.to_ne_bytes()].concat();
            let now = world.now;
            world
                .host(self.side)
                .set_option(socket, 1, 13, &linger, now)
                .map_err(|errno| failed("SO_LINGER", errno))?;
        }
        self.has_left = true;
        self.close(socket, world)?;
        Ok(true)
    }

    /// Leaves when all is done.
    fn leave(
        &mut self,
        allowed: Allowance,
        socket: SocketId,
        world: &mut World,
    ) -> Result<bool, Stall> {
        if self.is_closed || !self.saw_end || !self.is_shut {
            return Ok(false);
        }
        let left = world
            .host(self.side)
            .queued(socket, Queued::Unsent)
            .map_err(|errno| failed("SIOCOUTQ", errno))?;
        // An orphan's patience is short: data that is still on its way would be lost on a bad wire, or if the peer rests.
        if left > 1 || (allowed.waits_for_peer && left > 0) {
            return Ok(false);
        }
        self.close(socket, world)?;
        Ok(true)
    }

    fn close(&mut self, socket: SocketId, world: &mut World) -> Result<(), Stall> {
        let now = world.now;
        world
            .host(self.side)
            .close(socket, now)
            .map_err(|errno| failed("close", errno))?;
        self.socket = None;
        self.is_closed = true;
        Ok(())
    }

    fn send(&mut self, plan: &Plan, socket: SocketId, world: &mut World) -> Result<bool, Failure> {
        let mut moved = false;
        let now = world.now;
        while self.sent < self.to_send {
            let length = plan.piece.min(self.to_send - self.sent);
            let data: Vec<u8> = (self.sent..self.sent + length)
                .map(|at| byte(plan.port, self.side, at))
                .collect();
            let every = self.habits.urgent;
            let is_urgent = every.is_some_and(|every| self.sends.is_multiple_of(every.max(1)));
            let urgent = match is_urgent {
                true => MessageFlags::OOB,
                false => MessageFlags::empty(),
            };
            self.sends += 1;
            let outgoing = Outgoing {
                data: &[&data],
                flags: MessageFlags::NOSIGNAL | urgent,
                ..Outgoing::default()
            };
            match world.host(self.side).send_message(socket, outgoing, now) {
                Ok(sent) if sent > 0 && sent <= length => self.sent += sent,
                Ok(sent) => {
                    let what = format!("was told {sent} for a send of {length} bytes");
                    return Err(Failure::Wrong(what));
                }
                Err(Errno::EAGAIN) => return Ok(moved),
                Err(errno) => return Err(Failure::Errno("send", errno)),
            }
            moved = true;
        }
        let host = world.host(self.side);
        // With Fast Open the SYN leaves with the first data, and `shutdown` would end the attempt.
        if !self.is_shut && !is_connecting(host, socket, now)? {
            host.shutdown(socket, Shutdown::Write, now)
                .map_err(|errno| Failure::Errno("shutdown", errno))?;
            self.is_shut = true;
            moved = true;
        }
        Ok(moved)
    }

    fn receive(
        &mut self,
        plan: &Plan,
        allowed: Allowance,
        socket: SocketId,
        world: &mut World,
    ) -> Result<bool, Failure> {
        let now = world.now;
        let mut moved = false;
        let mut buffer = vec![0; plan.piece];
        while !self.saw_end {
            if let Some(rest) = self.habits.rest
                && self.received >= self.rest_at
            {
                self.rest_at = self.received + rest.every;
                self.rests_until = Some(now + rest.length);
                return Ok(moved);
            }
            let incoming = Incoming {
                buffers: &mut [&mut buffer],
                ..Incoming::default()
            };
            match world.host(self.side).receive_message(socket, incoming, now) {
                Ok(received) if received.length == 0 => {
                    self.saw_end = true;
                    if self.received != self.to_receive && !allowed.early_end {
                        let (got, all) = (self.received, self.to_receive);
                        let what = format!("saw the end after {got} bytes of {all}");
                        return Err(Failure::Wrong(what));
                    }
                }
                Ok(received) => self.check(plan, buffer.get(..received.length).unwrap_or(&[]))?,
                Err(Errno::EAGAIN) => return Ok(moved),
                Err(errno) => return Err(Failure::Errno("receive", errno)),
            }
            moved = true;
        }
        Ok(moved)
    }

    /// Every byte once and in order.
    fn check(&mut self, plan: &Plan, data: &[u8]) -> Result<(), Failure> {
        let peer = self.side.other();
        for (at, got) in data.iter().enumerate() {
            if *got != byte(plan.port, peer, self.received + at) {
                let at = self.received + at;
                return Err(Failure::Wrong(format!("received a wrong byte at {at}")));
            }
        }
        self.received += data.len();
        if self.received > self.to_receive {
            return Err(Failure::Wrong("received more than was sent".to_owned()));
        }
        Ok(())
    }
}

/// `tcpi_state` is SYN-SENT.
fn is_connecting(host: &mut Host, socket: SocketId, now: Instant) -> Result<bool, Failure> {
    let info = host.get_option(socket, 6, 11, 1, now);
    let info = info.map_err(|errno| Failure::Errno("TCP_INFO", errno))?;
    Ok(info.first() == Some(&2))
}

enum Failure {
    Errno(&'static str, Errno),
    Wrong(String),
}

/// Whether a connection that was left, or cut, may end so.
fn is_an_end(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ECONNRESET
            | Errno::EPIPE
            | Errno::ETIMEDOUT
            | Errno::ENOTCONN
            // With Fast Open a server can leave before the client knows of a connection.
            | Errno::ECONNREFUSED
            // What the router said before it was given up.
            | Errno::EHOSTUNREACH
    )
}
