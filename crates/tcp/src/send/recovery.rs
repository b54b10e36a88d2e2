//! The way from an acknowledgment to a state of congestion avoidance (RFC 6675 5, RFC 6582, RFC 8985; Linux's
//! `tcp_fastretrans_alert`), and what is remembered on it.
use super::timeouts::Timeouts;
use alloc::boxed::Box;
use core::time::Duration;

use super::ack::News;
use super::prr::Reduction;
use super::rare::Rare;
use super::reordering::Reordering;
use super::tail::{Pending, Tail};
use super::undo::Undo;
use super::{Phase, Sender};
use crate::block::{Block, BlockFlags};
use crate::tally::{LossCount, Tally};
use crate::timers::Timer;
use crate::{Events, Instant};

/// What may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Resend {
    /// What is lost.
    #[default]
    Lost,
    /// Nothing before the next acknowledgment: it looks as if nothing were lost.
    Hold,
    /// New data first, and only if there can't be any what is lost (F-RTO).
    NewFirst,
}

/// What the sender remembers of losses and of suspicions. A connection that has had none has none of this.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// How the window comes down.
    pub(crate) reduction: Option<Reduction>,
    pub(crate) undo: Undo,
    /// A tail loss probe that is not yet answered.
    pub(crate) tail: Option<Tail>,
    pub(crate) reordering: Reordering,
    pub(crate) resend: Resend,
    /// RFC 5682: whether the timeout was right is not yet known.
    pub(crate) frto: bool,
    pub(crate) tally: Tally,
    pub(crate) timeouts: Timeouts,
}

impl Recovery {
    /// There is nothing to take back.
    pub(crate) fn forget_undo(&mut self) {
        self.undo.marker = None;
        self.undo.threshold = None;
    }
}

impl Sender {
    /// The memory of losses, which there is from now on.
    pub(crate) fn recovery(&mut self) -> &mut Recovery {
        self.rare.recovery.get_or_insert_default()
    }

    pub(super) fn count(&mut self, what: LossCount, by: u32) {
        if by > 0 {
            self.recovery().tally.add(what, by);
        }
    }

    pub(super) fn set_resend(&mut self, resend: Resend) {
        if let Some(recovery) = self.known_recovery() {
            recovery.resend = resend;
        }
    }

    pub(super) fn resend(&self) -> Resend {
        self.rare
            .recovery
            .as_ref()
            .map_or(Resend::Lost, |recovery| recovery.resend)
    }

    /// `tcp_current_ssthresh`: a threshold that remembers the window as it is.
    pub(super) fn present_threshold(&self) -> u32 {
        if self.phase.is_reducing() {
            self.window.threshold
        } else {
            let size = self.window.size;
            self.window.threshold.max(size / 2 + size / 4)
        }
    }

    fn begin_reduction(&mut self) {
        self.recovery_point = self.nxt;
        self.window.credit = 0;
        let prior = self.window.size;
        self.window.threshold = self.congestion.control().threshold_after_loss(&self.window);
        let recovery = self.recovery();
        recovery.tail = None;
        recovery.undo.window = prior;
        recovery.reduction = Some(Reduction::new(prior));
    }

    /// RFC 9937 6, `tcp_end_cwnd_reduction`: at the end the window is what it was to come down to, unless that was undone.
    pub(super) fn end_reduction(&mut self) {
        let Some(recovery) = self.known_recovery() else {
            return;
        };
        let is_undone = recovery.reduction.take().is_none() || recovery.undo.marker.is_none();
        if !is_undone || self.phase == Phase::Cwr {
            self.window.size = self.window.threshold.max(1);
        }
    }

    /// `tcp_try_keep_open`
    pub(super) fn settle_phase(&mut self) {
        let flight = &self.flight;
        let is_calm = flight.sacked() + flight.lost() == 0 && !flight.has_retransmitted();
        let phase = if is_calm {
            Phase::Open
        } else {
            Phase::Disorder
        };
        if self.phase != phase {
            self.phase = phase;
            self.recovery_point = self.nxt;
        }
    }

