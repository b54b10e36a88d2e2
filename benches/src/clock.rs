//! The one place where the benchmarks read a clock and sleep.

use std::time::{Duration, Instant};

/// A point in time to measure from.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[allow(clippy::disallowed_methods)] // a benchmark measures real time
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits, for a program that is polled for its end.
#[allow(clippy::disallowed_methods)] // nothing to wait on: the watched process gives no event
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
