//! How often and how long timeouts held a connection up: `tcpi_total_rto_recoveries`, `tcpi_total_rto_time`
//! (`tcp_update_rto_stats`, `tcp_update_rto_time`).
use core::time::Duration;

use super::{Phase, Sender};
use crate::Instant;

/// Times of trouble, each from its first timeout to the end of the recovery from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeouts {
    times: u16,
    total: Duration,
    since: Option<Instant>,
}

impl Timeouts {
    pub(super) fn is_empty(&self) -> bool {
        self.times == 0
    }

    /// How many, and how long in all.
    fn told(&self, now: Instant) -> (u16, Duration) {
        let running = self.since.map_or(Duration::ZERO, |since| now - since);
        (self.times, self.total + running)
    }
}

impl Sender {
    /// A timeout comes. Others in a row belong to the first.
    pub(super) fn note_timeout(&mut self, now: Instant) {
        if self.retransmits == 0 {
            let timeouts = &mut self.recovery().timeouts;
            timeouts.times = timeouts.times.saturating_add(1);
            timeouts.since = Some(now);
        }
    }

    /// An acknowledgment was taken: is the trouble over?
    pub(super) fn settle_timeouts(&mut self, now: Instant) {
        if self.phase == Phase::Loss {
            return;
        }
        if let Some(recovery) = self.known_recovery()
            && let Some(since) = recovery.timeouts.since.take()
        {
            recovery.timeouts.total += now - since;
        }
    }

    /// What `TCP_INFO` tells of them.
    pub(crate) fn timeouts(&self, now: Instant) -> (u16, Duration) {
        let recovery = self.rare.recovery.as_ref();
        recovery.map_or((0, Duration::ZERO), |recovery| recovery.timeouts.told(now))
    }
}