    /// Forgets what says nothing any more.
    pub(super) fn forget_recovery(&mut self) {
        if self.phase == Phase::Open
            && self.flight.is_empty()
            && self.rare.recovery.as_ref().is_some_and(|recovery| {
                recovery.tail.is_none()
                    && recovery.undo.marker.is_none()
                    && recovery.tally.is_empty()
                    && recovery.timeouts.is_empty()
                    && recovery.reordering.is_default()
            })
        {
            self.rare.recovery = None;
        }
    }
}

impl Block {
    /// `tcp_init_cwnd_reduction`: from here the window comes down to the threshold.
    pub(crate) fn begin_reduction(&mut self) {
        self.send.begin_reduction();
        self.tell_of_reduction();
    }

    /// An acknowledgment that is not just progress (`tcp_fastretrans_alert`).
    pub(super) fn alert(&mut self, news: &mut News, duplicates: u32, now: Instant) {
        self.send.set_resend(Resend::Hold);
        if let (true, Some(recovery)) = (news.is_echo, self.send.known_recovery()) {
            // RFC 3168 6.1.2: a mark is a reason to go slower whatever else there was.
            recovery.undo.threshold = None;
        }
        if news.is_reneging && news.advanced {
            // RFC 2018 8: the receiver may have thrown away what it had SACKed. A moment later that is sure.
            let half = self.send.rtt.srtt().unwrap_or_default() / 2;
            let delay = half.max(Duration::from_millis(10));
            self.timers.set(Timer::Retransmit, now + delay);
            self.send.pending = Pending::Timeout;
            news.rearm = false;
            return;
        }
        let send = &mut self.send;
        let is_past = send.una.at_or_after(send.recovery_point);
        match send.phase {
            Phase::Open => {
                if let Some(recovery) = send.known_recovery() {
                    recovery.undo.first_again = None;
                }
            }
            Phase::Recovery if is_past => {
                if !self.flags.contains(BlockFlags::SACK) {
                    send.flight.forget_duplicates();
                }
                if self.try_undo_recovery(news.echo) {
                    return;
                }
                self.send.end_reduction();
            }
            Phase::Cwr if is_past && send.una != send.recovery_point => {
                // RFC 3168 6.1.2: something above was acknowledged, so that CWR has reached the receiver.
                send.end_reduction();
                send.phase = Phase::Open;
            }
            _ => {}
        }
        match self.send.phase {
            Phase::Recovery => {
                if !news.advanced {
                    if !self.flags.contains(BlockFlags::SACK) {
                        self.add_duplicates(news, duplicates);
                    }
                } else if self.try_undo_partial(news) {
                    return;
                }
                if self.try_undo_dsack() {
                    self.try_to_open(news);
                }
                self.identify_losses(news, now);
                if self.send.phase != Phase::Recovery {
                    if self.send.flight.lost() == 0 {
                        return;
                    }
                    self.enter_recovery(news.is_echo);
                }
            }
            Phase::Loss => {
                let resend = self.process_loss(news, duplicates);
                self.send.set_resend(resend);
                self.identify_losses(news, now);
                if self.send.phase != Phase::Open && !news.lost_again {
                    return;
                }
                self.recover_or_open(news, duplicates, now);
            }
            Phase::Open | Phase::Disorder | Phase::Cwr => {
                self.recover_or_open(news, duplicates, now);
            }
        }
        self.send.set_resend(Resend::Lost);
    }

    fn recover_or_open(&mut self, news: &mut News, duplicates: u32, now: Instant) {
        if !self.flags.contains(BlockFlags::SACK) {
            if news.advanced {
                self.send.flight.forget_duplicates();
            }
            self.add_duplicates(news, duplicates);
        }
        if self.send.phase < Phase::Cwr {
            self.try_undo_dsack();
        }
        self.identify_losses(news, now);
        if self.send.flight.lost() == 0 {
            self.try_to_open(news);
        } else {
            self.enter_recovery(news.is_echo);
        }
    }

