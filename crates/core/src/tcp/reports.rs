//! The error queue of a stream: what ICMP said of attempts to connect, when what was written went and arrived, and which sends
//! without a copy are done with.
//!
//! Few sockets have one, and only as long as there is something in it or on its way.

use sockeye_tcp::{Connection, OutgoingSegment, Seq};

use super::stamps::{Recipient, Stamps};
use super::zero_copy::ZeroCopies;
use crate::ids::InterfaceId;
use crate::ip::output::Kept;
use crate::message::{Incoming, Received};
use crate::options::SharedOptions;
use crate::socket::datagrams::{DatagramQueues, QueuedError};
use crate::{Errno, Instant};

/// From the first byte of a segment to behind its last.
pub(super) fn range(segment: &OutgoingSegment) -> (Seq, Seq) {
    let segment = &segment.segment;
    (segment.sequence, segment.sequence + segment.payload.len())
}

#[derive(Debug, Default)]
pub(super) struct Reports {
    pub(super) queue: DatagramQueues,
    pub(super) stamps: Stamps,
    pub(super) copies: ZeroCopies,
    /// What is left of the time to live of the last packet that came.
    pub(super) hops: Option<u8>,
}

impl Reports {
    pub(super) fn has_error(&self) -> bool {
        self.queue.has_error()
    }

    pub(super) fn push(&mut self, queued: QueuedError, options: &SharedOptions) {
        self.queue.push_error(queued, options);
    }

    /// `MSG_ERRQUEUE`
    pub(super) fn receive(
        &mut self,
        message: &mut Incoming<'_, '_>,
        pending: &mut Option<Errno>,
    ) -> Result<Received, Errno> {
        self.queue.receive_error(message, pending)
    }

    /// A segment is about to go: whether that is to be told.
    pub(super) fn departs(
        &mut self,
        segment: &OutgoingSegment,
        options: &SharedOptions,
        now: Instant,
    ) -> bool {
        self.stamps.departs(segment, options, now)
    }

    /// The segment has gone in this packet, if that was kept.
    pub(super) fn departed(
        &mut self,
        bytes: (Seq, Seq),
        connection: &Connection,
        (kept, interface): (Kept, InterfaceId),
        to: Recipient<'_>,
    ) {
        let packet = match &kept {
            Kept::Frame(frame) => Some((&**frame, interface)),
            Kept::Nothing | Kept::Wanted => None,
        };
        self.stamps
            .departed(bytes, connection, packet, to, &mut self.queue);
    }

    /// There is nothing to keep it for.
    pub(super) fn is_idle(&self) -> bool {
        !self.has_error() && self.stamps.is_idle() && self.copies.is_idle()
    }

    /// The connection may have come further; whether there is news in the queue.
    pub(super) fn follow(&mut self, connection: &Connection, mut to: Recipient<'_>) -> bool {
        to.hops = self.hops;
        let is_stamped = self.stamps.acknowledged(connection, to, &mut self.queue);
        let is_done = self.copies.settle(connection, to.domain, &mut self.queue);
        is_stamped | is_done
    }
}
