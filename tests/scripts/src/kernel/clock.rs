//! The kernel's time is real.

use std::time::Instant;

#[allow(clippy::disallowed_methods)] // The kernel can't be handed the time.
pub(super) fn now() -> Instant {
    Instant::now()
}
