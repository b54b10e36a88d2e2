//! The round trip as the receiver sees it, who may have nothing in flight to measure it by.
use core::time::Duration;

use super::Receiver;
use super::window::Autotune;
use crate::{Instant, Segment};

/// For the receiver's intervals, which are round trips: microseconds that wrap.
pub(super) fn wrapping_micros(now: Instant) -> u32 {
    // The remainder always fits.
    u32::try_from(now.as_micros() % (1 << 32)).unwrap_or(0)
}

impl Autotune {
    /// The round trip, 0 for unknown.
    pub(crate) fn round(&self) -> Duration {
        Duration::from_micros(u64::from(self.rtt / 8))
    }

    /// `tcp_rcv_rtt_update`: the least of all, or smoothed where a longer one means something.
    fn sample(&mut self, micros: u32, may_grow: bool) {
        let sample = micros.saturating_mul(8);
        if self.rtt == 0 || sample < self.rtt {
            self.rtt = sample;
        } else if may_grow {
            self.rtt = (self.rtt - self.rtt / 8).saturating_add(micros);
        }
    }
}

impl Receiver {
    /// By how long a window takes to arrive (`tcp_rcv_rtt_measure`).
    pub(crate) fn measure_round(&mut self, now: Instant) {
        let tune = &mut self.autotune;
        if tune.round_start != 0 && self.nxt.before(tune.round_end) {
            return;
        }
        let now = wrapping_micros(now);
        if tune.round_start != 0 {
            tune.sample(now.wrapping_sub(tune.round_start).max(1), false);
        }
        tune.round_end = self.nxt + self.window;
        tune.round_start = now.max(1);
    }

    /// By the first whole segment that echoes one of our timestamps (`tcp_rcv_rtt_measure_ts`). `clock` is our
    /// timestamp now.
    pub(crate) fn measure_round_by_echo(&mut self, segment: &Segment, clock: u32) {
        let Some(timestamps) = segment.options.timestamps else {
            return;
        };
        let echoed = timestamps.echo.to_le_bytes()[0];
        if core::mem::replace(&mut self.echoed, echoed) == echoed
            || segment.length() < u32::from(self.mss)
        {
            return;
        }
        let millis = clock.wrapping_sub(timestamps.echo);
        // A shorter one than a tick is nothing to go by, and a much longer one no time.
        if (1..i32::MAX.cast_unsigned() / 1000).contains(&millis) {
            // The peer may wait for an application that has not read yet.
            let may_grow = self.queue.is_empty();
            self.autotune.sample(millis * 1000, may_grow);
        }
    }
}
