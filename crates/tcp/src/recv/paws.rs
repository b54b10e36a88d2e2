//! Protection against wrapped sequence numbers (RFC 7323 5).
use core::time::Duration;

use crate::Instant;

/// RFC 7323 5.5: a timestamp this old says nothing any more.
const VALID: Duration = Duration::from_secs(24 * 24 * 3600);

/// TS.Recent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RecentTimestamp {
    pub(crate) value: u32,
    /// When it was taken.
    pub(crate) at: Instant,
}

impl RecentTimestamp {
    /// RFC 7323 5.3 R1: is `value` older than what has been seen?
    pub(crate) fn rejects(&self, value: u32, now: Instant) -> bool {
        value.wrapping_sub(self.value).cast_signed() < 0 && now - self.at < VALID
    }

    pub(crate) fn update(&mut self, value: u32, now: Instant) {
        *self = RecentTimestamp { value, at: now };
    }
}
