//! An algorithm that has a model of the path sets window and pace itself (`cong_control`): what it is told, and when.
use core::time::Duration;

use super::Phase;
use super::rate::Sample;
use crate::Instant;
use crate::block::Block;
use crate::congestion::bbr::Feedback;

impl Block {
    /// After each acknowledgment, when the flight and the losses are as it leaves them. False if the algorithm is none that
    /// steers.
    pub(super) fn steer(
        &mut self,
        sample: &Sample,
        newly_acked: u32,
        rtt: Option<Duration>,
        now: Instant,
    ) -> bool {
        if !self.send.congestion.steers() {
            return false;
        }
        let is_window_limited = self.is_window_limited();
        let mss = u32::from(self.send.mss);
        let quantum = self.quantum(mss) / mss.max(1);
        let send = &mut self.send;
        let losses = send.flight.losses.take();
        let Some(model) = send.congestion.model() else {
            return false;
        };
        let feedback = Feedback {
            sample,
            newly_acked,
            losses: &losses,
            delivered: self.counts.delivered,
            in_flight: send.flight.pipe(),
            in_recovery: matches!(send.phase, Phase::Recovery | Phase::Loss),
            is_marked: send.phase == Phase::Cwr,
            rtt,
            is_window_limited,
            mss,
            quantum,
            initial_window: self.limits.initial_window.into(),
            salt: send.una.get(),
            now,
        };
        let decision = model.steer(&mut send.window, &feedback);
        if decision.marks_app_limited {
            let pipe = send.flight.pipe();
            send.rate.app_limited(self.counts.delivered, pipe);
        }
        send.expand_buffer(&self.limits);
        self.set_pacing_rate(decision.pacing_rate);
        true
    }

    /// Something is sent again after nothing was in flight.
    pub(super) fn resume(&mut self, now: Instant) {
        let send = &mut self.send;
        let mss = u32::from(send.mss);
        if send.rate.is_app_limited()
            && let Some(model) = send.congestion.model()
            && let Some(rate) = model.resume(&mut send.window, mss, now)
        {
            self.set_pacing_rate(rate);
        }
    }

    /// Sees to it that the algorithm gets what it needs to steer by, and the pace it begins with.
    pub(crate) fn begin_to_steer(&mut self) -> Option<u64> {
        let send = &mut self.send;
        let (mss, rtt) = (u32::from(send.mss), send.rtt.srtt());
        let Some(model) = send.congestion.model() else {
            if let Some(flight) = send.flight.existing() {
                flight.losses.unwatch();
            }
            return None;
        };
        let rate = model.init_pacing_rate(send.window.size, mss, rtt);
        send.flight.losses.watch();
        Some(rate)
    }
}
