//! BBR.inflight_longterm (draft 5.5.10.2, 5.3.3.4): how much may be in flight before the path drops. Found when probing costs
//! too many losses, and raised again, slowly first, by probes that don't.
use super::bandwidth::Bandwidth;
use super::gains::{LOSS_THRESH, beta};
use super::probe_bw::AckPhase;
use super::{Bbr, Feedback, State};
use crate::send::losses::Loss;

/// IsInflightTooHigh(): more than BBR.LossThresh lost of what was in flight.
pub(super) fn is_too_much(lost: u32, in_flight: u32) -> bool {
    u64::from(lost) * u64::from(LOSS_THRESH) > u64::from(in_flight)
}

/// BBRInflightAtLoss(): the part of the flight at which losses exceeded BBR.LossThresh.
fn in_flight_at_loss(loss: &Loss) -> u32 {
    let in_flight = loss.in_flight.saturating_sub(loss.packets);
    let lost = loss.lost.saturating_sub(loss.packets);
    // (LossThresh * inflight_prev - lost_prev) / (1 - LossThresh)
    let room = (in_flight / LOSS_THRESH).saturating_sub(lost);
    let prefix = u64::from(room) * u64::from(LOSS_THRESH) / u64::from(LOSS_THRESH - 1);
    in_flight.saturating_add(u32::try_from(prefix).unwrap_or(u32::MAX))
}

impl Bbr {
    /// BBRHandleLostPacket()
    pub(super) fn handle_lost_packet(&mut self, loss: &Loss, feedback: &Feedback<'_>) {
        self.short_term.note_loss(feedback.delivered);
        if self.cycle.is_sampling && is_too_much(loss.lost, loss.in_flight) {
            let in_flight = in_flight_at_loss(loss);
            self.handle_too_high(in_flight, loss.is_app_limited, feedback);
        }
    }

    /// RFC 3168 6.1.2: a mark is answered as a loss. Once for each window, as it is told.
    pub(super) fn handle_mark(&mut self, feedback: &Feedback<'_>) {
        if feedback.is_marked && !self.saved.was_marked {
            self.short_term.note_loss(feedback.delivered);
            if self.cycle.is_sampling {
                let sample = feedback.sample;
                self.handle_too_high(sample.tx_in_flight, sample.is_app_limited, feedback);
            }
            self.full.count_mark();
        }
        self.saved.was_marked = feedback.is_marked;
    }

    /// BBRHandleInflightTooHigh(): once for each probe.
    fn handle_too_high(&mut self, in_flight: u32, is_app_limited: bool, feedback: &Feedback<'_>) {
        self.cycle.is_sampling = false;
        if !is_app_limited {
            self.long_term = Some(in_flight.max(beta(self.target())));
        }
        if self.state == State::ProbeBwUp {
            self.start_down(feedback);
        }
    }

    /// BBRAdaptLongTermModel()
    pub(super) fn adapt_long_term(&mut self, feedback: &Feedback<'_>) {
        let sample = feedback.sample;
        let is_start = self.round.is_start;
        if is_start && self.cycle.acks == AckPhase::ProbeStarting {
            self.cycle.acks = AckPhase::ProbeFeedback;
        }
        if is_start && self.cycle.acks == AckPhase::ProbeStopping {
            // One round after the probe its last samples are in.
            self.cycle.is_sampling = false;
            self.cycle.acks = AckPhase::Init;
            if self.state.is_probe_bw() && !sample.is_app_limited {
                self.max_bw.advance();
            }
        }
        if is_too_much(sample.lost, sample.tx_in_flight) {
            return;
        }
        let Some(bound) = self.long_term else {
            return;
        };
        self.long_term = Some(bound.max(sample.tx_in_flight));
        if self.state == State::ProbeBwUp {
            self.probe_upward(feedback);
        }
    }

    /// BBRProbeInflightLongtermUpward(): only a bound that is reached is worth raising.
    fn probe_upward(&mut self, feedback: &Feedback<'_>) {
        if let Some(bound) = self.long_term
            && feedback.is_window_limited
            && self.window >= bound
        {
            let more = self.cycle.grow(feedback.newly_acked);
            self.long_term = Some(bound.saturating_add(more));
            if self.round.is_start {
                self.cycle.raise_slope(self.window);
            }
        }
    }

    /// BBRIsTimeToGoDown()
    pub(super) fn is_time_to_go_down(&mut self, bw: Bandwidth, feedback: &Feedback<'_>) -> bool {
        let is_bounded = self.long_term.is_some_and(|bound| self.window >= bound);
        if feedback.is_window_limited && is_bounded {
            // The bound is what limits the rate: it is not the path's yet.
            self.full.restart(bw);
            return false;
        }
        self.full.is_now
    }
}
