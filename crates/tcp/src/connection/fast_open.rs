//! Fast Open (RFC 7413): data in the SYN, of a client that has a cookie and of a server that believes it.
//!
//! Cookies are made, checked and kept by the host; here is what a connection does with the answer. The server's
//! connection is open from the SYN on, but for its name: it stays SYN-RECEIVED until the SYN-ACK is acknowledged, and as
//! long as it is nothing but the SYN-ACK is sent again.
use alloc::boxed::Box;

use bitflags::bitflags;
use sockeye_wire::{FastOpenCookie, TcpFlags};

use super::Connection;
use crate::block::{Block, BlockFlags, Opening};
use crate::recv::Terms;
use crate::recv::charge::Parcel;
use crate::segment::reset_for;
use crate::state::{CloseWait, Established, FirstSent, Machine, Next};
use crate::timers::Timer;
use crate::{Error, Events, Instant, OutgoingSegment, Response, Segment, Settings};

bitflags! {
    /// What Fast Open has come to on one connection.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub(crate) struct FastOpenState: u8 {
        /// A server's SYN-ACK is not acknowledged yet: the connection is open before its handshake is over.
        const UNCONFIRMED = 1;
        /// Data of the SYN was taken, by the peer or from it (`TCPI_OPT_SYN_DATA`).
        const SYN_DATA = 1 << 1;
        /// `tcpi_fastopen_client_fail`: there was no cookie.
        const NO_COOKIE = 1 << 2;
        /// The data of the SYN was not acknowledged.
        const NOT_TAKEN = 1 << 3;
        /// Nor could it, for the SYN was sent again without.
        const SENT_AGAIN = 1 << 4;
        /// A client's SYN asked for it, or had data.
        const CLIENT = 1 << 5;
    }
}

impl FastOpenState {
    /// `tcpi_fastopen_client_fail`
    pub(crate) fn failure(self) -> u8 {
        if self.contains(FastOpenState::SENT_AGAIN) {
            3
        } else if self.contains(FastOpenState::NOT_TAKEN) {
            2
        } else {
            u8::from(self.contains(FastOpenState::NO_COOKIE))
        }
    }
}

/// What a client's SYN is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpenRequest {
    /// The option: a cookie, or the request for one. Without, data goes all the same.
    pub cookie: Option<FastOpenCookie>,
    /// How much data the SYN may have: nothing as long as there is no cookie.
    pub room: u16,
}

/// A client's attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) request: FastOpenRequest,
    /// The SYN waits for the data that it is to carry (`TCP_FASTOPEN_CONNECT`).
    pub(crate) is_deferred: bool,
    /// How much data the SYN had.
    pub(crate) carried: u16,
}

/// How a client's attempt went, for the host's memory of its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpenOutcome {
    /// The option of the first SYN.
    pub asked: Option<FastOpenCookie>,
    /// The SYN had data.
    pub had_data: bool,
    /// All of it was acknowledged by the SYN-ACK.
    pub was_taken: bool,
    /// The SYN was sent again.
    pub was_repeated: bool,
}

impl Connection {
    /// Passive open by a SYN whose cookie is right (RFC 7413 4.2.2): its data can be read, and the connection be written
    /// to, before the handshake is over.
    pub fn accept_fast(settings: Settings, syn: &Segment, now: Instant) -> Connection {
        let mut connection = Connection::accept(settings, syn, now);
        let block = &mut connection.block;
        block.send.fast_open = FastOpenState::UNCONFIRMED;
        // As if our SYN were acknowledged; its number is the one before.
        block.send.una += 1u32;
        block.send.nxt = block.send.una;
        block.establish(Opening::Passive, now);
        // Our SYN is not there yet.
        block.counts.delivered = 0;
        block.send.rare.stalled_since = FirstSent::at(now);
        let mut data = syn.clone();
        data.trim_front(1);
        let has_data = !data.payload.is_empty();
        block.send.fast_open.set(FastOpenState::SYN_DATA, has_data);
        block.counts.data_in = u32::from(has_data);
        // It tells nothing of the segments to come (`tcp_fastopen_add_skb`).
        let parcel = Parcel::of(&data);
        let terms = Terms::of(block.flags, block.recv.told_mss, &block.limits);
        let accepted = block.recv.accept(data, &parcel, &terms);
        block.events.set(Events::READABLE, accepted.bytes > 0);
        let is_over = accepted.fin;
        if is_over {
            block.events |= Events::FIN;
            block.recv.ack.set_ping_pong(true);
        }
        // The SYN-ACK acknowledges it.
        block.recv.ack.sent();
        block.timers.clear(Timer::Acknowledge);
        connection.machine = if is_over {
            CloseWait.into()
        } else {
            Established.into()
        };
        connection
    }

