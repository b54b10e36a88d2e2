//! What a request, which is SYN-RECEIVED behind a listener, asks of a segment (`tcp_check_req`). It is in this that Linux
//! departs from RFC 9293 3.10.7.4: nobody has the connection yet, so that a SYN within the window ends it.
use sockeye_wire::TcpFlags;

use super::SynReceived;
use crate::block::{Block, BlockFlags};
use crate::timers::Timer;
use crate::{Events, Instant, Segment};

/// What the segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The SYN that opened it, again: our answer was lost.
    Again,
    /// It acknowledges what was never sent, and is for the listener to answer.
    Stranger,
    /// It is answered with an acknowledgment and dropped, for this reason if it has a counter.
    Unacceptable(Events),
    /// A reset that is not exact (RFC 5961 3.2).
    Dubious,
    /// A reset, or a SYN, that ends the request.
    End,
    /// Nothing.
    Nothing,
    /// It completes the handshake, or would if nothing was waited for.
    Completes,
}

impl SynReceived {
    /// Looks at a segment in Linux's order.
    pub(super) fn judge(&self, block: &Block, segment: &Segment, now: Instant) -> Judgement {
        let next = block.recv.nxt;
        let kind = segment.flags & (TcpFlags::SYN | TcpFlags::ACK | TcpFlags::RST);
        let timestamps = segment
            .options
            .timestamps
            .filter(|_| block.flags.contains(BlockFlags::TIMESTAMPS));
        let is_old = !segment.has(TcpFlags::RST)
            && timestamps.is_some_and(|times| block.recv.recent.rejects(times.value, now));
        if kind == TcpFlags::SYN && segment.sequence + 1u32 == next && !is_old {
            return Judgement::Again;
        }
        if segment.has(TcpFlags::ACK)
            && (segment.acknowledgment != block.send.una + 1u32 || !self.sent.is_sent())
        {
            return Judgement::Stranger;
        }
        if is_old {
            return Judgement::Unacceptable(Events::PAWS_DROP);
        }
        if timestamps.is_some_and(|times| !self.is_echo(block, times.echo)) {
            return Judgement::Unacceptable(Events::ECHO_REJECTED);
        }
        // `tcp_in_window`
        let end = segment.end();
        let edge = next + block.recv.open_window();
        let is_acceptable = segment.sequence == next
            || (end.after(next) && segment.sequence.before(edge))
            || (segment.sequence == edge && end == edge);
        if !is_acceptable {
            return Judgement::Unacceptable(Events::empty());
        }
        if segment.has(TcpFlags::RST) {
            return match segment.sequence == next {
                true => Judgement::End,
                false => Judgement::Dubious,
            };
        }
        // One at its own place is the first again, with something behind it.
        if segment.has(TcpFlags::SYN) && segment.sequence != next - 1 {
            return Judgement::End;
        }
        if segment.has(TcpFlags::ACK) {
            Judgement::Completes
        } else {
            Judgement::Nothing
        }
    }

    /// Whether one of our answers had this timestamp: between the first and the last of them (RFC 7323 3.2 speaks of what
    /// the echo says; that a forged acknowledgment has to guess it is Linux's).
    fn is_echo(&self, block: &Block, echo: u32) -> bool {
        let (Some(first), Some(due)) = (self.sent.get(), block.timers.get(Timer::Retransmit))
        else {
            return true;
        };
        // The timer began with the last.
        let last = due.before(block.send.rtt.rto());
        let (first, last) = (block.timestamp(first), block.timestamp(last));
        echo == 0 || echo.wrapping_sub(first) <= last.wrapping_sub(first)
    }
}
