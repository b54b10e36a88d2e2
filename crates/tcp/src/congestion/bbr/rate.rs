//! BBR.max_bw (draft 5.5.2): the highest rate delivered in this cycle of probing and the one before.
use super::bandwidth::Bandwidth;
use super::{Bbr, Feedback};

/// BBR.max_bw_filter: the last two cycles.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxBandwidth {
    before: Bandwidth,
    now: Bandwidth,
}

impl MaxBandwidth {
    pub(super) fn get(&self) -> Bandwidth {
        self.before.max(self.now)
    }

    /// BBRAdvanceMaxBwFilter(); a cycle without a sample forgets nothing.
    pub(super) fn advance(&mut self) {
        if self.now > Bandwidth::ZERO {
            self.before = self.now;
            self.now = Bandwidth::ZERO;
        }
    }
}

impl Bbr {
    /// BBRUpdateMaxBw(): what the application limited counts only if it is higher all the same.
    pub(super) fn update_max_bw(&mut self, bw: Bandwidth, feedback: &Feedback<'_>) {
        self.round
            .update(feedback.sample.prior_delivered, feedback.delivered);
        if self.round.is_start {
            self.cycle.count_round();
        }
        if bw > Bandwidth::ZERO && (bw >= self.max_bw.get() || !feedback.sample.is_app_limited) {
            self.max_bw.now = self.max_bw.now.max(bw);
        }
    }
}
