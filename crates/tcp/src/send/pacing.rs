//! Pacing: what may be sent leaves at a rate instead of at once (`tcp_pacing_check`, `tcp_update_skb_after_send`).
//!
//! Only connections that need it own a [`Pacing`]: those whose algorithm asks for it and those with
//! `SO_MAX_PACING_RATE`. Others only have the length of their super-segments from the pace that they would keep.
use core::time::Duration;

use super::Sender;
use crate::Instant;
use crate::block::Block;
use crate::seq::span;

/// Bytes a second: no bound.
pub(crate) const UNLIMITED: u64 = u64::MAX;
/// A super-segment holds what leaves in 1/1024 of a second (`sk_pacing_shift`).
const QUANTUM_SHIFT: u32 = 10;
/// `tcp_tso_rtt_log`: within so short a round trip (512 us) super-segments may be longer.
const RTT_SHIFT: u32 = 9;
/// The first packets are not paced, as with Linux's packet scheduler `fq`.
const FREE_PACKETS: u32 = 10;

/// The pace of a connection.
#[derive(Debug)]
pub(crate) struct Pacing {
    /// `sk_pacing_rate`, bytes a second.
    pub(crate) rate: u64,
    /// When the next segment may leave (`tcp_wstamp_ns`).
    next: Instant,
    /// There is something to send then.
    is_waiting: bool,
}

impl Pacing {
    pub(crate) fn new(rate: u64) -> Pacing {
        Pacing {
            rate,
            next: Instant::ZERO,
            is_waiting: false,
        }
    }

    fn sent(&mut self, bytes: u32, packets_out: u32, now: Instant) {
        let credit = now - self.next;
        self.next = self.next.max(now);
        if self.rate == UNLIMITED || self.rate == 0 || packets_out < FREE_PACKETS {
            return;
        }
        let nanos = u64::from(bytes) * 1_000_000_000 / self.rate;
        // A wake-up that came late is made up for, by half at most.
        let credit = u64::try_from(credit.as_nanos()).unwrap_or(u64::MAX);
        self.next += Duration::from_nanos(nanos - credit.min(nanos / 2));
    }
}

impl Sender {
    /// The pace, if there is one.
    fn known_pacing(&mut self) -> Option<&mut Pacing> {
        self.rare.existing()?.pacing.as_mut()
    }

    /// When the pacing timer is due, if it is set.
    pub(crate) fn pacing_deadline(&self) -> Option<Instant> {
        let pacing = self.rare.pacing.as_ref()?;
        pacing.is_waiting.then_some(pacing.next)
    }

    /// The pacing timer has done its work once it is due: what may leave then is asked for next. As long as it stays set its
    /// owner is called again and again at the same moment.
    pub(crate) fn take_pacing_due(&mut self, now: Instant) {
        if let Some(pacing) = self.known_pacing()
            && pacing.next <= now
        {
            pacing.is_waiting = false;
        }
    }

    /// `tcp_update_pacing_rate`: so much of the window a round trip, in percent, that the window can still grow.
    pub(crate) fn pace_of_window(&self, (slow_start, avoidance): (u16, u16)) -> u64 {
        let ratio = if self.window.size < self.window.threshold / 2 {
            slow_start
        } else {
            avoidance
        };
        let packets = self.window.size.max(self.flight.out);
        let eight_windows = u128::from(self.mss) * u128::from(packets) * 8 * 10_000;
        let rate = (eight_windows * u128::from(ratio)).checked_div(self.rtt.srtt_eighths().into());
        rate.map_or(UNLIMITED, |rate| u64::try_from(rate).unwrap_or(UNLIMITED))
    }
}

impl Block {
    /// The next segment must not leave yet.
    pub(super) fn is_paced_out(&self, now: Instant) -> bool {
        let pacing = self.send.rare.pacing.as_ref();
        pacing.is_some_and(|pacing| pacing.next > now)
    }

    /// The algorithm begins to work.
    pub(crate) fn begin_control(&mut self) {
        let rate = self.begin_to_steer();
        self.fit_pacing();
        if let Some(rate) = rate {
            self.set_pacing_rate(rate);
        }
    }

    /// Sees to it that the connection paces if it is to; once it does it goes on, as in Linux.
    pub(crate) fn fit_pacing(&mut self) {
        let most = self.options.max_pacing_rate;
        if most == UNLIMITED && !self.send.congestion.steers() && self.send.rare.pacing.is_none() {
            return;
        }
        let rate = self.pacing_rate().min(most);
        match &mut self.send.rare.pacing {
            Some(pacing) => pacing.rate = rate,
            none => *none = Some(Pacing::new(rate)),
        }
    }

    /// After an acknowledgment: the window's pace, where the algorithm sets none of its own.
    pub(crate) fn update_pacing(&mut self) {
        if self.send.rare.pacing.is_some() && !self.send.congestion.steers() {
            let rate = self.send.pace_of_window(self.limits.pacing_ratios);
            self.set_pacing_rate(rate);
        }
    }

    pub(crate) fn set_pacing_rate(&mut self, rate: u64) {
        let rate = rate.min(self.options.max_pacing_rate);
        if let Some(pacing) = self.send.known_pacing() {
            pacing.rate = rate;
        }
    }

    /// `tcpi_pacing_rate`: that of a connection that doesn't pace is what it would be.
    pub(crate) fn pacing_rate(&self) -> u64 {
        match &self.send.rare.pacing {
            Some(pacing) => pacing.rate,
            None => self.send.pace_of_window(self.limits.pacing_ratios),
        }
    }

    /// `tcp_tso_autosize`: the longest super-segment, at least two packets and no more than leaves in a millisecond.
    pub(crate) fn quantum(&self, mss: u32) -> u32 {
        if self.send.rare.urgent.is_some() {
            // The pointer counts from each segment of its own (`tcp_write_xmit`).
            return mss;
        }
        let most = self.limits.max_super_segment;
        let rtt = self.send.rtt.min().map_or(u128::MAX, |rtt| rtt.as_micros());
        let halvings = u32::try_from(rtt >> RTT_SHIFT).unwrap_or(u32::MAX);
        if halvings == 0 {
            // Whatever the rate.
            return most;
        }
        let rate = self.pacing_rate();
        let mut bytes = rate >> QUANTUM_SHIFT;
        bytes = bytes.saturating_add(u64::from(most.checked_shr(halvings).unwrap_or(0)));
        let least = match self.send.congestion.least_burst(rate) {
            Some(least) => least,
            None => self.limits.min_super_segment.into(),
        };
        let packets = u32::try_from(bytes).unwrap_or(u32::MAX).min(most) / mss.max(1);
        packets.max(least).saturating_mul(mss).min(most.max(mss))
    }

    /// A segment with data has left.
    pub(super) fn pace(&mut self, bytes: usize, now: Instant) {
        let packets = self.counts.data_out;
        if let Some(pacing) = self.send.known_pacing() {
            pacing.sent(span(bytes), packets, now);
        }
    }

    /// Nothing more goes out: sets the timer if it is the pace that holds something back.
    pub(super) fn wait_for_pace(&mut self, now: Instant) {
        let is_waiting = self.is_paced_out(now) && self.plan_data().is_some();
        if let Some(pacing) = self.send.known_pacing() {
            pacing.is_waiting = is_waiting;
        }
    }
}

#[cfg(test)]
mod tests;
