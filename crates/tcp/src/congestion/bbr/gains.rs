//! The draft's constants (BBR.PacingGain, BBR.CwndGain, ...).

/// Gains and shares are in 1/1024.
pub(super) const SHIFT: u32 = 10;
pub(super) const ONE: u32 = 1 << SHIFT;

/// BBR.MinPipeCwnd
pub(super) const MIN_PIPE: u32 = 4;
/// BBR.Beta: 0.7
const BETA: u64 = 717;
/// BBR.Headroom: 0.15
const HEADROOM: u64 = 154;
/// BBR.LossThresh is 2 %: one in so many.
pub(super) const LOSS_THRESH: u32 = 50;

/// What the state multiplies rate and volume with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gains {
    pub(super) pacing: u32,
    pub(super) window: u32,
}

impl Gains {
    /// 4 ln 2 and 2.
    pub(super) const STARTUP: Gains = Gains::new(2840, 2 * ONE);
    /// 0.35
    pub(super) const DRAIN: Gains = Gains::new(358, 2 * ONE);
    /// 0.9
    pub(super) const DOWN: Gains = Gains::new(922, 2 * ONE);
    pub(super) const CRUISE: Gains = Gains::new(ONE, 2 * ONE);
    /// 1.25 and 2.25
    pub(super) const UP: Gains = Gains::new(ONE + ONE / 4, 2 * ONE + ONE / 4);
    pub(super) const PROBE_RTT: Gains = Gains::new(ONE, ONE / 2);

    const fn new(pacing: u32, window: u32) -> Gains {
        Gains { pacing, window }
    }
}

fn part(volume: u64, share: u64) -> u64 {
    volume.saturating_mul(share) >> SHIFT
}

/// BBR.Beta of a volume.
pub(super) fn beta(volume: u32) -> u32 {
    u32::try_from(part(volume.into(), BETA)).unwrap_or(u32::MAX)
}

/// BBR.Beta as a gain.
pub(super) const BETA_GAIN: u32 = 717;

/// What is left of a volume when BBR.Headroom is left free, a packet at least.
pub(super) fn without_headroom(volume: u32) -> u32 {
    let headroom = u32::try_from(part(volume.into(), HEADROOM)).unwrap_or(u32::MAX);
    volume.saturating_sub(headroom.max(1)).max(MIN_PIPE)
}
