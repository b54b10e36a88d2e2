//! Protection against wrapped sequence numbers (RFC 7323 5).
use crate::Instant;

/// RFC 7323 5.5: a timestamp this old says nothing any more.
const VALID: u32 = 24 * 24 * 3600;

/// TS.Recent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RecentTimestamp {
    pub(crate) value: u32,
    /// When it was taken, in whole seconds.
    at: u32,
}

impl RecentTimestamp {
    /// RFC 7323 5.3 R1: is `value` older than what has been seen? One tick is forgiven (`TCP_PAWS_WINDOW`): two processors
    /// of the sender may have read its clock in another order than they sent.
    pub(crate) fn rejects(&self, value: u32, now: Instant) -> bool {
        value.wrapping_sub(self.value).cast_signed() < -1
            && seconds(now).saturating_sub(self.at) < VALID
    }

    /// What the connection before had, whose names this one has taken over (`tcp_twsk_unique`); 0 is none.
    pub(crate) fn of_before(value: u32, now: Instant) -> Self {
        let mut recent = Self::default();
        if value != 0 {
            recent.update(value, now);
        }
        recent
    }

    pub(crate) fn update(&mut self, value: u32, now: Instant) {
        *self = RecentTimestamp {
            value,
            at: seconds(now),
        };
    }
}

fn seconds(now: Instant) -> u32 {
    u32::try_from(now.as_millis() / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_timestamp_of_24_days_ago_is_no_measure() {
        let mut recent = RecentTimestamp::default();
        recent.update(1000, Instant::ZERO);
        let days = |days: u64| Instant::ZERO + Duration::from_secs(days * 24 * 3600);
        assert!(recent.rejects(900, days(23)));
        assert!(!recent.rejects(900, days(24)));
        assert!(!recent.rejects(1001, days(23)));
    }
}
