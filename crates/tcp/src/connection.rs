//! The connection: inputs, the application's calls, outputs, inspection.
pub(crate) mod fast_open;
mod inspect;

use alloc::boxed::Box;

use bytes::Bytes;
use sockeye_wire::{Payload, TcpFlags};

use crate::block::{Block, BlockFlags};
use crate::congestion::Congestion;
use crate::ecn::EcnState;
use crate::recv::ack::AckFlags;
use crate::recv::urgent::UrgentRead;
use crate::recv::window::BufferFlags;
use crate::send::transmit::Plan;
use crate::send::{Fin, SendFlags};
use crate::seq::{length, span};
use crate::state::{Closed, FirstSent, Machine, Next, SynReceived, SynSent};
use crate::timers::Timer;
use crate::{
    Algorithm, Error, Events, IcmpError, Instant, OutgoingSegment, Response, Segment, Seq,
    Settings, SocketOptions, Tally,
};

/// One TCP connection: a plain value without clock, thread or I/O.
///
/// 1. *Inputs*: [`receive`](Self::receive), [`advance`](Self::advance), [`on_icmp_error`](Self::on_icmp_error).
/// 2. *Calls of the application*: [`send`](Self::send), [`send_slice`](Self::send_slice), [`read`](Self::read),
///    [`shutdown_send`](Self::shutdown_send), [`close`](Self::close), [`abort`](Self::abort), ... None blocks.
/// 3. *Outputs*, to be drained after every input and call, in this order: [`poll_transmit`](Self::poll_transmit) until it
///    gives nothing, then [`take_events`](Self::take_events), then [`deadline`](Self::deadline).
/// 4. *Inspection*: [`state`](Self::state), [`status`](Self::status), [`info`](Self::info).
///
/// When [`is_finished`](Self::is_finished) there is nothing left to do on the network, but what was received may still be
/// read; when [`time_wait`](Self::time_wait) gives a record, it can take the connection's place.
#[derive(Debug)]
pub struct Connection {
    machine: Machine,
    block: Block,
}

/// Inputs.
impl Connection {
    /// Active open (RFC 9293 3.10.1): SYN-SENT.
    pub fn connect(settings: Settings, now: Instant) -> Connection {
        let mut block = Block::new(settings, 0, now);
        block.flags.set(BlockFlags::SYN_DUE, true);
        Connection {
            machine: SynSent::new().into(),
            block,
        }
    }

    /// Passive open by a SYN (RFC 9293 3.10.7.2): SYN-RECEIVED.
    pub fn accept(mut settings: Settings, syn: &Segment, now: Instant) -> Connection {
        settings.timestamps &= syn.options.timestamps.is_some();
        let options = if settings.timestamps {
            crate::block::TIMESTAMPS_LEN
        } else {
            0
        };
        let ecn = EcnState::of_request(settings.ecn, syn);
        let mut block = Block::new(settings, options, now);
        block.ecn = ecn;
        block.synchronize(syn, now);
        block.counts.segments_in = 1;
        block.flags.set(BlockFlags::SYN_DUE, true);
        Connection {
            machine: SynReceived::passive().into(),
            block,
        }
    }

    /// As [`Connection::accept`], for a peer whose SYN was answered without keeping anything (SYN cookies, RFC 4987 3.6):
    /// the SYN-ACK is out, nobody knows since when.
    pub fn accept_answered(settings: Settings, syn: &Segment, now: Instant) -> Connection {
        let mut connection = Connection::accept(settings, syn, now);
        if let Machine::SynReceived(state) = &mut connection.machine {
            state.sent = FirstSent::UNKNOWN;
            if connection.block.options.defer_accept > 0 {
                // There is no request that could wait (`cookie_v4_check`).
                connection.block.options.defer_accept = 0;
            }
            connection.block.flags.set(BlockFlags::SYN_DUE, false);
            connection.block.send.nxt = connection.block.send.una + 1u32;
        }
        connection
    }

    /// A segment of this connection has come.
    pub fn receive(&mut self, segment: Segment, now: Instant) -> Response {
        let is_bare = segment.payload.is_empty();
        let response = self.take_segment(segment, now);
        if is_bare {
            // No answer will follow that would look after what is left.
            self.block.rest_if_idle();
        }
        response
    }

    fn take_segment(&mut self, mut segment: Segment, now: Instant) -> Response {
        self.block.send.flags.remove(SendFlags::MORE);
        if self.is_unconfirmed()
            && let Some(response) = self.screen_unconfirmed(&segment, now)
        {
            return response;
        }
        if let Machine::Established(_) = self.machine
            && self.block.predict(&mut segment, now)
        {
            return Response {
                reset: None,
                events: core::mem::take(&mut self.block.events),
            };
        }
        let machine = core::mem::replace(&mut self.machine, Closed.into());
        let Next { state, reset } = machine.receive(&mut self.block, segment, now);
        self.machine = state;
        Response {
            reset,
            events: core::mem::take(&mut self.block.events),
        }
    }

