//! SYN-SENT: "represents waiting for a matching connection request after having sent a connection request".
use core::fmt;
use core::time::Duration;

use sockeye_wire::{TcpFlags, TcpOptions};

use super::{Established, Machine, Next, Offer, SynReceived};
use crate::block::{Block, BlockFlags, Opening};
use crate::connection::fast_open::FastOpenState;
use crate::recv::ack::AckFlags;
use crate::segment::reset_for;
use crate::send::SendFlags;
use crate::send::queue::Access;
use crate::timers::Timer;
use crate::{Error, Events, Instant, Segment, Seq};

/// `TCP_TIMEOUT_MIN`: the shortest that a timer runs.
const SOON: Duration = Duration::from_millis(2);

/// Sending is not possible yet, closing forgets everything.
#[derive(Debug)]
pub(crate) struct SynSent {
    /// When the SYN was sent first. ISS is SND.UNA.
    pub(crate) sent: FirstSent,
    /// How often it is repeated at growing intervals.
    pub(crate) retries: u8,
    /// A program waits to write (`sk_write_pending`).
    pub(crate) has_writer: bool,
}

/// When something was sent first, if it was: 8 bytes in place of 16, which need no more than the alignment of a number of 4.
#[derive(Clone, Copy)]
#[repr(Rust, packed(4))]
pub(crate) struct FirstSent(u64);

impl FirstSent {
    pub(crate) const NOT_YET: FirstSent = FirstSent(Instant::FAR_FUTURE.as_nanos());
    /// It was sent, but when was not kept.
    pub(crate) const UNKNOWN: FirstSent = FirstSent(Instant::FAR_FUTURE.as_nanos() - 1);

    pub(crate) fn at(now: Instant) -> FirstSent {
        FirstSent(now.as_nanos())
    }

    pub(crate) fn is_sent(self) -> bool {
        Instant::from_nanos(self.0) != Instant::FAR_FUTURE
    }

    /// When that was, if it is known.
    pub(crate) fn get(self) -> Option<Instant> {
        let nanos = self.0;
        (nanos < Self::UNKNOWN.0).then(|| Instant::from_nanos(nanos))
    }

    pub(crate) fn note(&mut self, now: Instant) {
        let nanos = self.0;
        self.0 = nanos.min(now.as_nanos());
    }
}

impl Default for FirstSent {
    fn default() -> FirstSent {
        FirstSent::NOT_YET
    }
}

impl fmt::Debug for FirstSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// `tcp_model_timeout`: how long so many retransmissions would take if each interval was twice the one before, from one
/// second to two minutes. An attempt lasts no longer, though its first intervals are all the same.
fn as_long_as(retries: u8) -> Duration {
    const DOUBLINGS: u8 = 6;
    let doubling = (2 << retries.min(DOUBLINGS)) - 1;
    let longest = u64::from(retries.saturating_sub(DOUBLINGS)) * 120;
    Duration::from_secs(doubling + longest)
}

impl SynSent {
    pub(crate) fn new(retries: u8) -> SynSent {
        SynSent {
            sent: FirstSent::NOT_YET,
            retries,
            has_writer: false,
        }
    }

