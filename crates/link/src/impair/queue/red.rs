//! Random early detection (Floyd and Jacobson, 1993), as `tc red` sets it up: the longer the queue has been on average, the more
//! likely a frame is marked or dropped when it comes.
use std::time::Duration;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::{Fifo, Queue, Tally};
use crate::impair::random::Random;
use crate::impair::{Bandwidth, Probability};

/// `red limit BYTES [min BYTES] [max BYTES] [avpkt BYTES] [burst PACKETS] [ecn] [harddrop] [bandwidth RATE] [probability P]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedSettings {
    /// How many bytes may wait.
    pub limit: usize,
    /// Average length in bytes below which nothing is marked.
    pub min: u32,
    /// Average length in bytes at which the probability is at its most, and above which everything is marked or dropped.
    pub max: u32,
    /// Bytes of an average frame.
    pub avpkt: u32,
    /// How many average frames may come at once before the average notices: its slowness.
    pub burst: u32,
    /// Marks frames in place of dropping them, if their transport understands it.
    pub ecn: bool,
    /// Above `max`, drops even what could be marked.
    pub harddrop: bool,
    /// The speed at which an idle queue is taken to have emptied.
    pub bandwidth: Bandwidth,
    /// The probability at `max`.
    pub probability: Probability,
}

impl RedSettings {
    /// The settings that `tc` takes for this limit if nothing else is said.
    pub fn with_limit(limit: usize) -> Self {
        let max = u32::try_from(limit / 4).unwrap_or(u32::MAX).max(1);
        let mut settings = RedSettings {
            limit,
            min: max / 3,
            max,
            avpkt: 1000,
            burst: 0,
            ecn: false,
            harddrop: false,
            bandwidth: Bandwidth::bits_per_second(10_000_000),
            probability: Probability::percent(2),
        };
        settings.burst = settings.default_burst();
        settings
    }

    /// `tc`: (2 min + max) / (3 avpkt).
    pub(super) fn default_burst(&self) -> u32 {
        let sum = u64::from(self.min) * 2 + u64::from(self.max);
        let burst = sum / (u64::from(self.avpkt.max(1)) * 3);
        u32::try_from(burst).unwrap_or(u32::MAX).max(1)
    }

    /// The weight of one sample in the average, as the exponent of one half: the largest weight that lets a burst pass, of
    /// [`RedSettings::burst`] frames into an empty queue. `None` if the burst is too short for `min`.
    pub(super) fn weight(&self) -> Option<u32> {
        let burst = f64::from(self.burst);
        let most = burst + 1.0 - f64::from(self.min) / f64::from(self.avpkt.max(1));
        if most < 1.0 {
            return None;
        }
        let mut weight = 0.5;
        for exponent in 1..32 {
            if most <= (1.0 - power(1.0 - weight, self.burst)) / weight {
                return Some(exponent);
            }
            weight /= 2.0;
        }
        None
    }
}

/// `base` to the power of `exponent`, by multiplications alone: the same on every machine.
fn power(base: f64, exponent: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

/// A queue with random early detection.
#[derive(Debug)]
pub struct Red {
    settings: RedSettings,
    frames: Fifo,
    random: Random,
    weight: f64,
    average: f64,
    /// Frames since the last one that was marked or dropped; `None` while the average is low.
    since: Option<u32>,
    /// Since when nothing waits.
    idle: Option<Instant>,
    tally: Tally,
}

enum Verdict {
    Pass,
    /// By chance, between the two lengths.
    Early,
    /// Above both.
    Late,
}

impl Red {
    /// An empty queue. The seed decides about frames.
    pub fn new(settings: RedSettings, seed: u64) -> Self {
        let exponent = settings.weight().unwrap_or(9);
        Red {
            frames: Fifo::bytes(settings.limit),
            random: Random::new(seed),
            weight: power(0.5, exponent),
            average: 0.0,
            since: None,
            idle: Some(Instant::ZERO),
            settings,
            tally: Tally::default(),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "far below 2^53 bytes")]
    fn measure(&mut self, now: Instant) {
        if let Some(since) = self.idle {
            // As if empty queues had been measured for as long as average frames would have taken.
            let each = self
                .settings
                .bandwidth
                .time_for(self.settings.avpkt.max(1) as usize);
            let missed = (now - since).as_nanos() / each.max(Duration::from_nanos(1)).as_nanos();
            self.idle = Some(now);
            self.average *= power(1.0 - self.weight, u32::try_from(missed).unwrap_or(u32::MAX));
        } else {
            self.average += self.weight * (self.frames.bytes() as f64 - self.average);
        }
    }

    fn judge(&mut self) -> Verdict {
        let (min, max) = (f64::from(self.settings.min), f64::from(self.settings.max));
        if self.average < min {
            self.since = None;
            return Verdict::Pass;
        }
        if self.average >= max {
            self.since = None;
            return Verdict::Late;
        }
        let since = self.since.map_or(0, |since| since.saturating_add(1));
        self.since = Some(since);
        let most = f64::from(self.settings.probability.scaled()) / f64::from(u32::MAX);
        let chance = most * (self.average - min) / (max - min);
        // Spreads the marks: each frame that passed makes the next mark more likely.
        let spread = 1.0 - f64::from(since) * chance;
        let draw = f64::from(self.random.next_u32()) / 4_294_967_296.0;
        if spread <= 0.0 || draw * spread < chance {
            self.since = Some(0);
            Verdict::Early
        } else {
            Verdict::Pass
        }
    }
}

impl Queue for Red {
    fn enqueue(&mut self, mut frame: Frame, now: Instant) {
        self.measure(now);
        let may_mark = match self.judge() {
            Verdict::Pass => {
                self.push(frame);
                return;
            }
            Verdict::Early => self.settings.ecn,
            Verdict::Late => self.settings.ecn && !self.settings.harddrop,
        };
        if may_mark && frame.mark_congestion() {
            self.tally.marked += 1;
            self.push(frame);
        } else {
            self.tally.dropped += 1;
        }
    }

    fn dequeue(&mut self, now: Instant) -> Option<Frame> {
        let frame = self.frames.take();
        if self.frames.is_empty() && self.idle.is_none() {
            self.idle = Some(now);
        }
        frame
    }

    fn take(&mut self) -> Option<Frame> {
        self.frames.take()
    }

    fn len(&self) -> usize {
        self.frames.len()
    }

    fn bytes(&self) -> usize {
        self.frames.bytes()
    }

    fn dropped(&self) -> u64 {
        self.tally.dropped + self.frames.dropped()
    }

    fn marked(&self) -> u64 {
        self.tally.marked
    }

    fn count(&mut self, dropped: u64, marked: u64) {
        self.tally.add(dropped, marked);
    }
}

impl Red {
    fn push(&mut self, frame: Frame) {
        self.frames.enqueue(frame, Instant::ZERO);
        if !self.frames.is_empty() {
            self.idle = None;
        }
    }
}
