//! What the application asks of a connection (RFC 9293 3.10). No call blocks.
use bytes::Bytes;
use sockeye_wire::Payload;

use super::Connection;
use crate::block::BlockFlags;
use crate::recv::urgent::UrgentRead;
use crate::send::memory::Push;
use crate::send::queue::Access;
use crate::send::{Fin, SendFlags};
use crate::seq::{length, span};
use crate::state::{Closed, Machine, Next};
use crate::timers::Timer;
use crate::{Error, Events, Instant, Seq};

/// Calls of the application.
impl Connection {
    fn can_send(&self) -> bool {
        matches!(
            self.machine,
            Machine::Established(_) | Machine::CloseWait(_)
        ) && self.block.send.fin == Fin::None
    }

    /// How many bytes a send would take now. When some of them have left that may be more.
    pub fn send_room(&self) -> usize {
        self.room_for(usize::MAX)
    }

    /// How many of so many bytes a send would take now; see [`Connection::send_room`].
    pub fn room_for(&self, wanted: usize) -> usize {
        if self.can_send() {
            length(self.block.room_for(span(wanted)))
        } else {
            0
        }
    }

    /// Queues data without copying it, as much as there is room for; 0 means that it would block or is not possible. With
    /// `more` (`MSG_MORE`) a last short segment waits for what follows.
    pub fn send(&mut self, mut data: Bytes, more: bool, now: Instant) -> usize {
        let wanted = data.len();
        let count = self.room_for(wanted);
        self.begin_to_write(now);
        self.block.note_app_limit();
        self.block.send.note_shortage(count < wanted);
        data.truncate(count);
        self.block.send.queue.push_bytes(data);
        self.note_written(count, more || count < wanted)
    }

    /// Queues a copy of data, as much as there is room for; see [`Connection::send`].
    pub fn send_slice(&mut self, data: &[u8], more: bool, now: Instant) -> usize {
        let count = self.room_for(data.len());
        self.begin_to_write(now);
        self.block.note_app_limit();
        self.block.send.note_shortage(count < data.len());
        self.block
            .send
            .queue
            .push_slice(data.get(..count).unwrap_or_default());
        self.note_written(count, more || count < data.len())
    }

    /// What to transmit before the rest of a write is given, of which the last `count` bytes have been taken.
    pub fn push_within(&self, count: usize) -> Push {
        self.block.push_within(span(count))
    }

    /// The data of the segment in flight that has this byte; none if it is not in flight.
    pub fn segment_of(&mut self, byte: Seq) -> Payload {
        let send = &mut self.block.send;
        let Some(sent) = send.flight.holding(byte) else {
            return Payload::new();
        };
        let offset = sent.start.since(send.una);
        send.queue.slice(offset, sent.data(), Access::Again)
    }

    /// The application has to wait with the rest of what it wanted to send: what it could not give is not its own restraint,
    /// and what it gave is pushed (`wait_for_space`).
    pub fn wait_for_room(&mut self) {
        let send = &mut self.block.send;
        send.note_shortage(true);
        send.flags.remove(SendFlags::MORE);
        self.block.mark_pushed(0, false);
    }

    /// Queues a copy of data whose last byte is urgent (`MSG_OOB`). If there is no room for all of it, none is urgent.
    pub fn send_urgent(&mut self, data: &[u8], now: Instant) -> usize {
        let count = self.send_slice(data, false, now);
        if count > 0 && count == data.len() {
            self.block.send.rare.urgent = Some(self.block.send.data_end());
        }
        count
    }

    /// What was written ends a record (`MSG_EOR`): no segment is to have bytes from before and behind it.
    pub fn end_record(&mut self) {
        let queue = &mut self.block.send.queue;
        let end = queue.len();
        if end > 0 {
            queue.records.end_at(end);
        }
    }

    /// There was a pause if nothing is left of what was written before.
    fn begin_to_write(&mut self, now: Instant) {
        if self.block.send.queue.len() == 0 {
            self.block.restart_after_idle(now);
        }
    }

