//! The one place where this crate reads a clock.

use std::sync::OnceLock;
use std::time::Instant as SystemInstant;

use sockeye_core::Instant;

/// The time, counted from the first time that it was asked for. All hosts of a process share it, because packets carry it
/// from one to another over a wire.
#[allow(clippy::disallowed_methods)] // an embedder's clock: the host itself is handed the time
pub(crate) fn now() -> Instant {
    static ORIGIN: OnceLock<SystemInstant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(SystemInstant::now);
    // 584 years fit.
    Instant::from_nanos(u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
