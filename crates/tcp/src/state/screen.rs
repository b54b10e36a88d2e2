//! What every synchronized state asks of a segment first (RFC 9293 3.10.7.4, first to fourth), and what most do with it
//! then (fifth to seventh).
use sockeye_wire::TcpFlags;

use super::Next;
use crate::block::{Block, BlockFlags};
use crate::recv::ack::AckFlags;
use crate::recv::charge::Parcel;
use crate::recv::{Accepted, Misplaced, Terms};
use crate::segment::reset_for;
use crate::send::ack::Verdict;
use crate::send::{Fin, SendFlags};
use crate::time::Millis;
use crate::{Error, Events, Instant, Segment, State};

/// The outcome of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// Look further.
    Pass,
    /// Nothing more to do with it.
    Drop,
    /// A valid reset.
    Reset,
}

impl Block {
    /// RFC 9293 3.10.7.4 first to fourth, with RFC 7323 5.3 and RFC 5961 3 and 4.
    pub(crate) fn screen(&mut self, segment: &Segment, state: State, now: Instant) -> Screen {
        self.count_in(segment);
        let reset = segment.has(TcpFlags::RST);
        if let (true, Some(timestamps)) = (
            self.flags.contains(BlockFlags::TIMESTAMPS),
            segment.options.timestamps,
        ) && self.recv.recent.rejects(timestamps.value, now)
            && !reset
            && !self.is_replayed_ack(segment, timestamps.value)
        {
            // RFC 7323 5.3 R1
            if segment.has(TcpFlags::SYN) {
                self.challenge_syn(now);
            } else if segment.has(TcpFlags::ACK)
                && segment.length() == 0
                && segment.sequence.before(self.recv.nxt)
            {
                self.events |= Events::PAWS_OLD_ACK;
            } else {
                self.events |= Events::PAWS_DROP;
                self.note_duplicate(segment);
                self.answer_unacceptable(segment, Events::SKIPPED_PAWS, now);
            }
            return Screen::Drop;
        }
        if let Some(problem) = self.recv.placement(segment) {
            self.events |= Events::OUT_OF_WINDOW;
            if reset {
                if self.crosses_fin(segment, state) {
                    return Screen::Reset;
                }
            } else if segment.has(TcpFlags::SYN) {
                self.challenge_syn(now);
            } else {
                if problem == Misplaced::Beyond {
                    self.events |= Events::BEYOND_WINDOW;
                }
                self.note_duplicate(segment);
                self.answer_unacceptable(segment, Events::SKIPPED_SEQUENCE, now);
            }
            return Screen::Drop;
        }
        if reset {
            // RFC 5961 3.2: only the exact sequence number resets. As Linux, also the end of what has come out of order,
            // and the one before our peer's FIN.
            let highest = self
                .recv
                .blocks(4)
                .iter()
                .map(|(_, end)| end)
                .any(|end| end == segment.sequence.get());
            if segment.sequence == self.recv.nxt || highest || self.crosses_fin(segment, state) {
                return Screen::Reset;
            }
            self.suspect_fast_open(state == State::Established);
            self.challenge(now);
            return Screen::Drop;
        }
        if segment.has(TcpFlags::SYN) {
            // RFC 5961 4.2
            self.challenge_syn(now);
            return Screen::Drop;
        }
        if !segment.has(TcpFlags::ACK) {
            return Screen::Drop;
        }
        self.recv.last = Millis::at(now);
        self.send.keep_probes = 0;
        Screen::Pass
    }

    /// `tcp_reset_check`: a reset just before the FIN that it crossed.
    fn crosses_fin(&self, segment: &Segment, state: State) -> bool {
        matches!(state, State::CloseWait | State::LastAck | State::Closing)
            && segment.sequence == self.recv.nxt - 1
    }

    /// A SYN amid a connection (RFC 5961 4.2).
    pub(super) fn challenge_syn(&mut self, now: Instant) {
        self.events |= Events::SYN_CHALLENGE;
        self.challenge(now);
    }

    /// After the peer's FIN there is nothing new to take, but what comes again is acknowledged: its sender missed the
    /// acknowledgment (`tcp_data_queue`). RFC 1122 4.2.2.13: what goes on where the FIN was is answered with a reset; that
    /// which is behind it is not looked at. True if it is to be.
    pub(super) fn refuses_late(&mut self, segment: &Segment) -> bool {
        if segment.length() == 0 || segment.sequence.at_or_after(self.recv.nxt) {
            return false;
        }
        if !segment.payload.is_empty() && segment.data_end().after(self.recv.nxt) {
            self.events |= Events::ABORT_ON_DATA;
            return true;
        }
        self.note_duplicate(segment);
        self.recv.ack.hurry(true);
        false
    }

