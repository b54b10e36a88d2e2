//! What is in flight: one record for each segment sent and not yet acknowledged.
//!
//! Like Linux's retransmission queue the unit is the (super-)segment as it was sent; a SACK that covers part of one
//! splits it at an MSS boundary. Counts are in packets of MSS size, so `pipe` is RFC 6675's in packets. As long as nothing
//! is missing there is only the list of records; what is SACKed, lost and sent again is known to a [`Board`] that is
//! there no longer than it has something to say.
mod board;
mod duplicates;
mod lost;
mod sack;
mod sent;

use alloc::boxed::Box;

use super::chrono::Watch;
use super::losses::Ledger;
use super::rack::Rack;
use super::rate::{Course, Newest, Stamp};
use super::usage::Round;
use crate::deque::InlineDeque;
use crate::lazy::Resting;
use crate::{Instant, Seq};
use board::Board;
pub(crate) use sent::Sent;
use sent::{AMBIGUOUS, LOST, PUSHED, RETRANSMITTED, SACKED};

/// RFC 6675 2: DupThresh, what `tcp_reordering` is by default.
pub(crate) const DUP_THRESH: u32 = 3;

/// The circumstances under which an acknowledgment arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) now: Instant,
    pub(crate) mss: u32,
    /// Losses are found by SACK and time; else by duplicate acknowledgments.
    pub(crate) sack: bool,
    /// RFC 6675 RecoveryPoint (`high_seq`).
    pub(crate) point: Seq,
    /// The least round trip known.
    pub(crate) min_rtt: Option<core::time::Duration>,
    /// What it echoes, as a moment in ms that wrap (RFC 7323).
    pub(crate) echo: Option<u32>,
}

impl Arrival {
    /// Eifel (RFC 3522): the echo is older than this transmission, so that an earlier one is acknowledged.
    fn is_older_than(&self, sent: Instant) -> bool {
        let millis = u32::try_from(sent.as_millis() & u64::from(u32::MAX)).unwrap_or(0);
        self.echo
            .is_some_and(|echo| echo.wrapping_sub(millis).cast_signed() < 0)
    }
}

/// What an acknowledgment did to the flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivery {
    /// Packets newly acknowledged, cumulatively or selectively.
    pub(crate) delivered: u32,
    /// Packets newly acknowledged cumulatively.
    pub(crate) acked: u32,
    /// Packets newly SACKed.
    pub(crate) newly_sacked: u32,
    /// When the first and the last of what is acknowledged cumulatively, was sent once and was not SACKed before was sent.
    pub(crate) acked_sent: Option<(Instant, Instant)>,
    /// The same of what is newly SACKed.
    pub(crate) sacked_sent: Option<(Instant, Instant)>,
    /// A segment that was sent more than once was acknowledged cumulatively.
    pub(crate) ambiguous: bool,
    /// Something sent once before [`Arrival::point`] has arrived.
    pub(crate) original: bool,
    /// The lowest number that was sent once and has arrived after something sent later.
    pub(crate) overtaken: Option<Seq>,
    /// The packet among those newly acknowledged that was sent last.
    pub(crate) newest: Option<Newest>,
}

impl Delivery {
    fn deliver(&mut self, sent: &Sent) {
        let is_again = sent.is(AMBIGUOUS);
        self.newest = Newest::of(self.newest, sent.stamp, sent.time, sent.end, is_again);
    }
}

fn widen(range: &mut Option<(Instant, Instant)>, time: Instant) {
    let first = range.map_or(time, |(first, _)| first);
    *range = Some((first, time));
}

fn lowest(place: &mut Option<Seq>, seq: Seq) {
    *place = Some(place.map_or(seq, |old| old.earliest(seq)));
}

/// The records, and what else is known only as long as something is in flight.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    pub(super) records: InlineDeque<Sent>,
    /// Packets in all records.
    pub(crate) out: u32,
    pub(crate) losses: Ledger,
    board: Option<Box<Board>>,
    pub(crate) course: Course,
    pub(crate) round: Round,
    pub(crate) watch: Watch,
    /// The end of the last short segment in flight (Minshall's Nagle).
    pub(crate) short_end: Option<Seq>,
}

fn packets(bytes: u32, mss: u32) -> u16 {
    u16::try_from(bytes.div_ceil(mss.max(1)).max(1)).unwrap_or(u16::MAX)
}

impl Resting for Flight {
    fn resting() -> &'static Flight {
        static EMPTY: Flight = Flight {
            records: InlineDeque::EMPTY,
            out: 0,
            losses: Ledger::NONE,
            board: None,
            course: Course::NONE,
            round: Round::NONE,
            watch: Watch::IDLE,
            short_end: None,
        };
        &EMPTY
    }
}

impl Flight {
    /// Nothing is in flight, and nothing is known that is still of use when something is.
    pub(crate) fn is_over(&self) -> bool {
        self.is_empty() && self.losses.is_none() && self.watch.is_idle()
    }

