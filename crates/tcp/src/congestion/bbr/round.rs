//! Round trips counted in packets (draft 5.5.1): one is over when a packet is acknowledged that was sent after the last one
//! was over.
use crate::Seq;

/// The round under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Round {
    /// BBR.next_round_delivered
    end: u32,
    /// BBR.round_start: this acknowledgment begins one.
    pub(super) is_start: bool,
    /// BBR.round_count
    pub(super) count: u32,
}

/// Counts of packets wrap as sequence numbers do.
pub(super) fn has_reached(count: u32, mark: u32) -> bool {
    Seq::new(count).at_or_after(Seq::new(mark))
}

impl Round {
    /// BBRStartRound()
    pub(super) fn start(&mut self, delivered: u32) {
        self.end = delivered;
    }

    /// BBRUpdateRound(): the newest packet acknowledged was sent when `prior` had been delivered.
    pub(super) fn update(&mut self, prior: u32, delivered: u32) {
        self.is_start = has_reached(prior, self.end);
        if self.is_start {
            self.start(delivered);
            self.count = self.count.wrapping_add(1);
        }
    }
}
