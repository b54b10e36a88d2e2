//! SYN-RECEIVED: "represents waiting for a confirming connection request acknowledgment after having both received and
//! sent a connection request".
use core::num::NonZeroU32;
use core::time::Duration;

use sockeye_wire::{TcpFlags, Timestamps};

use super::request::Judgement;
use super::screen::Screen;
use super::syn_sent::FirstSent;
use super::{CloseWait, Established, Machine, Next};
use crate::block::{Block, BlockFlags, Opening};
use crate::segment::reset_for;
use crate::{Error, Events, Instant, Segment, State};

/// ISS is SND.UNA.
#[derive(Debug)]
pub(crate) struct SynReceived {
    /// When the SYN was sent first.
    pub(crate) sent: FirstSent,
    /// Opened by the peer: nobody here waits for it yet.
    passive: bool,
    /// What our SYN offered: the SYN-ACK of a simultaneous open says it again, whatever the peer offers.
    offer: Offer,
    /// How often the SYN-ACK is sent again at most.
    retries: u8,
    /// Acknowledged, but `TCP_DEFER_ACCEPT` waits for data.
    is_deferred: bool,
    /// How long the bare acknowledgment took, in microseconds.
    round_trip: Option<NonZeroU32>,
}

/// The options of a SYN, in one byte: there is room for no more in a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer(u8);

impl Offer {
    /// The window scale, or this where there is none.
    const SCALE: u8 = 0xf;
    const SACK: u8 = 1 << 4;
    const TIMESTAMPS: u8 = 1 << 5;

    /// What was offered, before the peer's SYN takes some of it away.
    pub(crate) fn of(block: &Block) -> Offer {
        let mut bits = match block.flags.contains(BlockFlags::WINDOW_SCALING) {
            true => block.recv.shift & Offer::SCALE,
            false => Offer::SCALE,
        };
        if block.flags.contains(BlockFlags::SACK) {
            bits |= Offer::SACK;
        }
        if block.flags.contains(BlockFlags::TIMESTAMPS) {
            bits |= Offer::TIMESTAMPS;
        }
        Offer(bits)
    }

    /// Says it again (`tcp_syn_options`, which asks the settings and not what was agreed on).
    fn repeat(self, segment: &mut Segment, block: &Block, now: Instant) {
        let scale = self.0 & Offer::SCALE;
        segment.options.sack_permitted = self.0 & Offer::SACK != 0;
        segment.options.window_scale = (scale != Offer::SCALE).then_some(scale);
        segment.options.timestamps = (self.0 & Offer::TIMESTAMPS != 0).then(|| Timestamps {
            value: block.timestamp(now),
            echo: block.recv.recent.value,
        });
    }
}

impl SynReceived {
    /// Our SYN has met the peer's (RFC 9293 3.5 figure 7).
    pub(crate) fn simultaneous(sent: FirstSent, offer: Offer, retries: u8) -> SynReceived {
        SynReceived {
            sent,
            passive: false,
            offer,
            retries,
            is_deferred: false,
            round_trip: None,
        }
    }

    /// Opened by a peer's SYN.
    pub(crate) fn passive(retries: u8) -> SynReceived {
        SynReceived {
            sent: FirstSent::NOT_YET,
            passive: true,
            offer: Offer::default(),
            retries,
            is_deferred: false,
            round_trip: None,
        }
    }

    /// `TCP_DEFER_ACCEPT`: a bare acknowledgment is no reason yet to wake the application (`tcp_check_req`).
    pub(crate) fn defers(&self, block: &Block, segment: &Segment) -> bool {
        self.passive && block.send.retransmits < block.options.defer_accept && segment.length() == 0
    }

    /// True if this segment would complete the handshake of a request.
    pub(crate) fn completes(&self, block: &Block, segment: &Segment, now: Instant) -> bool {
        self.passive
            && self.judge(block, segment, now) == Judgement::Completes
            && !self.defers(block, segment)
    }

