//! When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2, with Linux's quick acknowledgments and 40 ms).
//!
//! A new connection, and one that was idle for long, acknowledges each segment at once for a while (quick mode), because
//! the sender is in slow start. A connection that answers what it gets (ping-pong) delays instead, so that the answer
//! carries the acknowledgment.
use core::time::Duration;

use bitflags::bitflags;

use super::Receiver;
use crate::Instant;
use crate::limits::Limits;
use crate::time::Millis;

/// `TCP_ATO_MIN`, `TCP_DELACK_MIN`
pub(crate) const DELAY_MIN: Duration = Duration::from_millis(40);
/// `TCP_DELACK_MAX`
pub(crate) const DELAY_MAX: Duration = Duration::from_millis(200);
/// `TCP_MAX_QUICKACKS`
const QUICK_MAX: u32 = 16;

bitflags! {
    /// What is so of the next acknowledgment.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct AckFlags: u8 {
        /// Something is to be acknowledged, now or later.
        const SCHEDULED = 1;
        /// Now.
        const NOW = 1 << 1;
        /// A short segment came since the last acknowledgment: the sender may be waiting (`ICSK_ACK_PUSHED`).
        const PUSHED = 1 << 2;
        /// More than one (`ICSK_ACK_PUSHED2`).
        const PUSHED_TWICE = 1 << 3;
        /// The connection answers what it gets.
        const PING_PONG = 1 << 4;
        /// Its answers are counted, because one does not make a ping-pong ([`super::rare::Rare`]).
        const COUNTING = 1 << 5;
        /// There was no memory for what came: the window is nothing (`ICSK_ACK_NOMEM`).
        const NO_MEMORY = 1 << 6;
    }
}

impl Receiver {
    /// Data was sent. After so many answers it is a ping-pong (`inet_csk_inc_pingpong_cnt`).
    pub(crate) fn data_sent(&mut self, limits: &Limits, now: Instant) {
        if self.ack.is(AckFlags::PING_PONG) || !self.ack.is_answer(now) {
            return;
        }
        let threshold = limits.ping_pong_threshold;
        if threshold > 1 {
            let before = match self.ack.is(AckFlags::COUNTING) {
                true => self.queue.rare.answers,
                false => 0,
            };
            self.queue.rare.answers = before.saturating_add(1);
            self.ack.flags |= AckFlags::COUNTING;
            if self.queue.rare.answers < threshold {
                return;
            }
        }
        self.ack.set_ping_pong(true);
        if threshold > 1
            && let Some(rare) = self.existing_rare()
        {
            rare.answers = 0;
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Acknowledger {
    pub(crate) flags: AckFlags,
    /// Quick acknowledgments left.
    quick: u8,
    /// The delay, in ms (ATO); 0 before the first data.
    delay: u16,
    /// When data came last.
    pub(crate) last: Millis,
}

impl Acknowledger {
    pub(crate) fn new(ping_pong: bool) -> Acknowledger {
        let mut new = Acknowledger::default();
        new.set_ping_pong(ping_pong);
        new
    }

    pub(crate) fn is(&self, what: AckFlags) -> bool {
        self.flags.contains(what)
    }

    /// Something came that is to be acknowledged.
    pub(crate) fn schedule(&mut self) {
        self.flags |= AckFlags::SCHEDULED;
    }

    /// Acknowledge now, if there is this reason to.
    pub(crate) fn hurry(&mut self, is_urgent: bool) {
        if is_urgent {
            self.flags |= AckFlags::NOW;
        }
    }

    /// What was to be acknowledged at once may be so already.
    pub(crate) fn calm(&mut self) {
        if !self.is(AckFlags::SCHEDULED) {
            self.flags.remove(AckFlags::NOW);
        }
    }

    /// A short segment came.
    pub(crate) fn push(&mut self) {
        let is_second = self.is(AckFlags::PUSHED);
        self.flags.set(
            AckFlags::PUSHED_TWICE,
            is_second || self.is(AckFlags::PUSHED_TWICE),
        );
        self.flags |= AckFlags::PUSHED;
    }

    /// The SYN-ACK came, and data will follow soon that can carry its acknowledgment.
    pub(crate) fn save_first(&mut self) {
        self.flags |= AckFlags::SCHEDULED;
        self.force_quick(QUICK_MAX);
    }

    /// Data came: adapts the delay to how far apart segments come. `quota` is how many quick acknowledgments a restart
    /// allows, half the window in segments.
    pub(crate) fn data_received(&mut self, now: Instant, quota: u32, rto: Duration) {
        self.flags |= AckFlags::SCHEDULED;
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
        // `tcp_incr_quickack`: a window that has no room for two has none to spare.
        let quota = match quota {
            0 => 2,
            some => some.min(QUICK_MAX),
        };
        self.quick = self.quick.max(u8::try_from(quota).unwrap_or(u8::MAX));
    }

    /// `tcp_enter_quickack_mode`: as above, and the connection is no longer taken for a ping-pong.
    pub(crate) fn force_quick(&mut self, quota: u32) {
        self.enter_quick(quota);
        self.set_ping_pong(false);
        self.delay = u16::try_from(DELAY_MIN.as_millis()).unwrap_or(40);
    }

    /// One at least (`tcp_grow_window`).
    pub(crate) fn stay_quick(&mut self) {
        self.quick |= 1;
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.quick > 0 && !self.is(AckFlags::PING_PONG)
    }

    /// `TCP_QUICKACK` off: delay as in a ping-pong.
    pub(crate) fn set_ping_pong(&mut self, on: bool) {
        self.flags.set(AckFlags::PING_PONG, on);
        self.flags.remove(AckFlags::COUNTING);
    }

    /// Data that is sent now answers what was received: it is sent soon after.
    fn is_answer(&self, now: Instant) -> bool {
        self.delay > 0 && self.last.ago(now) < Duration::from_millis(u64::from(self.delay))
    }

    /// The receive window got short: do not provoke more than it holds.
    pub(crate) fn leave_quick(&mut self) {
        self.quick = 0;
    }

    /// An acknowledgment went out, with data or without.
    pub(crate) fn sent(&mut self) {
        if self.quick > 0 && self.is(AckFlags::SCHEDULED) {
            self.quick -= 1;
            if self.quick == 0 {
                // `tcp_dec_quickack_mode`
                self.delay = u16::try_from(DELAY_MIN.as_millis()).unwrap_or(40);
            }
        }
        // Nothing of it is left but what kind of connection it is.
        self.flags &= AckFlags::PING_PONG | AckFlags::COUNTING;
    }

    /// The timer has run out.
    pub(crate) fn expired(&mut self, rto: Duration) {
        if self.is(AckFlags::PING_PONG) {
            // It was no ping-pong after all: nobody answered.
            self.set_ping_pong(false);
            self.delay = u16::try_from(DELAY_MIN.as_millis()).unwrap_or(40);
        } else {
            let grown = Duration::from_millis(u64::from(self.delay) * 2).min(rto);
            self.delay = u16::try_from(grown.as_millis()).unwrap_or(u16::MAX);
        }
        self.hurry(true);
    }

    /// How long to wait; `most` is the socket's bound (`TCP_DELACK_MAX_US`).
    #[inline]
    pub(crate) fn delay(&self, srtt: Option<Duration>, most: Duration) -> Duration {
        let delay = Duration::from_millis(u64::from(self.delay)).max(DELAY_MIN);
        if delay == DELAY_MIN {
            return delay.min(most);
        }
        let mut limit = if self
            .flags
            .intersects(AckFlags::PING_PONG | AckFlags::PUSHED)
        {
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
