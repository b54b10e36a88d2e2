//! Time as an argument.
//!
//! Nothing in these crates reads a clock. Every input carries the time at which it happens, as an [`Instant`]: an
//! integer count of nanoseconds since an origin that the embedder chooses. It must not run backwards; if it does, the
//! difference counts as zero.
use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A moment: nanoseconds since an origin of the embedder's choice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The origin.
    pub const ZERO: Instant = Instant(0);
    /// Later than every moment that can be reached.
    pub const FAR_FUTURE: Instant = Instant(u64::MAX);

    /// The moment so many nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// The moment so many microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Instant {
        Instant(micros.saturating_mul(1_000))
    }

    /// The moment so many milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant(millis.saturating_mul(1_000_000))
    }

    /// The moment so many seconds after the origin.
    pub const fn from_secs(seconds: u64) -> Instant {
        Instant(seconds.saturating_mul(1_000_000_000))
    }

    /// So long before this, but not before the origin.
    pub(crate) fn before(self, duration: Duration) -> Instant {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_sub(nanos))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds since the origin.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

/// A moment in milliseconds that wrap after 49 days, as Linux's ticks do: half the room of an [`Instant`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Millis(u32);

impl Millis {
    pub(crate) fn at(now: Instant) -> Millis {
        Millis(u32::try_from(now.as_millis() & u64::from(u32::MAX)).unwrap_or(0))
    }

    pub(crate) const ZERO: Millis = Millis(0);

    pub(crate) fn get(self) -> u32 {
        self.0
    }

    /// Milliseconds since `earlier`.
    pub(crate) fn since(self, earlier: Millis) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// How long ago it is.
    pub(crate) fn ago(self, now: Instant) -> Duration {
        Duration::from_millis(Millis::at(now).since(self).into())
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// How long after `earlier` this is; zero if it is not.
    fn sub(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09}s",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}
