//! The scoreboard: counts over the records in flight, and where to look next.
use super::{LOST, RETRANSMITTED, SACKED, Sent};
use crate::Seq;
use crate::send::rack::Rack;

/// SACK blocks that an acknowledgment has at most.
const BLOCKS: usize = 4;

#[derive(Debug)]
pub(super) struct Board {
    pub(super) sacked: u32,
    pub(super) lost: u32,
    pub(super) retransmitted: u32,
    /// Lost and not sent again.
    pub(super) due: u32,
    /// No record that is due starts before this.
    pub(super) hint: Seq,
    /// The end of the highest record SACKed.
    pub(super) highest: Seq,
    /// The blocks of the acknowledgment before: what they cover needs no second look.
    pub(super) seen: [(Seq, Seq); BLOCKS],
    pub(super) rack: Rack,
}

impl Board {
    /// For a flight that starts at `start`.
    pub(super) fn new(start: Seq) -> Board {
        Board {
            sacked: 0,
            lost: 0,
            retransmitted: 0,
            due: 0,
            hint: start,
            highest: start,
            seen: [(start, start); BLOCKS],
            rack: Rack::new(start),
        }
    }

    pub(super) fn heap(&self) -> usize {
        size_of::<Board>() + self.rack.heap()
    }

    /// Takes `packets` of a record out of the counts.
    pub(super) fn uncount(&mut self, sent: &Sent, packets: u32) {
        for (is_marked, count) in self.counts(sent) {
            if is_marked {
                *count = count.saturating_sub(packets);
            }
        }
    }

    pub(super) fn count(&mut self, sent: &Sent) {
        for (is_marked, count) in self.counts(sent) {
            if is_marked {
                *count += sent.count();
            }
        }
    }

    fn counts(&mut self, sent: &Sent) -> [(bool, &mut u32); 4] {
        [
            (sent.is(SACKED), &mut self.sacked),
            (sent.is(LOST), &mut self.lost),
            (sent.is(RETRANSMITTED), &mut self.retransmitted),
            (sent.is_due(), &mut self.due),
        ]
    }

    /// SND.UNA has moved: numbers that lie behind must not fall out of the half of the space in which they mean anything.
    pub(super) fn advance(&mut self, una: Seq) {
        self.hint = self.hint.latest(una);
        self.highest = self.highest.latest(una);
        for (start, end) in &mut self.seen {
            *start = start.latest(una);
            *end = end.latest(una);
        }
        self.rack.judged = self.rack.judged.latest(una);
    }

    /// A timeout: all from `una` on is looked at anew. With `renege` nothing is SACKed any more.
    pub(super) fn forget(&mut self, una: Seq, renege: bool) {
        self.hint = una;
        if renege {
            self.highest = una;
            self.seen = [(una, una); BLOCKS];
        }
    }
}
