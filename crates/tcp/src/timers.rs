//! The timers of a connection: a fixed table, of which the owner sees only the earliest.
use crate::Instant;

/// What may be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Retransmission, of data, SYN or FIN (RFC 6298); or the zero-window probe (RFC 9293 3.8.6.1), never both.
    Retransmit,
    /// Delayed acknowledgment.
    Acknowledge,
    /// Keepalive (RFC 9293 3.8.4), or the end of an orphan's FIN-WAIT-2, never both.
    Keepalive,
}

const COUNT: usize = 3;

#[derive(Debug, Clone)]
pub(crate) struct Timers {
    due: [Instant; COUNT],
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            due: [Instant::FAR_FUTURE; COUNT],
        }
    }
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.due[timer as usize] = at;
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.set(timer, Instant::FAR_FUTURE);
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        let at = self.due[timer as usize];
        (at != Instant::FAR_FUTURE).then_some(at)
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.get(timer).is_some()
    }

    /// Clears the timer if it is due, and says whether it was.
    pub(crate) fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        let due = self.due[timer as usize] <= now;
        if due {
            self.clear(timer);
        }
        due
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        let [a, b, c] = self.due;
        let at = a.min(b).min(c);
        (at != Instant::FAR_FUTURE).then_some(at)
    }
}
