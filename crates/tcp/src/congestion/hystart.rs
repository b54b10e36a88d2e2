//! HyStart++ (RFC 9406): leaves the initial slow start when the round trip grows, before packets are lost; and the other half of
//! what it comes from, as Linux has it: when acknowledgments follow each other closely for longer than half a round trip.
//!
//! A growing round trip may also be noise, so that what follows is Conservative Slow Start: a quarter of the growth for five
//! rounds, and back to slow start if the round trip gets shorter again. Growth for one acknowledgment is not limited
//! otherwise (L of the RFC), as Linux does not limit it.
//!
//! A train of acknowledgments is as long as the path takes to carry what was sent in a round. One of half a round trip means
//! that the window, which each of them has opened, fills the path by now, and ends slow start at once (`hystart_update`). A gap in
//! a train ends it for the round.
use core::time::Duration;

use super::{Acked, SlowStartEnd, Window};
use crate::{Instant, Seq};

/// RFC 9406 4.3, in microseconds where it is a time.
const MIN_RTT_THRESH: u32 = 4000;
const MAX_RTT_THRESH: u32 = 16_000;
const MIN_RTT_DIVISOR: u32 = 8;
const N_RTT_SAMPLE: u8 = 8;
const CSS_GROWTH_DIVISOR: u32 = 4;
const CSS_ROUNDS: u8 = 5;

/// `hystart_low_window`: smaller windows are no train.
const LOW_WINDOW: u32 = 16;
/// `hystart_ack_delta_us`: what follows later does not belong to the train.
const TRAIN_GAP: Duration = Duration::from_millis(2);

const INFINITE: u32 = u32::MAX;

/// The rounds of the initial slow start.
#[derive(Debug, Clone)]
pub(crate) struct HyStart {
    /// windowEnd: the round is over when the byte at it, the first of the next, is acknowledged. The last of this round is too
    /// early: between the two nothing comes, for as long as the window does not fill the path.
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
    train: Train,
}

/// Acknowledgments of this round that followed each other closely.
#[derive(Debug, Clone, Copy)]
struct Train {
    began: Instant,
    last: Instant,
}

impl HyStart {
    pub(super) const NEW: HyStart = HyStart {
        train: Train {
            began: Instant::ZERO,
            last: Instant::ZERO,
        },
        round_end: Seq::new(0),
        has_begun: false,
        last: INFINITE,
        current: INFINITE,
        samples: 0,
        conservative: 0,
        baseline: INFINITE,
    };

    /// The window grows for what was acknowledged, unless that says that slow start is over.
    pub(super) fn acknowledged(
        &mut self,
        window: &mut Window,
        acked: &Acked,
    ) -> Option<SlowStartEnd> {
        if !self.has_begun || acked.una.after(self.round_end) {
            if self.end_round() {
                return Some(SlowStartEnd::Delay);
            }
            self.round_end = acked.nxt;
            self.train = Train {
                began: acked.now,
                last: acked.now,
            };
        }
        if window.size >= LOW_WINDOW && self.train.is_too_long(acked) {
            return Some(SlowStartEnd::Train);
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
        None
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

impl Train {
    fn is_too_long(&mut self, acked: &Acked) -> bool {
        if acked.now - self.last > TRAIN_GAP {
            return false;
        }
        self.last = acked.now;
        let most = acked.longest_train;
        most.is_some_and(|most| acked.now - self.began > most)
    }
}
