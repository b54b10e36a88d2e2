//! ProbeRTT (draft 5.3.4): now and then so little in flight that the queue runs empty and the round trip shows.
use core::time::Duration;

use super::gains::Gains;
use super::probe_bw::AckPhase;
use super::{Bbr, Feedback, State};
use crate::Instant;

/// BBR.ProbeRTTDuration
const DURATION: Duration = Duration::from_millis(200);

/// How far the probe has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProbeRtt {
    /// BBR.probe_rtt_done_stamp
    until: Option<Instant>,
    /// BBR.probe_rtt_round_done
    is_round_done: bool,
    /// Of whom the wait after it depends.
    salt: u32,
    delivered: u32,
}

impl Bbr {
    /// BBRCheckProbeRTT(). True if samples are to be taken as limited by the application.
    pub(super) fn check_probe_rtt(&mut self, is_expired: bool, feedback: &Feedback<'_>) -> bool {
        if self.state != State::ProbeRtt && is_expired && !self.idle_restart {
            self.save_window(feedback.in_recovery);
            self.state = State::ProbeRtt;
            self.gains = Gains::PROBE_RTT;
            self.probe_rtt.until = None;
            self.cycle.acks = AckPhase::ProbeStopping;
            self.round.start(feedback.delivered);
        }
        let is_probing = self.state == State::ProbeRtt;
        if is_probing {
            self.handle_probe_rtt(feedback);
        }
        if feedback.newly_acked > 0 {
            self.idle_restart = false;
        }
        is_probing
    }

    /// BBRHandleProbeRTT()
    fn handle_probe_rtt(&mut self, feedback: &Feedback<'_>) {
        self.probe_rtt.salt = feedback.salt;
        self.probe_rtt.delivered = feedback.delivered;
        if self.probe_rtt.until.is_some() {
            self.probe_rtt.is_round_done |= self.round.is_start;
            if self.probe_rtt.is_round_done {
                self.check_probe_rtt_done(feedback.now);
            }
        } else if feedback.in_flight <= self.probe_rtt_window() {
            self.probe_rtt.until = Some(feedback.now + DURATION);
            self.probe_rtt.is_round_done = false;
            self.round.start(feedback.delivered);
        }
    }

    /// BBRCheckProbeRTTDone(), BBRExitProbeRTT(): nothing queues now, so that it cruises at once.
    pub(super) fn check_probe_rtt_done(&mut self, now: Instant) {
        if self.probe_rtt.until.is_none_or(|until| now <= until) {
            return;
        }
        self.min_rtt.probed(now);
        self.restore_window();
        self.short_term.reset();
        if self.full.was_reached {
            self.enter_down(self.probe_rtt.salt, self.probe_rtt.delivered, now);
            self.start_cruise();
        } else {
            self.enter_startup();
        }
    }
}
