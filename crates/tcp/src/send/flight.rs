//! What is in flight: one record for each segment sent and not yet acknowledged, and the SACK scoreboard on it.
//!
//! Like Linux's retransmission queue the unit is the (super-)segment as it was sent; a SACK that covers part of one
//! splits it at an MSS boundary. Counts are in packets of MSS size, so `pipe` is RFC 6675's in packets.
use sockeye_wire::SackBlocks;

use super::rate::{Newest, Stamp};
use crate::deque::InlineDeque;
use crate::{Instant, Seq};

/// RFC 6675 2: DupThresh.
pub(crate) const DUP_THRESH: u32 = 3;

const SACKED: u8 = 1;
const LOST: u8 = 2;
/// Retransmitted since it was last declared lost.
const RETRANSMITTED: u8 = 4;
/// Ever sent more than once: no round-trip sample (Karn).
const AMBIGUOUS: u8 = 8;

/// One segment in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) start: Seq,
    pub(crate) end: Seq,
    pub(crate) time: Instant,
    pub(crate) stamp: Stamp,
    packets: u16,
    flags: u8,
    /// The last sequence number is the FIN. (A `bool` rather than a flag: its spare values make `Option` free.)
    fin: bool,
}

impl Sent {
    pub(crate) fn has_fin(&self) -> bool {
        self.fin
    }

    fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn count(&self) -> u32 {
        u32::from(self.packets)
    }
}

/// What an acknowledgment did to the flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivery {
    /// Packets newly acknowledged, cumulatively or selectively.
    pub(crate) delivered: u32,
    /// Packets newly acknowledged cumulatively.
    pub(crate) acked: u32,
    /// When the newest unambiguous packet of those was sent.
    pub(crate) sample: Option<Instant>,
    /// A retransmitted segment was among them.
    pub(crate) ambiguous: bool,
    /// A block reported a duplicate (RFC 2883).
    pub(crate) dsack: bool,
    /// Blocks brought news.
    pub(crate) newly_sacked: u32,
    /// The packet among those newly acknowledged that was sent last.
    pub(crate) newest: Option<Newest>,
}

