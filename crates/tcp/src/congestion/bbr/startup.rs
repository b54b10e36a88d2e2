//! Startup and Drain (draft 5.3.1, 5.3.2): doubles the rate each round until the path delivers no more, then lets the queue
//! that made run empty.
use super::bandwidth::Bandwidth;
use super::gains::{Gains, ONE};
use super::long_term::is_too_much;
use super::{Bbr, Feedback, State};
use crate::send::rate::Sample;

/// Rounds without growth after which the pipe is full.
const ROUNDS: u8 = 3;
/// BBRStartupFullLossCnt
const LOSS_EVENTS: u8 = 6;
/// Windows in which the path marked packets, after which it is full (`bbr_full_ecn_cnt`).
const MARKS: u8 = 2;

/// The estimator of a full pipe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    /// BBR.full_bw
    bw: Bandwidth,
    /// BBR.full_bw_count
    rounds: u8,
    marks: u8,
    /// BBR.full_bw_now
    pub(super) is_now: bool,
    /// BBR.full_bw_reached
    pub(super) was_reached: bool,
}

impl FullPipe {
    /// BBRResetFullBW(), with a new rate to compare with.
    pub(super) fn restart(&mut self, bw: Bandwidth) {
        self.bw = bw;
        self.rounds = 0;
        self.is_now = false;
    }

    /// BBRCheckFullBWReached()
    pub(super) fn check(&mut self, bw: Bandwidth, is_round_start: bool, sample: &Sample) {
        if self.is_now || !is_round_start || sample.is_app_limited {
            return;
        }
        if bw.has_grown_from(self.bw) {
            self.restart(bw);
            return;
        }
        self.rounds += 1;
        if self.rounds >= ROUNDS {
            self.reach();
        }
    }

    fn reach(&mut self) {
        self.is_now = true;
        self.was_reached = true;
    }

    pub(super) fn count_mark(&mut self) {
        self.marks = self.marks.saturating_add(1);
        if self.marks >= MARKS {
            self.was_reached = true;
        }
    }
}

impl Bbr {
    /// BBRCheckStartupHighLoss(): a whole round of recovery with many losses in many places.
    pub(super) fn check_startup_high_loss(&mut self, feedback: &Feedback<'_>) {
        if self.full.was_reached {
            return;
        }
        let events = &mut self.short_term.events_in_round;
        *events = events.saturating_add(u8::from(!feedback.losses.is_empty()));
        if !self.short_term.is_round_start {
            return;
        }
        let sample = feedback.sample;
        if feedback.in_recovery
            && self.short_term.events_in_round >= LOSS_EVENTS
            && is_too_much(sample.lost, sample.tx_in_flight)
        {
            self.full.reach();
            let bdp = self.in_flight(self.max_bw.get(), ONE);
            self.long_term = Some(bdp.max(self.short_term.latest));
        }
        self.short_term.events_in_round = 0;
    }

    /// BBRCheckStartupDone()
    pub(super) fn check_startup_done(&mut self) {
        if self.state == State::Startup && self.full.was_reached {
            self.state = State::Drain;
            self.gains = Gains::DRAIN;
        }
    }

    /// BBRCheckDrainDone()
    pub(super) fn check_drain_done(&mut self, feedback: &Feedback<'_>) {
        if self.state == State::Drain && feedback.in_flight <= self.in_flight(self.bw, ONE) {
            self.start_down(feedback);
        }
    }

    /// BBREnterStartup()
    pub(super) fn enter_startup(&mut self) {
        self.state = State::Startup;
        self.gains = Gains::STARTUP;
    }
}
