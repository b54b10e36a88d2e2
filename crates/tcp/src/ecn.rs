//! Explicit congestion notification (RFC 3168 6.1): marks that came are told to the peer, and marks that the peer tells of
//! reduce the window as a loss would, without anything being sent again.
//!
//! As Linux's `tcp_ecn_*`. What accurate ECN (RFC 9768) would say beyond it is not looked at: its SYN is one that offers
//! ECN, and is answered as such (RFC 9768 3.1.2).
use bitflags::bitflags;
use sockeye_wire::{Ecn, TcpFlags};

use crate::Segment;
use crate::block::Block;
use crate::send::Phase;

/// What a host allows (`tcp_ecn`, `tcp_ecn_fallback`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcnPolicy {
    /// Offer it in a SYN.
    pub offer: bool,
    /// Take it if a peer offers it.
    pub accept: bool,
    /// A SYN that is sent again does not offer it.
    pub fallback: bool,
}

impl Default for EcnPolicy {
    fn default() -> Self {
        EcnPolicy {
            offer: false,
            accept: true,
            fallback: true,
        }
    }
}

bitflags! {
    /// How far it has come on one connection.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub(crate) struct EcnState: u8 {
        /// Our SYN offers it.
        const OFFERED = 1;
        /// But not when it is sent again.
        const FALLBACK = 1 << 1;
        /// Both ends agreed on it.
        const USED = 1 << 2;
        /// A mark came: say so until the peer says that it went slower.
        const ECHO = 1 << 3;
        /// The window was reduced: the next new segment says so.
        const REDUCED = 1 << 4;
        /// A segment came that was marked as capable, or more.
        const SEEN = 1 << 5;
        /// The last packet sent was marked as capable (`INET_ECN_xmit`).
        const MARKED = 1 << 6;
    }
}

/// How many acknowledgments go out at once after a mark (`tcp_data_ecn_check`).
const QUICK: u32 = 2;

impl EcnState {
    /// Before a SYN of ours.
    pub(crate) fn of_attempt(policy: EcnPolicy) -> EcnState {
        let mut state = EcnState::empty();
        state.set(EcnState::OFFERED, policy.offer);
        state.set(EcnState::FALLBACK, policy.fallback);
        state
    }

    /// After a peer's SYN (`tcp_ecn_create_request`). A SYN must not be marked as capable (RFC 3168 6.1.1).
    pub(crate) fn of_request(policy: EcnPolicy, syn: &Segment) -> EcnState {
        let is_offered = syn.has(TcpFlags::ECE | TcpFlags::CWR) && syn.ecn == Ecn::NotCapable;
        let mut state = EcnState::empty();
        state.set(EcnState::USED, policy.accept && is_offered);
        state
    }

    /// The flags of our SYN, or SYN-ACK.
    pub(crate) fn syn_flags(self, is_answer: bool, is_again: bool) -> TcpFlags {
        match is_answer {
            true if self.contains(EcnState::USED) => TcpFlags::ECE,
            // RFC 3168 6.1.1.1: it may be that the offer is why no answer came.
            false
                if self.contains(EcnState::OFFERED)
                    && !(is_again && self.contains(EcnState::FALLBACK)) =>
            {
                TcpFlags::ECE | TcpFlags::CWR
            }
            _ => TcpFlags::empty(),
        }
    }

    /// The peer's SYN-ACK, or its SYN in a simultaneous open, has come. With both flags a SYN-ACK is what a broken peer
    /// reflects (RFC 3168 6.1.1).
    pub(crate) fn settle(&mut self, segment: &Segment) {
        let both = TcpFlags::ECE | TcpFlags::CWR;
        let wanted = if segment.has(TcpFlags::ACK) {
            TcpFlags::ECE
        } else {
            both
        };
        let agrees = segment.flags.intersection(both) == wanted;
        let is_used = self.contains(EcnState::OFFERED) && agrees;
        self.set(EcnState::USED, is_used);
        if !is_used {
            self.remove(EcnState::REDUCED);
        }
    }
}

impl Block {
    /// Data came, with these bits in its IP header (`tcp_data_ecn_check`).
    pub(crate) fn note_mark(&mut self, ecn: Ecn) {
        if !self.ecn.contains(EcnState::USED) {
            return;
        }
        match ecn {
            // Probably a retransmission: its sender may have little in flight.
            Ecn::NotCapable if self.ecn.contains(EcnState::SEEN) => {
                self.recv.ack.force_quick(QUICK);
            }
            Ecn::NotCapable => {}
            Ecn::Capable0 | Ecn::Capable1 => self.ecn |= EcnState::SEEN,
            Ecn::Congestion => {
                if !self.ecn.contains(EcnState::ECHO) {
                    self.recv.ack.force_quick(QUICK);
                }
                self.ecn |= EcnState::SEEN | EcnState::ECHO;
            }
        }
    }

    /// RFC 3168 6.1.3: a segment with CWR says that the peer has gone slower. What it has in flight may be little, so that
    /// it is answered at once (`tcp_ecn_accept_cwr`).
    pub(crate) fn note_reduced_peer(&mut self, segment: &Segment) {
        if segment.has(TcpFlags::CWR) {
            self.ecn.remove(EcnState::ECHO);
            self.recv.ack.hurry(segment.length() > 0);
        }
    }

    /// The flags that every segment has behind the handshake.
    pub(crate) fn echo_flags(&self) -> TcpFlags {
        if self.ecn.contains(EcnState::ECHO) {
            TcpFlags::ECE
        } else {
            TcpFlags::empty()
        }
    }

    /// Data goes out for the first time: it alone is marked as capable (RFC 3168 6.1.4, 6.1.5), and the first of it tells
    /// of a reduction (6.1.2).
    pub(crate) fn mark_new_data(&mut self, segment: &mut Segment) {
        if !self.ecn.contains(EcnState::USED) || segment.payload.is_empty() {
            return;
        }
        segment.ecn = Ecn::Capable0;
        self.ecn |= EcnState::MARKED;
        if self.ecn.contains(EcnState::REDUCED) {
            self.ecn.remove(EcnState::REDUCED);
            segment.flags |= TcpFlags::CWR;
        }
    }

    /// The window was reduced, for whatever reason (`tcp_ecn_queue_cwr`).
    pub(crate) fn tell_of_reduction(&mut self) {
        if self.ecn.intersects(EcnState::USED | EcnState::OFFERED) {
            self.ecn |= EcnState::REDUCED;
        }
    }

    /// Whether an acknowledgment tells of a mark.
    pub(crate) fn is_echo(&self, segment: &Segment) -> bool {
        self.ecn.contains(EcnState::USED)
            && segment.has(TcpFlags::ECE)
            && !segment.has(TcpFlags::SYN)
    }

    /// RFC 3168 6.1.2, `tcp_enter_cwr`: goes down as after a loss, once for each window, without one.
    pub(crate) fn enter_cwr(&mut self) {
        if !matches!(self.send.phase, Phase::Open | Phase::Disorder) {
            return;
        }
        self.send.recovery().forget_undo();
        self.begin_reduction();
        self.send.phase = Phase::Cwr;
    }
}
