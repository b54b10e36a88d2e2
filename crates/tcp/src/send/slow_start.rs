//! What the initial slow start goes by beside round trips (`bictcp_hystart`), and how it ended.
use core::time::Duration;

use crate::block::Block;
use crate::congestion::{INFINITE, SlowStartEnd};
use crate::tally::LossCount;

/// What an interface that puts segments together holds at most, in bytes; as much again may be on its way, and Linux allows for
/// both at twice the rate that there is (`hystart_ack_delay`).
const HELD_BACK: u64 = 4 * 64 * 1024;

impl Block {
    /// For how long the acknowledgments of a round may follow each other closely before the path must be full: half a round
    /// trip; or all of it where pacing is what spaces them.
    pub(super) fn longest_train(&self) -> Option<Duration> {
        let send = &self.send;
        if send.window.threshold != INFINITE {
            return None;
        }
        let micros = HELD_BACK.saturating_mul(1_000_000) / self.pacing_rate().max(1);
        let cushion = Duration::from_micros(micros).min(Duration::from_millis(1));
        let whole = send.rtt.min()? + cushion;
        Some(if send.rare.pacing.is_some() {
            whole
        } else {
            whole / 2
        })
    }

    pub(super) fn count_slow_start_end(&mut self, end: SlowStartEnd) {
        let (detect, size) = match end {
            SlowStartEnd::Train => (LossCount::HystartTrainDetect, LossCount::HystartTrainCwnd),
            SlowStartEnd::Delay => (LossCount::HystartDelayDetect, LossCount::HystartDelayCwnd),
        };
        let packets = self.send.window.threshold;
        self.send.count(detect, 1);
        self.send.count(size, packets);
    }
}
