//! The connection, what comes in and what goes out.
mod calls;
pub(crate) mod fast_open;
mod inspect;
mod memory;
mod refused;
mod tuning;

use alloc::boxed::Box;

use sockeye_wire::{Payload, TcpFlags};

use crate::block::{Block, BlockFlags};
use crate::ecn::EcnState;
use crate::recv::ack::AckFlags;
use crate::recv::window::BufferFlags;
use crate::send::SendFlags;
use crate::send::plan::Plan;
use crate::state::{Closed, FirstSent, Machine, Next, SynReceived, SynSent};
use crate::timers::Timer;
use crate::{Events, IcmpError, Instant, OutgoingSegment, Response, Segment, Seq, Settings, Tally};

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
            machine: SynSent::new(block.limits.syn_retries).into(),
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
        block.recv.flags |= BufferFlags::UNCLAIMED;
        Connection {
            machine: SynReceived::passive(block.limits.synack_retries).into(),
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
    pub fn receive(&mut self, mut segment: Segment, now: Instant) -> Response {
        self.receive_in_place(&mut segment, now)
    }

    /// As [`Connection::receive`], for a segment is large to be moved. What is left of it afterwards means nothing.
    pub fn receive_in_place(&mut self, segment: &mut Segment, now: Instant) -> Response {
        let is_bare = segment.payload.is_empty();
        let response = self.take_segment(segment, now);
        if is_bare {
            // No answer will follow that would look after what is left.
            self.block.rest_if_idle();
        }
        response
    }

    fn take_segment(&mut self, segment: &mut Segment, now: Instant) -> Response {
        self.block.send.flags.remove(SendFlags::MORE);
        if self.is_unconfirmed()
            && let Some(response) = self.screen_unconfirmed(segment, now)
        {
            return response;
        }
        if let Machine::Established(_) = self.machine
            && self.block.predict(segment, now)
        {
            return Response {
                reset: None,
                events: core::mem::take(&mut self.block.events),
            };
        }
        let machine = core::mem::replace(&mut self.machine, Closed.into());
        let Next { state, reset } = machine.receive(&mut self.block, core::mem::take(segment), now);
        self.machine = state;
        Response {
            reset: reset.map(Box::new),
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

    /// True if the SYN-ACK of a passive open was not answered in time: [`Connection::advance`] repeats it, or gives up.
    pub fn is_syn_ack_late(&self, now: Instant) -> bool {
        let due = self.block.timers.get(Timer::Retransmit);
        matches!(self.machine, Machine::SynReceived(_)) && due.is_some_and(|due| due <= now)
    }

    /// The SYN of an active open is repeated so often at most, in place of what the settings said (`TCP_SYNCNT`).
    pub fn limit_syns(&mut self, retries: u8) {
        if let Machine::SynSent(state) = &mut self.machine {
            state.retries = retries;
        }
    }

    /// The SYN-ACK of a passive open is repeated so often at most, in place of what the settings said.
    pub fn limit_syn_acks(&mut self, retries: u8) {
        if let Machine::SynReceived(state) = &mut self.machine {
            state.limit_repetitions(retries);
        }
    }

    /// Time has passed: does what is due.
    pub fn advance(&mut self, now: Instant) {
        let block = &mut self.block;
        block.send.take_pacing_due(now);
        if block.timers.take_due(Timer::Acknowledge, now) && block.recv.ack.is(AckFlags::SCHEDULED)
        {
            if block.recv.take_compressed_due(now) {
                block.recv.ack.hurry(true);
            } else {
                block.events |= Events::DELAYED_ACK;
                let rto = block.send.rtt.rto();
                block.recv.ack.expired(rto);
            }
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
        let is_unconfirmed = self.is_unconfirmed();
        let block = &mut self.block;
        // RFC 5927 4.1: it must be about something in flight, which a SYN-ACK without an answer is.
        let first = block.send.una - u32::from(is_unconfirmed);
        if sequence.before(first) || sequence.after(block.send.nxt) {
            return;
        }
        match kind {
            // Until the handshake says what the peer takes, it is the path's part of that.
            IcmpError::PacketTooBig(mss) if !self.machine.transmits() => {
                block.learn_path_early(mss);
                // A SYN with data that did not fit the path goes again at once without (`tcp_simple_retransmit`).
                let attempt = block.send.rare.attempt.as_ref();
                let is_too_big = attempt.is_some_and(|attempt| attempt.carried > 0);
                if matches!(&self.machine, Machine::SynSent(state) if state.sent.is_sent())
                    && is_too_big
                {
                    block.flags.set(BlockFlags::SYN_DUE, true);
                }
            }
            IcmpError::PacketTooBig(mss) => block.learn_path(mss, now),
            IcmpError::Hard(error)
                if is_unconfirmed
                    || matches!(self.machine, Machine::SynSent(_) | Machine::SynReceived(_)) =>
            {
                block.events |= Events::ATTEMPT_FAILED;
                self.machine = Next::closed(block, Some(error)).state;
            }
            // RFC 1122 4.2.3.9, RFC 5461
            IcmpError::Hard(error) | IcmpError::Soft(error) => block.soft_error = Some(error),
        }
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

/// Outputs.
impl Connection {
    /// The next segment to send. Call until there is none.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<OutgoingSegment> {
        let block = &mut self.block;
        if block.flags.contains(BlockFlags::RESET_DUE) {
            block.flags.set(BlockFlags::RESET_DUE, false);
            let mut reset = block.stamp(block.send.nxt, TcpFlags::RST, Payload::new(), now);
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
                block.execute(plan, now)
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
