//! CUBIC (RFC 9438), in integers.
//!
//! Time in milliseconds, windows in packets. The initial slow start is HyStart++'s (RFC 9406).
use alloc::boxed::Box;
use core::num::{NonZeroU16, NonZeroU32};
use core::time::Duration;

use super::hystart::HyStart;
use super::{Acked, Control, INFINITE, SlowStartEnd, Window};
use crate::Instant;

/// beta_cubic = 0.7 (RFC 9438 4.6), in 1/1024.
const BETA: u64 = 717;
/// alpha_cubic = 3 (1 - beta) / (1 + beta) (RFC 9438 4.3), in 1/1024.
const ALPHA: u64 = 542;
const ONE: u64 = 1024;
/// How long Reno's window stays as it was estimated, in ms, while the window does not change (`HZ / 32`). It is a quarter of a
/// round trip where that is less: on short paths Linux stays behind Reno for many of them (RFC 9438 4.3 estimates at each
/// acknowledgment).
const ESTIMATE_STAYS: u32 = 31;

/// CUBIC: first the initial slow start, then the curve.
#[derive(Debug, Clone)]
pub(crate) enum Cubic {
    /// In a box because it is needed for some rounds only, and larger.
    Start(Box<HyStart>),
    /// With the time of the last estimate of Reno's window, which lies beside the discriminant.
    Curve(Curve, Option<Stamp>),
}

/// A time of [`Moment`]'s clock in 16 bits. What is 65 seconds old may look new, and be so for 31 ms more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp(NonZeroU16);

impl Stamp {
    fn age(self, now: Moment) -> u32 {
        now.stamp().0.get().wrapping_sub(self.0.get()).into()
    }
}

impl Default for Cubic {
    fn default() -> Self {
        Cubic::Start(Box::new(HyStart::NEW))
    }
}

impl Cubic {
    /// Heap memory owned, in bytes.
    pub(super) fn heap(&self) -> usize {
        match self {
            Cubic::Start(start) => size_of_val(&**start),
            Cubic::Curve(..) => 0,
        }
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self, Cubic::Start(_))
    }

    /// Changes the curve; the initial slow start is over.
    fn change<R>(&mut self, change: impl FnOnce(&mut Curve) -> R) -> R {
        let mut curve = match self {
            Cubic::Start(_) => Curve::default(),
            Cubic::Curve(curve, _) => *curve,
        };
        let result = change(&mut curve);
        *self = Cubic::Curve(curve, None);
        result
    }
}

/// The state of congestion avoidance.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Curve {
    /// W_max: the window before the last reduction.
    w_max: u32,
    /// The window just before the last congestion event (cwnd_prior).
    prior: u32,
    /// W_est: what Reno would have.
    estimate: u32,
    /// Packets acknowledged towards its next increase by one (`ack_cnt`).
    credit: u32,
    /// When the curve is at W_max: K after the current stage of congestion avoidance began. None before it has.
    plateau: Option<Moment>,
}

/// A moment in ms that wrap, never 0, so that an `Option` of it is no larger. No stage lasts 24 days.
#[derive(Debug, Clone, Copy)]
struct Moment(NonZeroU32);

impl Moment {
    fn at(now: Instant) -> Moment {
        let millis = now.as_millis() & u64::from(u32::MAX);
        Moment::new(u32::try_from(millis).unwrap_or(0))
    }

    fn new(millis: u32) -> Moment {
        Moment(NonZeroU32::new(millis).unwrap_or(NonZeroU32::MIN))
    }

    /// Milliseconds since `other`, or until it.
    fn since(self, other: Moment) -> i32 {
        self.0.get().wrapping_sub(other.0.get()).cast_signed()
    }

    fn stamp(self) -> Stamp {
        let [low, high, ..] = self.0.get().to_le_bytes();
        Stamp(NonZeroU16::new(u16::from_le_bytes([low, high])).unwrap_or(NonZeroU16::MIN))
    }

