//! The send side of a connection: what RFC 9293 3.3.1 calls SND, the queue behind it, and what may be sent.
pub(crate) mod ack;
pub(crate) mod chrono;
pub(crate) mod flight;
pub(crate) mod give_up;
pub(crate) mod least;
pub(crate) mod loss;
pub(crate) mod losses;
pub(crate) mod marks;
pub(crate) mod memory;
pub(crate) mod pacing;
pub(crate) mod path;
pub(crate) mod plan;
pub(crate) mod prr;
pub(crate) mod pushes;
pub(crate) mod queue;
pub(crate) mod rack;
pub(crate) mod rare;
pub(crate) mod rate;
pub(crate) mod recovery;
pub(crate) mod refused;
pub(crate) mod reordering;
pub(crate) mod rtt;
pub(crate) mod sack;
mod slow_start;
mod steer;
pub(crate) mod tail;
mod timeouts;
pub(crate) mod transmit;
pub(crate) mod undo;
pub(crate) mod usage;

use bitflags::bitflags;

use crate::Seq;
use crate::congestion::{Congestion, Window};
use crate::connection::fast_open::FastOpenState;
use crate::lazy::Lazy;
use flight::Flight;
use queue::SendQueue;
use rare::Rare;
use rate::Rate;
use rtt::RoundTrip;
use tail::Pending;
use usage::Usage;

/// How far our FIN has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Fin {
    #[default]
    None,
    /// Behind the last byte of the queue.
    Queued,
    Sent,
}

/// Linux's congestion avoidance states (`tcpi_ca_state`), in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Phase {
    #[default]
    Open,
    /// Something came out of order, or was lost.
    Disorder,
    /// Going down because the peer was told of congestion (RFC 3168 6.1.2).
    Cwr,
    /// Fast recovery (RFC 6675 5).
    Recovery,
    /// After a timeout.
    Loss,
}

impl Phase {
    pub(crate) fn number(self) -> u8 {
        match self {
            Phase::Open => 0,
            Phase::Disorder => 1,
            Phase::Cwr => 2,
            Phase::Recovery => 3,
            Phase::Loss => 4,
        }
    }

    /// The window comes down packet by packet (`tcp_in_cwnd_reduction`).
    pub(crate) fn is_reducing(self) -> bool {
        matches!(self, Phase::Cwr | Phase::Recovery)
    }
}

bitflags! {
    /// What is so of a sender.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct SendFlags: u8 {
        /// `MSG_MORE`: more follows soon.
        const MORE = 1;
        /// The application had more to write than there was room for (`SOCK_NOSPACE`).
        const STARVED = 1 << 1;
        /// The size of the buffer was set.
        const FIXED = 1 << 2;
        /// Our SYN is counted among the bytes acknowledged.
        const COUNTED_SYN = 1 << 3;
        /// What was written goes however short it is (`TCP_NAGLE_PUSH`).
        const RELEASED = 1 << 4;
    }
}

impl SendFlags {
    pub(crate) fn of(is_fixed: bool) -> SendFlags {
        let mut flags = SendFlags::empty();
        flags.set(SendFlags::FIXED, is_fixed);
        flags
    }
}

/// A segment that a timer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Probe {
    #[default]
    None,
    /// An empty segment with an old sequence number, which provokes an acknowledgment.
    Empty,
    /// As much new data as the window takes, whatever Nagle says.
    Data,
    /// The last segment once more (RFC 8985 7.3).
    Tail,
}

/// SND.
#[derive(Debug)]
pub(crate) struct Sender {
    /// SND.UNA: also the place of the queue's first byte once our SYN is acknowledged.
    pub(crate) una: Seq,
    /// SND.NXT
    pub(crate) nxt: Seq,
    /// SND.WND, scaled.
    pub(crate) wnd: u32,
    /// SND.WL1
    pub(crate) wl1: Seq,
    /// The largest window the peer has told.
    pub(crate) max_wnd: u32,
    /// The peer's window scale.
    pub(crate) shift: u8,
    /// Data in a full segment, options taken off.
    pub(crate) mss: u16,
    pub(crate) fin: Fin,
    pub(crate) phase: Phase,
    pub(crate) probe: Probe,
    /// Timeouts in a row.
    pub(crate) retransmits: u8,
    /// Probes in a row without an answer, of a zero window or of keepalive.
    pub(crate) probes: u8,
    /// Of keepalive.
    pub(crate) keep_probes: u8,
    pub(crate) queue: Lazy<SendQueue>,
    pub(crate) flight: Lazy<Flight>,
    pub(crate) rare: Lazy<Rare>,
    pub(crate) rtt: RoundTrip,
    pub(crate) window: Window,
    pub(crate) congestion: Congestion,
    /// What the retransmission timer stands for.
    pub(crate) pending: Pending,
    /// RFC 6675 RecoveryPoint.
    pub(crate) recovery_point: Seq,
    pub(crate) flags: SendFlags,
    /// What Fast Open has come to; here because here is room for a byte.
    pub(crate) fast_open: FastOpenState,
    pub(crate) usage: Usage,
    pub(crate) rate: Rate,
    /// How long there was something to send or in flight that neither window nor buffer held back, in ms.
    pub(crate) sending_time: u32,
    /// Buffer size (`SO_SNDBUF`), in what whole packets take.
    pub(crate) buffer: u32,
}

impl Sender {
    /// The sequence number behind the last byte written.
    pub(crate) fn data_end(&self) -> Seq {
        self.una + self.queue.len()
    }

    /// Bytes written and not sent.
    pub(crate) fn unsent(&self) -> u32 {
        self.data_end().since_or_zero(self.nxt)
    }

    /// True if the FIN or data waits to be sent for the first time.
    pub(crate) fn has_unsent(&self) -> bool {
        self.fin == Fin::Queued || self.unsent() > 0
    }

    /// The right edge of the peer's window.
    pub(crate) fn window_end(&self) -> Seq {
        self.una + self.wnd
    }

    /// Data in a full segment now: no more than half of the largest window the peer has ever told, so that a small
    /// receive buffer does not stop the sender (RFC 1122 4.2.3.4 (3)).
    pub(crate) fn effective_mss(&self) -> u32 {
        let mss = u32::from(self.mss);
        let half = if self.max_wnd > 536 {
            self.max_wnd / 2
        } else {
            self.max_wnd
        };
        if half > 0 && mss > half {
            half.max(48)
        } else {
            mss
        }
    }

    /// Whether the application had more to write than there was room for.
    pub(crate) fn note_shortage(&mut self, is_short: bool) {
        self.flags.set(SendFlags::STARVED, is_short);
    }

    /// Nothing will be sent any more.
    pub(crate) fn purge(&mut self) {
        self.queue.rest();
        if let Some(flight) = self.flight.existing() {
            flight.clear();
        }
        if let Some(rare) = self.rare.existing() {
            rare.recovery = None;
            rare.urgent = None;
            rare.attempt = None;
        }
        self.pending = Pending::Timeout;
        self.probe = Probe::None;
    }
}