    /// True if this segment would complete the handshake: a listener whose accept queue is full does not let it in.
    pub fn completes_handshake(&self, segment: &Segment, now: Instant) -> bool {
        let Machine::SynReceived(state) = &self.machine else {
            return false;
        };
        state.completes(&self.block, segment, now)
    }

    /// After a response with [`Events::CHALLENGE_ACK`]: the host has sent enough of them (RFC 5961 7), and this one is
    /// not to be sent.
    pub fn withhold_challenge(&mut self) {
        let ack = &mut self.block.recv.ack;
        // What waits to be acknowledged anyhow may go at once as well.
        ack.calm();
    }

    /// Time has passed: does what is due.
    pub fn advance(&mut self, now: Instant) {
        let block = &mut self.block;
        block.send.take_pacing_due(now);
        if block.timers.take_due(Timer::Acknowledge, now) && block.recv.ack.is(AckFlags::SCHEDULED)
        {
            block.events |= Events::DELAYED_ACK;
            let rto = block.send.rtt.rto();
            block.recv.ack.expired(rto);
        }
        if block.timers.take_due(Timer::Retransmit, now) {
            self.retransmit_due(now);
        }
        if self.block.timers.take_due(Timer::Keepalive, now) {
            self.keepalive_due(now);
        }
    }

    fn retransmit_due(&mut self, now: Instant) {
        if self.is_unconfirmed() && self.machine.transmits() {
            self.repeat_syn_ack();
            return;
        }
        let block = &mut self.block;
        let machine = core::mem::replace(&mut self.machine, Closed.into());
        self.machine = match machine {
            Machine::SynSent(state) => state.retransmit(block, now),
            Machine::SynReceived(state) => state.retransmit(block, now),
            machine if machine.transmits() => {
                match block.retransmit_due(matches!(machine, Machine::Established(_)), now) {
                    Ok(()) => machine,
                    Err(error) => Next::closed(block, Some(error)).state,
                }
            }
            machine => machine,
        };
    }

    fn keepalive_due(&mut self, now: Instant) {
        let block = &mut self.block;
        let machine = core::mem::replace(&mut self.machine, Closed.into());
        self.machine = match machine {
            Machine::TimeWait(_) => Next::closed(block, None).state,
            // An orphan's wait is over: as Linux, silently.
            Machine::FinWait2(_) if block.flags.contains(BlockFlags::ORPHAN) => {
                Next::closed(block, None).state
            }
            machine if machine.transmits() => match block.keepalive_due(now) {
                Ok(()) => machine,
                Err(error) => Next::closed(block, Some(error)).state,
            },
            machine => machine,
        };
    }

    /// An ICMP error quoted a segment of this connection with this sequence number.
    pub fn on_icmp_error(&mut self, kind: IcmpError, sequence: Seq, now: Instant) {
        let block = &mut self.block;
        // RFC 5927 4.1: it must be about something in flight.
        if sequence.before(block.send.una) || sequence.after(block.send.nxt) {
            return;
        }
        match kind {
            // Until the handshake says what the peer takes, it is the path's part of that.
            IcmpError::PacketTooBig(mss) if !self.machine.transmits() => {
                block.recv.told_mss = block.recv.told_mss.min(mss.max(crate::block::MIN_MSS));
            }
            IcmpError::PacketTooBig(mss) => block.learn_path(mss, now),
            IcmpError::Hard(error) if matches!(self.machine, Machine::SynSent(_)) => {
                block.events |= Events::ATTEMPT_FAILED;
                self.machine = Next::closed(block, Some(error)).state;
            }
            // RFC 1122 4.2.3.9, RFC 5461
            IcmpError::Hard(error) | IcmpError::Soft(error) => block.soft_error = Some(error),
        }
    }
}

/// The owner's memory.
impl Connection {
    /// Bytes held for the application and for the peer, with what keeping them costs.
    pub fn held(&self) -> usize {
        let recv = &self.block.recv;
        let behind = recv
            .queue
            .rare
            .assembler
            .as_ref()
            .map_or(0, |held| held.cost());
        length(self.block.send.queue.len()) + recv.queue.len() + behind
    }

    /// Memory is short, or no longer so: buffers do not grow, and the window stays small.
    pub fn set_pressure(&mut self, is_pressed: bool) {
        self.block.recv.set_pressure(is_pressed);
    }

    /// See [`Connection::set_pressure`].
    pub fn is_pressed(&self) -> bool {
        self.block.recv.is_pressed()
    }

    /// Throws away what came out of order, though the peer was told of it (RFC 2018 8). True if there was something.
    pub fn prune(&mut self) -> bool {
        let recv = &mut self.block.recv;
        recv.forget_dsack();
        recv.drop_out_of_order()
    }

