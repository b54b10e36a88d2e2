//! How much of the congestion window is used: a window that isn't must neither grow nor be trusted for long (RFC 7661,
//! RFC 2861, as `tcp_cwnd_validate` has them).
use core::time::Duration;

use super::Phase;
use crate::block::Block;
use crate::{Instant, Seq};

/// The use of the window.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    /// The window was what held the sender back in this window's round (`is_cwnd_limited`).
    is_limited: bool,
    /// Something was sent since the last look.
    has_sent: bool,
    /// The most packets out in it (`max_packets_out`).
    most: u32,
    /// Where it ends (`cwnd_usage_seq`).
    end: Seq,
    /// The most packets out since the window was last used in full (`snd_cwnd_used`), and when that was or an
    /// acknowledgment came last, in ms that wrap (`snd_cwnd_stamp`).
    used: u32,
    full_at: u32,
}

fn millis(now: Instant) -> u32 {
    u32::try_from(now.as_millis() & u64::from(u32::MAX)).unwrap_or(0)
}

impl Usage {
    pub(crate) fn new(isn: Seq, now: Instant) -> Usage {
        Usage {
            is_limited: false,
            has_sent: false,
            most: 0,
            end: isn,
            used: 0,
            full_at: millis(now),
        }
    }

    pub(crate) fn sent(&mut self) {
        self.has_sent = true;
    }

    /// The window was judged, whether it grew or not (`tcp_cong_avoid`).
    pub(crate) fn judged(&mut self, now: Instant) {
        self.full_at = millis(now);
    }

    /// The window was set anew.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.used = 0;
        self.full_at = millis(now);
    }

    /// Numbers that lie behind must not fall out of the half of the space in which they mean anything.
    pub(crate) fn keep_up(&mut self, una: Seq) {
        self.end = self.end.latest(una);
    }
}

impl Block {
    /// `tcp_is_cwnd_limited`: only then may the window grow. In slow start to twice what was out, at least.
    pub(crate) fn is_window_limited(&self) -> bool {
        let send = &self.send;
        send.usage.is_limited
            || (send.window.in_slow_start() && send.window.size < 2 * send.usage.most)
    }

    /// `tcp_cwnd_validate`, after all was sent that may be.
    pub(super) fn validate_window(&mut self, waiting: bool, now: Instant) {
        let send = &mut self.send;
        let has_sent = core::mem::take(&mut send.usage.has_sent);
        let is_limited = send.flight.pipe() >= send.window.size;
        if !(has_sent || waiting && is_limited) {
            return;
        }
        let out = send.flight.out;
        let usage = &mut send.usage;
        if send.una.at_or_after(usage.end) || is_limited || (!usage.is_limited && out > usage.most)
        {
            usage.is_limited = is_limited;
            usage.most = out;
            usage.end = send.nxt;
        }
        if self.is_window_limited() {
            self.send.usage.restart(now);
            return;
        }
        let send = &mut self.send;
        send.usage.used = send.usage.used.max(out);
        let idle = Duration::from_millis(millis(now).wrapping_sub(send.usage.full_at).into());
        if self.limits.slow_start_after_idle && idle >= send.rtt.rto() && !send.congestion.steers()
        {
            self.limit_to_use(now);
        }
    }

    /// `tcp_cwnd_application_limited`: halfway down to what was used.
    fn limit_to_use(&mut self, now: Instant) {
        let send = &mut self.send;
        if send.phase == Phase::Open && !send.is_starved {
            let used = send.usage.used.max(self.limits.initial_window.into());
            if used < send.window.size {
                send.window.remember();
                send.window.size = send.window.size.midpoint(used);
            }
            send.usage.used = 0;
        }
        send.usage.full_at = millis(now);
    }
}
