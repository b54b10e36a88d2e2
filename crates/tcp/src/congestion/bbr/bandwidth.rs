//! A rate, as Linux's BBR has it: packets a microsecond, in 1/2^24.
use core::time::Duration;

use super::gains::{ONE, SHIFT};
use crate::send::rate::Sample;

const SCALE: u32 = 24;
/// BBR.PacingMarginPercent: a little less than the path delivers, so that queues empty.
const MARGIN: u128 = 1;

/// Packets in 2^24 microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bandwidth(u64);

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

impl Bandwidth {
    pub(super) const ZERO: Bandwidth = Bandwidth(0);

    /// So many packets in so many microseconds.
    pub(super) fn of(packets: u32, micros: u32) -> Bandwidth {
        Bandwidth((u64::from(packets) << SCALE) / u64::from(micros.max(1)))
    }

    /// RS.delivery_rate; zero if the sample tells none.
    pub(super) fn of_sample(sample: &Sample) -> Bandwidth {
        match sample.interval {
            0 => Bandwidth::ZERO,
            interval => Bandwidth::of(sample.delivered, interval),
        }
    }

    /// This times a gain.
    pub(super) fn times(self, gain: u32) -> Bandwidth {
        Bandwidth((self.0.saturating_mul(gain.into())) >> SHIFT)
    }

    /// Bytes a second with a gain, less the margin.
    pub(super) fn bytes(self, gain: u32, mss: u32) -> u64 {
        let scaled = u128::from(self.0) * u128::from(mss) * u128::from(gain) * 1_000_000;
        let rate = (scaled / 100 * (100 - MARGIN)) >> (SCALE + SHIFT);
        u64::try_from(rate).unwrap_or(u64::MAX - 1)
    }

    /// Bytes a second as they are.
    pub(super) fn raw_bytes(self, mss: u32) -> u64 {
        let rate = (u128::from(self.0) * u128::from(mss) * 1_000_000) >> SCALE;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Packets delivered in so much time, with a gain, rounded up.
    pub(super) fn volume(self, micros: u32, gain: u32) -> u32 {
        let scaled = u128::from(self.0) * u128::from(micros) * u128::from(gain);
        let shift = SCALE + SHIFT;
        let volume = (scaled + (1 << shift) - 1) >> shift;
        u32::try_from(volume).unwrap_or(u32::MAX)
    }

    /// Packets delivered in so much time.
    pub(super) fn packets(self, micros: u64) -> u32 {
        let packets = (u128::from(self.0) * u128::from(micros)) >> SCALE;
        u32::try_from(packets).unwrap_or(u32::MAX)
    }

    /// At least a quarter more than `other` (BBRCheckFullBWReached).
    pub(super) fn has_grown_from(self, other: Bandwidth) -> bool {
        self >= other.times(ONE + ONE / 4)
    }
}