    fn note_written(&mut self, count: usize, more: bool) -> usize {
        if count > 0 {
            self.block.mark_pushed(span(count), more);
            let send = &mut self.block.send;
            send.flags.set(SendFlags::MORE, more);
            send.flags.remove(SendFlags::RELEASED);
        }
        count
    }

    /// Copies received data out; 0 means that there is none now.
    pub fn read(&mut self, buffer: &mut [u8], now: Instant) -> usize {
        let count = self.block.recv.read(buffer, self.block.options.oob_inline);
        self.block.note_read(count, now);
        count
    }

    /// Takes received data out without a copy.
    pub fn read_bytes(&mut self, max: usize, now: Instant) -> Payload {
        let payload = self.block.recv.take(max, self.block.options.oob_inline);
        self.block.note_read(payload.len(), now);
        payload
    }

    /// Copies received data that stays in the queue, from `offset` on.
    pub fn peek(&mut self, offset: usize, buffer: &mut [u8]) -> usize {
        self.block
            .recv
            .peek(offset, buffer, self.block.options.oob_inline)
    }

    /// Reads the urgent byte (`MSG_OOB`), or looks at it.
    pub fn read_urgent(&mut self, peek: bool) -> UrgentRead {
        let recv = &mut self.block.recv;
        let is_cut_off = matches!(self.machine, Machine::Closed(_)) && !recv.is_finished();
        // `tcp_recv_urg`
        match recv.read_urgent(peek || is_cut_off, self.block.options.oob_inline) {
            UrgentRead::Byte(_) | UrgentRead::Awaited if is_cut_off => UrgentRead::CutOff,
            read => read,
        }
    }

    /// True if the next byte to read is the urgent one (`SIOCATMARK`).
    pub fn at_mark(&self) -> bool {
        self.block.recv.at_mark()
    }

    /// No more will be sent (RFC 9293 3.10.4): queues the FIN.
    pub fn shutdown_send(&mut self, _now: Instant) {
        let machine = core::mem::replace(&mut self.machine, Closed.into());
        self.machine = machine.finish_sending(&mut self.block);
    }

    /// No more will be received. In ESTABLISHED the peer is not told, as in Linux.
    pub fn shutdown_receive(&mut self) {
        self.block.flags.set(BlockFlags::RECEIVE_SHUT, true);
    }

    /// The application has closed the socket: unread data makes it a reset (RFC 2525 2.17), else the FIN is queued.
    pub fn close(&mut self, now: Instant) {
        let unread = !self.block.recv.queue.is_empty();
        self.block.flags.set(BlockFlags::ORPHAN, true);
        self.block.flags.set(BlockFlags::RECEIVE_SHUT, true);
        self.block.recv.drop_queue();
        self.block.recv.forget_urgent();
        let resettable = self.needs_reset();
        if unread && resettable {
            self.block.events |= Events::ABORT_ON_CLOSE;
            self.reset(None);
            return;
        }
        // An orphan does not keep the connection alive.
        if !matches!(self.machine, Machine::TimeWait(_)) {
            self.block.timers.clear(Timer::Keepalive);
        }
        self.shutdown_send(now);
        let machine = core::mem::replace(&mut self.machine, Closed.into());
        self.machine = match machine {
            Machine::FinWait2(state) => state.abandon(&mut self.block, now),
            machine => machine,
        };
    }

    /// RFC 9293 3.10.5: a reset, and the end.
    pub fn abort(&mut self, _now: Instant) {
        self.block.recv.drop_queue();
        self.reset(Some(Error::Aborted));
    }

    /// The end, without a packet and without an error.
    pub fn forget(&mut self) {
        self.machine = Next::closed(&mut self.block, None).state;
    }

    fn needs_reset(&self) -> bool {
        match &self.machine {
            Machine::SynReceived(state) => state.sent.is_sent(),
            Machine::Established(_)
            | Machine::CloseWait(_)
            | Machine::FinWait1(_)
            | Machine::FinWait2(_) => true,
            _ => false,
        }
    }

    fn reset(&mut self, error: Option<Error>) {
        self.block
            .flags
            .set(BlockFlags::RESET_DUE, self.needs_reset());
        self.machine = Next::closed(&mut self.block, error).state;
    }
}
