//! A link that takes nothing: its queue has no room, and what is to be sent is refused before it leaves.
//!
//! Nothing is noted as sent, so that nothing has to be missed by the peer first. The window comes down as for a mark
//! (`__tcp_transmit_skb`), and what has no other reason to be tried again is after half a second.

use core::time::Duration;

use super::plan::Plan;
use super::{Phase, Probe};
use crate::Instant;
use crate::block::Block;
use crate::tally::LossCount;
use crate::timers::Timer;

/// `TCP_RESOURCE_PROBE_INTERVAL`
const RESOURCE_PROBE_INTERVAL: Duration = Duration::from_millis(500);

impl Block {
    /// What the plan says was tried, and the link refused it.
    pub(crate) fn refused(&mut self, plan: Plan, now: Instant) {
        self.enter_cwr();
        let probe = core::mem::take(&mut self.send.probe);
        match plan {
            // The timer that stands for the timeout again was set before.
            Plan::Tail => self.count_refused(u32::from(self.send.mss)),
            Plan::Again { bytes, .. } => {
                self.count_refused(bytes);
                let has_just_timed_out = self.send.phase == Phase::Loss
                    && self.send.flight.retransmitted() == 0
                    && self.timers.get(Timer::Retransmit) == Some(now + self.send.rtt.rto());
                if has_just_timed_out {
                    self.send.rtt.take_back(&self.options);
                    self.timers
                        .set(Timer::Retransmit, now + RESOURCE_PROBE_INTERVAL);
                }
            }
            _ if !self.send.flight.is_empty() => {}
            _ if probe == Probe::None => {
                // `tcp_check_probe_timer`
                if !self.timers.is_set(Timer::Retransmit) {
                    let when = self.probe_interval();
                    self.timers.set(Timer::Retransmit, now + when);
                }
            }
            // `tcp_send_probe0`: without backoff, and not beyond the user timeout.
            _ => {
                self.send.rtt.backoff = self.send.rtt.backoff.saturating_sub(1);
                let left = self.options.user_timeout.map(|limit| {
                    let left = limit.saturating_sub(self.send.stalled(now));
                    left.max(Duration::from_millis(1))
                });
                let when = left.map_or(RESOURCE_PROBE_INTERVAL, |left| {
                    left.min(RESOURCE_PROBE_INTERVAL)
                });
                self.timers.set(Timer::Retransmit, now + when);
            }
        }
    }

    /// Linux counts a retransmission before it is sent (`__tcp_retransmit_skb`).
    fn count_refused(&mut self, bytes: u32) {
        let packets = bytes.div_ceil(self.segment_size()).max(1);
        let rare = &mut *self.send.rare;
        rare.retransmitted = rare.retransmitted.wrapping_add(packets);
        rare.bytes_retransmitted += u64::from(bytes);
        self.send.count(LossCount::RetransFail, 1);
    }
}
