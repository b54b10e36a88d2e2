//! The generator that decides.

/// A small seeded generator (SplitMix64). Good enough to lose packets with; not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        let [_, _, _, _, a, b, c, d] = self.next_u64().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// A number below `bound`, 0 if `bound` is 0. The bias of the multiplication is below `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// Numbers of which each depends on the one before.
///
/// netem mixes the last number into the next, which also makes extreme numbers rarer, so that `loss 1% 50%` loses next to
/// nothing. Here the last number is repeated with the probability that is the correlation, which keeps every number as likely.
#[derive(Clone, Debug)]
pub(crate) struct Correlated {
    random: Random,
    /// How likely the last number comes again, in parts of `u32::MAX`.
    correlation: u32,
    last: u32,
}

impl Correlated {
    pub(crate) fn new(seed: u64, correlation: u32) -> Self {
        let mut random = Random::new(seed);
        let last = random.next_u32();
        Correlated {
            random,
            correlation,
            last,
        }
    }

    pub(crate) fn set_correlation(&mut self, correlation: u32) {
        self.correlation = correlation;
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        if self.correlation == 0 || self.random.next_u32() > self.correlation {
            self.last = self.random.next_u32();
        }
        self.last
    }
}