    /// RFC 9293 3.10.7.4
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        if self.passive {
            self.receive_request(block, segment, now)
        } else {
            self.receive_simultaneous(block, segment, now)
        }
    }

    fn receive_request(self, block: &mut Block, mut segment: Segment, now: Instant) -> Next {
        let judgement = self.judge(block, &segment, now);
        if judgement != Judgement::Completes {
            block.count_in(&segment);
        }
        match judgement {
            Judgement::Again => {
                let may_answer = block.may_answer_invalid(Events::SKIPPED_SYN_RECEIVED, now);
                block.mark(BlockFlags::SYN_DUE, may_answer);
            }
            Judgement::Stranger => {
                return Next {
                    reset: reset_for(&segment),
                    ..self.into()
                };
            }
            Judgement::Unacceptable(why) => {
                block.events |= why;
                if !segment.has(TcpFlags::RST) {
                    block.answer_unacceptable(&segment, Events::SKIPPED_SYN_RECEIVED, now);
                }
            }
            Judgement::Dubious => block.challenge(now),
            Judgement::End => {
                block.events |= Events::ATTEMPT_FAILED | Events::EMBRYONIC_RESET;
                return Next {
                    reset: reset_for(&segment),
                    ..Next::closed(block, None)
                };
            }
            Judgement::Nothing => block.remember_timestamp(&segment, now),
            Judgement::Completes => {
                let again = segment.has(TcpFlags::SYN);
                if again {
                    segment.trim_front(1);
                }
                block.remember_timestamp(&segment, now);
                return self.receive_acknowledgment(block, segment, again, now);
            }
        }
        self.into()
    }

    /// Of a connection that was opened from both sides.
    fn receive_simultaneous(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        // The peer's SYN again: its SYN-ACK was lost (Linux tcp_check_req). In a simultaneous open, the peer's SYN-ACK.
        let again = segment.has(TcpFlags::SYN)
            && !segment.has(TcpFlags::RST)
            && segment.sequence + 1u32 == block.recv.nxt;
        if again && !segment.has(TcpFlags::ACK) {
            block.count_in(&segment);
            block.flags.set(BlockFlags::SYN_DUE, true);
            return self.into();
        }
        if again && segment.acknowledgment != block.send.una + 1u32 {
            // RFC 5961 4.2: only the SYN-ACK that answers ours is no such SYN (`tcp_validate_incoming`).
            block.count_in(&segment);
            block.challenge_syn(now);
            return self.into();
        }
        let mut segment = segment;
        if again {
            // The SYN came twice.
            block.note_duplicate(&segment);
            segment.trim_front(1);
        }
        self.receive_acknowledgment(block, segment, again, now)
    }

    fn receive_acknowledgment(
        mut self,
        block: &mut Block,
        segment: Segment,
        again: bool,
        now: Instant,
    ) -> Next {
        match block.screen(&segment, State::SynReceived, now) {
            Screen::Drop => return self.into(),
            Screen::Reset => {
                block.events |= Events::ATTEMPT_FAILED;
                // RFC 9293 3.10.7.4, second: passive returns to LISTEN, which is not here; active fails, and Linux calls it
                // reset, for an answer had come (`tcp_reset`).
                let error = (!self.passive).then_some(Error::Reset);
                return Next::closed(block, error);
            }
            Screen::Pass => {}
        }
        // Fifth.
        if segment.acknowledgment != block.send.una + 1u32 || !self.sent.is_sent() {
            return Next {
                reset: reset_for(&segment),
                ..self.into()
            };
        }
        if self.defers(block, &segment) {
            block.events |= Events::ACCEPT_DEFERRED;
            if let (Some(sent), 0, None) =
                (self.sent.get(), block.send.retransmits, self.round_trip)
            {
                let micros = u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX);
                self.round_trip = NonZeroU32::new(micros.max(1));
            }
            self.is_deferred = true;
            return self.into();
        }
        if segment.length() == 0 {
            block.events |= Events::PURE_ACK;
        }
        block.remember_timestamp(&segment, now);
        block.send.una = segment.acknowledgment;
        block.send.nxt = block.send.una;
        block.send.wnd = u32::from(segment.window) << block.send.shift;
        block.send.max_wnd = block.send.wnd;
        block.send.wl1 = segment.sequence;
        match (self.sent.get(), block.send.retransmits, self.round_trip) {
            (_, _, Some(micros)) => {
                let sample = Duration::from_micros(u64::from(micros.get()));
                block.sample_handshake(sample, now);
            }
            (Some(sent), 0, None) => block.sample_handshake(now - sent, now),
            // A cookie: nothing is known of the round trip, and nothing was lost.
            (None, 0, None) => {}
            _ => block.syn_was_lost(),
        }
        block.establish(Opening::Passive, now);
        if self.passive {
            // In Linux the SYN-ACK was the request's, not the connection's.
            block.counts.segments_out = 0;
        }
        if again {
            block.recv.ack.hurry(true);
        }
        if block.take_data(segment, now) {
            return CloseWait.into();
        }
        Established.into()
    }

    /// Whoever asked for this connection has an answer to come that is late: it is repeated so often in all.
    pub(crate) fn limit_repetitions(&mut self, retries: u8) {
        if self.passive {
            self.retries = retries;
        }
    }

    /// The SYN-ACK's timer is due.
    pub(crate) fn retransmit(self, block: &mut Block, now: Instant) -> Machine {
        // `syn_ack_recalc`: while data is waited for, the SYN-ACK is not repeated but for the last chance at the end.
        let (tried, patience) = (block.send.retransmits, block.options.defer_accept);
        let waits = self.is_deferred && tried < patience;
        if tried >= self.retries && !waits {
            block.events |= Events::ATTEMPT_FAILED;
            let error = (!self.passive).then_some(Error::TimedOut);
            return Next::closed(block, error).state;
        }
        block.events |= Events::TIMEOUT;
        block.send.retransmits += 1;
        block.count_timeout();
        block.send.rtt.back_off(&block.options);
        if waits && tried + 1 < patience {
            block.restart_retransmit(now);
        } else {
            block.flags.set(BlockFlags::SYN_DUE, true);
        }
        self.into()
    }

    /// The window of a request is that of its SYN-ACK (`tcp_synack_window`).
    pub(crate) fn keep_window(&self, block: &mut Block, acknowledgment: &mut Segment) {
        if self.passive {
            let window = block.recv.window.min(u16::MAX.into());
            block.recv.window = window;
            let told = window >> block.recv.shift;
            acknowledgment.window = u16::try_from(told).unwrap_or(u16::MAX);
        }
    }

    pub(crate) fn transmit(&mut self, block: &mut Block, now: Instant) -> Segment {
        self.sent.note(now);
        block.send.nxt = block.send.una + 1u32;
        block.restart_retransmit(now);
        let mut segment = block.syn_segment(TcpFlags::SYN | TcpFlags::ACK, now);
        if !self.passive {
            self.offer.repeat(&mut segment, block, now);
        }
        segment
    }
}
