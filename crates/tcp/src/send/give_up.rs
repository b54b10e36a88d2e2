//! How long to try (RFC 9293 3.8.3, RFC 1122 4.2.3.5, as Linux counts it).
use core::time::Duration;

use super::rtt::RTO_MIN;
use crate::block::Block;

/// The time that `count` retransmissions with doubling intervals from 200 ms on take, `retransmits_timed_out`'s model: it
/// makes `tcp_retries2` a duration (15 are 924.6 s) that does not depend on the path.
pub(crate) fn duration_of(count: u8, rto_max: Duration) -> Duration {
    // log2(120 s / 0.2 s) if nothing else is asked for.
    let doublings = (rto_max.as_millis() / RTO_MIN.as_millis()).max(1).ilog2();
    let count = u32::from(count);
    if count <= doublings {
        RTO_MIN * ((2 << count) - 1)
    } else {
        RTO_MIN * ((2 << doublings) - 1) + rto_max * (count - doublings)
    }
}

impl Block {
    /// `tcp_orphan_retries`: 0 means 8 as long as the timeout can still grow, and then none. None either once ICMP has
    /// told that something is wrong.
    pub(super) fn orphan_retries(&self, timeout: Duration) -> u8 {
        let is_growing = timeout < self.options.rto_max;
        match self.limits.orphan_retries {
            0 if is_growing => 8,
            _ if !is_growing && self.soft_error.is_some() => 0,
            retries => retries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_retries_take_924_6_seconds() {
        let usual = Duration::from_secs(120);
        assert_eq!(duration_of(15, usual), Duration::from_millis(924_600));
        assert_eq!(duration_of(3, usual), Duration::from_secs(3));
        assert_eq!(duration_of(0, usual), Duration::from_millis(200));
        let short = Duration::from_secs(1);
        assert_eq!(duration_of(15, short), Duration::from_millis(14_400));
    }
}
