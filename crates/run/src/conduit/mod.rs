//! A conduit: one socket of the program as the supervisor sees it.
//!
//! The program holds a real kernel file, an AF_UNIX socket, for the socket's whole life; the supervisor holds at most
//! the far end of it. The state says which. What the states look like to the program's `poll` is in each one's
//! documentation; together they are what a TCP socket shows.

mod connecting;
mod datagram;
mod joined;
mod listening;
mod relay;
mod table;
mod zero_copy;

use std::time::Duration;

use sockeye_core::SocketId;

pub(crate) use connecting::Connecting;
pub(crate) use datagram::{Datagram, PendingDatagram};
pub(crate) use joined::Joined;
pub(crate) use listening::{Arrival, Listening};
pub(crate) use relay::{Far, Relay};
pub(crate) use table::Conduits;

use crate::names::Serial;
use zero_copy::ZeroCopies;

/// Who made a socket, for `ss` and for captures, and where a duplicate of its file may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pid: i32,
    pub(crate) fd: i32,
}

impl Owner {
    /// Of what no program has made.
    pub(crate) const NOBODY: Owner = Owner { pid: 0, fd: -1 };

    /// The program's name, as in `/proc/PID/comm`; `None` if the process is gone.
    pub(crate) fn program(self) -> Option<String> {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", self.pid)).ok()?;
        Some(name.trim_end().to_owned())
    }
}

/// One socket of the program.
#[derive(Debug)]
pub(crate) struct Conduit {
    pub(crate) socket: SocketId,
    /// `AF_INET` or `AF_INET6`.
    pub(crate) domain: u16,
    pub(crate) owner: Owner,
    /// `SO_COOKIE` of the program's file; zero while a connection waits to be accepted.
    pub(crate) cookie: u64,
    /// The abstract name the program's file is bound to, once it is.
    pub(crate) name: Option<Serial>,
    pub(crate) state: State,
    /// Threads whose call waits for something to happen here.
    pub(crate) waiting: Vec<i32>,
    /// `SO_RCVTIMEO` and `SO_SNDTIMEO`, for the calls that wait in the supervisor.
    pub(crate) receive_timeout: Option<Duration>,
    pub(crate) send_timeout: Option<Duration>,
    /// A connect that succeeded has not been told yet: the next one answers 0 rather than EISCONN.
    pub(crate) untold: bool,
    /// The program has shut down its sending side.
    pub(crate) program_shut: bool,
    /// What was sent with `MSG_ZEROCOPY`.
    pub(crate) zero_copies: ZeroCopies,
}

/// Where a conduit stands.
#[derive(Debug)]
pub(crate) enum State {
    /// An unconnected stream: polls OUT and HUP. We hold nothing.
    Fresh,
    /// Polls nothing until the connection stands.
    Connecting(Connecting),
    /// Bytes go through the supervisor.
    Relay(Box<Relay>),
    /// The program's two ends are one kernel pair. We hold nothing.
    Joined(Joined),
    /// Polls IN for each connection that can be accepted.
    Listening(Listening),
    /// The connect failed: polls IN, OUT, ERR, HUP and RDHUP. We hold nothing.
    Failed,
    /// UDP, ICMP echo and raw sockets.
    Datagram(Box<Datagram>),
}

impl Conduit {
    /// The conduit of a socket just made, whose file the caller has or will have.
    pub(crate) fn new(socket: SocketId, domain: u16, owner: Owner, state: State) -> Conduit {
        Conduit {
            socket,
            domain,
            owner,
            cookie: 0,
            zero_copies: ZeroCopies::default(),
            name: None,
            state,
            waiting: Vec::new(),
            receive_timeout: None,
            send_timeout: None,
            untold: false,
            program_shut: false,
        }
    }

    /// Whether the supervisor holds no end of it, so that only a census tells its close.
    pub(crate) fn needs_census(&self) -> bool {
        match &self.state {
            State::Fresh
            | State::Joined(_)
            | State::Listening(_)
            | State::Failed
            | State::Datagram(_) => true,
            State::Connecting(_) | State::Relay(_) => false,
        }
    }
}