    /// Active open with Fast Open (RFC 7413 4.2.1). A deferred one waits for [`Connection::send_in_syn`].
    pub fn connect_fast(
        settings: Settings,
        request: FastOpenRequest,
        is_deferred: bool,
        now: Instant,
    ) -> Connection {
        let mut connection = Connection::connect(settings, now);
        let state = &mut connection.block.send.fast_open;
        let asks = request.cookie.is_some_and(|cookie| cookie.is_request());
        state.set(FastOpenState::NO_COOKIE, asks);
        state.set(
            FastOpenState::CLIENT,
            request.cookie.is_some() || request.room > 0,
        );
        connection
            .block
            .flags
            .set(BlockFlags::SYN_DUE, !is_deferred);
        connection.block.send.rare.attempt = Some(Box::new(Attempt {
            request,
            is_deferred,
            carried: 0,
        }));
        connection
    }

    /// Gives a SYN that was not sent yet its data, as much as it may have, and sends it. Says how much that is.
    pub fn send_in_syn<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> usize {
        if !matches!(&self.machine, Machine::SynSent(state) if !state.sent.is_sent()) {
            return 0;
        }
        let send = &mut self.block.send;
        let attempt = send.rare.existing().and_then(|rare| rare.attempt.as_mut());
        let Some(attempt) = attempt else {
            return 0;
        };
        attempt.is_deferred = false;
        let room = usize::from(attempt.request.room);
        let mut count = 0;
        for piece in pieces {
            let piece = piece.get(..room - count).unwrap_or(piece);
            send.queue.push_slice(piece);
            count += piece.len();
        }
        attempt.carried = u16::try_from(count).unwrap_or(attempt.request.room);
        self.block.flags.set(BlockFlags::SYN_DUE, true);
        count
    }

    /// The SYN waits for data (`TCP_FASTOPEN_CONNECT`).
    pub fn is_deferred(&self) -> bool {
        let attempt = self.block.send.rare.attempt.as_ref();
        attempt.is_some_and(|attempt| attempt.is_deferred)
    }

    /// A server's connection that is open before its handshake is over.
    pub fn is_unconfirmed(&self) -> bool {
        self.block
            .send
            .fast_open
            .contains(FastOpenState::UNCONFIRMED)
    }

    /// A client's connection with Fast Open that got data: nothing swallows it.
    pub fn vouches_for_fast_open(&self) -> bool {
        let block = &self.block;
        block.send.fast_open.contains(FastOpenState::CLIENT) && block.counts.data_in > 0
    }

    /// What a SYN-ACK would say of a client's attempt; call before it is received.
    pub fn fast_open_outcome(&self, answer: &Segment) -> Option<FastOpenOutcome> {
        let attempt = self.block.send.rare.attempt.as_ref()?;
        let all = self.block.send.una + 1u32 + u32::from(attempt.carried);
        Some(FastOpenOutcome {
            asked: attempt.request.cookie,
            had_data: attempt.carried > 0,
            was_taken: answer.acknowledgment == all,
            was_repeated: self.block.send.retransmits > 0,
        })
    }

