//! ESTABLISHED, through the supervisor: our end of the program's file on one side, a socket of the host or of the
//! machine on the other.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use sockeye_wire::Payload;

use crate::names::Serial;

/// What is at the far side of a relay.
#[derive(Debug)]
pub(crate) enum Far {
    /// The conduit's own socket on the host: Sockeye's TCP.
    Host,
    /// A connection of the machine that came in through a published port.
    Published(OwnedFd),
}

/// The two directions of a connection.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Our end of the program's file.
    pub(crate) end: OwnedFd,
    pub(crate) far: Far,
    /// Read from the program and not yet taken by the far side.
    pub(crate) outbound: Bytes,
    /// The most that `outbound` is to hold.
    pub(crate) read_bound: usize,
    /// How many bytes were written to the program.
    pub(crate) written: u64,
    /// Taken from the far side and not yet written to the program.
    pub(crate) inbound: Payload,
    /// Edge-triggered: what epoll said last and no call has contradicted.
    pub(crate) end_readable: bool,
    pub(crate) end_writable: bool,
    /// Epoll tells when there is room at the program's file.
    pub(crate) watches_room: bool,
    pub(crate) far_readable: bool,
    pub(crate) far_writable: bool,
    /// The next read of the program's file may begin at an urgent byte.
    pub(crate) end_marked: bool,
    /// The byte in `outbound` or `inbound` is urgent.
    pub(crate) outbound_urgent: bool,
    pub(crate) inbound_urgent: bool,
    /// Epoll said HUP: closed, or both directions shut.
    pub(crate) hung_up: bool,
    /// Epoll said RDHUP: an end of file is behind the data.
    pub(crate) ending: bool,
    /// The program sends no more, and the far side has been told.
    pub(crate) outbound_ended: bool,
    /// The far side sends no more, and the program has been told.
    pub(crate) inbound_ended: bool,
    /// The end is no program's file but a connection of the machine, whose client the host's socket stands in for.
    pub(crate) stands_in: bool,
    /// The name our end is bound to while it waits to be accepted.
    pub(crate) name: Option<Serial>,
}

impl Relay {
    /// What epoll will say is not waited for: there may be something to read, and it may begin at an urgent byte, which
    /// an ordinary read would drop.
    pub(crate) fn look_again(&mut self) {
        self.end_readable = true;
        self.end_marked = true;
    }

    pub(crate) fn new(end: OwnedFd, far: Far, read_bound: usize) -> Relay {
        Relay {
            end,
            far,
            outbound: Bytes::new(),
            read_bound,
            written: 0,
            inbound: Payload::new(),
            end_readable: true,
            end_writable: true,
            watches_room: false,
            far_readable: true,
            far_writable: true,
            end_marked: true,
            outbound_urgent: false,
            inbound_urgent: false,
            hung_up: false,
            ending: false,
            outbound_ended: false,
            inbound_ended: false,
            stands_in: false,
            name: None,
        }
    }
}
