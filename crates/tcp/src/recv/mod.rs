//! The receive side of a connection: what RFC 9293 3.3.1 calls RCV, the queues behind it and when to acknowledge.
pub(crate) mod ack;
pub(crate) mod assembler;
pub(crate) mod charge;
pub(crate) mod compression;
pub(crate) mod ingest;
pub(crate) mod paws;
pub(crate) mod queue;
pub(crate) mod rare;
pub(crate) mod read;
pub(crate) mod round_trip;
pub(crate) mod urgent;
pub(crate) mod window;

use sockeye_wire::{Payload, SackBlocks, TcpFlags};

use crate::block::{BlockFlags, TIMESTAMPS_LEN};
use crate::lazy::Lazy;
use crate::limits::Limits;
use crate::seq::span;
use crate::time::Millis;
use crate::{Instant, Segment, Seq};
use ack::{AckFlags, Acknowledger};
use assembler::Kept;
use charge::Parcel;
use ingest::Pruned;
use paws::RecentTimestamp;
use queue::ReceiveQueue;
use window::{Autotune, BufferFlags};

/// RCV. Before the peer's SYN has come only the buffer sizes mean anything.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// RCV.NXT
    pub(crate) nxt: Seq,
    /// RCV.NXT as last told to the peer.
    pub(crate) told: Seq,
    /// The window told with it.
    pub(crate) window: u32,
    /// Our window scale, applied to what we tell.
    pub(crate) shift: u8,
    /// The end of the timestamp that was echoed last, by which the round trip is measured.
    pub(crate) echoed: u8,
    /// Bytes received in order: the stream position of RCV.NXT.
    pub(crate) position: u64,
    pub(crate) queue: Lazy<ReceiveQueue>,
    pub(crate) ack: Acknowledger,
    /// When anything came last.
    pub(crate) last: Millis,
    pub(crate) recent: RecentTimestamp,
    /// The segment size the peer seems to use (`rcv_mss`).
    pub(crate) mss: u16,
    /// The MSS we told.
    pub(crate) told_mss: u16,
    /// How much of the buffer is data, of 256 (`scaling_ratio`).
    pub(crate) ratio: u8,
    /// Receive buffer in Linux's units: not all of it is for data.
    pub(crate) buffer: u32,
    pub(crate) flags: BufferFlags,
    /// The window is not opened beyond this yet (`rcv_ssthresh`).
    pub(crate) threshold: u32,
    pub(crate) autotune: Autotune,
}

/// What holds for a connection when data comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// RFC 2018
    pub(crate) sack: bool,
    /// The longest segment that the peer was asked for, without the options of each (`advmss`).
    pub(crate) advertised: u32,
    pub(crate) limits: &'a Limits,
}

impl Terms<'_> {
    pub(crate) fn of(flags: BlockFlags, told_mss: u16, limits: &Limits) -> Terms<'_> {
        let options = match flags.contains(BlockFlags::TIMESTAMPS) {
            true => TIMESTAMPS_LEN,
            false => 0,
        };
        Terms {
            sack: flags.contains(BlockFlags::SACK),
            advertised: u32::from(told_mss.saturating_sub(options)),
            limits,
        }
    }
}

/// What data did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Bytes that became readable.
    pub(crate) bytes: usize,
    /// The FIN is in order now.
    pub(crate) fin: bool,
    /// There is no gap any more.
    pub(crate) filled: bool,
    /// Something came beyond a gap.
    pub(crate) out_of_order: bool,
    /// And was there already, or covers what was.
    pub(crate) merged: bool,
    /// All of it had come before.
    pub(crate) duplicate: bool,
    /// The window is shut: nothing of it was taken.
    pub(crate) shut_out: bool,
    /// There was no memory for it.
    pub(crate) no_memory: bool,
    /// What was done to have some.
    pub(crate) pruned: Pruned,
}

/// How a segment lies outside of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misplaced {
    Before,
    Beyond,
}

impl Receiver {
    /// The peer's FIN has been received in order.
    pub(crate) fn is_finished(&self) -> bool {
        self.flags.contains(BufferFlags::FIN)
    }

    /// What is left of the window last told.
    pub(crate) fn open_window(&self) -> u32 {
        (self.told + self.window).since_or_zero(self.nxt)
    }

