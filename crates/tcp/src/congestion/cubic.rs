//! CUBIC (RFC 9438), in integers.
//!
//! Time in milliseconds; window estimates in 1/1024 packets. HyStart++ (RFC 9406) is not here yet.
use core::time::Duration;

use super::{Control, Window};
use crate::Instant;

/// beta_cubic = 0.7 (RFC 9438 4.6), in 1/1024.
const BETA: u64 = 717;
/// alpha_cubic = 3 (1 - beta) / (1 + beta) (RFC 9438 4.3), in 1/1024.
const ALPHA: u64 = 542;
const ONE: u64 = 1024;

#[derive(Debug, Clone, Default)]
pub(crate) struct Cubic {
    /// W_max: the window before the last reduction.
    w_max: u32,
    /// The window just before the last congestion event (cwnd_prior).
    prior: u32,
    /// W_est: what Reno would have, in 1/1024 packets.
    estimate: u32,
    /// K in ms.
    k: u32,
    /// The start of the current congestion avoidance stage.
    epoch: Epoch,
}

/// A moment that may be unknown, in the room of a moment.
#[derive(Debug, Clone, Copy)]
struct Epoch(Instant);

impl Epoch {
    const NONE: Epoch = Epoch(Instant::FAR_FUTURE);

    fn get(self) -> Option<Instant> {
        (self.0 != Instant::FAR_FUTURE).then_some(self.0)
    }
}

impl Default for Epoch {
    fn default() -> Self {
        Epoch::NONE
    }
}

impl Cubic {
    /// RFC 9438 4.1: W_cubic(t), t in ms.
    fn w_cubic(&self, origin: u32, t: u64) -> u32 {
        let k = u64::from(self.k);
        let distance = t.abs_diff(k).min(1_000_000);
        // C (t - K)^3 with C = 0.4 and t in ms: 4/10 / 10^9.
        let delta = u32::try_from(distance.pow(3) / 10 * 4 / 1_000_000_000).unwrap_or(u32::MAX);
        if t < k {
            origin.saturating_sub(delta)
        } else {
            origin.saturating_add(delta)
        }
    }

    fn begin(&mut self, window: &Window, now: Instant) {
        self.epoch = Epoch(now);
        self.estimate = u32::try_from(u64::from(window.size) * ONE).unwrap_or(u32::MAX);
        // RFC 9438 4.2 (2): K = cbrt((W_max - cwnd_epoch) / C)
        self.k = match self.w_max.checked_sub(window.size) {
            Some(gap) if gap > 0 => cube_root(
                u64::from(gap) * 10 / 4 * 1_000_000_000 + u64::from(gap % 2) * 500_000_000,
            ),
            _ => {
                self.w_max = window.size;
                0
            }
        };
    }
}

/// The integer cube root.
pub(super) fn cube_root(value: u64) -> u32 {
    // Bit by bit: 22 steps, once for each congestion event.
    let mut root: u64 = 0;
    for bit in (0..22).rev() {
        let candidate = root | (1 << bit);
        if candidate * candidate * candidate <= value {
            root = candidate;
        }
    }
    u32::try_from(root).unwrap_or(u32::MAX)
}

impl Control for Cubic {
    fn acknowledged(
        &mut self,
        window: &mut Window,
        acked: u32,
        rtt: Option<Duration>,
        now: Instant,
    ) {
        let mut acked = acked;
        if window.in_slow_start() {
            acked = window.slow_start(acked);
            if acked == 0 {
                return;
            }
        }
        let epoch = match self.epoch.get() {
            Some(epoch) => epoch,
            None => {
                self.begin(window, now);
                now
            }
        };
        let size = u64::from(window.size);
        // RFC 9438 4.3: W_est grows by alpha for each window; by 1 once it has reached cwnd_prior.
        let alpha = if u64::from(self.estimate) < u64::from(self.prior) * ONE {
            ALPHA
        } else {
            ONE
        };
        let growth = u32::try_from(alpha * u64::from(acked) / size.max(1)).unwrap_or(u32::MAX);
        self.estimate = self.estimate.saturating_add(growth);
        // RFC 9438 4.4: the target one round trip ahead, at most 1.5 times the window.
        let ahead = now - epoch + rtt.unwrap_or_default();
        let t = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        let target = self
            .w_cubic(self.w_max, t)
            .clamp(window.size, window.size.saturating_add(window.size / 2));
        // How many packets must be acknowledged for one more in the window.
        let mut every = match target - window.size {
            0 => window.size.saturating_mul(100),
            gap => window.size / gap,
        };
        let estimate = self.estimate >> 10;
        if estimate > window.size {
            every = every.min(window.size / (estimate - window.size));
        }
        // Never faster than half the acknowledged packets, as Linux.
        window.grow_linearly(every.max(2), acked);
    }

    fn threshold_after_loss(&mut self, window: &Window) -> u32 {
        self.epoch = Epoch::NONE;
        self.prior = window.size;
        // RFC 9438 4.7: fast convergence.
        self.w_max = if window.size < self.w_max {
            scale(window.size, (ONE + BETA) / 2)
        } else {
            window.size
        };
        scale(window.size, BETA).max(2)
    }

    fn timeout(&mut self) {
        // RFC 9438 4.8
        self.epoch = Epoch::NONE;
        self.k = 0;
    }

    fn restarted(&mut self, idle: Duration) {
        // RFC 9438 5.8: time without sending is no time of the curve.
        if let Some(epoch) = self.epoch.get() {
            self.epoch = Epoch(epoch + idle);
        }
    }
}

fn scale(size: u32, factor: u64) -> u32 {
    u32::try_from(u64::from(size) * factor / ONE).unwrap_or(u32::MAX)
}
