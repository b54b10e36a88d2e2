//! Congestion control: a trait that algorithms implement, and the window they steer.
//!
//! Windows count packets, as in Linux. Loss detection, recovery and the timeout are the sender's; an algorithm says how
//! the window grows on acknowledgments and what remains of it after a loss.
pub(crate) mod bbr;
mod cubic;
mod hystart;
mod reno;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use core::time::Duration;

use crate::{Instant, Seq};
use bbr::Bbr;
pub use bbr::BbrInfo;
use cubic::Cubic;
use reno::Reno;

/// The algorithms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// RFC 9438.
    #[default]
    Cubic,
    /// RFC 5681.
    Reno,
    /// Version 3 (draft-ietf-ccwg-bbr).
    Bbr,
}

impl Algorithm {
    /// All of them, as `tcp_available_congestion_control` lists them.
    pub const ALL: [Algorithm; 3] = [Algorithm::Cubic, Algorithm::Reno, Algorithm::Bbr];

    /// The name as `TCP_CONGESTION` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Cubic => "cubic",
            Algorithm::Reno => "reno",
            Algorithm::Bbr => "bbr",
        }
    }

    /// The algorithm of this name.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// The congestion window, in packets.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) size: u32,
    pub(crate) threshold: u32,
    /// Packets acknowledged towards the next increase by one.
    pub(crate) credit: u32,
}

/// "No threshold yet".
pub(crate) const INFINITE: u32 = 0x7fff_ffff;

impl Window {
    pub(crate) fn new(initial: u32) -> Window {
        Window {
            size: initial.max(1),
            threshold: INFINITE,
            credit: 0,
        }
    }

    pub(crate) fn in_slow_start(&self) -> bool {
        self.size < self.threshold
    }

    /// What it has been is worth remembering: three quarters of it (`tcp_current_ssthresh`).
    pub(crate) fn remember(&mut self) {
        let remembered = self.size / 2 + self.size / 4;
        self.threshold = self.threshold.max(remembered);
    }

    /// RFC 5681 3.1 without a limit per acknowledgment, as Linux (RFC 3465 with L = all that was acknowledged).
    /// Returns what is left of `acked` beyond the threshold.
    fn slow_start(&mut self, acked: u32) -> u32 {
        let target = self
            .size
            .saturating_add(acked)
            .min(self.threshold.max(self.size));
        let used = target - self.size;
        self.size = target;
        acked - used
    }

    /// One more packet for each `every` packets acknowledged.
    fn grow_linearly(&mut self, every: u32, acked: u32) {
        let every = every.max(1);
        if self.credit >= every {
            self.credit = 0;
            self.size += 1;
        }
        self.credit += acked;
        if self.credit >= every {
            let more = self.credit / every;
            self.credit -= more * every;
            self.size = self.size.saturating_add(more);
        }
    }
}

/// What was acknowledged, and what that told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) packets: u32,
    /// The smoothed round trip.
    pub(crate) srtt: Option<Duration>,
    /// The round trip of these packets.
    pub(crate) sample: Option<Duration>,
    /// In the initial slow start: for how long acknowledgments may follow each other closely in a round.
    pub(crate) longest_train: Option<Duration>,
    /// SND.UNA and SND.NXT by now.
    pub(crate) una: Seq,
    pub(crate) nxt: Seq,
    pub(crate) now: Instant,
}

/// What ended the initial slow start before anything was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlowStartEnd {
    /// Acknowledgments that followed each other closely for long.
    Train,
    /// A round trip that grew.
    Delay,
}

/// What an algorithm decides.
pub(crate) trait Control {
    /// Packets were acknowledged while the window was what limited the sender. What ended slow start, if that did.
    fn acknowledged(&mut self, window: &mut Window, acked: &Acked) -> Option<SlowStartEnd>;
    /// A loss: what the threshold is to be.
    fn threshold_after_loss(&mut self, window: &Window) -> u32;
    /// A retransmission timeout: what was learnt about the path is void.
    fn timeout(&mut self);
    /// Sending starts again after a pause, of whatever length, in which nothing was in flight.
    fn restarted(&mut self, idle: Duration);
    /// There was no loss after all; `prior` was the window before (`tcp_reno_undo_cwnd`).
    fn undo(&mut self, window: &mut Window, prior: u32) {
        window.size = window.size.max(prior);
    }
}