    /// The send buffer becomes as small as half of what is in it (`sk_stream_moderate_sndbuf`).
    pub fn moderate_send_buffer(&mut self) {
        let send = &mut self.block.send;
        send.buffer = send.buffer.min(send.queue.len() / 2).max(4608);
    }
}

/// What the owner knows of the path.
impl Connection {
    /// How long segments may be on this path: its MTU less IP header less 20. More than before, when what ICMP said has
    /// become too old.
    pub fn set_path(&mut self, mss: u16, now: Instant) {
        if self.machine.transmits() {
            self.block.learn_path(mss, now);
        }
    }
}

/// Calls of the application.
impl Connection {
    fn can_send(&self) -> bool {
        matches!(
            self.machine,
            Machine::Established(_) | Machine::CloseWait(_)
        ) && self.block.send.fin == Fin::None
    }

    /// How many bytes a send would take now.
    pub fn send_room(&self) -> usize {
        if self.can_send() {
            length(self.block.room())
        } else {
            0
        }
    }

    /// Queues data without copying it, as much as there is room for; 0 means that it would block or is not possible. With
    /// `more` (`MSG_MORE`) a last short segment waits for what follows.
    pub fn send(&mut self, mut data: Bytes, more: bool, _now: Instant) -> usize {
        let wanted = data.len();
        let count = wanted.min(self.send_room());
        self.block.note_app_limit();
        self.block.send.note_shortage(count < wanted);
        data.truncate(count);
        self.block.send.queue.push_bytes(data);
        self.note_written(count, more)
    }

    /// Queues a copy of data, as much as there is room for; see [`Connection::send`].
    pub fn send_slice(&mut self, data: &[u8], more: bool, _now: Instant) -> usize {
        let count = data.len().min(self.send_room());
        self.block.note_app_limit();
        self.block.send.note_shortage(count < data.len());
        self.block
            .send
            .queue
            .push_slice(data.get(..count).unwrap_or_default());
        self.note_written(count, more)
    }

