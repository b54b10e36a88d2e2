//! What held the sender back, and how long (`tcp_chrono`): `tcpi_busy_time`, `tcpi_rwnd_limited`, `tcpi_sndbuf_limited`.
use core::time::Duration;

use crate::Instant;

/// What the sender is busy with. The greater one is told where two hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Busy {
    /// Nothing to send and nothing in flight.
    #[default]
    Idle,
    Sending,
    /// The peer's window is what holds it back.
    Window,
    /// The application had more to write than there was room for, and all of that is sent.
    Buffer,
}

/// Milliseconds of each, as Linux counts ticks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronograph {
    sending: u32,
    window: u32,
    buffer: u32,
    /// Since when it is as it is, in ms that wrap.
    since: u32,
    now: Busy,
}

fn millis(now: Instant) -> u32 {
    u32::try_from(now.as_millis() & u64::from(u32::MAX)).unwrap_or(0)
}

impl Chronograph {
    /// From now on it is so.
    pub(crate) fn turn(&mut self, busy: Busy, now: Instant) {
        if busy == self.now {
            return;
        }
        let now = millis(now);
        let passed = now.wrapping_sub(self.since);
        if let Some(total) = self.total_mut(self.now) {
            *total = total.saturating_add(passed);
        }
        self.since = now;
        self.now = busy;
    }

    fn total_mut(&mut self, busy: Busy) -> Option<&mut u32> {
        match busy {
            Busy::Idle => None,
            Busy::Sending => Some(&mut self.sending),
            Busy::Window => Some(&mut self.window),
            Busy::Buffer => Some(&mut self.buffer),
        }
    }

    /// Busy at all, held back by the window, held back by the buffer (`tcp_get_info_chrono_stats`).
    pub(crate) fn told(&self, now: Instant) -> (Duration, Duration, Duration) {
        let mut until = self.clone();
        until.turn(Busy::Idle, now);
        let of = |total: u32| Duration::from_millis(total.into());
        let (window, buffer) = (of(until.window), of(until.buffer));
        (of(until.sending) + window + buffer, window, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_counted_where_it_belongs_and_all_of_them_are_busy() {
        let at = Instant::from_millis;
        let mut chronograph = Chronograph::default();
        chronograph.turn(Busy::Sending, at(1000));
        chronograph.turn(Busy::Window, at(1100));
        chronograph.turn(Busy::Buffer, at(1130));
        chronograph.turn(Busy::Idle, at(1135));
        chronograph.turn(Busy::Sending, at(2000));
        let ms = Duration::from_millis;
        assert_eq!(chronograph.told(at(2007)), (ms(142), ms(30), ms(5)));
    }
}
