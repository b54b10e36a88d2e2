//! LISTEN: "represents waiting for a connection request from any remote TCP peer and port".
//!
//! Listening sockets, their queues and their cookies are the host's; what a segment means to one is decided here.
use sockeye_wire::TcpFlags;

use crate::segment::reset_for;
use crate::{OutgoingSegment, Segment};

/// The LISTEN state, which knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listen;

/// What a listener does with a segment.
#[must_use]
#[derive(Debug)]
pub enum ListenAction {
    /// Nothing.
    Ignore,
    /// Send this.
    Reset(OutgoingSegment),
    /// A connection request: [`crate::Connection::accept`] makes a connection of it.
    Request,
}

impl Listen {
    /// RFC 9293 3.10.7.2
    pub fn receive(self, segment: &Segment) -> ListenAction {
        if segment.has(TcpFlags::RST) {
            return ListenAction::Ignore;
        }
        if segment.has(TcpFlags::ACK) {
            return reset_for(segment).map_or(ListenAction::Ignore, ListenAction::Reset);
        }
        // As Linux: a SYN with FIN is no request.
        if segment.has(TcpFlags::SYN) && !segment.has(TcpFlags::FIN) {
            return ListenAction::Request;
        }
        ListenAction::Ignore
    }
}
