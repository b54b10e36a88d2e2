//! The times in control messages: scripts count them from their beginning, the stacks from wherever their clock does.

use std::time::Duration;

const SOL_SOCKET: i32 = 1;
/// `SCM_TIMESTAMPNS`, `SCM_TIMESTAMPING`, and the same of `SO_TIMESTAMPNS_NEW` and `SO_TIMESTAMPING_NEW`: a `timespec` first.
const NANOS: [i32; 4] = [35, 37, 64, 65];

/// Whether a message begins with a time in nanoseconds.
pub(super) fn has_time(level_and_kind: &[u8]) -> bool {
    let number = |at: usize| {
        let bytes = level_and_kind.get(at..at + 4)?;
        bytes.try_into().ok().map(i32::from_ne_bytes)
    };
    number(0) == Some(SOL_SOCKET) && number(4).is_some_and(|kind| NANOS.contains(&kind))
}

/// The time, in microseconds.
fn micros(data: &[u8]) -> Option<i64> {
    let number = |at: usize| {
        let bytes = data.get(at..at + 8)?;
        bytes.try_into().ok().map(i64::from_ne_bytes)
    };
    number(0)?
        .checked_mul(1_000_000)?
        .checked_add(number(8)? / 1000)
}

/// Whether the message has the time that is expected, counted from the script's beginning.
pub(super) fn is_near(expected: &[u8], seen: &[u8], epoch: Duration, tolerance: i64) -> bool {
    let epoch = i64::try_from(epoch.as_micros()).unwrap_or(i64::MAX);
    match (micros(expected), micros(seen)) {
        (Some(expected), Some(seen)) => {
            (seen - epoch).abs_diff(expected) <= tolerance.unsigned_abs()
        }
        _ => false,
    }
}

/// The message's data with its time as the script counts it, to be shown.
pub(super) fn counted(data: &[u8], epoch: Duration) -> String {
    let epoch = i64::try_from(epoch.as_micros()).unwrap_or(i64::MAX);
    micros(data).map_or_else(
        || format!("{data:02x?}"),
        |time| {
            format!(
                "{:.6} s",
                Duration::from_micros((time - epoch).unsigned_abs()).as_secs_f64()
            )
        },
    )
}