impl Delivery {
    fn deliver(&mut self, sent: &Sent) {
        let is_again = sent.is(AMBIGUOUS);
        self.newest = Newest::of(self.newest, sent.stamp, sent.time, sent.end, is_again);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Flight {
    records: InlineDeque<Sent>,
    /// Packets in all records.
    pub(crate) out: u32,
    pub(crate) sacked: u32,
    pub(crate) lost: u32,
    /// Packets ever declared lost.
    pub(crate) lost_ever: u32,
    pub(crate) retransmitted: u32,
    /// Everything before this has been judged by [`Flight::mark_lost`].
    judged: Seq,
    /// No lost and unretransmitted record starts before this.
    hint: Seq,
    /// The end of the highest SACKed range.
    pub(crate) highest_sacked: Seq,
}

fn packets(bytes: u32, mss: u32) -> u16 {
    u16::try_from(bytes.div_ceil(mss.max(1)).max(1)).unwrap_or(u16::MAX)
}

impl Flight {
    pub(crate) fn heap(&self) -> usize {
        self.records.heap()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// RFC 6675 4: packets believed to be in the network.
    pub(crate) fn pipe(&self) -> u32 {
        (self.out + self.retransmitted).saturating_sub(self.sacked + self.lost)
    }

    pub(crate) fn front(&self) -> Option<&Sent> {
        self.records.front()
    }

    /// Notes new data as sent.
    pub(crate) fn push(
        &mut self,
        (start, end): (Seq, Seq),
        fin: bool,
        mss: u32,
        stamp: Stamp,
        now: Instant,
    ) {
        if self.records.is_empty() {
            self.judged = start;
            self.hint = start;
            self.highest_sacked = start;
        }
        let packets = packets(end.since(start) - u32::from(fin), mss);
        self.out += u32::from(packets);
        self.records.push_back(Sent {
            start,
            end,
            time: now,
            stamp,
            packets,
            flags: 0,
            fin,
        });
    }

    /// Takes out what `ack` covers.
    pub(crate) fn acknowledge(&mut self, ack: Seq, mss: u32) -> Delivery {
        let mut result = Delivery::default();
        while let Some(&sent) = self.records.front() {
            if !sent.start.before(ack) {
                break;
            }
            let covered = if ack.before(sent.end) {
                // Part of a super-segment: what stays keeps its marks.
                let left =
                    packets(sent.end.since(ack) - u32::from(sent.has_fin()), mss).min(sent.packets);
                if let Some(front) = self.records.front_mut() {
                    front.start = ack;
                    front.packets = left;
                }
                sent.packets - left
            } else {
                self.records.pop_front();
                sent.packets
            };
            let covered = u32::from(covered);
            self.out = self.out.saturating_sub(covered);
            result.acked += covered;
            if sent.is(SACKED) {
                self.sacked = self.sacked.saturating_sub(covered);
            } else {
                result.delivered += covered;
                result.deliver(&sent);
                if sent.is(AMBIGUOUS) {
                    result.ambiguous = true;
                } else {
                    result.sample = Some(sent.time);
                }
            }
            if sent.is(LOST) {
                self.lost = self.lost.saturating_sub(covered);
            }
            if sent.is(RETRANSMITTED) {
                self.retransmitted = self.retransmitted.saturating_sub(covered);
            }
            if ack.before(sent.end) {
                break;
            }
        }
        self.judged = self.judged.latest(ack);
        self.hint = self.hint.latest(ack);
        self.highest_sacked = self.highest_sacked.latest(ack);
        result
    }

    /// RFC 2018 4, 6675 4: notes what the blocks say. `una` and `nxt` bound what can be meant.
    pub(crate) fn tag(
        &mut self,
        blocks: &SackBlocks,
        una: Seq,
        nxt: Seq,
        mss: u32,
        result: &mut Delivery,
    ) {
        let mut blocks = blocks
            .iter()
            .map(|(start, end)| (Seq::new(start), Seq::new(end)));
        let all = [blocks.next(), blocks.next(), blocks.next(), blocks.next()];
        for (index, &(start, end)) in all.iter().flatten().enumerate() {
            if !start.before(end) || end.after(nxt) {
                continue;
            }
            // RFC 2883 4: a first block below the acknowledgment or within the second reports a duplicate.
            if index == 0 {
                let inside = all[1]
                    .is_some_and(|(from, to)| start.at_or_after(from) && end.at_or_before(to));
                if end.at_or_before(una) || inside {
                    result.dsack = true;
                    continue;
                }
            }
            if end.at_or_before(una) || start.before(una) {
                continue;
            }
            self.tag_range(start, end, mss, result);
        }
    }

    fn tag_range(&mut self, start: Seq, end: Seq, mss: u32, result: &mut Delivery) {
        let mut index = self
            .records
            .partition_point(|sent| sent.end.at_or_before(start));
        while let Some(&sent) = self.records.get(index) {
            if !sent.start.before(end) {
                break;
            }
            if !sent.is(SACKED) {
                if sent.start.before(start) {
                    // Only whole packets can have arrived: round up to a boundary of what was sent.
                    let keep = start.since(sent.start).div_ceil(mss.max(1)) * mss.max(1);
                    if keep < sent.end.since(sent.start) {
                        self.split(index, keep, mss);
                    }
                    index += 1;
                    continue;
                }
                if end.before(sent.end) {
                    let keep = end.since(sent.start) / mss.max(1) * mss.max(1);
                    if keep == 0 {
                        break;
                    }
                    self.split(index, keep, mss);
                }
                self.mark_sacked(index, result);
            }
            index += 1;
        }
        self.highest_sacked = self.highest_sacked.latest(end);
    }

    fn mark_sacked(&mut self, index: usize, result: &mut Delivery) {
        let Some(sent) = self.records.get_mut(index) else {
            return;
        };
        let count = u32::from(sent.packets);
        result.deliver(sent);
        if sent.is(LOST) {
            self.lost = self.lost.saturating_sub(count);
        }
        if sent.is(RETRANSMITTED) {
            self.retransmitted = self.retransmitted.saturating_sub(count);
        }
        if sent.is(AMBIGUOUS) {
            result.ambiguous = true;
        } else {
            result.sample = Some(sent.time);
        }
        sent.flags = (sent.flags & !(LOST | RETRANSMITTED)) | SACKED;
        self.sacked += count;
        result.delivered += count;
        result.newly_sacked += count;
    }

    /// Splits a record behind its first `keep` bytes.
    fn split(&mut self, index: usize, keep: u32, mss: u32) {
        let Some(sent) = self.records.get_mut(index) else {
            return;
        };
        if keep == 0 || keep >= sent.end.since(sent.start) {
            return;
        }
        let mut rest = *sent;
        let before = sent.count();
        sent.packets = packets(keep, mss);
        sent.end = sent.start + keep;
        sent.fin = false;
        rest.start = sent.end;
        rest.packets = packets(rest.end.since(rest.start) - u32::from(rest.has_fin()), mss);
        // An MSS that has changed since changes the count.
        let after = sent.count() + rest.count();
        let flags = sent.flags;
        self.records.insert_after(index, rest);
        let adjust = |counter: &mut u32| *counter = (*counter + after).saturating_sub(before);
        adjust(&mut self.out);
        for (flag, counter) in [
            (SACKED, &mut self.sacked),
            (LOST, &mut self.lost),
            (RETRANSMITTED, &mut self.retransmitted),
        ] {
            if flags & flag != 0 {
                adjust(counter);
            }
        }
    }

    /// RFC 6675 4, `IsLost`: what has DupThresh packets SACKed above it. Returns how many packets that newly are.
    pub(crate) fn mark_lost(&mut self) -> u32 {
        if self.sacked < DUP_THRESH {
            return 0;
        }
        // Find the place above which there are just enough.
        let mut index = self
            .records
            .partition_point(|sent| sent.start.before(self.highest_sacked));
        let mut above = 0;
        let boundary = loop {
            if index == 0 {
                return 0;
            }
            index -= 1;
            let Some(sent) = self.records.get(index) else {
                return 0;
            };
            if sent.start.before(self.judged) {
                return 0;
            }
            if sent.is(SACKED) {
                above += sent.count();
                if above >= DUP_THRESH {
                    break sent.start;
                }
            }
        };
        let from = self
            .records
            .partition_point(|sent| sent.start.before(self.judged));
        let mut marked = 0;
        for position in from..index {
            marked += self.lose(position);
        }
        self.judged = boundary;
        marked
    }

    fn lose(&mut self, index: usize) -> u32 {
        let Some(sent) = self.records.get_mut(index) else {
            return 0;
        };
        if sent.is(SACKED | LOST) {
            return 0;
        }
        let count = sent.count();
        sent.flags |= LOST;
        self.hint = self.hint.earliest(sent.start);
        self.lost += count;
        self.lost_ever = self.lost_ever.wrapping_add(count);
        count
    }

    /// Declares the first segment lost (three duplicate acknowledgments without SACK, or a partial one: RFC 6582 3.2).
    pub(crate) fn mark_front_lost(&mut self, mss: u32) -> u32 {
        let Some(front) = self.records.front_mut() else {
            return 0;
        };
        if front.is(RETRANSMITTED) {
            return 0;
        }
        if front.packets > 1 {
            self.split(0, mss, mss);
        }
        if let Some(front) = self.records.front() {
            self.hint = self.hint.earliest(front.start);
        }
        self.lose(0)
    }

    /// A retransmission timeout: everything not SACKed is lost (RFC 6298 5.4 with 6675 5.1). With `renege` what was
    /// SACKed is, too (RFC 2018 8).
    pub(crate) fn mark_all_lost(&mut self, renege: bool) {
        self.lost = 0;
        self.retransmitted = 0;
        if renege {
            self.sacked = 0;
        }
        for sent in self.records.iter_mut() {
            if renege {
                sent.flags &= !SACKED;
            }
            if !sent.is(SACKED) && (!sent.is(LOST) || sent.is(RETRANSMITTED)) {
                self.lost_ever = self.lost_ever.wrapping_add(sent.count());
            }
            sent.flags &= !RETRANSMITTED;
            if !sent.is(SACKED) {
                sent.flags |= LOST;
                self.lost += sent.count();
            }
        }
        if let Some(front) = self.records.front() {
            self.hint = front.start;
            self.judged = front.start;
            if renege {
                self.highest_sacked = front.start;
            }
        }
    }

    /// True if the first segment is SACKed: the receiver has thrown away what it said to have (RFC 2018 8).
    pub(crate) fn front_is_sacked(&self) -> bool {
        self.records.front().is_some_and(|front| front.is(SACKED))
    }

    /// Moves the hint to the first record that is lost and not retransmitted.
    pub(crate) fn next_lost(&self) -> Option<(usize, Sent)> {
        if self.lost <= self.retransmitted && self.lost == 0 {
            return None;
        }
        let mut index = self
            .records
            .partition_point(|sent| sent.start.before(self.hint));
        while let Some(sent) = self.records.get(index) {
            if sent.is(LOST) && !sent.is(RETRANSMITTED) {
                return Some((index, *sent));
            }
            index += 1;
        }
        None
    }

    /// Notes the retransmission of the first `quota` packets at `index`, and says which range that is.
    pub(crate) fn retransmit(
        &mut self,
        index: usize,
        bytes: u32,
        mss: u32,
        stamp: Stamp,
        now: Instant,
    ) -> Option<Sent> {
        let whole = {
            let sent = self.records.get(index)?;
            sent.end.since(sent.start) - u32::from(sent.has_fin()) <= bytes
        };
        if !whole {
            self.split(index, bytes, mss);
        }
        let sent = self.records.get_mut(index)?;
        if sent.is(LOST) && !sent.is(RETRANSMITTED) {
            sent.flags |= RETRANSMITTED;
            self.retransmitted += sent.count();
        }
        sent.flags |= AMBIGUOUS;
        sent.time = now;
        sent.stamp = stamp;
        self.hint = sent.end;
        Some(*sent)
    }

    /// Without SACK each duplicate acknowledgment stands for one packet that has left the network (RFC 6582).
    pub(crate) fn count_duplicate(&mut self) {
        self.sacked = (self.sacked + 1).min(self.out.saturating_sub(self.lost.max(1)));
    }

    /// An acknowledgment without SACK that covered `acked` packets: all but one of them had been counted as duplicates.
    pub(crate) fn uncount_duplicates(&mut self, acked: u32) {
        self.sacked = self.sacked.saturating_sub(acked.saturating_sub(1));
        self.sacked = self.sacked.min(self.out.saturating_sub(self.lost));
    }

    pub(crate) fn forget_duplicates(&mut self) {
        self.sacked = 0;
    }

    pub(crate) fn clear(&mut self) {
        let lost_ever = self.lost_ever;
        self.records.clear();
        *self = Flight {
            lost_ever,
            ..Flight::default()
        };
    }

    /// Recounts from the records; used by tests and debug checks.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (u32, u32, u32, u32) {
        let of = |flag: u8| {
            self.records
                .iter()
                .filter(|sent| sent.is(flag))
                .map(Sent::count)
                .sum()
        };
        (
            self.records.iter().map(Sent::count).sum(),
            of(SACKED),
            of(LOST),
            of(RETRANSMITTED),
        )
    }
}

#[cfg(test)]
mod tests;
