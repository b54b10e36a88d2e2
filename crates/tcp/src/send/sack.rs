//! SACK blocks of an acknowledgment (RFC 2018, RFC 2883): which are to be believed, and which tell of duplicates.
use super::ack::News;
use crate::block::Block;
use crate::tally::LossCount;
use crate::{Events, Instant, Segment, Seq};

/// What a block is worth (`tcp_is_sackblock_valid`).
fn is_valid(block: (Seq, Seq), una: Seq, nxt: Seq, duplicate: Option<(Seq, u32)>) -> bool {
    let (start, end) = block;
    if end.after(nxt) || !start.before(end) || !start.before(nxt) {
        return false;
    }
    // A block that starts at SND.UNA makes no sense.
    if start.after(una) {
        return true;
    }
    let Some((marker, window)) = duplicate else {
        return false;
    };
    // A duplicate below SND.UNA: of something sent in this recovery.
    if end.after(una) {
        return false;
    }
    start.at_or_after(marker) || (end.after(marker) && start.at_or_after(end - window))
}

impl Block {
    /// `tcp_sacktag_write_queue`
    pub(super) fn take_blocks(&mut self, segment: &Segment, news: &mut News, now: Instant) {
        let mut blocks = segment
            .options
            .sack
            .iter()
            .map(|(start, end)| (Seq::new(start), Seq::new(end)));
        let mut all = [blocks.next(), blocks.next(), blocks.next(), blocks.next()];
        let is_duplicate = self.take_duplicate(&all, news);
        if self.send.flight.is_empty() {
            return;
        }
        let (una, nxt) = (self.send.una, self.send.nxt);
        let marker = self.send.rare.recovery.as_ref().and_then(|r| r.undo.marker);
        for (index, place) in all.iter_mut().enumerate() {
            let Some((start, end)) = *place else {
                continue;
            };
            let is_duplicate = is_duplicate && index == 0;
            let bound = marker
                .filter(|_| is_duplicate)
                .map(|marker| (marker, self.send.max_wnd));
            if !is_valid((start, end), una, nxt, bound) {
                *place = None;
                let is_old = news.ack != una && end.at_or_before(una);
                let what = match (is_duplicate, marker) {
                    (true, None) => LossCount::DsackIgnoredNoUndo,
                    (true, Some(_)) => LossCount::DsackIgnoredOld,
                    // An acknowledgment that was overtaken is no wonder.
                    (false, _) if is_old => continue,
                    (false, _) => LossCount::SackDiscard,
                };
                self.send.count(what, 1);
            } else if end.at_or_before(news.prior_una) {
                *place = None;
            }
        }
        let at = self.arrival(news, now);
        if let (true, Some((start, end))) = (is_duplicate, all[0]) {
            let behind = marker.unwrap_or(nxt);
            let copies = self
                .send
                .flight
                .tag_duplicate(start, end, behind, at.mss, &mut news.got);
            if copies > 0 {
                self.send.recovery().undo.came_twice(copies);
            }
        }
        // From below, so that blocks of one acknowledgment don't seem to overtake each other.
        all.sort_unstable_by_key(|block| block.map_or(u32::MAX, |(start, _)| start.since(una)));
        if all.iter().any(Option::is_some) {
            self.send.flight.tag(&all, &at, &mut news.got);
        }
        if let Some(low) = news.got.overtaken
            && (self.send.phase != super::Phase::Loss || marker.is_some())
        {
            self.check_reordering(low, LossCount::SackReorder);
        }
    }

    /// RFC 2883 4: a first block below the acknowledgment, or within the second, reports a duplicate (`tcp_check_dsack`).
    fn take_duplicate(&mut self, blocks: &[Option<(Seq, Seq)>; 4], news: &mut News) -> bool {
        let [Some((start, end)), second, ..] = *blocks else {
            return false;
        };
        let what = match second {
            _ if start.before(news.ack) => LossCount::DsackRecv,
            Some((from, to)) if start.at_or_after(from) && end.at_or_before(to) => {
                LossCount::DsackOfoRecv
            }
            _ => return false,
        };
        self.events |= Events::DSACK_RECEIVED;
        self.send.count(what, 1);
        let Some(packets) = self.count_duplicates(start, end, news) else {
            self.send.count(LossCount::DsackIgnoredDubious, 1);
            return false;
        };
        self.send.count(LossCount::DsackRecvSegs, packets);
        // Of what is forgotten already it can only be counted.
        let undo = &mut self.send.recovery().undo;
        if let Some(marker) = undo.marker
            && end.at_or_before(news.prior_una)
            && end.after(marker)
        {
            undo.came_twice(packets);
        }
        true
    }

    /// How many packets came twice; none if that can't be (`tcp_dsack_seen`).
    fn count_duplicates(&mut self, start: Seq, end: Seq, news: &mut News) -> Option<u32> {
        if !start.before(end) || end.since(start) > self.send.max_wnd {
            return None;
        }
        let length = end.since(start);
        let packets = length.div_ceil(u32::from(self.send.mss).max(1));
        let tail = self.send.rare.recovery.as_ref().and_then(|r| r.tail);
        if packets == 1 && tail.is_some_and(|tail| tail.ends_at(end)) {
            news.dsack_of_probe = true;
        }
        let rare = &mut *self.send.rare;
        rare.dsacks = rare.dsacks.wrapping_add(packets);
        // More than was ever sent again: the network made them, or the peer did.
        if rare.dsacks > rare.retransmitted {
            return None;
        }
        // A probe is no consequence of a window too short.
        if self.reordering_seen() > 0 && !news.dsack_of_probe {
            self.send.recovery().reordering.dsack = true;
        }
        news.is_dsack = true;
        news.got.delivered += packets;
        Some(packets)
    }
}
