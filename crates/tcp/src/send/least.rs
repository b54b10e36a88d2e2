//! The least round trip of the last minutes (`tcp_min_rtt_wlen`).
//!
//! Linux keeps three samples with their times (`lib/win_minmax.c`). Here there are two, and the time of one: the least of
//! the window, and the least of the window's second half, which takes its place when the window has moved on.
use core::time::Duration;

use crate::Instant;

/// The filter; round trips are in microseconds. It has to fit beside other small things.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(2))]
pub(crate) struct Least {
    best: u32,
    /// The least of what came half a window after the best.
    next: u32,
    /// When the best was seen, in units of two seconds, which wrap after a day and a half.
    at: u16,
}

/// Seconds in units of the filter's clock.
fn units(seconds: u64) -> u16 {
    u16::try_from((seconds / 2) & u64::from(u16::MAX)).unwrap_or(0)
}

impl Default for Least {
    fn default() -> Self {
        Least {
            best: u32::MAX,
            next: u32::MAX,
            at: 0,
        }
    }
}

impl Least {
    pub(crate) fn get(&self) -> Option<Duration> {
        (self.best != u32::MAX).then(|| Duration::from_micros(self.best.into()))
    }

    /// A sample; the window is `window` seconds long.
    pub(crate) fn note(&mut self, value: u32, window: u32, now: Instant) {
        let now = units(now.as_millis() / 1000);
        let window = units(window.into());
        let age = now.wrapping_sub(self.at);
        if value <= self.best {
            self.best = value;
            self.next = u32::MAX;
            self.at = now;
        } else if age > window {
            // What came in its second half is half a window old at most.
            let is_known = self.next <= value && age <= window + window / 2;
            self.best = if is_known { self.next } else { value };
            self.at = if is_known {
                now.wrapping_sub(window / 2)
            } else {
                now
            };
            self.next = if is_known { value } else { u32::MAX };
        } else if age > window / 2 {
            self.next = self.next.min(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(least: &mut Least, seconds: u64, micros: u32) -> Option<u128> {
        least.note(micros, 300, Instant::from_secs(seconds));
        least.get().map(|value| value.as_micros())
    }

    #[test]
    fn a_path_that_became_longer_is_known_after_the_window() {
        let mut least = Least::default();
        assert_eq!(least.get(), None);
        assert_eq!(after(&mut least, 2, 100), Some(100));
        assert_eq!(after(&mut least, 20, 300), Some(100));
        assert_eq!(after(&mut least, 200, 400), Some(100));
        assert_eq!(after(&mut least, 300, 500), Some(100));
        assert_eq!(after(&mut least, 304, 500), Some(400));
        assert_eq!(after(&mut least, 500, 600), Some(500));
    }

    #[test]
    fn a_shorter_one_is_known_at_once() {
        let mut least = Least::default();
        assert_eq!(after(&mut least, 1, 500), Some(500));
        assert_eq!(after(&mut least, 2, 100), Some(100));
    }

    #[test]
    fn after_a_long_silence_only_what_is_new_counts() {
        let mut least = Least::default();
        assert_eq!(after(&mut least, 1, 100), Some(100));
        assert_eq!(after(&mut least, 200, 300), Some(100));
        assert_eq!(after(&mut least, 1000, 900), Some(900));
    }
}
