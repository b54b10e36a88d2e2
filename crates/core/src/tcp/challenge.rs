//! The host's share in RFC 5961 7: how many challenge acknowledgments all connections together send in a second
//! (`tcp_challenge_ack_limit`).

use crate::Instant;
use crate::host::Stack;

/// How many may still go in this second.
#[derive(Debug, Default)]
pub(crate) struct ChallengeBudget {
    second: Option<u64>,
    left: u32,
}

impl Stack {
    /// Whether one more may go.
    pub(super) fn may_challenge(&mut self, now: Instant) -> bool {
        // Linux's default is no limit: one for all connections lets an attacker see what others do (CVE-2016-5696).
        let Some(limit) = self.config.sysctl.tcp_challenge_ack_limit else {
            return true;
        };
        let second = now.as_millis() / 1000;
        if self.challenges.second != Some(second) {
            // Against the same attack the count differs from second to second: from half of the limit to one and a half.
            let half = limit.div_ceil(2);
            let more = match limit {
                // Linux draws from the empty range, which comes to any number.
                0 => u32::MAX,
                limit => u32::try_from(self.rng.next_u64() % u64::from(limit)).unwrap_or(0),
            };
            self.challenges = ChallengeBudget {
                second: Some(second),
                left: half.saturating_add(more),
            };
        }
        let may_go = self.challenges.left > 0;
        self.challenges.left = self.challenges.left.saturating_sub(1);
        may_go
    }
}
