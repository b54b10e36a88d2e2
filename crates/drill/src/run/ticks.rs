//! Timestamps as a clock (`--tcp_ts_tick_usecs`).

use crate::ast::TcpOption;
use crate::flow::Flow;
use crate::packet::{Body, Seen};

/// What is wrong with a segment's timestamp, of which one tick lasts so many microseconds: since the flow's first one, as many
/// ticks must have passed as there was time.
pub(super) fn compare(
    flow: &mut Flow,
    seen: &Seen,
    time: i64,
    tick: i64,
    tolerance: i64,
) -> Option<String> {
    let Body::Tcp { options, .. } = &seen.body else {
        return None;
    };
    let value = options.iter().find_map(|option| match option {
        TcpOption::Timestamps { value, .. } => Some(*value),
        _ => None,
    })?;
    let (first, since) = *flow.clock.get_or_insert((value, time));
    let ticks = i64::from(value.wrapping_sub(first).cast_signed());
    let passed = time - since;
    let off = (ticks * tick - passed).abs();
    // The clock may stand just before its next tick at one end and just behind it at the other.
    (off > tolerance + tick)
        .then(|| format!("the timestamp grew by {ticks} ticks of {tick} us within {passed} us"))
}
