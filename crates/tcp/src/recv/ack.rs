//! When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2, with Linux's quick acknowledgments and 40 ms).
//!
//! A new connection, and one that was idle for long, acknowledges each segment at once for a while (quick mode), because
//! the sender is in slow start. A connection that answers what it gets (ping-pong) delays instead, so that the answer
//! carries the acknowledgment.
use core::time::Duration;

use crate::Instant;
use crate::time::Millis;

/// `TCP_ATO_MIN`, `TCP_DELACK_MIN`
pub(crate) const DELAY_MIN: Duration = Duration::from_millis(40);
/// `TCP_DELACK_MAX`
pub(crate) const DELAY_MAX: Duration = Duration::from_millis(200);
/// `TCP_MAX_QUICKACKS`
const QUICK_MAX: u32 = 16;

#[derive(Debug, Clone, Default)]
pub(crate) struct Acknowledger {
    /// Something is to be acknowledged, now or later.
    pub(crate) scheduled: bool,
    /// Now.
    pub(crate) now: bool,
    /// A short segment came since the last acknowledgment: the sender may be waiting (`ICSK_ACK_PUSHED`).
    pub(crate) pushed: bool,
    /// More than one (`ICSK_ACK_PUSHED2`).
    pub(crate) pushed_twice: bool,
    /// Quick acknowledgments left.
    quick: u8,
    /// The connection answers what it gets.
    pub(crate) ping_pong: bool,
    /// The delay, in ms (ATO); 0 before the first data.
    delay: u16,
    /// When data came last.
    pub(crate) last: Millis,
}

impl Acknowledger {
    pub(crate) fn new(ping_pong: bool) -> Acknowledger {
        Acknowledger {
            ping_pong,
            ..Acknowledger::default()
        }
    }

    /// The SYN-ACK came, and data will follow soon that can carry its acknowledgment.
    pub(crate) fn save_first(&mut self) {
        self.scheduled = true;
        self.force_quick(QUICK_MAX);
    }

    /// Data came: adapts the delay to how far apart segments come. `quota` is how many quick acknowledgments a restart
    /// allows, half the window in segments.
    pub(crate) fn data_received(&mut self, now: Instant, quota: u32, rto: Duration) {
        self.scheduled = true;
        let minimum = u16::try_from(DELAY_MIN.as_millis()).unwrap_or(40);
        if self.delay == 0 {
            self.enter_quick(quota);
            self.delay = minimum;
        } else {
            let gap = self.last.ago(now);
            let delay = Duration::from_millis(u64::from(self.delay));
            if gap <= DELAY_MIN / 2 {
                self.delay = self.delay / 2 + minimum / 2;
            } else if gap < delay {
                let grown = delay / 2 + gap;
                self.delay = u16::try_from(grown.min(rto).as_millis()).unwrap_or(u16::MAX);
            } else if gap > rto {
                // Too long a pause: the sender has restarted slow start.
                self.enter_quick(quota);
            }
        }
        self.last = Millis::at(now);
    }

    /// Acknowledge at once for the next segments.
    pub(crate) fn enter_quick(&mut self, quota: u32) {
        let quota = quota.clamp(2, QUICK_MAX);
        self.quick = self.quick.max(u8::try_from(quota).unwrap_or(u8::MAX));
    }

    /// `tcp_enter_quickack_mode`: as above, and the connection is no longer taken for a ping-pong.
    pub(crate) fn force_quick(&mut self, quota: u32) {
        self.enter_quick(quota);
        self.ping_pong = false;
        self.delay = u16::try_from(DELAY_MIN.as_millis()).unwrap_or(40);
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.quick > 0 && !self.ping_pong
    }

    /// `TCP_QUICKACK` off: delay as in a ping-pong.
    pub(crate) fn set_ping_pong(&mut self, on: bool) {
        self.ping_pong = on;
    }

    /// Data was sent; if soon after data was received, it is an answer.
    pub(crate) fn data_sent(&mut self, now: Instant) {
        if self.delay > 0 && self.last.ago(now) < Duration::from_millis(u64::from(self.delay)) {
            self.ping_pong = true;
        }
    }

    /// The receive window got short: do not provoke more than it holds.
    pub(crate) fn leave_quick(&mut self) {
        self.quick = 0;
    }

    /// An acknowledgment went out, with data or without.
    pub(crate) fn sent(&mut self) {
        let delay = u16::try_from(DELAY_MIN.as_millis()).unwrap_or(40);
        self.quick = self.quick.saturating_sub(u8::from(self.scheduled));
        if self.quick == 0 && self.scheduled {
            self.delay = self.delay.min(delay).max(u16::from(self.delay > 0) * delay);
        }
        self.scheduled = false;
        self.now = false;
        self.pushed = false;
        self.pushed_twice = false;
    }

    /// The timer has run out.
    pub(crate) fn expired(&mut self, rto: Duration) {
        if self.ping_pong {
            // It was no ping-pong after all: nobody answered.
            self.ping_pong = false;
            self.delay = u16::try_from(DELAY_MIN.as_millis()).unwrap_or(40);
        } else {
            let grown = Duration::from_millis(u64::from(self.delay) * 2).min(rto);
            self.delay = u16::try_from(grown.as_millis()).unwrap_or(u16::MAX);
        }
        self.now = true;
    }

    /// How long to wait; `most` is the socket's bound (`TCP_DELACK_MAX_US`).
    pub(crate) fn delay(&self, srtt: Option<Duration>, most: Duration) -> Duration {
        let delay = Duration::from_millis(u64::from(self.delay)).max(DELAY_MIN);
        if delay == DELAY_MIN {
            return delay.min(most);
        }
        let mut limit = if self.ping_pong || self.pushed {
            DELAY_MAX
        } else {
            Duration::from_millis(500)
        };
        if let Some(srtt) = srtt {
            limit = limit.min(srtt.max(DELAY_MIN));
        }
        delay.min(limit).min(most)
    }

    pub(crate) fn ato(&self) -> Duration {
        Duration::from_millis(u64::from(self.delay))
    }
}