    /// RFC 9293 3.10.7.4, first (`tcp_sequence`): what is wrong with the segment's place. As Linux, a segment that ends
    /// exactly at what was acknowledged is acceptable, so that a probe's or a keepalive's acknowledgment number is looked
    /// at; and one that goes beyond the window is only as long as nothing waits to be read, or by its FIN alone.
    pub(crate) fn placement(&self, segment: &Segment) -> Option<Misplaced> {
        if segment.end().before(self.told) {
            return Some(Misplaced::Before);
        }
        let edge = self.nxt + self.open_window();
        let is_beyond = segment.sequence.after(edge)
            || (segment.data_end().after(edge) && !self.queue.is_empty());
        is_beyond.then_some(Misplaced::Beyond)
    }

    /// See [`Receiver::placement`].
    pub(crate) fn is_acceptable(&self, segment: &Segment) -> bool {
        self.placement(segment).is_none()
    }

    /// Takes the data of an acceptable segment (`tcp_data_queue`).
    pub(crate) fn accept(
        &mut self,
        mut segment: Segment,
        parcel: &Parcel,
        terms: &Terms<'_>,
    ) -> Accepted {
        let mut result = Accepted::default();
        if segment.payload.is_empty() && !segment.has(TcpFlags::FIN) {
            return result;
        }
        let end = segment.end();
        if self.is_finished() || end.at_or_before(self.nxt) {
            // RFC 2883 4.1: say which segment came twice.
            self.queue.rare.dsack = Some((segment.sequence, end));
            result.duplicate = true;
            return result;
        }
        if segment.sequence.before(self.nxt) {
            self.queue.rare.dsack = Some((segment.sequence, self.nxt));
            segment.trim_front(self.nxt.since(segment.sequence));
        }
        let is_next = segment.sequence == self.nxt;
        if !segment.payload.is_empty() {
            let room = (self.nxt + self.open_window()).since_or_zero(segment.sequence);
            if room == 0 {
                result.shut_out = true;
                return result;
            }
            if !self.has_memory() {
                let ahead = u64::from(segment.sequence.since(self.nxt));
                result.pruned = self.make_memory(self.position + ahead, terms.limits);
                // What the application waits for is taken all the same.
                if result.pruned.in_vain && !(is_next && self.queue.is_empty()) {
                    result.no_memory = true;
                    result.out_of_order = !is_next;
                    return result;
                }
            }
        }
        if is_next {
            self.accept_in_order(
                segment.payload,
                segment.flags.contains(TcpFlags::FIN),
                &mut result,
            );
        } else {
            self.accept_out_of_order(&segment, parcel, terms, &mut result);
        }
        result
    }

    fn accept_in_order(&mut self, payload: Payload, fin: bool, result: &mut Accepted) {
        let end = self.position + payload.len() as u64;
        let twice = self
            .queue
            .rare
            .assembler
            .as_ref()
            .filter(|_| self.queue.rare.dsack.is_none())
            .and_then(|assembler| assembler.first_before(end));
        if let Some((from, to)) = twice {
            // RFC 2883 4.2: of what fills the hole, the first part that had come already (`tcp_ofo_queue`).
            let at = |position: u64| {
                self.nxt + u32::try_from(position.saturating_sub(self.position)).unwrap_or(0)
            };
            self.queue.rare.dsack = Some((at(from), at(to)));
        }
        self.push(payload, result);
        result.fin = fin;
        if let Some(rare) = self
            .queue
            .existing()
            .and_then(|queue| queue.rare.existing())
            && let Some(assembler) = &mut rare.assembler
        {
            let more = assembler.take(self.position);
            let ends_here = |fin: Option<u64>, position| fin.is_some_and(|fin| fin <= position);
            result.fin |= ends_here(assembler.fin, self.position + more.len() as u64);
            if assembler.is_empty() || result.fin {
                rare.assembler = None;
                result.filled = true;
            }
            self.push(more, result);
        }
        if result.fin {
            self.flags |= BufferFlags::FIN;
            self.nxt += 1;
            self.drop_out_of_order();
        }
    }

    pub(crate) fn push(&mut self, payload: Payload, result: &mut Accepted) {
        let count = payload.len();
        if count > 0 {
            result.bytes += count;
            self.nxt = self.nxt + count;
            self.position += count as u64;
            self.queue.push(payload);
        }
    }

