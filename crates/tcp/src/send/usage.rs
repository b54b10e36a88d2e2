//! How much of the congestion window is used: a window that isn't must neither grow nor be trusted for long (RFC 7661,
//! RFC 2861, as `tcp_cwnd_validate` has them).
use super::{Phase, SendFlags};
use crate::block::Block;
use crate::time::Millis;
use crate::{Instant, Seq};

/// The use of the window in one round of it, as long as something is in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    /// The window was what held the sender back in this window's round (`is_cwnd_limited`).
    is_limited: bool,
    /// Something was sent since the last look.
    has_sent: bool,
    /// The most packets out in it (`max_packets_out`).
    most: u32,
    /// Where it ends (`cwnd_usage_seq`), if it has begun.
    end: Option<Seq>,
}

/// The use of the window over longer times.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    /// The most packets out since the window was last used in full (`snd_cwnd_used`), and when that was or an
    /// acknowledgment came last (`snd_cwnd_stamp`).
    used: u32,
    full_at: Millis,
}

impl Round {
    pub(crate) const NONE: Round = Round {
        is_limited: false,
        has_sent: false,
        most: 0,
        end: None,
    };

    pub(crate) fn sent(&mut self) {
        self.has_sent = true;
    }

    pub(crate) fn keep_up(&mut self, una: Seq) {
        self.end = self.end.map(|end| end.latest(una));
    }
}

impl Usage {
    pub(crate) fn new(now: Instant) -> Usage {
        Usage {
            used: 0,
            full_at: Millis::at(now),
        }
    }

    /// The window was judged, whether it grew or not (`tcp_cong_avoid`).
    pub(crate) fn judged(&mut self, now: Instant) {
        self.full_at = Millis::at(now);
    }

    /// The window was set anew.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.used = 0;
        self.full_at = Millis::at(now);
    }
}

impl Block {
    /// `tcp_is_cwnd_limited`: only then may the window grow. In slow start to twice what was out, at least.
    pub(crate) fn is_window_limited(&self) -> bool {
        let send = &self.send;
        let round = &send.flight.round;
        round.is_limited || (send.window.in_slow_start() && send.window.size < 2 * round.most)
    }

    /// `tcp_cwnd_validate`, after all was sent that may be.
    pub(super) fn validate_window(&mut self, waiting: bool, now: Instant) {
        let send = &mut self.send;
        let Some(flight) = send.flight.existing() else {
            return;
        };
        let has_sent = core::mem::take(&mut flight.round.has_sent);
        let is_limited = flight.pipe() >= send.window.size;
        if !(has_sent || waiting && is_limited) {
            return;
        }
        let out = flight.out;
        let round = &mut flight.round;
        if round.end.is_none_or(|end| send.una.at_or_after(end))
            || is_limited
            || (!round.is_limited && out > round.most)
        {
            round.is_limited = is_limited;
            round.most = out;
            round.end = Some(send.nxt);
        }
        if self.is_window_limited() {
            self.send.usage.restart(now);
            return;
        }
        let send = &mut self.send;
        send.usage.used = send.usage.used.max(out);
        let idle = send.usage.full_at.ago(now);
        if self.limits.slow_start_after_idle && idle >= send.rtt.rto() && !send.congestion.steers()
        {
            self.limit_to_use(now);
        }
    }

    /// `tcp_cwnd_application_limited`: halfway down to what was used.
    fn limit_to_use(&mut self, now: Instant) {
        let send = &mut self.send;
        if send.phase == Phase::Open && !send.flags.contains(SendFlags::STARVED) {
            let used = send.usage.used.max(self.limits.initial_window.into());
            if used < send.window.size {
                send.window.remember();
                send.window.size = send.window.size.midpoint(used);
            }
            send.usage.used = 0;
        }
        send.usage.full_at = Millis::at(now);
    }
}
