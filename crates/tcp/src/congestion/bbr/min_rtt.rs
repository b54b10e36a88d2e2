//! BBR.min_rtt (draft 5.3.4.3): the shortest round trip of ten seconds, and when to look for a shorter one.
use core::time::Duration;

use super::bandwidth::micros;
use crate::Instant;

/// BBR.MinRTTFilterLen
const FILTER: Duration = Duration::from_secs(10);
/// BBR.ProbeRTTInterval
const INTERVAL: Duration = Duration::from_secs(5);

/// The two estimates, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MinRtt {
    /// BBR.min_rtt, BBR.min_rtt_stamp
    least: Option<u32>,
    least_at: Instant,
    /// BBR.probe_rtt_min_delay, BBR.probe_rtt_min_stamp
    recent: Option<u32>,
    recent_at: Instant,
}

impl MinRtt {
    pub(super) fn begin(&mut self, now: Instant) {
        self.least_at = now;
        self.recent_at = now;
    }

    pub(super) fn micros(&self) -> Option<u32> {
        self.least
    }

    /// BBRUpdateMinRTT(): BBR.probe_rtt_expired.
    pub(super) fn update(&mut self, rtt: Option<Duration>, now: Instant) -> bool {
        let is_expired = now > self.recent_at + INTERVAL;
        if let Some(rtt) = rtt.map(micros)
            && (is_expired || self.recent.is_none_or(|recent| rtt < recent))
        {
            self.recent = Some(rtt);
            self.recent_at = now;
        }
        let is_old = now > self.least_at + FILTER;
        if let Some(recent) = self.recent
            && (is_old || self.least.is_none_or(|least| recent < least))
        {
            self.least = Some(recent);
            self.least_at = self.recent_at;
        }
        is_expired
    }

    /// A probe is over: the next one is due an interval from now.
    pub(super) fn probed(&mut self, now: Instant) {
        self.recent_at = now;
    }
}
