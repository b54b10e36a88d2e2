//! The short-term model (draft 5.5.10.3): while it does not probe, BBR answers losses and marks by going down to what the
//! path delivered in the last round, by three tenths at most.
use super::bandwidth::Bandwidth;
use super::gains::{BETA_GAIN, beta};
use super::round::has_reached;
use super::{Bbr, Feedback};

/// Bounds of what congestion allows for now, and the signals they come from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShortTerm {
    /// BBR.bw_shortterm
    pub(super) bw: Option<Bandwidth>,
    /// BBR.inflight_shortterm
    pub(super) in_flight: Option<u32>,
    /// BBR.bw_latest
    bw_latest: Bandwidth,
    /// BBR.inflight_latest
    pub(super) latest: u32,
    /// BBR.loss_round_delivered
    round_end: u32,
    /// BBR.loss_round_start
    pub(super) is_round_start: bool,
    /// BBR.loss_in_round; marks are taken as losses.
    pub(super) loss_in_round: bool,
    /// Acknowledgments of the round that told of losses.
    pub(super) events_in_round: u8,
}

impl ShortTerm {
    /// BBRUpdateLatestDeliverySignals()
    pub(super) fn update_latest(&mut self, bw: Bandwidth, feedback: &Feedback<'_>) {
        self.bw_latest = self.bw_latest.max(bw);
        self.latest = self.latest.max(feedback.sample.delivered);
        self.is_round_start = has_reached(feedback.sample.prior_delivered, self.round_end);
        if self.is_round_start {
            self.round_end = feedback.delivered;
        }
    }

    /// BBRAdvanceLatestDeliverySignals()
    pub(super) fn advance_latest(&mut self, bw: Bandwidth, feedback: &Feedback<'_>) {
        if self.is_round_start {
            self.bw_latest = bw;
            self.latest = feedback.sample.delivered;
        }
    }

    /// BBRNoteLoss()
    pub(super) fn note_loss(&mut self, delivered: u32) {
        if !self.loss_in_round {
            self.round_end = delivered;
        }
        self.loss_in_round = true;
    }

    /// BBRResetCongestionSignals()
    pub(super) fn reset_signals(&mut self) {
        self.loss_in_round = false;
        self.bw_latest = Bandwidth::ZERO;
        self.latest = 0;
    }

    /// BBRResetShortTermModel()
    pub(super) fn reset(&mut self) {
        self.bw = None;
        self.in_flight = None;
    }

    /// BBRBoundBWForModel()
    pub(super) fn bound(&self, max_bw: Bandwidth) -> Bandwidth {
        self.bw.map_or(max_bw, |bw| bw.min(max_bw))
    }
}

impl Bbr {
    /// BBRUpdateCongestionSignals()
    pub(super) fn update_congestion_signals(&mut self, bw: Bandwidth, feedback: &Feedback<'_>) {
        self.update_max_bw(bw, feedback);
        if !self.short_term.is_round_start {
            return;
        }
        // BBRAdaptLowerBoundsFromCongestion()
        if self.short_term.loss_in_round && !self.state.is_accelerating() {
            let max_bw = self.max_bw.get();
            let short = &mut self.short_term;
            let bw = short.bw.unwrap_or(max_bw).times(BETA_GAIN);
            let in_flight = beta(short.in_flight.unwrap_or(self.window));
            short.bw = Some(bw.max(short.bw_latest));
            short.in_flight = Some(in_flight.max(short.latest));
        }
        self.short_term.loss_in_round = false;
    }
}
