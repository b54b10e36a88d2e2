//! SACK blocks on the records (RFC 2018 4, 6675 4, `tcp_sacktag_write_queue`).
use super::{AMBIGUOUS, Arrival, Delivery, Flight, LOST, RETRANSMITTED, SACKED, lowest, widen};
use crate::Seq;

impl Flight {
    /// Notes what valid blocks say. What the acknowledgment before said of the same ranges is not looked at again.
    pub(crate) fn tag(
        &mut self,
        blocks: &[Option<(Seq, Seq)>; 4],
        at: &Arrival,
        news: &mut Delivery,
    ) {
        let Some(una) = self.records.front().map(|sent| sent.start) else {
            return;
        };
        let seen = self.board().seen;
        let is_covered = |place: Seq| {
            seen.iter()
                .find(|(begin, finish)| place.at_or_after(*begin) && place.before(*finish))
        };
        for &(start, end) in blocks.iter().flatten() {
            let mut from = start.latest(una);
            while from.before(end) {
                let mut look_from = from;
                // What was seen may begin and end within a packet: the packets at its edges are looked at again.
                while let Some(&(begin, finish)) = is_covered(from) {
                    look_from = (finish - at.mss).latest(begin).latest(look_from);
                    from = finish;
                }
                if !from.before(end) {
                    break;
                }
                let (mut to, mut look_to) = (end, end);
                for &(begin, finish) in &seen {
                    if begin.after(from) && begin.before(finish) && begin.before(to) {
                        to = begin;
                        look_to = (begin + at.mss).earliest(finish).earliest(end);
                    }
                }
                self.tag_range(look_from, look_to, at, news);
                from = to;
            }
        }
        let none = (una, una);
        self.board().seen = blocks.map(|block| block.unwrap_or(none));
    }

    fn tag_range(&mut self, start: Seq, end: Seq, at: &Arrival, news: &mut Delivery) {
        let mss = at.mss.max(1);
        let mut index = self.position(start);
        while let Some(&sent) = self.records.get(index) {
            if !sent.start.before(end) {
                break;
            }
            if !sent.is(SACKED) {
                if sent.start.before(start) {
                    // Only whole packets can have arrived: round up to a boundary of what was sent.
                    let keep = start.since(sent.start).div_ceil(mss) * mss;
                    if keep < sent.end.since(sent.start) {
                        self.split(index, keep, mss);
                    }
                    index += 1;
                    continue;
                }
                if end.before(sent.end) {
                    let keep = end.since(sent.start) / mss * mss;
                    if keep == 0 {
                        break;
                    }
                    self.split(index, keep, mss);
                }
                self.mark_sacked(index, at, news);
            }
            index += 1;
        }
    }

    /// `tcp_sacktag_one`
    fn mark_sacked(&mut self, index: usize, at: &Arrival, news: &mut Delivery) {
        let Some(&sent) = self.records.get(index) else {
            return;
        };
        news.deliver(&sent);
        let board = self.board();
        board.rack.advance(&sent, sent.is(AMBIGUOUS), at);
        let mut flags = sent.flags | SACKED;
        if !sent.is(RETRANSMITTED) {
            if !sent.is(AMBIGUOUS) {
                // In a hole, and sent once: the network has changed the order.
                if board.sacked > 0 && sent.start.before(board.highest) {
                    lowest(&mut news.overtaken, sent.start);
                }
                news.original |= sent.end.at_or_before(at.point);
                widen(&mut news.sacked_sent, sent.time);
            }
            flags &= !LOST;
        } else if sent.is(LOST) {
            // What is not taken for lost keeps its mark: its copy is still on its way.
            flags &= !(LOST | RETRANSMITTED);
        }
        board.highest = board.highest.latest(sent.end);
        self.set_flags(index, flags);
        news.delivered += sent.count();
        news.newly_sacked += sent.count();
    }

    /// RFC 2883: something above SND.UNA arrived twice. Of how many packets that were sent again it tells, given what lies
    /// behind `marker`; the copies are no longer on their way.
    pub(crate) fn tag_duplicate(
        &mut self,
        start: Seq,
        end: Seq,
        marker: Seq,
        mss: u32,
        news: &mut Delivery,
    ) -> u32 {
        let mss = mss.max(1);
        let mut index = self.position(start);
        let mut count = 0;
        while let Some(&sent) = self.records.get(index) {
            if !sent.start.before(end) {
                break;
            }
            if sent.start.before(start) {
                let keep = start.since(sent.start).div_ceil(mss) * mss;
                self.split(index, keep, mss);
                index += 1;
                continue;
            }
            if sent.end.after(end) {
                let keep = end.since(sent.start) / mss * mss;
                self.split(index, keep, mss);
            }
            let Some(&sent) = self.records.get(index).filter(|sent| !sent.end.after(end)) else {
                break;
            };
            if sent.is(AMBIGUOUS) {
                if sent.end.after(marker) {
                    count += sent.count();
                }
                if sent.is(SACKED) {
                    lowest(&mut news.overtaken, sent.start);
                }
            }
            if sent.is(RETRANSMITTED) {
                self.set_flags(index, sent.flags & !RETRANSMITTED);
            }
            index += 1;
        }
        count
    }
}
