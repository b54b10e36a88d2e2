//! HyStart++ (RFC 9406): leaves the initial slow start when the round trip grows, before packets are lost.
//!
//! A growing round trip may also be noise, so that what follows is Conservative Slow Start: a quarter of the growth for five
//! rounds, and back to slow start if the round trip gets shorter again. Growth for one acknowledgment is not limited
//! otherwise (L of the RFC), as Linux does not limit it.
use super::{Acked, Window};
use crate::Seq;

/// RFC 9406 4.3, in microseconds where it is a time.
const MIN_RTT_THRESH: u32 = 4000;
const MAX_RTT_THRESH: u32 = 16_000;
const MIN_RTT_DIVISOR: u32 = 8;
const N_RTT_SAMPLE: u8 = 8;
const CSS_GROWTH_DIVISOR: u32 = 4;
const CSS_ROUNDS: u8 = 5;

const INFINITE: u32 = u32::MAX;

/// The rounds of the initial slow start.
#[derive(Debug, Clone)]
pub(crate) struct HyStart {
    /// windowEnd: the round is over when this is acknowledged.
    round_end: Seq,
    has_begun: bool,
    /// lastRoundMinRTT, currentRoundMinRTT
    last: u32,
    current: u32,
    /// rttSampleCount
    samples: u8,
    /// Rounds left of Conservative Slow Start; none while in slow start.
    conservative: u8,
    /// cssBaselineMinRtt
    baseline: u32,
}

impl HyStart {
    pub(super) const NEW: HyStart = HyStart {
        round_end: Seq::new(0),
        has_begun: false,
        last: INFINITE,
        current: INFINITE,
        samples: 0,
        conservative: 0,
        baseline: INFINITE,
    };

    /// The window grows for what was acknowledged. True when slow start is over: the threshold is the window.
    pub(super) fn acknowledged(&mut self, window: &mut Window, acked: &Acked) -> bool {
        if !self.has_begun || acked.una.at_or_after(self.round_end) {
            if self.end_round() {
                window.threshold = window.size;
                window.credit = 0;
                return true;
            }
            self.round_end = acked.nxt;
        }
        if let Some(sample) = acked.sample {
            let micros = u32::try_from(sample.as_micros()).unwrap_or(INFINITE - 1);
            self.current = self.current.min(micros);
            self.samples = self.samples.saturating_add(1);
        }
        if self.conservative == 0 {
            window.slow_start(acked.packets);
            self.look_for_growth();
        } else {
            window.grow_linearly(CSS_GROWTH_DIVISOR, acked.packets);
            if self.samples >= N_RTT_SAMPLE && self.current < self.baseline {
                // It was noise.
                self.baseline = INFINITE;
                self.conservative = 0;
            }
        }
        false
    }

    /// True if Conservative Slow Start has lasted long enough.
    fn end_round(&mut self) -> bool {
        if self.has_begun {
            self.last = self.current;
        }
        self.has_begun = true;
        self.current = INFINITE;
        self.samples = 0;
        if self.conservative == 0 {
            return false;
        }
        self.conservative -= 1;
        self.conservative == 0
    }

    fn look_for_growth(&mut self) {
        if self.samples < N_RTT_SAMPLE || self.last == INFINITE || self.current == INFINITE {
            return;
        }
        let threshold = (self.last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
        if self.current >= self.last.saturating_add(threshold) {
            self.baseline = self.current;
            // The rest of this round counts.
            self.conservative = CSS_ROUNDS;
        }
    }
}
