//! Hashing with the host's secret key, so that nobody outside can aim at one bucket.

use core::hash::{BuildHasher, Hasher};

use siphasher::sip::SipHasher13;

/// A keyed hash. Equal seeds give equal hashes, so runs are reproducible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    key: (u64, u64),
}

impl Keyed {
    pub(crate) fn new(first: u64, second: u64) -> Self {
        Self {
            key: (first, second),
        }
    }

    /// Another secret, for another purpose: who learns hashes under one learns nothing of the other.
    pub(crate) fn derived(&self, purpose: &[u8]) -> Self {
        let half = |number: u8| {
            let mut hasher = self.build_hasher();
            hasher.write(purpose);
            hasher.write(&[0, number]);
            hasher.finish()
        };
        Self::new(half(0), half(1))
    }

    /// The hash of some bytes.
    pub(crate) fn hash_bytes(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.key.0, self.key.1)
    }
}
