//! Which of the records are lost.
use super::super::rack;
use super::{Flight, LOST, RETRANSMITTED, SACKED};
use crate::Instant;

impl Flight {
    /// Declares a record lost (`tcp_mark_skb_lost`): how many packets that newly are, or were retransmissions.
    pub(in crate::send) fn lose(&mut self, index: usize) -> rack::Losses {
        let Some(&sent) = self.records.get(index) else {
            return rack::Losses::default();
        };
        let mut losses = rack::Losses::default();
        if sent.is(SACKED) {
            return losses;
        }
        if sent.is(LOST) {
            if sent.is(RETRANSMITTED) {
                losses.again = sent.count();
                self.set_flags(index, sent.flags & !RETRANSMITTED);
            }
        } else {
            losses.new = sent.count();
            self.set_flags(index, sent.flags | LOST);
        }
        self.losses.note(&sent.stamp, losses.new + losses.again);
        let board = self.board();
        board.hint = board.hint.earliest(sent.start);
        losses
    }

    /// RFC 8985 6.2 step 5: declares lost what was sent a round trip and `window` before now, and before something that
    /// has arrived.
    pub(crate) fn detect(&mut self, window: core::time::Duration, now: Instant) -> rack::Detection {
        rack::detect(self, window, now)
    }

    /// Declares the first segment lost (three duplicate acknowledgments without SACK, or a partial one: RFC 6582 3.2).
    pub(crate) fn mark_front_lost(&mut self, mss: u32) -> u32 {
        match self.records.front() {
            Some(front) if !front.is(LOST) => {
                if front.packets > 1 {
                    self.split(0, mss, mss);
                }
                self.lose(0).new
            }
            _ => 0,
        }
    }

    /// A retransmission timeout: what is not SACKed is lost (RFC 6298 5.4 with 6675 5.1), but for what was sent since
    /// `spared` (behind the first). With `renege` what was SACKed is, too (RFC 2018 8). Returns how many retransmissions
    /// were lost.
    pub(crate) fn mark_all_lost(&mut self, renege: bool, spared: Instant) -> u32 {
        let Some(una) = self.records.front().map(|sent| sent.start) else {
            return 0;
        };
        self.board().forget(una, renege);
        let mut again = 0;
        for index in 0.. {
            let Some(sent) = self.records.get(index) else {
                break;
            };
            let mut flags = sent.flags;
            if renege {
                flags &= !SACKED;
            } else if index > 0 && sent.time > spared {
                continue;
            }
            if flags & SACKED == 0 {
                let count = sent.count();
                if flags & (LOST | RETRANSMITTED) == LOST | RETRANSMITTED {
                    again += count;
                    self.losses.note(&sent.stamp, count);
                } else if flags & LOST == 0 {
                    self.losses.note(&sent.stamp, count);
                }
                // A copy of what was not taken for lost (F-RTO) is, too.
                flags &= !RETRANSMITTED;
                flags |= LOST;
            }
            self.set_flags(index, flags);
        }
        rack::prune(self);
        again
    }

    /// Declares lost what was sent in packets longer than `mss`, and says how much is lost then.
    pub(crate) fn mark_longer_lost(&mut self, mss: u32) -> u32 {
        for index in 0.. {
            match self.records.get(index) {
                None => break,
                Some(sent) => {
                    if sent.longest() > mss {
                        self.lose(index);
                    }
                }
            }
        }
        self.lost()
    }

    /// Nothing was lost after all (`tcp_undo_cwnd_reduction`).
    pub(crate) fn unmark_lost(&mut self) {
        if self.lost() == 0 {
            return;
        }
        for index in 0.. {
            let Some(sent) = self.records.get(index) else {
                break;
            };
            if sent.is(LOST) {
                self.set_flags(index, sent.flags & !LOST);
            }
        }
    }
}
