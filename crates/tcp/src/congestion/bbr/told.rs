//! What `TCP_CC_INFO` tells (`struct tcp_bbr_info`).
use super::Bbr;

/// The members that Linux has had from the first version on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BbrInfo {
    /// The estimate of the path's rate, bytes a second.
    pub bw: u64,
    /// The shortest round trip, in microseconds.
    pub min_rtt: u32,
    /// In 1/256.
    pub pacing_gain: u32,
    /// In 1/256.
    pub cwnd_gain: u32,
}

impl Bbr {
    pub(crate) fn told(&self, mss: u32) -> BbrInfo {
        BbrInfo {
            bw: self.bw.raw_bytes(mss),
            min_rtt: self.min_rtt.micros().unwrap_or(u32::MAX),
            pacing_gain: self.gains.pacing >> 2,
            cwnd_gain: self.gains.window >> 2,
        }
    }
}