    /// The end for data that came too late.
    pub(super) fn abort_on_data(&mut self, segment: &Segment, state: State) -> Next {
        let error = self.reset_error(state);
        Next {
            reset: reset_for(segment),
            ..Next::closed(self, error)
        }
    }

    /// A segment that came before: its sender should know (RFC 2883), and quickly.
    pub(super) fn note_duplicate(&mut self, segment: &Segment) {
        if segment.length() > 0 && segment.sequence.before(self.recv.nxt) {
            self.events |= Events::DUPLICATE;
            if self.flags.contains(BlockFlags::SACK) && self.limits.dsack {
                let end = segment.end().earliest(self.recv.nxt);
                self.recv.queue.rare.dsack = Some((segment.sequence, end));
                self.events |= Events::DSACK_SENT_OLD;
            }
            let quota = self.recv.quick_quota();
            self.recv.ack.force_quick(quota);
        }
    }

    /// `tcp_disordered_ack_check`: an empty acknowledgment overtaken by a later one is no reason to answer, and does no
    /// harm.
    fn is_replayed_ack(&self, segment: &Segment, value: u32) -> bool {
        let age = self.recv.recent.value.wrapping_sub(value);
        // `tcp_tsval_replay`: a sixth more than the timeout.
        let limit = self.send.rtt.rto().as_millis() * 6 / 5;
        segment.has(TcpFlags::ACK)
            && segment.length() == 0
            && segment.sequence == self.recv.nxt
            && segment.acknowledgment == self.send.una
            && !self.send.may_update_window(segment)
            && u128::from(age) <= limit
    }

    /// Counts what came, whatever becomes of it (`tcp_segs_in`).
    pub(crate) fn count_in(&mut self, segment: &Segment) {
        let (counts, units) = (&mut self.counts, segment.units());
        counts.segments_in = counts.segments_in.wrapping_add(units);
        if !segment.payload.is_empty() {
            counts.data_in = counts.data_in.wrapping_add(units);
        }
    }

    /// RFC 7323 4.3 (2): remembers the timestamp of a segment that spans what was acknowledged last.
    pub(crate) fn remember_timestamp(&mut self, segment: &Segment, now: Instant) {
        if let (true, Some(timestamps)) = (
            self.flags.contains(BlockFlags::TIMESTAMPS),
            segment.options.timestamps,
        ) && segment.sequence.at_or_before(self.recv.told)
            && timestamps
                .value
                .wrapping_sub(self.recv.recent.value)
                .cast_signed()
                >= 0
        {
            self.recv.recent.update(timestamps.value, now);
        }
    }

    /// RFC 9293 3.10.7.4 fifth. Not for SYN-RECEIVED.
    pub(crate) fn take_acknowledgment(&mut self, segment: &Segment, now: Instant) -> Verdict {
        let is_old = segment.acknowledgment.before(self.send.una);
        let verdict = self.acknowledge(segment, now);
        if verdict != Verdict::Dropped {
            if !is_old && segment.length() == 0 {
                self.events |= Events::PURE_ACK;
            }
            self.remember_timestamp(segment, now);
        }
        verdict
    }