    /// RFC 9293 3.10.7.3
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        block.count_in(&segment);
        let ack = segment.has(TcpFlags::ACK);
        if ack {
            // RFC 7413 4.2.1: data of the SYN is acknowledged with it, or not.
            let unacceptable = segment.acknowledgment.at_or_before(block.send.una)
                || segment.acknowledgment.after(block.send.nxt)
                || !self.sent.is_sent();
            // RFC 7323 3.2: an echo that cannot be ours belongs to another incarnation.
            let stale = matches!((block.flags.contains(BlockFlags::TIMESTAMPS), self.sent.get(), segment.options.timestamps), (true, Some(sent), Some(t))
                if t.echo != 0 && (t.echo.wrapping_sub(block.timestamp(sent)).cast_signed() < 0
                    || block.timestamp(now).wrapping_sub(t.echo).cast_signed() < 0));
            if unacceptable && block.send.retransmits == 0 {
                // An answer to a connection before this one, whose end may have been lost: our SYN again, behind the reset
                // (`tcp_rcv_synsent_state_process`).
                block.timers.set(Timer::Retransmit, now + SOON);
            }
            if stale && !unacceptable {
                block.events |= Events::PAWS_ACTIVE;
            }
            if unacceptable || stale {
                return Next {
                    reset: reset_for(&segment),
                    ..self.into()
                };
            }
        }
        if segment.has(TcpFlags::RST) {
            if !ack {
                return self.into();
            }
            block.events |= Events::ATTEMPT_FAILED;
            return Next::closed(block, Some(Error::ConnectionRefused));
        }
        if !segment.has(TcpFlags::SYN) {
            return self.into();
        }
        let offer = Offer::of(block);
        block.synchronize(&segment, now);
        block.ecn.settle(&segment);
        if !ack {
            // RFC 9293 3.5 figure 7: simultaneous open. The SYN is sent again, with an acknowledgment.
            block.send.nxt = block.send.una + 1u32;
            block.flags.set(BlockFlags::SYN_DUE, true);
            block.send.retransmits = 0;
            block.timers.clear(Timer::Retransmit);
            if let Some(rare) = block.send.rare.existing() {
                rare.attempt = None;
            }
            return SynReceived::simultaneous(self.sent, offer, self.retries).into();
        }
        Self::take_answer(block, &segment);
        // Linux counts our SYN there, but not the other end's.
        block.bytes_acked = 1;
        block.send.flags |= SendFlags::COUNTED_SYN;
        if block.send.retransmits > 0 {
            block.syn_was_lost();
        }
        if let (Some(sent), 0) = (self.sent.get(), block.send.retransmits) {
            block.sample_handshake(now - sent, now);
        }
        block.establish(Opening::Active, now);
        Self::send_again(block, now);
        if self.has_writer
            || block.recv.ack.is(AckFlags::PING_PONG)
            || block.options.defer_accept > 0
        {
            // Linux saves the acknowledgment where data is expected to follow.
            block.recv.ack.save_first();
            let wait = block.options.delayed_ack_max;
            block.timers.set(Timer::Acknowledge, now + wait);
        } else {
            block.recv.ack.hurry(true);
        }
        // Data that came with the SYN-ACK.
        let mut rest = segment;
        rest.trim_front(1);
        rest.flags.remove(TcpFlags::SYN);
        if block.take_data(rest, now) {
            return super::CloseWait.into();
        }
        Established.into()
    }

    /// The SYN's timer is due.
    pub(crate) fn retransmit(self, block: &mut Block, now: Instant) -> Machine {
        let limits = &block.limits;
        let over = match block.options.user_timeout {
            Some(limit) => self.sent.get().is_some_and(|sent| now - sent >= limit),
            None => {
                let most = self.retries.saturating_add(limits.syn_linear_timeouts);
                let longest = as_long_as(self.retries);
                block.send.retransmits >= most
                    || block.send.retransmits > 0
                        && self.sent.get().is_some_and(|sent| now - sent >= longest)
            }
        };
        block.suspect_fast_open_after_timeouts(over);
        if over {
            block.events |= Events::ATTEMPT_FAILED | Events::ABORT_ON_TIMEOUT;
            let error = block.soft_error.take().unwrap_or(Error::TimedOut);
            return Next::closed(block, Some(error)).state;
        }
        block.events |= Events::TIMEOUT;
        if block.send.retransmits > 0 {
            block.events |= Events::SUSPECT_PATH;
        }
        block.send.retransmits += 1;
        block.take_another_path();
        block.count_timeout();
        block.tell_of_reduction();
        // Linux repeats the first few at the same interval (tcp_syn_linear_timeouts).
        if block.send.retransmits > block.limits.syn_linear_timeouts {
            block.send.rtt.back_off(&block.options);
        }
        block.flags.set(BlockFlags::SYN_DUE, true);
        self.into()
    }

    pub(crate) fn transmit(&mut self, block: &mut Block, now: Instant) -> Segment {
        let is_first = !self.sent.is_sent();
        self.sent.note(now);
        let attempt = block.send.rare.attempt.as_ref();
        let (carried, request) = attempt.map_or((0, None), |attempt| {
            (attempt.carried, Some(attempt.request))
        });
        block.send.nxt = block.send.una + 1u32 + u32::from(carried);
        block.restart_retransmit(now);
        let mut segment = block.syn_segment(TcpFlags::SYN, now);
        // RFC 7413 4.1.3.1: what is sent again is an ordinary SYN.
        if let (true, Some(request)) = (is_first, request) {
            segment.options.fast_open = request.cookie;
            segment.payload = block.send.queue.slice(0, carried.into(), Access::New);
            block.counts.data_out += u32::from(carried > 0);
        }
        segment
    }

    /// The SYN-ACK acknowledges the SYN, and its data or a part of it (`tcp_rcv_fastopen_synack`).
    fn take_answer(block: &mut Block, answer: &Segment) {
        let start = block.send.una + 1u32;
        let end = block.send.nxt;
        block.send.una = answer.acknowledgment;
        block.send.nxt = end;
        let taken = answer.acknowledgment.since(start);
        block.send.queue.advance(taken);
        block.bytes_acked += u64::from(taken);
        let rare = block.send.rare.existing();
        let attempt = rare.and_then(|rare| rare.attempt.take());
        if attempt.is_none_or(|attempt| attempt.carried == 0) {
            return;
        }
        if end == block.send.una {
            // SYN and data count as one packet (`tcp_rcv_fastopen_synack`).
            block.send.fast_open |= FastOpenState::SYN_DATA;
        } else if block.send.retransmits > 0 {
            block.send.fast_open |= FastOpenState::SENT_AGAIN;
        } else {
            block.send.fast_open |= FastOpenState::NOT_TAKEN;
        }
    }

    /// What of the SYN's data was not acknowledged goes again at once.
    fn send_again(block: &mut Block, now: Instant) {
        let (una, nxt) = (block.send.una, block.send.nxt);
        if nxt.after(una) {
            let mss = u32::from(block.send.mss);
            let packets = nxt.since(una).div_ceil(mss.max(1)).max(1);
            let stamp = block.stamp_rate(packets, now);
            block
                .send
                .flight
                .push((una, nxt), (true, false), mss, stamp, now);
            block.send.flight.mark_all_lost(false, Instant::FAR_FUTURE);
            block.restart_retransmit(now);
        }
    }
}

