//! The host's only source of randomness: a generator seeded by the configuration.
//!
//! Numbers that an outsider must not guess (sequence numbers, ports, identifiers) are made by the keyed hash of RFC 6528
//! from `inet::keyed`, or by this counter-mode SipHash generator: its outputs don't give away its key.

use core::hash::Hasher;

use siphasher::sip::SipHasher24;

/// SipHash-2-4 in counter mode.
#[derive(Debug, Clone)]
pub(crate) struct Rng {
    key: (u64, u64),
    counter: u64,
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        // SplitMix64's constants spread a small seed over the whole key.
        let first = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let second = mix(seed.wrapping_add(0x3c6e_f372_fe94_f82a));
        Self {
            key: (first, second),
            counter: 0,
        }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        hasher.write_u64(self.counter);
        self.counter = self.counter.wrapping_add(1);
        hasher.finish()
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.next_u64().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    pub(crate) fn next_u16(&mut self) -> u16 {
        let [a, b, ..] = self.next_u64().to_le_bytes();
        u16::from_le_bytes([a, b])
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
