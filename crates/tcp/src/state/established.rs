//! ESTABLISHED: "represents an open connection, data received can be delivered to the user. The normal state for the data
//! transfer phase of the connection."
use sockeye_wire::TcpFlags;

use super::screen::Screen;
use super::{CloseWait, Next};
use crate::block::{Block, BlockFlags};
use crate::recv::charge::Parcel;
use crate::recv::{Accepted, Terms};
use crate::send::ack::Verdict;
use crate::time::Millis;
use crate::{Events, Instant, Segment, State};

#[derive(Debug)]
pub(crate) struct Established;

impl Established {
    /// RFC 9293 3.10.7.4
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        match block.screen(&segment, State::Established, now) {
            Screen::Drop => return self.into(),
            Screen::Reset => {
                let error = block.reset_error(State::Established);
                return Next::closed(block, error);
            }
            Screen::Pass => {}
        }
        if block.take_acknowledgment(&segment, now) == Verdict::Dropped {
            return self.into();
        }
        if block.take_data(segment, now) {
            return CloseWait.into();
        }
        self.into()
    }
}

impl Block {
    /// Header prediction (Van Jacobson): a segment that is just what was expected needs none of the checks. True if it
    /// was taken; its payload is moved out then.
    pub(crate) fn predict(&mut self, segment: &mut Segment, now: Instant) -> bool {
        let plain = segment.flags - TcpFlags::PSH == TcpFlags::ACK;
        let recv = &self.recv;
        if !plain
            || segment.sequence != recv.nxt
            || recv.queue.rare.assembler.is_some()
            || recv.queue.rare.urgent.is_some()
            || !segment.options.sack.is_empty()
        {
            return false;
        }
        let size = segment.payload.len();
        let length = crate::seq::span(size);
        if length > recv.open_window()
            || !recv.has_memory()
            || segment.acknowledgment.before(self.send.una)
            || segment.acknowledgment.after(self.send.nxt)
            // A pure acknowledgment that acknowledges nothing may be a duplicate one.
            || (size == 0 && segment.acknowledgment == self.send.una)
        {
            return false;
        }
        match (
            self.flags.contains(BlockFlags::TIMESTAMPS),
            segment.options.timestamps,
        ) {
            (false, _) => {}
            (true, Some(timestamps)) => {
                if recv.recent.rejects(timestamps.value, now) {
                    return false;
                }
                // RFC 7323 4.3 (2)
                if segment.sequence.at_or_before(recv.told) {
                    self.recv.recent.update(timestamps.value, now);
                }
            }
            (true, None) => return false,
        }
        let parcel = Parcel::of(segment);
        self.count_in(segment);
        self.recv.last = Millis::at(now);
        self.send.keep_probes = 0;
        // Linux's prediction foresees the window, too (`pred_flags`).
        if u32::from(segment.window) << self.send.shift == self.send.wnd {
            if size > 0 {
                self.events |= Events::HEADER_PREDICTED;
            }
            if segment.acknowledgment != self.send.una {
                self.events |= Events::PREDICTED_ACK;
            }
        } else if size == 0 {
            self.events |= Events::PURE_ACK;
        }
        // Cannot be dropped: the acknowledgment is between SND.UNA and SND.NXT.
        let _ = self.acknowledge(segment, now);
        if size > 0 {
            self.events |= Events::READABLE;
            let clock = self.timestamp(now);
            self.recv.measure_round_by_echo(segment, clock);
            let payload = core::mem::take(&mut segment.payload);
            self.recv.push(payload, &mut Accepted::default());
            let rto = self.send.rtt.rto();
            let terms = Terms::of(self.flags, self.recv.told_mss, &self.limits);
            self.recv.note_data(&parcel, &terms, rto, now);
            self.recv.measure_round(now);
            self.note_mark(segment.ecn);
            self.schedule_ack(now);
        }
        true
    }
}