impl Block {
    /// A SYN or SYN-ACK with the options we offer, or accept.
    pub(crate) fn syn_segment(&mut self, flags: TcpFlags, now: Instant) -> Segment {
        self.flags.set(BlockFlags::SYN_DUE, false);
        self.counts.segments_out = self.counts.segments_out.wrapping_add(1);
        if self.send.retransmits > 0 {
            let again = &mut self.send.rare.retransmitted;
            *again = again.wrapping_add(1);
        }
        // RFC 7323 2.2: not scaled in a SYN.
        self.recv.window = self.recv.window.min(u32::from(u16::MAX));
        self.recv.told = self.recv.nxt;
        let acknowledges = flags.contains(TcpFlags::ACK);
        let is_again = self.send.retransmits > 0;
        let flags = flags | self.ecn.syn_flags(acknowledges, is_again);
        // RFC 7323 3.2 wants zeros in a SYN; as in Linux one that takes the place of a TIME-WAIT echoes what that had.
        let timestamps = self.timestamps_option(now);
        Segment {
            sequence: self.send.una,
            acknowledgment: if acknowledges {
                self.recv.nxt
            } else {
                Seq::new(0)
            },
            flags,
            window: u16::try_from(self.recv.window).unwrap_or(u16::MAX),
            options: TcpOptions {
                mss: Some(self.recv.told_mss),
                window_scale: self
                    .flags
                    .contains(BlockFlags::WINDOW_SCALING)
                    .then_some(self.recv.shift),
                sack_permitted: self.flags.contains(BlockFlags::SACK),
                timestamps,
                ..TcpOptions::NONE
            },
            ..Segment::default()
        }
    }
}
