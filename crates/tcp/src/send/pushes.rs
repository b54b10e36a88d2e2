//! What the peer is to hand to its program at once: PSH (RFC 9293 3.9.1.2, `tcp_mark_push`).
//!
//! The end of a write is pushed, and in a long one each packet that ends more than half of the peer's largest window behind
//! the last such place (`forced_push`). It is the packet that has the mark: the write that made it may go on to fill the
//! packet, a later one takes it away by doing so.
use super::{SendFlags, Sender};
use crate::Seq;
use crate::block::Block;

/// The last place up to which the application wants it pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// `pushed_seq`
    pub(crate) seq: Seq,
    /// Where the packet ends that has the mark.
    pub(crate) end: Seq,
}

impl Pushed {
    fn at(end: Seq) -> Pushed {
        Pushed { seq: end, end }
    }
}

impl Block {
    /// The last `count` bytes have been written, as part of the write before if that had more; with `more` they are not the
    /// end.
    #[inline]
    pub(crate) fn mark_pushed(&mut self, count: u32, more: bool) {
        let send = &self.send;
        let waits = send
            .queue
            .pushed
            .is_some_and(|pushed| pushed.end.after(send.nxt));
        if waits || send.is_far_behind(send.last_pushed(), send.data_end()) {
            self.push_packets(count);
        }
        let send = &mut self.send;
        let end = send.data_end();
        if !more || send.is_far_behind(send.last_pushed(), end) {
            send.queue.pushed = Some(Pushed::at(end));
        }
    }

    /// Keeps the mark of the packet that has it, if that is full and waits, and marks those of the packets that have been
    /// filled since which are so far behind one another.
    #[cold]
    fn push_packets(&mut self, count: u32) {
        let goal = self.size_goal();
        let send = &mut self.send;
        let waits_from = send.nxt;
        let packet_end =
            |seq: Seq| waits_from + seq.since(waits_from).div_ceil(goal).saturating_mul(goal);
        let end = send.data_end();
        let written_from = end - count;
        let goes_on = send.flags.contains(SendFlags::MORE);
        if let Some(pushed) = &mut send.queue.pushed
            && goes_on
            && pushed.end == written_from
            && pushed.end.after(waits_from)
        {
            pushed.end = packet_end(pushed.end).earliest(end);
        }
        loop {
            let last = send.last_pushed();
            if let Some(Pushed { end: marked, .. }) = send.queue.pushed
                && marked.after(waits_from)
                && marked.before(end)
                && packet_end(marked) == marked
            {
                let offset = marked.since(send.una);
                send.queue.pushes.end_at(offset);
            }
            let half = send.max_wnd >> 1;
            let least: Seq = (last + half).latest(written_from).latest(waits_from) + 1u32;
            if !least.before(end) || !packet_end(least).before(end) {
                return;
            }
            send.queue.pushed = Some(Pushed::at(packet_end(least)));
        }
    }
}

impl Sender {
    fn last_pushed(&self) -> Seq {
        self.queue.pushed.map_or(self.una, |pushed| pushed.seq)
    }

    /// `forced_push`
    fn is_far_behind(&self, last: Seq, end: Seq) -> bool {
        end.after(last + (self.max_wnd >> 1))
    }

    /// Whether a packet with these bytes is to be pushed.
    pub(crate) fn is_pushed_within(&self, start: Seq, end: Seq) -> bool {
        let queue = &*self.queue;
        let is_within = |pushed: Pushed| pushed.end.after(start) && pushed.end.at_or_before(end);
        queue.pushed.is_some_and(is_within)
            || queue
                .pushes
                .end_after(start.since(self.una))
                .is_some_and(|offset| offset <= end.since(self.una))
    }
}