    /// Sixth to eighth: urgent pointer, data, FIN. True if the FIN is in order now.
    pub(crate) fn take_data(&mut self, segment: Segment, now: Instant) -> bool {
        if segment.has(TcpFlags::URG) {
            // RFC 6093 2.2: the standards say that it names the urgent byte, systems the one behind it.
            let urgent = u32::from(segment.urgent);
            let behind = match self.limits.standard_urgent {
                true => urgent + 1,
                // `tcp_check_urg`: there is none before the first.
                false => urgent.max(1),
            };
            let pointer = segment.sequence + behind;
            if self.recv.announce_urgent(pointer) {
                self.events |= Events::URGENT;
            }
        }
        self.note_reduced_peer(&segment);
        let size = segment.payload.len();
        let fin = segment.has(TcpFlags::FIN);
        let ecn = segment.ecn;
        if size == 0 && !fin {
            return false;
        }
        let parcel = Parcel::of(&segment);
        let terms = Terms::of(self.flags, self.recv.told_mss, &self.limits);
        let before = self.recv.queue.rare.dsack;
        self.recv
            .measure_round_by_echo(&segment, self.timestamp(now));
        let accepted = self.recv.accept(segment, &parcel, &terms);
        if !self.flags.contains(BlockFlags::SACK) || !self.limits.dsack {
            self.recv.forget_dsack();
        }
        if let Some((start, _)) = self
            .recv
            .queue
            .rare
            .dsack
            .filter(|_| self.recv.queue.rare.dsack != before)
        {
            self.events |= match start.before(self.recv.nxt) {
                true => Events::DSACK_SENT_OLD,
                false => Events::DSACK_SENT_OUT_OF_ORDER,
            };
        }
        if accepted.bytes > 0 {
            self.events |= Events::READABLE;
            let rto = self.send.rtt.rto();
            self.recv.note_data(&parcel, &terms, rto, now);
            self.recv.measure_round(now);
            self.recv.find_urgent();
        }
        if size > 0 && !accepted.duplicate {
            self.note_mark(ecn);
        }
        if accepted.merged {
            self.events |= Events::OUT_OF_ORDER_MERGE;
        }
        if accepted.out_of_order && !accepted.no_memory {
            self.events |= Events::OUT_OF_ORDER;
            self.recv.ack.schedule();
        }
        // RFC 5681 4.2
        self.recv.ack.hurry(accepted.filled);
        self.note_refused(&accepted);
        if accepted.no_memory && accepted.out_of_order {
            // As if it had been lost.
            return false;
        }
        if accepted.duplicate {
            self.events |= Events::DUPLICATE;
            let quota = self.recv.quick_quota();
            self.recv.ack.force_quick(quota);
            self.recv.ack.hurry(true);
        }
        if accepted.fin {
            self.events |= Events::FIN;
            self.acknowledge_fin();
        }
        self.schedule_ack(now);
        accepted.fin
    }

    /// What was not taken, and what was thrown away so that something could be (`tcp_data_queue`).
    fn note_refused(&mut self, accepted: &Accepted) {
        let mut happened =
            |event, is_so| self.events |= if is_so { event } else { Events::empty() };
        let (pruned, is_late) = (accepted.pruned, accepted.out_of_order);
        happened(Events::PRUNED, pruned.called);
        happened(Events::OUT_OF_ORDER_PRUNED, pruned.out_of_order);
        happened(Events::PRUNED_IN_VAIN, pruned.in_vain);
        happened(Events::ZERO_WINDOW_DROP, accepted.shut_out);
        happened(Events::OUT_OF_ORDER_DROP, accepted.no_memory && is_late);
        happened(Events::NO_ROOM, accepted.no_memory && !is_late);
        if accepted.shut_out {
            self.recv.ack.hurry(true);
        } else if accepted.no_memory && !is_late {
            // Its sender is to wait.
            self.recv.ack.flags |= AckFlags::NO_MEMORY | AckFlags::NOW | AckFlags::SCHEDULED;
        }
    }

    /// RFC 9293 3.10.7.4, eighth: acknowledge the FIN. As Linux (`tcp_fin`), at once if this side has closed already; else the
    /// application's own FIN may follow soon and carry the acknowledgment, which waits for it as long as for any answer.
    fn acknowledge_fin(&mut self) {
        // What came twice or out of order is of no interest any more (`tcp_sack_reset`).
        self.recv.forget_dsack();
        let has_no_room = self.recv.open_window() == 0;
        let ack = &mut self.recv.ack;
        ack.schedule();
        if self.send.fin == Fin::None {
            ack.set_ping_pong(true);
            // Without data before there is no delay to wait; and what comes to a shut window is answered at once.
            ack.hurry(ack.ato().is_zero() || has_no_room);
        } else {
            ack.hurry(true);
        }
    }

    /// A valid reset came: which error that is (`tcp_reset`).
    pub(crate) fn reset_error(&mut self, state: State) -> Option<Error> {
        self.events |= Events::RESET;
        match state {
            State::CloseWait => Some(Error::BrokenPipe),
            _ => Some(Error::Reset),
        }
    }

    /// RFC 1122 4.2.2.13, RFC 2525 2.17: data for an application that will never read it is answered with a reset.
    pub(crate) fn refuses_data(&mut self, segment: &Segment) -> bool {
        let refuses = self.flags.contains(BlockFlags::RECEIVE_SHUT)
            && !segment.payload.is_empty()
            && segment.data_end().after(self.recv.nxt);
        if refuses {
            self.events |= Events::ABORT_ON_DATA;
        }
        refuses
    }

    pub(crate) fn queue_fin(&mut self) {
        if self.send.fin == Fin::None {
            self.send.fin = Fin::Queued;
            self.send.flags.remove(SendFlags::MORE);
        }
    }
}