    /// `tcp_try_to_open`
    fn try_to_open(&mut self, news: &News) {
        if news.is_echo {
            self.enter_cwr();
        }
        let send = &mut self.send;
        if let (false, Some(recovery)) = (send.flight.has_retransmitted(), send.known_recovery()) {
            recovery.undo.first_again = None;
        }
        if send.phase != Phase::Cwr {
            send.settle_phase();
        }
    }

    /// RFC 6675 5, step 4.
    pub(super) fn enter_recovery(&mut self, is_echo: bool) {
        if self.send.phase < Phase::Cwr && self.is_path_probe_lost() {
            self.retransmit_simply();
            return;
        }
        let send = &mut self.send;
        let what = if self.flags.contains(BlockFlags::SACK) {
            LossCount::SackRecovery
        } else {
            LossCount::RenoRecovery
        };
        send.count(what, 1);
        let is_new = !send.flight.has_retransmitted();
        let (una, in_flight) = (send.una, send.flight.retransmitted());
        let threshold = send.present_threshold();
        let is_reducing = send.phase.is_reducing();
        let recovery = send.recovery();
        if is_new {
            recovery.undo.first_again = None;
        }
        let probes = recovery.tail.as_ref().map_or(0, Tail::copies);
        recovery.undo.begin(una, in_flight + probes);
        recovery.undo.threshold = None;
        if !is_reducing {
            recovery.undo.threshold = (!is_echo).then_some(threshold);
            self.begin_reduction();
        }
        self.send.phase = Phase::Recovery;
        self.events |= Events::RECOVERY;
    }

    /// Duplicate acknowledgments without SACK (`tcp_add_reno_sack`).
    pub(super) fn add_duplicates(&mut self, news: &mut News, duplicates: u32) {
        for _ in 0..duplicates {
            let before = self.send.flight.sacked();
            let is_limited = self.send.flight.count_duplicate();
            if is_limited {
                self.note_reordering_without_sack(0);
            }
            news.got.delivered += self.send.flight.sacked().saturating_sub(before);
        }
    }

    /// `tcp_identify_packet_loss`
    fn identify_losses(&mut self, news: &mut News, now: Instant) {
        if self.send.flight.is_empty() {
            return;
        }
        if self.flags.contains(BlockFlags::SACK) {
            let before = self.send.flight.retransmitted();
            if self.detect_losses(news, now) {
                news.rearm = false;
            }
            news.lost_again = before > self.send.flight.retransmitted();
            return;
        }
        // RFC 6582 3.2: three duplicates, or a partial acknowledgment, which names the next hole.
        let is_enough = self.send.flight.sacked() >= self.reordering();
        let phase = self.send.phase;
        if (phase < Phase::Recovery && is_enough) || (phase == Phase::Recovery && news.advanced) {
            let mss = u32::from(self.send.mss);
            news.lost += self.send.flight.mark_front_lost(mss);
        }
    }

    /// In fast recovery: the window is what is in the network and what may join it.
    pub(super) fn reduce(&mut self, delivered: u32, is_good: bool) {
        let send = &mut self.send;
        let pipe = send.flight.pipe();
        let rare = send.rare.existing();
        let reduction = rare
            .and_then(Rare::recovery_mut)
            .and_then(|r| r.reduction.as_mut());
        if let (true, Some(reduction)) = (delivered > 0, reduction) {
            let more = reduction.delivered(delivered, send.window.threshold, pipe, is_good);
            send.window.size = pipe.saturating_add(more).max(1);
        }
    }

    /// The owner wants to count what happened to losses since it last asked.
    pub(crate) fn take_tally(&mut self) -> Option<Box<Tally>> {
        let recovery = self.send.known_recovery()?;
        if recovery.tally.is_empty() {
            return None;
        }
        let tally = core::mem::take(&mut recovery.tally);
        self.send.forget_recovery();
        Some(Box::new(tally))
    }
}
