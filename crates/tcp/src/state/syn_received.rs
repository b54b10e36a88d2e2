//! SYN-RECEIVED: "represents waiting for a confirming connection request acknowledgment after having both received and
//! sent a connection request".
use sockeye_wire::TcpFlags;

use super::screen::Screen;
use super::syn_sent::FirstSent;
use super::{CloseWait, Established, Machine, Next};
use crate::block::Block;
use crate::segment::reset_for;
use crate::{Error, Events, Instant, Segment, Seq, State};

#[derive(Debug)]
pub(crate) struct SynReceived {
    /// ISS
    pub(crate) iss: Seq,
    /// When the SYN was sent first.
    pub(crate) sent: FirstSent,
    /// Opened by the peer: nobody here waits for it yet.
    pub(crate) passive: bool,
}

impl SynReceived {
    /// RFC 9293 3.10.7.4
    pub(crate) fn receive(self, block: &mut Block, segment: Segment, now: Instant) -> Next {
        // The peer's SYN again: its SYN-ACK was lost (Linux tcp_check_req). In a simultaneous open, the peer's SYN-ACK.
        let again = segment.has(TcpFlags::SYN)
            && !segment.has(TcpFlags::RST)
            && segment.sequence + 1u32 == block.recv.nxt;
        if again && !segment.has(TcpFlags::ACK) {
            block.counts.segments_in = block.counts.segments_in.wrapping_add(1);
            block.syn_due = true;
            return self.into();
        }
        let mut segment = segment;
        if again {
            segment.trim_front(1);
        }
        match block.screen(&segment, State::SynReceived, now) {
            Screen::Drop => return self.into(),
            Screen::Reset => {
                block.events |= Events::ATTEMPT_FAILED;
                // RFC 9293 3.10.7.4, second: passive returns to LISTEN, which is not here; active is refused.
                let error = (!self.passive).then_some(Error::ConnectionRefused);
                return Next::closed(block, error);
            }
            Screen::Pass => {}
        }
        // Fifth.
        if segment.acknowledgment != self.iss + 1u32 || !self.sent.is_sent() {
            return Next {
                reset: reset_for(&segment),
                ..self.into()
            };
        }
        block.remember_timestamp(&segment, now);
        block.send.una = segment.acknowledgment;
        block.send.nxt = block.send.una;
        block.send.wnd = u32::from(segment.window) << block.send.shift;
        block.send.max_wnd = block.send.wnd;
        block.send.wl1 = segment.sequence;
        match (self.sent.get(), block.send.retransmits) {
            (Some(sent), 0) => {
                let (una, nxt) = (block.send.una, block.send.nxt);
                block.send.rtt.sample(now - sent, una, nxt);
            }
            // A cookie: nothing is known of the round trip, and nothing was lost.
            (None, 0) => {}
            _ => {
                block.send.rtt.syn_was_lost();
                block.send.window.size = 1;
            }
        }
        block.establish(now);
        if again {
            block.recv.ack.now = true;
        }
        if block.take_data(segment, now) {
            return CloseWait.into();
        }
        Established.into()
    }

    /// The SYN-ACK's timer is due.
    pub(crate) fn retransmit(self, block: &mut Block) -> Machine {
        let limit = if self.passive {
            block.limits.synack_retries
        } else {
            block.limits.syn_retries
        };
        if block.send.retransmits >= limit {
            block.events |= Events::ATTEMPT_FAILED;
            let error = (!self.passive).then_some(Error::TimedOut);
            return Next::closed(block, error).state;
        }
        block.events |= Events::TIMEOUT;
        block.send.retransmits += 1;
        block.counts.timeouts = block.counts.timeouts.saturating_add(1);
        block.send.rtt.back_off();
        block.syn_due = true;
        self.into()
    }

    pub(crate) fn transmit(&mut self, block: &mut Block, now: Instant) -> Segment {
        self.sent.note(now);
        block.send.una = self.iss;
        block.send.nxt = self.iss + 1u32;
        block.restart_retransmit(now);
        block.syn_segment(self.iss, TcpFlags::SYN | TcpFlags::ACK, now)
    }
}