    fn later(self, millis: u32) -> Moment {
        Moment::new(self.0.get().wrapping_add(millis))
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

impl Curve {
    /// RFC 9438 4.1: W_cubic, so many ms before or after the plateau.
    fn w_cubic(&self, distance: i32) -> u32 {
        // C (t - K)^3 with C = 0.4 and t in ms: 4/10 / 10^9.
        let cube = u64::from(distance.unsigned_abs().min(1_000_000)).pow(3);
        let delta = u32::try_from(cube / 10 * 4 / 1_000_000_000).unwrap_or(u32::MAX);
        if distance < 0 {
            self.w_max.saturating_sub(delta)
        } else {
            self.w_max.saturating_add(delta)
        }
    }

    fn begin(&mut self, window: &Window, now: Instant) -> Moment {
        self.estimate = window.size;
        self.credit = 0;
        // RFC 9438 4.2 (2): K = cbrt((W_max - cwnd_epoch) / C)
        let k = match self.w_max.checked_sub(window.size) {
            Some(gap) if gap > 0 => cube_root(
                u64::from(gap) * 10 / 4 * 1_000_000_000 + u64::from(gap % 2) * 500_000_000,
            ),
            _ => {
                self.w_max = window.size;
                0
            }
        };
        Moment::at(now).later(k)
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

impl Curve {
    /// RFC 9438 4.3: W_est grows by alpha for each window; by 1 once it has reached cwnd_prior.
    fn estimate_reno(&mut self, size: u32) {
        let alpha = if self.estimate < self.prior {
            ALPHA
        } else {
            ONE
        };
        let every = u32::try_from(u64::from(size) * ONE / alpha).unwrap_or(u32::MAX);
        let every = every.max(1);
        self.estimate = self.estimate.saturating_add(self.credit / every);
        self.credit %= every;
    }

    fn acknowledged(&mut self, estimated: &mut Option<Stamp>, window: &mut Window, acked: &Acked) {
        let mut packets = acked.packets;
        if window.in_slow_start() {
            packets = window.slow_start(packets);
            if packets == 0 {
                return;
            }
        }
        let plateau = match self.plateau {
            Some(plateau) => plateau,
            None => {
                let plateau = self.begin(window, acked.now);
                *self.plateau.insert(plateau)
            }
        };
        self.credit = self.credit.saturating_add(packets);
        let now = Moment::at(acked.now);
        let round_trip = millis(acked.srtt.unwrap_or_default());
        let stays = ESTIMATE_STAYS.min(round_trip / 4);
        if estimated.is_none_or(|stamp| stamp.age(now) > stays) {
            self.estimate_reno(window.size);
            *estimated = Some(now.stamp());
        }
        // RFC 9438 4.4: the target one round trip ahead, at most 1.5 times the window.
        let ahead = now.later(round_trip);
        let target = self
            .w_cubic(ahead.since(plateau))
            .clamp(window.size, window.size.saturating_add(window.size / 2));
        // How many packets must be acknowledged for one more in the window.
        let mut every = match target - window.size {
            0 => window.size.saturating_mul(100),
            gap => window.size / gap,
        };
        if self.estimate > window.size {
            every = every.min(window.size / (self.estimate - window.size));
        }
        // Never faster than half the acknowledged packets, as Linux.
        let before = window.size;
        window.grow_linearly(every.max(2), packets);
        if window.size != before {
            *estimated = None;
        }
    }
}

impl Control for Cubic {
    fn acknowledged(&mut self, window: &mut Window, acked: &Acked) -> Option<SlowStartEnd> {
        let mut end = None;
        if let Cubic::Start(start) = self
            && window.threshold == INFINITE
        {
            end = Some(start.acknowledged(window, acked)?);
            window.threshold = window.size;
            window.credit = 0;
        }
        match self {
            Cubic::Start(_) => self.change(|curve| curve.acknowledged(&mut None, window, acked)),
            Cubic::Curve(curve, estimated) => curve.acknowledged(estimated, window, acked),
        }
        end
    }

    fn threshold_after_loss(&mut self, window: &Window) -> u32 {
        self.change(|curve| {
            curve.plateau = None;
            curve.prior = window.size;
            // RFC 9438 4.7: fast convergence.
            curve.w_max = if window.size < curve.w_max {
                scale(window.size, (ONE + BETA) / 2)
            } else {
                window.size
            };
        });
        scale(window.size, BETA).max(2)
    }

    fn timeout(&mut self) {
        // RFC 9438 4.8: with nothing known of a maximum the curve begins at its plateau.
        self.change(|curve| {
            curve.plateau = None;
            curve.w_max = 0;
        });
    }

    fn restarted(&mut self, idle: Duration) {
        // RFC 9438 5.8: time without sending is no time of the curve.
        if let Cubic::Curve(curve, _) = self {
            curve.plateau = curve.plateau.map(|plateau| plateau.later(millis(idle)));
        }
    }
}

fn scale(size: u32, factor: u64) -> u32 {
    u32::try_from(u64::from(size) * factor / ONE).unwrap_or(u32::MAX)
}