    fn accept_out_of_order(
        &mut self,
        segment: &Segment,
        parcel: &Parcel,
        terms: &Terms<'_>,
        result: &mut Accepted,
    ) {
        result.out_of_order = true;
        self.measure(parcel);
        let sack = terms.sack;
        let start = self.position + u64::from(segment.sequence.since(self.nxt));
        let end = start + segment.payload.len() as u64;
        let free = self.free_space();
        let rare = &mut *self.queue.rare;
        rare.out_of_order_segments = rare.out_of_order_segments.wrapping_add(1);
        let assembler = rare.assembler.get_or_insert_default();
        let fin = segment.has(TcpFlags::FIN);
        if let (true, Some((from, to))) =
            (sack, assembler.first_overlap(start, end + u64::from(fin)))
        {
            // RFC 2883 4: what of it had come; of several parts the first (`tcp_data_queue_ofo`).
            let at = |position: u64| {
                segment.sequence + u32::try_from(position.saturating_sub(start)).unwrap_or(0)
            };
            rare.dsack = Some((at(from), at(to)));
        }
        if sack {
            self.report_others(start, end + u64::from(fin));
        }
        let rare = &mut *self.queue.rare;
        let assembler = rare.assembler.get_or_insert_default();
        let mut kept = Kept::Nothing;
        if !segment.payload.is_empty() {
            kept = assembler.insert(start, &segment.payload);
            result.merged = kept != Kept::New;
        }
        if fin {
            assembler.insert_fin(end);
        }
        if assembler.is_empty() {
            rare.assembler = None;
        }
        // Without SACK the sender counts acknowledgments that are all the same: their window must not change.
        if sack && kept != Kept::Nothing {
            self.grow_threshold(parcel, free, terms);
        }
        self.make_room_beyond_gap(terms.limits);
    }

    /// RFC 2018 3: what has come out of order, at most `room` blocks.
    pub(crate) fn blocks(&self, room: usize) -> SackBlocks {
        let rare = &*self.queue.rare;
        let dsack = rare.dsack.map(|(start, end)| (start.get(), end.get()));
        let dsack = dsack.into_iter();
        match rare.compressed.report() {
            Some(report) => dsack.chain(report.iter()).take(room).collect(),
            None => dsack.chain(self.ranges()).take(room).collect(),
        }
    }

    /// How many blocks there are, whatever an acknowledgment that others wait for is to tell.
    pub(crate) fn all_blocks(&self) -> usize {
        usize::from(self.queue.rare.dsack.is_some()) + self.ranges().count()
    }

    /// What has come out of order, the latest first.
    fn ranges(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let held = self.queue.rare.assembler.iter();
        held.flat_map(|assembler| assembler.report())
            .map(|range| self.numbers(range))
    }

    /// The sequence numbers of positions that are less than a window ahead.
    pub(super) fn numbers(&self, (start, end): (u64, u64)) -> (u32, u32) {
        let at = |position: u64| {
            let ahead = position.saturating_sub(self.position);
            (self.nxt + u32::try_from(ahead).unwrap_or(u32::MAX)).get()
        };
        (at(start), at(end))
    }

    pub(crate) fn has_blocks(&self) -> bool {
        self.queue.rare.dsack.is_some() || self.queue.rare.assembler.is_some()
    }

    /// The sequence number of the next byte that the application reads.
    pub(crate) fn read_at(&self) -> Seq {
        self.nxt - u32::from(self.is_finished()) - span(self.queue.len())
    }

    /// `tcp_measure_rcv_mss`: full segments tell the size that the peer uses, and how much of the buffer its packets take.
    pub(crate) fn measure(&mut self, parcel: &Parcel) {
        let size = u16::try_from(parcel.unit).unwrap_or(u16::MAX);
        if size < self.mss {
            self.ack.push();
            return;
        }
        if size > self.mss {
            self.set_ratio(parcel.ratio());
        }
        self.mss = size.min(self.told_mss).max(88);
        if parcel.is_pushed {
            // The peer has no more to send, it seems, and may wait.
            self.ack.flags |= AckFlags::PUSHED;
        }
    }

    /// How many quick acknowledgments half the window allows.
    pub(crate) fn quick_quota(&self) -> u32 {
        self.window / (2 * u32::from(self.mss).max(1))
    }

    /// Data came in order: sees to the acknowledgment's delay and the window's growth (`tcp_event_data_recv`).
    pub(crate) fn note_data(
        &mut self,
        parcel: &Parcel,
        terms: &Terms<'_>,
        rto: core::time::Duration,
        now: Instant,
    ) {
        /// What is shorter tells nothing of the packets to come.
        const LEAST: u32 = 128;
        self.measure(parcel);
        let quota = self.quick_quota();
        self.ack.data_received(now, quota, rto);
        if parcel.bytes >= LEAST && self.threshold < self.space() {
            self.grow_threshold(parcel, self.free_space(), terms);
        }
    }
}
