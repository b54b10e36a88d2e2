//! One segment in flight.

use super::super::rate::Stamp;
use crate::{Instant, Seq};

pub(super) const SACKED: u8 = 1;
pub(super) const LOST: u8 = 2;
/// Retransmitted since it was last declared lost, and believed to be on its way.
pub(super) const RETRANSMITTED: u8 = 4;
/// Ever sent more than once: no round-trip sample (Karn).
pub(super) const AMBIGUOUS: u8 = 8;
/// A write ends with it (RFC 9293 3.9.1.2).
pub(super) const PUSHED: u8 = 16;

/// One segment in flight. What is known of one transmission belongs here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) start: Seq,
    pub(crate) end: Seq,
    /// Of the last transmission.
    pub(crate) time: Instant,
    pub(crate) stamp: Stamp,
    pub(super) packets: u16,
    pub(super) flags: u8,
    /// The last sequence number is the FIN. (A `bool` rather than a flag: its spare values make `Option` free.)
    pub(super) fin: bool,
}

impl Sent {
    pub(crate) fn has_fin(&self) -> bool {
        self.fin
    }

    pub(crate) fn ends_a_write(&self) -> bool {
        self.is(PUSHED)
    }

    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn count(&self) -> u32 {
        u32::from(self.packets)
    }

    /// Lost, and not sent again since.
    pub(super) fn is_due(&self) -> bool {
        self.flags & (SACKED | LOST | RETRANSMITTED) == LOST
    }

    /// True if this transmission of it is neither in nor lost.
    pub(in crate::send) fn is_watched(&self, time: Instant) -> bool {
        self.time == time && !self.is(SACKED) && !self.is_due()
    }

    /// The same of what was sent once.
    pub(in crate::send) fn is_watched_once(&self) -> bool {
        !self.is(SACKED | AMBIGUOUS) && !self.is_due()
    }

    /// How long the longest of its packets may have been: all but the last are of one length, and the last is no longer.
    /// (Which length that was is not remembered.)
    pub(super) fn longest(&self) -> u32 {
        match self.count() {
            0 | 1 => self.data(),
            count => self.data().saturating_sub(1) / (count - 1),
        }
    }

    /// Bytes of data.
    pub(crate) fn data(&self) -> u32 {
        self.end.since(self.start) - u32::from(self.fin)
    }
}
