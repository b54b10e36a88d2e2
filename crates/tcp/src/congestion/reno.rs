//! RFC 5681.
use core::time::Duration;

use super::{Acked, Control, SlowStartEnd, Window};

#[derive(Debug, Clone)]
pub(crate) struct Reno;

impl Control for Reno {
    fn acknowledged(&mut self, window: &mut Window, acked: &Acked) -> Option<SlowStartEnd> {
        let mut acked = acked.packets;
        if window.in_slow_start() {
            acked = window.slow_start(acked);
        }
        if acked > 0 {
            // RFC 5681 3.1 (3): one packet for each window.
            window.grow_linearly(window.size, acked);
        }
        None
    }

    fn threshold_after_loss(&mut self, window: &Window) -> u32 {
        // RFC 5681 (4)
        (window.size / 2).max(2)
    }

    fn timeout(&mut self) {}

    fn restarted(&mut self, _: Duration) {}
}