    /// The application wanted to send more than there is room for: what it could not give is not its own restraint.
    pub fn note_no_room(&mut self) {
        self.block.send.note_shortage(true);
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

    fn note_written(&mut self, count: usize, more: bool) -> usize {
        if count > 0 {
            let send = &mut self.block.send;
            send.flags.set(SendFlags::MORE, more);
            send.mark_pushed(more);
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
        let is_cut_off = matches!(self.machine, Machine::Closed(_)) && !recv.fin;
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

    /// What the owner may change. Call [`Connection::options_changed`] afterwards.
    pub fn options_mut(&mut self) -> &mut SocketOptions {
        &mut self.block.options
    }

    /// What the owner may change.
    pub fn options(&self) -> &SocketOptions {
        &self.block.options
    }

    /// The options were changed: timers and pending data follow.
    pub fn options_changed(&mut self, now: Instant) {
        let block = &mut self.block;
        block
            .recv
            .make_room_for(block.options.receive_low_water, &block.limits);
        block.fit_pacing();
        if !self.machine.transmits() || block.flags.contains(BlockFlags::ORPHAN) {
            return;
        }
        if block.options.keepalive {
            let idle = block.recv.last.ago(now);
            let left = block.options.keep_idle.saturating_sub(idle);
            block.timers.set(Timer::Keepalive, now + left);
        } else {
            block.timers.clear(Timer::Keepalive);
        }
        if block.options.nodelay {
            block.send.flags.remove(SendFlags::MORE);
        }
    }

    /// `TCP_CONGESTION`: another algorithm takes over. What the old one knew is gone; the window and the threshold stay, as
    /// in `tcp_reinit_congestion_control`. The same one again changes nothing.
    pub fn set_congestion(&mut self, algorithm: Algorithm, _now: Instant) {
        let send = &mut self.block.send;
        if send.congestion.algorithm() != algorithm {
            send.congestion = Congestion::new(algorithm);
            self.block.begin_control();
        }
    }

    /// The algorithm in use.
    pub fn congestion(&self) -> Algorithm {
        self.block.send.congestion.algorithm()
    }

    /// `TCP_QUICKACK`: acknowledge at once (and what waits now, unless there is something to read first), or delay as in
    /// a ping-pong. Until the connection is taken for the other again by what it does; not `lasting`, no longer than
    /// that one acknowledgment.
    pub fn set_quickack(&mut self, on: bool, lasting: bool, _now: Instant) {
        let is_open = matches!(
            self.machine,
            Machine::Established(_) | Machine::CloseWait(_)
        );
        let recv = &mut self.block.recv;
        recv.ack.set_ping_pong(!on);
        if on && is_open && recv.ack.is(AckFlags::SCHEDULED) {
            recv.ack.flags |= AckFlags::PUSHED;
            recv.ack.hurry(recv.queue.is_empty());
            recv.ack.set_ping_pong(!lasting);
        }
    }

    /// What `TCP_QUICKACK` tells: it does not delay as in a ping-pong.
    pub fn is_quickack(&self) -> bool {
        !self.block.recv.ack.is(AckFlags::PING_PONG)
    }

    /// What `TCP_WINDOW_CLAMP` tells: the bound that was set, else that of the buffer.
    pub fn window_clamp(&self) -> u32 {
        let all = self.block.recv.space();
        self.block.options.window_clamp.unwrap_or(all)
    }

    /// `SO_SNDBUF` in `getsockopt`'s units; stops autotuning.
    pub fn set_send_buffer(&mut self, size: usize) {
        let size = span(size).clamp(4608, 1 << 30);
        self.block.send.buffer = size;
        self.block.send.flags |= SendFlags::FIXED;
    }

    /// `SO_RCVBUF` in `getsockopt`'s units; stops autotuning. The window never shrinks.
    pub fn set_receive_buffer(&mut self, size: usize) {
        let size = span(size).clamp(2304, 1 << 30);
        self.block.recv.buffer = size;
        self.block.recv.flags |= BufferFlags::FIXED;
    }

    /// `SO_SNDBUF` and `SO_RCVBUF` as they are now.
    pub fn buffer_sizes(&self) -> (usize, usize) {
        (
            length(self.block.send.buffer),
            length(self.block.recv.buffer),
        )
    }
}

/// Outputs.
impl Connection {
    /// The next segment to send. Call until there is none.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<OutgoingSegment> {
        let block = &mut self.block;
        if block.flags.contains(BlockFlags::RESET_DUE) {
            block.flags.set(BlockFlags::RESET_DUE, false);
            let mut reset = block.stamp(block.send.nxt, TcpFlags::RST, Payload::new(), now);
            reset.window = 0;
            reset.flags.remove(TcpFlags::URG);
            return Some(reset.into());
        }
        match &mut self.machine {
            Machine::Closed(_) => None,
            Machine::SynSent(state) if block.flags.contains(BlockFlags::SYN_DUE) => {
                let retransmission = block.send.retransmits > 0;
                Some(OutgoingSegment {
                    retransmission,
                    ..state.transmit(block, now).into()
                })
            }
            Machine::SynReceived(state) if block.flags.contains(BlockFlags::SYN_DUE) => {
                let retransmission = block.send.retransmits > 0;
                Some(OutgoingSegment {
                    retransmission,
                    ..state.transmit(block, now).into()
                })
            }
            Machine::SynSent(_) => None,
            Machine::SynReceived(state) if block.recv.ack.is(AckFlags::NOW) => {
                let mut answer = block.execute(Plan::Acknowledge, now)?;
                state.keep_window(block, &mut answer.segment);
                Some(answer)
            }
            Machine::TimeWait(_) if block.recv.ack.is(AckFlags::NOW) => {
                block.execute(Plan::Acknowledge, now)
            }
            Machine::SynReceived(_) | Machine::TimeWait(_) => None,
            _ if block.flags.contains(BlockFlags::SYN_DUE) => Some(self.transmit_syn_ack(now)),
            _ => {
                let plan = block.plan(now);
                let segment = block.execute(plan, now);
                if segment.is_none() {
                    block.settle(now);
                }
                segment
            }
        }
    }

    /// True if [`Connection::poll_transmit`] would give a segment.
    pub fn wants_transmit(&self, now: Instant) -> bool {
        let block = &self.block;
        if block.flags.contains(BlockFlags::RESET_DUE) {
            return true;
        }
        match self.machine {
            Machine::Closed(_) => false,
            Machine::SynSent(_) => block.flags.contains(BlockFlags::SYN_DUE),
            Machine::SynReceived(_) => {
                block.flags.contains(BlockFlags::SYN_DUE) || block.recv.ack.is(AckFlags::NOW)
            }
            Machine::TimeWait(_) => block.recv.ack.is(AckFlags::NOW),
            _ => block.flags.contains(BlockFlags::SYN_DUE) || block.plan(now) != Plan::None,
        }
    }

    /// When [`Connection::advance`] is to be called, if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        match (
            self.block.timers.earliest(),
            self.block.send.pacing_deadline(),
        ) {
            (Some(timer), Some(pace)) => Some(timer.min(pace)),
            (timer, pace) => timer.or(pace),
        }
    }

    /// What happened to losses since it was last asked, if anything.
    pub fn take_losses(&mut self) -> Option<Box<Tally>> {
        self.block.take_tally()
    }

    /// What happened since the last [`Response`], in timers and calls.
    pub fn take_events(&mut self) -> Events {
        core::mem::take(&mut self.block.events)
    }
}