    /// Heap memory owned, in bytes.
    pub(crate) fn heap(&self) -> usize {
        self.records.heap()
            + self.losses.heap()
            + self.board.as_ref().map_or(0, |board| board.heap())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Packets SACKed; without SACK, duplicate acknowledgments.
    pub(crate) fn sacked(&self) -> u32 {
        self.board.as_ref().map_or(0, |board| board.sacked)
    }

    pub(crate) fn lost(&self) -> u32 {
        self.board.as_ref().map_or(0, |board| board.lost)
    }

    /// Packets retransmitted that are believed to be on their way.
    pub(crate) fn retransmitted(&self) -> u32 {
        self.board.as_ref().map_or(0, |board| board.retransmitted)
    }

    /// RFC 6675 4: packets believed to be in the network.
    pub(crate) fn pipe(&self) -> u32 {
        match &self.board {
            None => self.out,
            Some(board) => {
                (self.out + board.retransmitted).saturating_sub(board.sacked + board.lost)
            }
        }
    }

    /// `tcp_highest_sack_seq`: the end of the highest SACKed segment; nothing below it was overtaken.
    pub(crate) fn highest_sacked(&self, una: Seq) -> Seq {
        match &self.board {
            Some(board) if board.sacked > 0 => board.highest.latest(una),
            _ => una,
        }
    }

    pub(crate) fn front(&self) -> Option<&Sent> {
        self.records.front()
    }

    fn board(&mut self) -> &mut Board {
        let start = self.records.front().map_or(Seq::new(0), |sent| sent.start);
        self.board
            .get_or_insert_with(|| Box::new(Board::new(start)))
    }

    /// RACK's state, if there is something that it must watch.
    pub(super) fn rack(&mut self) -> Option<&mut Rack> {
        self.board.as_mut().map(|board| &mut board.rack)
    }

    /// Notes new data as sent.
    pub(crate) fn push(
        &mut self,
        (start, end): (Seq, Seq),
        (ends_a_write, fin): (bool, bool),
        mss: u32,
        stamp: Stamp,
        now: Instant,
    ) {
        let packets = packets(end.since(start) - u32::from(fin), mss);
        self.out += u32::from(packets);
        let time = match &self.board {
            Some(board) => board.rack.time_of_new(now),
            None => now,
        };
        self.records.push_back(Sent {
            start,
            end,
            time,
            stamp,
            packets,
            flags: if ends_a_write { PUSHED } else { 0 },
            fin,
        });
    }

    /// Takes out what `ack` covers.
    pub(crate) fn acknowledge(&mut self, ack: Seq, at: &Arrival, news: &mut Delivery) {
        while let Some(&sent) = self.records.front() {
            if !sent.start.before(ack) {
                break;
            }
            let covered = if ack.before(sent.end) {
                // Part of a super-segment: what stays keeps its marks.
                let data = sent.end.since(ack) - u32::from(sent.fin);
                let left = packets(data, at.mss).min(sent.packets);
                if let Some(front) = self.records.front_mut() {
                    front.start = ack;
                    front.packets = left;
                }
                u32::from(sent.packets - left)
            } else {
                self.records.pop_front();
                sent.count()
            };
            self.out = self.out.saturating_sub(covered);
            news.acked += covered;
            if !sent.is(SACKED) {
                news.deliver(&sent);
            }
            if sent.is(AMBIGUOUS) {
                news.ambiguous = true;
            } else if !sent.is(SACKED) {
                widen(&mut news.acked_sent, sent.time);
                news.original |= sent.end.at_or_before(at.point);
                lowest(&mut news.overtaken, sent.start);
            }
            if at.sack && !sent.is(SACKED) {
                news.delivered += covered;
            }
            if let Some(board) = &mut self.board {
                if at.sack && !sent.is(SACKED) {
                    // An acknowledgment of the original says nothing about when the copy was sent.
                    let is_spurious = sent.is(AMBIGUOUS) && at.is_older_than(sent.time);
                    if !is_spurious {
                        board.rack.advance(&sent, sent.is(AMBIGUOUS), at);
                    }
                }
                board.uncount(&sent, covered);
            }
            if ack.before(sent.end) {
                break;
            }
        }
        if self.records.is_empty() {
            self.board = None;
            self.losses.settle();
        } else if let Some(board) = &mut self.board {
            board.advance(ack);
        }
    }

    /// Changes the marks of a record, and the counts with them.
    fn set_flags(&mut self, index: usize, flags: u8) {
        self.board();
        if let (Some(sent), Some(board)) = (self.records.get_mut(index), &mut self.board) {
            board.uncount(sent, sent.count());
            sent.flags = flags;
            board.count(sent);
        }
    }

    /// Splits a record behind its first `keep` bytes.
    fn split(&mut self, index: usize, keep: u32, mss: u32) {
        let Some(sent) = self.records.get_mut(index) else {
            return;
        };
        if keep == 0 || keep >= sent.end.since(sent.start) {
            return;
        }
        let whole = *sent;
        let mut rest = whole;
        sent.packets = packets(keep, mss);
        sent.end = sent.start + keep;
        sent.fin = false;
        sent.flags &= !PUSHED;
        let first = *sent;
        rest.start = first.end;
        rest.packets = packets(rest.data(), mss);
        self.records.insert_after(index, rest);
        // An MSS that has changed since changes the count.
        self.out = (self.out + first.count() + rest.count()).saturating_sub(whole.count());
        if let Some(board) = &mut self.board {
            board.uncount(&whole, whole.count());
            board.count(&first);
            board.count(&rest);
        }
    }

    /// The record at `index` goes in packets of this size now (`tcp_adjust_pcount`).
    fn recount(&mut self, index: usize, mss: u32) {
        let Some(sent) = self.records.get_mut(index) else {
            return;
        };
        let before = *sent;
        sent.packets = packets(before.data(), mss);
        let after = *sent;
        if after.packets == before.packets {
            return;
        }
        self.out = (self.out + after.count()).saturating_sub(before.count());
        if let Some(board) = &mut self.board {
            board.uncount(&before, before.count());
            board.count(&after);
        }
    }

    /// The first record that ends behind `seq`.
    pub(super) fn position(&self, seq: Seq) -> usize {
        self.records
            .partition_point(|sent| sent.end.at_or_before(seq))
    }

    /// The record that has this byte.
    pub(crate) fn holding(&self, byte: Seq) -> Option<Sent> {
        let sent = self.records.get(self.position(byte))?;
        (!byte.before(sent.start)).then_some(*sent)
    }

    /// True if the first segment is SACKed: the receiver has thrown away what it said to have (RFC 2018 8).
    pub(crate) fn front_is_sacked(&self) -> bool {
        self.records.front().is_some_and(|front| front.is(SACKED))
    }

    /// `tcp_any_retrans_done`
    pub(crate) fn has_retransmitted(&self) -> bool {
        self.board.is_some()
            && (self.retransmitted() > 0
                || self
                    .records
                    .front()
                    .is_some_and(|front| front.is(AMBIGUOUS)))
    }

    /// The first record that is lost and not sent again.
    pub(crate) fn next_lost(&self) -> Option<(usize, Sent)> {
        let board = self.board.as_ref().filter(|board| board.due > 0)?;
        let mut index = self.position(board.hint);
        while let Some(sent) = self.records.get(index) {
            if sent.is_due() {
                return Some((index, *sent));
            }
            index += 1;
        }
        None
    }

    /// Notes the retransmission of the first `bytes` of the record at `index`, and says which range that is.
    pub(crate) fn retransmit(
        &mut self,
        index: usize,
        bytes: u32,
        mss: u32,
        stamp: Stamp,
        now: Instant,
    ) -> Option<Sent> {
        if self.records.get(index)?.data() > bytes {
            self.split(index, bytes, mss);
        }
        self.recount(index, mss);
        let flags = self.records.get(index)?.flags;
        self.set_flags(index, flags | RETRANSMITTED | AMBIGUOUS);
        let sent = self.again(index, stamp, now)?;
        self.board().hint = sent.end;
        Some(sent)
    }

    /// Where the last packet begins.
    pub(crate) fn last_packet(&self, mss: u32) -> Option<Seq> {
        let sent = self.records.get(self.records.len().checked_sub(1)?)?;
        let keep = mss.saturating_mul(sent.count() - 1);
        let is_cut = sent.packets > 1 && sent.data() > keep;
        Some(if is_cut {
            sent.start + keep
        } else {
            sent.start
        })
    }

    /// Notes the retransmission of the last packet, of which nobody says that it is lost (RFC 8985 7.3).
    pub(crate) fn retransmit_last(&mut self, mss: u32, stamp: Stamp, now: Instant) -> Option<Sent> {
        let last = self.records.len().checked_sub(1)?;
        let sent = *self.records.get(last)?;
        let keep = mss.saturating_mul(sent.count() - 1);
        let index = if sent.packets > 1 && sent.data() > keep {
            self.split(last, keep, mss);
            last + 1
        } else {
            last
        };
        self.set_flags(index, sent.flags | AMBIGUOUS);
        self.again(index, stamp, now)
    }

    /// The record at `index` was sent anew.
    fn again(&mut self, index: usize, stamp: Stamp, now: Instant) -> Option<Sent> {
        let newest = self.records.len().checked_sub(1)?;
        let newest = self.records.get(newest)?.time;
        let time = self.board().rack.time_of_copy(newest, now);
        let sent = self.records.get_mut(index)?;
        sent.time = time;
        sent.stamp = stamp;
        let sent = *sent;
        self.board().rack.sent_again(&sent);
        Some(sent)
    }

    pub(crate) fn clear(&mut self) {
        *self = Flight {
            watch: self.watch,
            ..Flight::default()
        };
    }

    /// Numbers that lie behind must not fall out of the half of the space in which they mean anything.
    pub(crate) fn keep_up(&mut self, una: Seq) {
        self.short_end = self.short_end.filter(|end| end.after(una));
        self.round.keep_up(una);
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
