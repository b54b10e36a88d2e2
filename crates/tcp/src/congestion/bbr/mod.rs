//! BBR, version 3 (draft-ietf-ccwg-bbr): sends at the rate that the path delivers, with about as much in flight as the path
//! holds, both found by measuring instead of by filling queues until they overflow.
//!
//! The model of the path is a rate ([`rate`], [`short_term`]), a round trip ([`min_rtt`]) and bounds of what may be in flight
//! ([`long_term`], [`aggregation`], [`volume`]); the machine of states ([`startup`], [`probe_bw`], [`probe_rtt`]) decides which of
//! them is being measured. Names in capitals are the draft's; `C.` is the connection, `RS.` the rate sample. Volumes are in
//! packets, as everywhere in this crate.
mod aggregation;
mod bandwidth;
mod filter;
mod gains;
mod long_term;
mod min_rtt;
mod probe_bw;
mod probe_rtt;
mod rate;
mod recovery;
mod round;
mod short_term;
mod startup;
#[cfg(test)]
mod tests;
mod told;
mod volume;

use core::time::Duration;

use super::{Acked, Control, INFINITE, SlowStartEnd, Window};
use crate::Instant;
use crate::send::losses::Loss;
use crate::send::rate::Sample;
use aggregation::Aggregation;
use bandwidth::Bandwidth;
use gains::Gains;
use min_rtt::MinRtt;
use probe_bw::Cycle;
use probe_rtt::ProbeRtt;
use rate::MaxBandwidth;
use recovery::Saved;
use round::Round;
use short_term::ShortTerm;
use startup::FullPipe;

pub use told::BbrInfo;

/// BBR.state
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Startup,
    Drain,
    ProbeBwDown,
    ProbeBwCruise,
    ProbeBwRefill,
    ProbeBwUp,
    ProbeRtt,
}

impl State {
    /// IsInAProbeBWState()
    fn is_probe_bw(self) -> bool {
        use State::{ProbeBwCruise, ProbeBwDown, ProbeBwRefill, ProbeBwUp};
        matches!(
            self,
            ProbeBwDown | ProbeBwCruise | ProbeBwRefill | ProbeBwUp
        )
    }

    /// BBRIsProbingBW()
    fn is_accelerating(self) -> bool {
        matches!(
            self,
            State::Startup | State::ProbeBwRefill | State::ProbeBwUp
        )
    }
}

/// What an acknowledgment tells the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feedback<'a> {
    /// RS
    pub(crate) sample: &'a Sample,
    /// RS.newly_acked
    pub(crate) newly_acked: u32,
    /// Packets declared lost since the last acknowledgment.
    pub(crate) losses: &'a [Loss],
    /// C.delivered
    pub(crate) delivered: u32,
    /// C.inflight
    pub(crate) in_flight: u32,
    /// In fast recovery, or after a timeout.
    pub(crate) in_recovery: bool,
    /// The path marked packets (RFC 3168) in this window.
    pub(crate) is_marked: bool,
    /// RS.rtt
    pub(crate) rtt: Option<Duration>,
    /// C.is_cwnd_limited
    pub(crate) is_window_limited: bool,
    /// C.SMSS
    pub(crate) mss: u32,
    /// C.send_quantum in packets
    pub(crate) quantum: u32,
    /// C.InitialCwnd
    pub(crate) initial_window: u32,
    /// Differs from one connection to another.
    pub(crate) salt: u32,
    pub(crate) now: Instant,
}

/// What is decided beside the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// C.pacing_rate
    pub(crate) pacing_rate: u64,
    /// MarkConnectionAppLimited()
    pub(crate) marks_app_limited: bool,
}

/// The model of the path and the state of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Bbr {
    state: State,
    gains: Gains,
    /// C.cwnd, unmodulated by what the loss recovery of others does to it.
    window: u32,
    /// C.pacing_rate, bytes a second
    pacing_rate: u64,
    /// BBR.bw
    bw: Bandwidth,
    max_bw: MaxBandwidth,
    min_rtt: MinRtt,
    round: Round,
    short_term: ShortTerm,
    /// BBR.inflight_longterm
    long_term: Option<u32>,
    full: FullPipe,
    cycle: Cycle,
    probe_rtt: ProbeRtt,
    extra_acked: Aggregation,
    saved: Saved,
    /// BBR.idle_restart
    idle_restart: bool,
    /// BBR.offload_budget
    offload_budget: u32,
    has_begun: bool,
}

