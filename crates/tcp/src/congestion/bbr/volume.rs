//! How much may be in flight (draft 5.6.4).
use super::bandwidth::Bandwidth;
use super::gains::{Gains, MIN_PIPE, ONE, without_headroom};
use super::{Bbr, Feedback, State};

impl Bbr {
    /// BBRBDPMultiple(); without a round trip there is no saying.
    fn bdp(&self, bw: Bandwidth, gain: u32) -> Option<u32> {
        Some(bw.volume(self.min_rtt.micros()?, gain))
    }

    /// BBRTargetInflight(): what the path holds, unless congestion has cut the window.
    pub(super) fn target(&self) -> u32 {
        self.bdp(self.bw, ONE)
            .map_or(self.window, |bdp| bdp.min(self.window))
    }

    /// BBRQuantizationBudget(): room for the bursts in which hosts send and acknowledge.
    fn quantized(&self, volume: u32) -> u32 {
        let volume = volume.max(self.offload_budget).max(MIN_PIPE);
        if self.state == State::ProbeBwUp {
            volume.saturating_add(2)
        } else {
            volume
        }
    }

    /// BBRInflight()
    pub(super) fn in_flight(&self, bw: Bandwidth, gain: u32) -> u32 {
        self.quantized(self.bdp(bw, gain).unwrap_or(self.window))
    }

    /// BBRProbeRTTCwnd()
    pub(super) fn probe_rtt_window(&self) -> u32 {
        let half = self.bdp(self.bw, Gains::PROBE_RTT.window);
        half.unwrap_or(MIN_PIPE).max(MIN_PIPE)
    }

    /// BBRSetCwnd(): up by what was acknowledged, down at once.
    pub(super) fn set_window(&mut self, feedback: &Feedback<'_>) {
        if feedback.newly_acked > 0 {
            // BBRUpdateMaxInflight()
            let bdp = self.bdp(self.bw, self.gains.window);
            let volume = bdp.unwrap_or(feedback.initial_window);
            let most = self.quantized(volume.saturating_add(self.extra_acked.get()));
            let grown = self.window.saturating_add(feedback.newly_acked);
            if self.full.was_reached {
                self.window = grown.min(most);
            } else if self.window < most || feedback.delivered < feedback.initial_window {
                self.window = grown;
            }
            self.window = self.window.max(MIN_PIPE);
        }
        if self.state == State::ProbeRtt {
            self.window = self.window.min(self.probe_rtt_window());
        }
        self.bound_window();
    }

    /// BBRBoundCwndForModel()
    fn bound_window(&mut self) {
        let long_term = match self.state {
            State::ProbeRtt | State::ProbeBwCruise => self.long_term.map(without_headroom),
            State::ProbeBwDown | State::ProbeBwRefill | State::ProbeBwUp => self.long_term,
            State::Startup | State::Drain => None,
        };
        let bound = long_term
            .into_iter()
            .chain(self.short_term.in_flight)
            .min()
            .map(|bound| bound.max(MIN_PIPE));
        if let Some(bound) = bound {
            self.window = self.window.min(bound);
        }
    }
}
