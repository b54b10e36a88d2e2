//! BBR.extra_acked (draft 5.5.9): how much more than expected is acknowledged at once. So much more may be in flight, or the
//! sender would fall silent between two heaps of acknowledgments.
use super::bandwidth::Bandwidth;
use super::filter::MaxFilter;
use super::{Bbr, Feedback};
use crate::Instant;

/// BBRExtraAckedFilterLen, in rounds; in Startup only the last one counts.
const FILTER: u32 = 10;

/// The excess of the interval under way, and the largest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aggregation {
    start: Instant,
    delivered: u32,
    most: MaxFilter,
}

impl Aggregation {
    pub(super) fn get(&self) -> u32 {
        self.most.get()
    }

    pub(super) fn restart(&mut self, now: Instant) {
        self.start = now;
        self.delivered = 0;
    }

    fn excess(&mut self, bw: Bandwidth, newly_acked: u32, now: Instant) -> u32 {
        let interval = u64::try_from((now - self.start).as_micros()).unwrap_or(u64::MAX);
        let mut expected = bw.packets(interval);
        if self.delivered <= expected {
            self.restart(now);
            expected = 0;
        }
        self.delivered = self.delivered.saturating_add(newly_acked);
        self.delivered.saturating_sub(expected)
    }
}

impl Bbr {
    /// BBRUpdateACKAggregation()
    pub(super) fn update_aggregation(&mut self, feedback: &Feedback<'_>) {
        let extra = self
            .extra_acked
            .excess(self.bw, feedback.newly_acked, feedback.now)
            .min(self.window);
        let length = if self.full.was_reached { FILTER } else { 1 };
        self.extra_acked
            .most
            .update(extra, self.round.count, length);
    }
}