impl Bbr {
    /// BBROnInit(), but for what the first acknowledgment tells.
    pub(super) fn new() -> Bbr {
        Bbr {
            state: State::Startup,
            gains: Gains::STARTUP,
            window: 0,
            pacing_rate: 0,
            bw: Bandwidth::ZERO,
            max_bw: MaxBandwidth::default(),
            min_rtt: MinRtt::default(),
            round: Round::default(),
            short_term: ShortTerm::default(),
            long_term: None,
            full: FullPipe::default(),
            cycle: Cycle::default(),
            probe_rtt: ProbeRtt::default(),
            extra_acked: Aggregation::default(),
            saved: Saved::default(),
            idle_restart: false,
            offload_budget: 0,
            has_begun: false,
        }
    }

    /// BBRInitPacingRate(): a window a round trip, times the gain; `rtt` is a millisecond until it is known.
    pub(crate) fn init_pacing_rate(&mut self, window: u32, mss: u32, rtt: Option<Duration>) -> u64 {
        let rtt = rtt.unwrap_or(Duration::from_millis(1));
        let nominal = Bandwidth::of(window, bandwidth::micros(rtt));
        self.pacing_rate = nominal.bytes(Gains::STARTUP.pacing, mss);
        self.pacing_rate
    }

    /// BBRUpdateOnACK(), after BBRUpdateOnLoss() for what was found lost.
    pub(crate) fn steer(&mut self, window: &mut Window, feedback: &Feedback<'_>) -> Decision {
        if !self.has_begun {
            self.begin(window, feedback);
        }
        for loss in feedback.losses {
            self.handle_lost_packet(loss, feedback);
        }
        self.handle_mark(feedback);
        let marks_app_limited = self.update_model_and_state(feedback);
        // BBRUpdateControlParameters()
        if feedback.newly_acked > 0 {
            self.set_pacing_rate(self.gains.pacing, feedback.mss);
        }
        self.offload_budget = 3 * feedback.quantum;
        self.set_window(feedback);
        window.size = self.window;
        window.threshold = INFINITE;
        Decision {
            pacing_rate: self.pacing_rate,
            marks_app_limited,
        }
    }

    fn begin(&mut self, window: &Window, feedback: &Feedback<'_>) {
        self.has_begun = true;
        self.window = self.window.max(window.size);
        self.min_rtt.begin(feedback.now);
        self.extra_acked.restart(feedback.now);
        // What was delivered before another algorithm left off is no round of this one.
        self.round.start(feedback.sample.prior_delivered);
    }

    /// BBRUpdateModelAndState(). True if samples are to be taken as limited by the application.
    fn update_model_and_state(&mut self, feedback: &Feedback<'_>) -> bool {
        self.note_recovery(feedback);
        if feedback.newly_acked == 0 {
            return false;
        }
        let bw = Bandwidth::of_sample(feedback.sample);
        self.short_term.update_latest(bw, feedback);
        self.update_congestion_signals(bw, feedback);
        self.update_aggregation(feedback);
        self.check_startup_high_loss(feedback);
        self.full.check(bw, self.round.is_start, feedback.sample);
        self.check_startup_done();
        self.check_drain_done(feedback);
        self.update_cycle_phase(bw, feedback);
        let is_expired = self.min_rtt.update(feedback.rtt, feedback.now);
        let marks_app_limited = self.check_probe_rtt(is_expired, feedback);
        self.short_term.advance_latest(bw, feedback);
        // BBRBoundBWForModel()
        self.bw = self.short_term.bound(self.max_bw.get());
        marks_app_limited
    }

    /// BBRSetPacingRateWithGain(): until the pipe was full once it does not get slower, which would be the application's
    /// doing.
    fn set_pacing_rate(&mut self, gain: u32, mss: u32) {
        let rate = self.bw.bytes(gain, mss);
        if self.full.was_reached || rate > self.pacing_rate {
            self.pacing_rate = rate;
        }
    }

    /// BBRHandleRestartFromIdle(), with nothing in flight after the application had nothing to send. The pacing rate, if it
    /// changes.
    pub(crate) fn resume(&mut self, window: &mut Window, mss: u32, now: Instant) -> Option<u64> {
        if !self.has_begun {
            return None;
        }
        self.idle_restart = true;
        self.extra_acked.restart(now);
        if self.state.is_probe_bw() {
            self.set_pacing_rate(gains::ONE, mss);
        } else if self.state == State::ProbeRtt {
            self.check_probe_rtt_done(now);
            window.size = self.window;
        }
        Some(self.pacing_rate)
    }
}

impl Control for Bbr {
    fn acknowledged(&mut self, _: &mut Window, _: &Acked) -> Option<SlowStartEnd> {
        // It steers.
        None
    }

    fn threshold_after_loss(&mut self, window: &Window) -> u32 {
        self.save(window);
        window.size
    }

    fn timeout(&mut self) {
        self.enter_timeout();
    }

    fn restarted(&mut self, _: Duration) {}

    fn undo(&mut self, window: &mut Window, prior: u32) {
        self.undo_loss(prior);
        window.size = window.size.max(self.window);
    }
}
