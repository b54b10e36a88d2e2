//! What few senders have: of losses, of a path that is short, of a pace, of a peer that takes nothing. Where all goes well
//! there is none of it.
use alloc::boxed::Box;
use core::time::Duration;

use super::Sender;
use super::pacing::Pacing;
use super::path::PathSearch;
use super::recovery::Recovery;
use crate::connection::fast_open::{Attempt, FastOpenState};
use crate::lazy::{Lazy, Resting};
use crate::state::FirstSent;
use crate::time::Millis;
use crate::{Instant, Seq};

/// To the others it costs a word.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// SND.UP: behind the urgent byte, if there is one not yet acknowledged.
    pub(crate) urgent: Option<Seq>,
    /// What is remembered of losses.
    pub(crate) recovery: Option<Box<Recovery>>,
    pub(crate) pacing: Option<Pacing>,
    /// What is known of a path that carries less than both ends do.
    pub(crate) path: Option<Box<PathSearch>>,
    /// Since when nothing gets through: when what timed out was sent, or the first of the probes in a row.
    pub(crate) stalled_since: FirstSent,
    /// When an invalid segment was answered last.
    pub(crate) last_challenge: Option<Millis>,
    /// How long the peer's window and the send buffer held the sender back, in ms.
    pub(crate) window_time: u32,
    pub(crate) buffer_time: u32,
    pub(crate) bytes_retransmitted: u64,
    pub(crate) retransmitted: u32,
    /// Packets that D-SACKs told of.
    pub(crate) dsacks: u32,
    /// Packets that acknowledgments with ECE told of (RFC 3168 6.1.3).
    pub(crate) delivered_ce: u32,
    pub(crate) timeouts: u16,
    /// How many of them may have been the path's fault. (Never more: it needs no look of its own to rest.)
    pub(crate) rehashes: u16,
    /// Fast Open's attempt of a SYN that is out, or waits for its data (RFC 7413).
    pub(crate) attempt: Option<Box<Attempt>>,
}

impl Rare {
    const NOTHING: Rare = Rare {
        urgent: None,
        recovery: None,
        pacing: None,
        path: None,
        stalled_since: FirstSent::NOT_YET,
        last_challenge: None,
        window_time: 0,
        buffer_time: 0,
        bytes_retransmitted: 0,
        retransmitted: 0,
        dsacks: 0,
        delivered_ce: 0,
        timeouts: 0,
        rehashes: 0,
        attempt: None,
    };

    /// There is nothing to remember. (Since when nothing gets through is known anew when nothing does again.)
    fn is_over(&self) -> bool {
        self.urgent.is_none()
            && self.recovery.is_none()
            && self.pacing.is_none()
            && self.path.is_none()
            && self.last_challenge.is_none()
            && self.window_time == 0
            && self.buffer_time == 0
            && self.retransmitted == 0
            && self.dsacks == 0
            && self.delivered_ce == 0
            && self.timeouts == 0
            && self.attempt.is_none()
    }

    /// Of a connection of which no more is known than this of its path.
    pub(crate) fn of_path(path: Option<Box<PathSearch>>) -> Lazy<Rare> {
        let mut rare = Lazy::RESTING;
        if path.is_some() {
            *rare = Rare {
                path,
                ..Rare::NOTHING
            };
        }
        rare
    }

    pub(crate) fn recovery_mut(&mut self) -> Option<&mut Recovery> {
        self.recovery.as_deref_mut()
    }

    /// Heap memory owned, in bytes.
    pub(crate) fn heap(&self) -> usize {
        let recovery = self.recovery.as_ref();
        let path = self.path.as_ref();
        let attempt = self.attempt.as_ref();
        recovery.map_or(0, |recovery| size_of_val(&**recovery))
            + path.map_or(0, |path| size_of_val(&**path))
            + attempt.map_or(0, |attempt| size_of_val(&**attempt))
    }
}

impl Resting for Rare {
    fn resting() -> &'static Rare {
        static NOTHING: Rare = Rare::NOTHING;
        &NOTHING
    }
}

impl Sender {
    /// What is remembered of losses, if there is anything.
    pub(crate) fn known_recovery(&mut self) -> Option<&mut Recovery> {
        self.rare.existing()?.recovery_mut()
    }

    /// How long nothing has got through.
    pub(crate) fn stalled(&self, now: Instant) -> Duration {
        let since = self.rare.stalled_since.get();
        since.map_or(Duration::ZERO, |since| now - since)
    }

    /// Gives the memory back if there is nothing to remember. A SYN-ACK that is out counts from `stalled_since`.
    pub(crate) fn rest_rare(&mut self) {
        if !self.rare.is_at_rest()
            && !self.fast_open.contains(FastOpenState::UNCONFIRMED)
            && self.rare.is_over()
        {
            self.rare.rest();
        }
    }
}
