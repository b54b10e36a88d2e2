//! ProbeBW (draft 5.3.3): goes slower (DOWN), as fast (CRUISE), fills the pipe (REFILL) and goes faster (UP), in turn.
use core::time::Duration;

use super::bandwidth::Bandwidth;
use super::gains::{Gains, ONE, without_headroom};
use super::{Bbr, Feedback, State};
use crate::Instant;

/// Reno coexistence: no more rounds than that between two probes.
const MOST_ROUNDS: u32 = 63;
const MOST_PROBE_ROUNDS: u8 = 30;

/// BBR.ack_phase: of which phase the acknowledgments tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum AckPhase {
    #[default]
    Init,
    Refilling,
    ProbeStarting,
    ProbeFeedback,
    ProbeStopping,
}

/// Where the cycle stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cycle {
    pub(super) acks: AckPhase,
    /// BBR.bw_probe_samples: losses tell of the probe, and were not yet answered.
    pub(super) is_sampling: bool,
    /// BBR.cycle_stamp
    start: Instant,
    /// BBR.bw_probe_wait
    wait: Duration,
    /// BBR.rounds_since_bw_probe
    rounds: u32,
    /// BBR.bw_probe_up_rounds
    up_rounds: u8,
    /// BBR.bw_probe_up_acks
    up_acks: u32,
    /// BBR.probe_up_cnt: acknowledged packets for each one more; 0 for none.
    every: u32,
}

/// A number that differs between connections and times.
fn scramble(value: u64) -> u64 {
    // splitmix64's finalizer.
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Cycle {
    pub(super) fn count_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
    }

    /// BBRPickProbeWait(): two to three seconds, so that flows don't probe together.
    fn pick_wait(&mut self, salt: u32, now: Instant) {
        let random = scramble((u64::from(salt) << 32) ^ now.as_nanos());
        self.rounds = u32::from(random & 1 == 1);
        self.wait = Duration::from_secs(2) + Duration::from_micros((random >> 32) % 1_000_000);
    }

    /// BBRRaiseInflightLongtermSlope(): 1, 2, 4, ... packets a round.
    pub(super) fn raise_slope(&mut self, window: u32) {
        let growth = 1u32 << self.up_rounds;
        self.up_rounds = (self.up_rounds + 1).min(MOST_PROBE_ROUNDS);
        self.every = (window / growth).max(1);
    }

    /// How many packets more the bound is worth.
    pub(super) fn grow(&mut self, newly_acked: u32) -> u32 {
        self.up_acks = self.up_acks.saturating_add(newly_acked);
        let more = self.up_acks.checked_div(self.every).unwrap_or(0);
        self.up_acks -= more * self.every;
        more
    }
}

impl Bbr {
    /// BBRUpdateProbeBWCyclePhase()
    pub(super) fn update_cycle_phase(&mut self, bw: Bandwidth, feedback: &Feedback<'_>) {
        if !self.full.was_reached {
            return;
        }
        self.adapt_long_term(feedback);
        match self.state {
            State::ProbeBwDown => {
                if self.is_time_to_probe(feedback.now) {
                    self.start_refill(feedback);
                } else if self.is_time_to_cruise(feedback) {
                    self.start_cruise();
                }
            }
            State::ProbeBwCruise => {
                if self.is_time_to_probe(feedback.now) {
                    self.start_refill(feedback);
                }
            }
            State::ProbeBwRefill => {
                if self.round.is_start {
                    self.cycle.is_sampling = true;
                    self.start_up(bw, feedback);
                }
            }
            State::ProbeBwUp => {
                if self.is_time_to_go_down(bw, feedback) {
                    self.start_down(feedback);
                }
            }
            State::Startup | State::Drain | State::ProbeRtt => {}
        }
    }

    /// BBRIsTimeToProbeBW(): after two or three seconds, or as many rounds as Reno would need to grow by as much.
    fn is_time_to_probe(&self, now: Instant) -> bool {
        now > self.cycle.start + self.cycle.wait
            || self.cycle.rounds >= self.target().min(MOST_ROUNDS)
    }

    /// BBRIsTimeToCruise()
    fn is_time_to_cruise(&self, feedback: &Feedback<'_>) -> bool {
        let has_headroom = self
            .long_term
            .is_none_or(|bound| feedback.in_flight <= without_headroom(bound));
        has_headroom && feedback.in_flight <= self.in_flight(self.max_bw.get(), ONE)
    }

    /// BBRStartProbeBW_DOWN()
    pub(super) fn start_down(&mut self, feedback: &Feedback<'_>) {
        self.enter_down(feedback.salt, feedback.delivered, feedback.now);
    }

    pub(super) fn enter_down(&mut self, salt: u32, delivered: u32, now: Instant) {
        self.short_term.reset_signals();
        self.cycle.every = 0;
        self.cycle.pick_wait(salt, now);
        self.cycle.start = now;
        self.cycle.acks = AckPhase::ProbeStopping;
        self.round.start(delivered);
        self.state = State::ProbeBwDown;
        self.gains = Gains::DOWN;
    }

    /// BBRStartProbeBW_CRUISE()
    pub(super) fn start_cruise(&mut self) {
        self.state = State::ProbeBwCruise;
        self.gains = Gains::CRUISE;
    }

    /// BBRStartProbeBW_REFILL()
    fn start_refill(&mut self, feedback: &Feedback<'_>) {
        self.short_term.reset();
        self.cycle.up_rounds = 0;
        self.cycle.up_acks = 0;
        self.cycle.acks = AckPhase::Refilling;
        self.round.start(feedback.delivered);
        self.state = State::ProbeBwRefill;
        self.gains = Gains::CRUISE;
    }

    /// BBRStartProbeBW_UP()
    fn start_up(&mut self, bw: Bandwidth, feedback: &Feedback<'_>) {
        self.cycle.acks = AckPhase::ProbeStarting;
        self.round.start(feedback.delivered);
        self.full.restart(bw);
        self.state = State::ProbeBwUp;
        self.gains = Gains::UP;
        self.cycle.raise_slope(self.window);
    }
}
