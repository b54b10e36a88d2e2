//! Round-trip time and retransmission timeout (RFC 6298, as Linux computes them).
//!
//! Where Linux differs from the RFC: the variance follows the largest deviation of the last round trip and never gets
//! below the minimum of 200 ms, so that RTO = SRTT + max(RTTVAR, 200 ms); a decreasing RTT weighs less into the variance.
use core::time::Duration;

use super::least::Least;
use crate::block::Block;
use crate::{Instant, Seq, Tuning};

/// `TCP_RTO_MIN`
pub(crate) const RTO_MIN: Duration = Duration::from_millis(200);
/// `TCP_TIMEOUT_INIT` (RFC 6298 2.1)
pub(crate) const RTO_INITIAL: Duration = Duration::from_secs(1);

/// All values in microseconds, scaled as in Linux: `srtt` by 8, `deviation` by 4.
#[derive(Debug, Clone)]
pub(crate) struct RoundTrip {
    srtt: u32,
    deviation: u32,
    deviation_max: u32,
    variance: u32,
    /// The end of the round trip in which `deviation_max` is gathered.
    round: Seq,
    rto: u32,
    pub(crate) backoff: u8,
    min: Least,
}

impl Default for RoundTrip {
    fn default() -> Self {
        RoundTrip {
            srtt: 0,
            deviation: 0,
            deviation_max: 0,
            variance: 0,
            round: Seq::new(0),
            rto: micros(RTO_INITIAL),
            backoff: 0,
            min: Least::default(),
        }
    }
}

/// Without the 128 bits of [`Duration::as_micros`]: this is on the way of every acknowledgment.
fn micros(duration: Duration) -> u32 {
    let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    seconds
        .saturating_mul(1_000_000)
        .saturating_add(duration.subsec_micros())
}

/// Bounds that are changed hold from the next sample or timeout on.
impl RoundTrip {
    /// Takes a sample; `una` and `nxt` delimit the round trip.
    pub(crate) fn sample(&mut self, sample: Duration, una: Seq, nxt: Seq, tuning: &Tuning) {
        let least = || micros(tuning.rto_min);
        let sample = micros(sample).max(1);
        if self.srtt == 0 {
            // RFC 6298 2.2
            self.srtt = sample.saturating_mul(8);
            self.deviation = sample.saturating_mul(2);
            self.variance = self.deviation.max(least());
            self.deviation_max = self.variance;
            self.round = nxt;
        } else {
            // RFC 6298 2.3 with alpha 1/8, beta 1/4
            let mean = self.srtt / 8;
            self.srtt = (self.srtt - mean).saturating_add(sample).max(1);
            let error = sample.abs_diff(mean);
            if sample < mean && error > self.deviation / 4 {
                // Linux: a sudden drop says little about the variance; only an eighth of the usual weight.
                let excess = error.saturating_sub(self.deviation / 4);
                self.deviation = self.deviation.saturating_add(excess / 8);
            } else {
                self.deviation = (self.deviation - self.deviation / 4).saturating_add(error);
            }
            if self.deviation > self.deviation_max {
                self.deviation_max = self.deviation;
                self.variance = self.variance.max(self.deviation_max);
            }
            if una.after(self.round) {
                if self.deviation_max < self.variance {
                    self.variance -= (self.variance - self.deviation_max) / 4;
                }
                self.round = nxt;
                self.deviation_max = least();
            }
        }
        self.backoff = 0;
        self.update(tuning);
    }

    /// The least round trip of the last `window` seconds (`tcp_update_rtt_min`).
    pub(crate) fn note_least(&mut self, sample: Duration, window: u32, now: Instant) {
        self.min.note(micros(sample).max(1), window, now);
    }

    fn update(&mut self, tuning: &Tuning) {
        let rto = (self.srtt / 8).saturating_add(self.variance);
        self.rto = rto.min(micros(tuning.rto_max));
    }

    /// RFC 6298 5.5
    pub(crate) fn back_off(&mut self, tuning: &Tuning) {
        self.backoff = self.backoff.saturating_add(1);
        self.rto = self.rto.saturating_mul(2).min(micros(tuning.rto_max));
    }

    /// The timeout was one for nothing: what it sent again never left.
    pub(crate) fn take_back(&mut self, tuning: &Tuning) {
        self.backoff = self.backoff.saturating_sub(1);
        let rto = (self.srtt / 8).saturating_add(self.variance);
        let factor = 1u32.checked_shl(self.backoff.into()).unwrap_or(u32::MAX);
        self.rto = rto.saturating_mul(factor).min(micros(tuning.rto_max));
    }

    /// A timeout that does not count towards the backoff (`tcp_thin_linear_timeouts`).
    pub(crate) fn repeat(&mut self, tuning: &Tuning) {
        self.backoff = 0;
        self.update(tuning);
        // Without a sample that is nothing: as `tcp_retransmit_timer`, never less than the minimum.
        self.rto = self.rto.max(micros(tuning.rto_min));
    }

    /// A window that was probed has opened: no more backoff.
    pub(crate) fn recover(&mut self, tuning: &Tuning) {
        if self.backoff > 0 {
            self.backoff = 0;
            if self.srtt > 0 {
                self.update(tuning);
            }
        }
    }

    /// RFC 6298 5.7: after a lost SYN without a sample the first RTO is 3 s.
    pub(crate) fn syn_was_lost(&mut self) {
        if self.srtt == 0 {
            self.rto = 3_000_000;
        }
    }

    pub(crate) fn rto(&self) -> Duration {
        Duration::from_micros(u64::from(self.rto))
    }

    /// The RTO without backoff.
    pub(crate) fn base_rto(&self, tuning: &Tuning) -> Duration {
        if self.srtt == 0 {
            return self.rto();
        }
        Duration::from_micros(u64::from((self.srtt / 8).saturating_add(self.variance)))
            .min(tuning.rto_max)
    }

    /// The smoothed round-trip time, if there has been a sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| Duration::from_micros(u64::from(self.srtt / 8)))
    }

    /// The same as Linux keeps it: eight times as much, in microseconds; 0 if there has been no sample.
    pub(crate) fn srtt_eighths(&self) -> u32 {
        self.srtt
    }

    pub(crate) fn rttvar(&self) -> Duration {
        Duration::from_micros(u64::from(self.deviation / 4))
    }

    pub(crate) fn min(&self) -> Option<Duration> {
        self.min.get()
    }
}

impl Block {
    /// The round trip of a handshake.
    pub(crate) fn sample_handshake(&mut self, sample: Duration, now: Instant) {
        let (una, nxt) = (self.send.una, self.send.nxt);
        self.send.rtt.sample(sample, una, nxt, &self.options);
        let window = self.limits.min_rtt_window;
        self.send.rtt.note_least(sample, window, now);
    }
}
