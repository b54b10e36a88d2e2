//! The kernel's time is real.

use std::time::{Duration, Instant, SystemTime};

#[allow(clippy::disallowed_methods)] // The kernel can't be handed the time.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// What the wall clock told at that time.
#[allow(clippy::disallowed_methods)] // What the kernel stamps, it stamps with that clock.
pub(super) fn wall(at: Instant) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default().saturating_sub(at.elapsed())
}
