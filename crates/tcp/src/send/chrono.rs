//! What held the sender back, and how long (`tcp_chrono`): `tcpi_busy_time`, `tcpi_rwnd_limited`, `tcpi_sndbuf_limited`.
use core::time::Duration;

use super::Sender;
use crate::Instant;
use crate::time::Millis;

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

/// What the sender is busy with, and since when.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watch {
    busy: Busy,
    since: Millis,
}

impl Watch {
    pub(crate) const IDLE: Watch = Watch {
        busy: Busy::Idle,
        since: Millis::ZERO,
    };

    pub(crate) fn is_idle(self) -> bool {
        self.busy == Busy::Idle
    }

    /// What it was until now, and how long.
    fn read(self, now: Millis) -> (Busy, u32) {
        (self.busy, now.since(self.since))
    }
}

impl Sender {
    /// From now on it is so.
    #[inline]
    pub(crate) fn turn(&mut self, busy: Busy, now: Instant) {
        let watch = self.flight.watch;
        if busy == watch.busy {
            return;
        }
        let now = Millis::at(now);
        match watch.read(now) {
            (Busy::Sending, passed) => add(&mut self.sending_time, passed),
            (Busy::Window, passed) if passed > 0 => add(&mut self.rare.window_time, passed),
            (Busy::Buffer, passed) if passed > 0 => add(&mut self.rare.buffer_time, passed),
            _ => {}
        }
        self.flight.watch = Watch { busy, since: now };
    }

    /// Busy at all, held back by the window, held back by the buffer (`tcp_get_info_chrono_stats`).
    pub(crate) fn busy_times(&self, now: Instant) -> (Duration, Duration, Duration) {
        let (mut sending, mut window, mut buffer) = (
            self.sending_time,
            self.rare.window_time,
            self.rare.buffer_time,
        );
        match self.flight.watch.read(Millis::at(now)) {
            (Busy::Idle, _) => {}
            (Busy::Sending, passed) => add(&mut sending, passed),
            (Busy::Window, passed) => add(&mut window, passed),
            (Busy::Buffer, passed) => add(&mut buffer, passed),
        }
        let of = |total: u32| Duration::from_millis(total.into());
        let (window, buffer) = (of(window), of(buffer));
        (of(sending) + window + buffer, window, buffer)
    }
}

fn add(total: &mut u32, passed: u32) {
    *total = total.saturating_add(passed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_counted_where_it_belongs_and_all_of_them_are_busy() {
        let at = Instant::from_millis;
        let mut send = crate::block::Block::new(crate::Settings::default(), 0, at(0)).send;
        send.turn(Busy::Sending, at(1000));
        send.turn(Busy::Window, at(1100));
        send.turn(Busy::Buffer, at(1130));
        send.turn(Busy::Idle, at(1135));
        send.turn(Busy::Sending, at(2000));
        let ms = Duration::from_millis;
        assert_eq!(send.busy_times(at(2007)), (ms(142), ms(30), ms(5)));
    }
}