    /// A segment for a server's connection whose SYN-ACK is not acknowledged (`tcp_check_req`, `tcp_rcv_state_process`).
    /// The answer to one that is not to be looked at as usual.
    pub(super) fn screen_unconfirmed(
        &mut self,
        segment: &Segment,
        now: Instant,
    ) -> Option<Response> {
        let block = &mut self.block;
        if segment.has(TcpFlags::SYN) && !segment.has(TcpFlags::RST) {
            if !segment.has(TcpFlags::ACK) && segment.sequence.before(block.recv.nxt) {
                block.flags.set(BlockFlags::SYN_DUE, true);
            }
            return Some(Response::default());
        }
        if segment.has(TcpFlags::ACK) && !segment.has(TcpFlags::RST) {
            let acknowledgment = segment.acknowledgment;
            if acknowledgment.before(block.send.una) || acknowledgment.after(block.send.nxt) {
                return Some(Response {
                    reset: reset_for(segment).map(Box::new),
                    ..Response::default()
                });
            }
            if block.recv.is_acceptable(segment) {
                block.confirm(now);
            }
        }
        None
    }

    /// The SYN-ACK of a connection that is open already.
    pub(super) fn transmit_syn_ack(&mut self, now: Instant) -> OutgoingSegment {
        let block = &mut self.block;
        let retransmission = block.send.retransmits > 0;
        block.restart_retransmit(now);
        let mut segment = block.syn_segment(TcpFlags::SYN | TcpFlags::ACK, now);
        // The window is that of the connection, though the SYN-ACK can't tell all of it.
        block.recv.window = block.recv.threshold.min(block.recv.tellable());
        segment.sequence = block.send.una - 1;
        block.recv.ack.sent();
        OutgoingSegment {
            retransmission,
            ..segment.into()
        }
    }

    /// The SYN-ACK's timer is due: until it is acknowledged nothing else is sent again (`tcp_fastopen_synack_timer`).
    pub(super) fn repeat_syn_ack(&mut self) {
        let block = &mut self.block;
        // One more than of an ordinary request: the application may have it already.
        if block.send.retransmits > block.limits.synack_retries {
            block.send.fast_open.remove(FastOpenState::UNCONFIRMED);
            block.events |= Events::ABORT_ON_TIMEOUT;
            self.machine = Next::closed(block, Some(Error::TimedOut)).state;
            return;
        }
        block.events |= Events::TIMEOUT;
        block.send.retransmits += 1;
        block.count_timeout();
        block.send.rtt.back_off(&block.options);
        // As when the handshake is over (RFC 6928 2).
        if block.send.retransmits > 1 {
            block.send.window.size = 1;
        }
        block.flags.set(BlockFlags::SYN_DUE, true);
    }
}

impl Block {
    /// A client's connection with Fast Open to which nothing came but what looks wrong
    /// (`tcp_fastopen_active_disable`).
    pub(crate) fn suspect_fast_open(&mut self, looks_wrong: bool) {
        if looks_wrong
            && self.send.fast_open.contains(FastOpenState::CLIENT)
            && self.counts.data_in == 0
        {
            self.events |= Events::FAST_OPEN_SUSPECT;
        }
    }

    /// The third timeout in a row (`tcp_fastopen_active_detect_blackhole`), or one behind which there is nothing.
    pub(crate) fn suspect_fast_open_after_timeouts(&mut self, is_over: bool) {
        let times = self.send.retransmits;
        if self.send.fast_open.contains(FastOpenState::CLIENT)
            && (times == 2 || (times < 2 && is_over))
        {
            self.events |= Events::FAST_OPEN_SUSPECT;
        }
    }

    /// The SYN-ACK is acknowledged (`tcp_rcv_synrecv_state_fastopen`).
    fn confirm(&mut self, now: Instant) {
        // The SYN-ACK counts as delivered (`tcp_rcv_state_process`).
        self.counts.delivered += 1;
        self.send.fast_open.remove(FastOpenState::UNCONFIRMED);
        self.flags.set(BlockFlags::SYN_DUE, false);
        if self.send.retransmits == 0 {
            let passed = self.send.stalled(now);
            self.sample_handshake(passed, now);
        } else {
            self.send.rtt.recover(&self.options);
        }
        let send = &mut self.send;
        send.retransmits = 0;
        if send.flight.is_empty() {
            self.timers.clear(Timer::Retransmit);
        } else {
            self.restart_retransmit(now);
        }
    }
}