/// An algorithm with its state.
#[derive(Debug, Default)]
pub(crate) struct Congestion(
    /// Of CUBIC, the usual one, only if it has learnt something: once the window held the sender back.
    Option<Box<Learnt>>,
);

#[derive(Debug)]
enum Learnt {
    Cubic(Cubic),
    Reno(Reno),
    /// In a box because it is much larger than the others.
    Bbr(Box<Bbr>),
}

impl Congestion {
    pub(crate) fn new(algorithm: Algorithm) -> Congestion {
        match algorithm {
            Algorithm::Cubic => Congestion(None),
            Algorithm::Reno => Congestion(Some(Box::new(Learnt::Reno(Reno)))),
            Algorithm::Bbr => Congestion(Some(Box::new(Learnt::Bbr(Box::new(Bbr::new()))))),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.0.as_deref() {
            None | Some(Learnt::Cubic(_)) => Algorithm::Cubic,
            Some(Learnt::Reno(_)) => Algorithm::Reno,
            Some(Learnt::Bbr(_)) => Algorithm::Bbr,
        }
    }

    /// The algorithm sets window and pace itself on every acknowledgment, in recovery too (`cong_control`).
    pub(crate) fn steers(&self) -> bool {
        matches!(self.0.as_deref(), Some(Learnt::Bbr(_)))
    }

    /// What `TCP_CC_INFO` tells of one that has it.
    pub(crate) fn bbr_info(&self, mss: u32) -> Option<BbrInfo> {
        match self.0.as_deref() {
            Some(Learnt::Bbr(bbr)) => Some(bbr.told(mss)),
            _ => None,
        }
    }

    /// Heap memory owned, in bytes.
    pub(crate) fn heap(&self) -> usize {
        let Some(learnt) = &self.0 else {
            return 0;
        };
        let more = match &**learnt {
            Learnt::Bbr(bbr) => size_of_val(&**bbr),
            Learnt::Cubic(cubic) => cubic.heap(),
            Learnt::Reno(_) => 0,
        };
        size_of_val(&**learnt) + more
    }

    /// The one that does.
    pub(crate) fn model(&mut self) -> Option<&mut Bbr> {
        match self.0.as_deref_mut() {
            Some(Learnt::Bbr(bbr)) => Some(bbr),
            _ => None,
        }
    }

    /// Packets that a super-segment may always have at a rate in bytes a second, if the algorithm says so
    /// (`bbr_min_tso_segs`).
    pub(crate) fn least_burst(&self, rate: u64) -> Option<u32> {
        const SLOW: u64 = 1_200_000 / 8;
        self.steers().then_some(if rate < SLOW { 1 } else { 2 })
    }

    /// How many congestion windows the send buffer is to hold (`sndbuf_expand`).
    pub(crate) fn windows_to_buffer(&self) -> u64 {
        if self.steers() { 3 } else { 2 }
    }

    /// Sending starts again after a pause, of which only what was learnt has to know.
    pub(crate) fn restarted(&mut self, idle: Duration) {
        if self.0.is_some() {
            self.control().restarted(idle);
        }
    }

    /// Nothing is in flight: what was learnt of the rounds of a slow start says nothing of the next.
    pub(crate) fn rest(&mut self) {
        if matches!(self.0.as_deref(), Some(Learnt::Cubic(cubic)) if cubic.is_starting()) {
            self.0 = None;
        }
    }

    pub(crate) fn control(&mut self) -> &mut dyn Control {
        let learnt = self
            .0
            .get_or_insert_with(|| Box::new(Learnt::Cubic(Cubic::default())));
        match &mut **learnt {
            Learnt::Cubic(cubic) => cubic,
            Learnt::Reno(reno) => reno,
            Learnt::Bbr(bbr) => &mut **bbr,
        }
    }
}
