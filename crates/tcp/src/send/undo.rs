//! Taking back what was done for losses that weren't any: by D-SACK (RFC 2883, RFC 3708), by timestamps (Eifel, RFC 3522
//! and RFC 4015), and after a timeout by what arrives (F-RTO, RFC 5682).
use super::Phase;
use super::ack::News;
use super::rare::Rare;
use super::recovery::Resend;
use crate::Seq;
use crate::block::{Block, BlockFlags};
use crate::ecn::EcnState;
use crate::tally::LossCount;

/// What was before, and what would show that there was no loss.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Undo {
    /// SND.UNA when it began (`undo_marker`); none if there is nothing to take back.
    pub(super) marker: Option<Seq>,
    /// Retransmissions of which no D-SACK says that they were needless; none before the first (`undo_retrans`).
    pub(super) copies: Option<u32>,
    /// The threshold before (`prior_ssthresh`).
    pub(super) threshold: Option<u32>,
    /// The window before (`prior_cwnd`).
    pub(super) window: u32,
    /// The timestamp of the first retransmission (`retrans_stamp`).
    pub(super) first_again: Option<u32>,
}

impl Undo {
    /// `tcp_init_undo`: retransmissions that are still under way may be found needless, too.
    pub(super) fn begin(&mut self, una: Seq, copies: u32) {
        self.marker = Some(una);
        self.copies = (copies > 0).then_some(copies);
    }

    /// Packets were sent again.
    pub(super) fn sent_again(&mut self, packets: u32, timestamp: u32) {
        self.copies = Some(self.copies.unwrap_or(0) + packets);
        self.first_again.get_or_insert(timestamp);
    }

    /// A D-SACK says that packets that end behind the marker came twice.
    pub(super) fn came_twice(&mut self, packets: u32) {
        if let (Some(_), Some(copies)) = (self.marker, &mut self.copies) {
            *copies = copies.saturating_sub(packets);
        }
    }

    fn by_dsack(&self) -> bool {
        self.marker.is_some() && self.copies == Some(0)
    }
}

impl Block {
    fn undo(&self) -> Undo {
        let recovery = self.send.rare.recovery.as_ref();
        recovery.map(|recovery| recovery.undo).unwrap_or_default()
    }

    /// `tcp_packet_delayed`: what was acknowledged was sent before the first retransmission.
    fn was_delayed(&self, echo: Option<u32>) -> bool {
        match self.undo().first_again {
            Some(first) => echo.is_some_and(|echo| echo.wrapping_sub(first).cast_signed() < 0),
            // Nothing was sent again; but without SACK that is forgotten at the point of recovery.
            None => {
                self.flags.contains(BlockFlags::SACK)
                    || self.send.una.before(self.send.recovery_point)
            }
        }
    }

    fn may_undo(&self, echo: Option<u32>) -> bool {
        let undo = self.undo();
        undo.by_dsack() || (undo.marker.is_some() && self.was_delayed(echo))
    }

    /// `tcp_undo_cwnd_reduction`
    fn restore_window(&mut self, unmark: bool) {
        let send = &mut self.send;
        if unmark {
            send.flight.unmark_lost();
        }
        if let Some(rack) = send.flight.rack() {
            rack.advanced = true;
        }
        let Some(recovery) = send.rare.existing().and_then(Rare::recovery_mut) else {
            return;
        };
        let undo = &mut recovery.undo;
        undo.marker = None;
        if let Some(threshold) = undo.threshold {
            let prior = undo.window;
            send.congestion.control().undo(&mut send.window, prior);
            if threshold > send.window.threshold {
                send.window.threshold = threshold;
                self.ecn.remove(EcnState::REDUCED);
            }
        }
    }

    /// RFC 6582 3.2, the careful variant: without SACK the state is kept until something above the point of recovery is
    /// acknowledged (`tcp_is_non_sack_preventing_reopen`).
    fn is_held(&mut self) -> bool {
        let send = &mut self.send;
        let is_held = !self.flags.contains(BlockFlags::SACK) && send.una == send.recovery_point;
        if let (true, false, Some(recovery)) = (
            is_held,
            send.flight.has_retransmitted(),
            send.known_recovery(),
        ) {
            recovery.undo.first_again = None;
        }
        is_held
    }

    /// The point of recovery is reached. True if the state is kept all the same (`tcp_try_undo_recovery`).
    pub(super) fn try_undo_recovery(&mut self, echo: Option<u32>) -> bool {
        if self.may_undo(echo) {
            self.restore_window(false);
            let what = if self.send.phase == Phase::Loss {
                LossCount::LossUndo
            } else {
                LossCount::FullUndo
            };
            self.send.count(what, 1);
        } else if let Some(recovery) = self.send.known_recovery() {
            recovery.reordering.recovered();
        }
        if self.is_held() {
            return true;
        }
        self.send.phase = Phase::Open;
        false
    }

    /// A partial acknowledgment in fast recovery: was the hole filled by something late rather than by its copy? True if
    /// nothing should be sent again for now (`tcp_try_undo_partial`).
    pub(super) fn try_undo_partial(&mut self, news: &News) -> bool {
        if self.undo().marker.is_none() || !self.was_delayed(news.echo) {
            return false;
        }
        self.check_reordering(news.prior_una, LossCount::TsReorder);
        if self.send.flight.retransmitted() > 0 {
            return true;
        }
        if let (false, Some(recovery)) = (
            self.send.flight.has_retransmitted(),
            self.send.known_recovery(),
        ) {
            recovery.undo.first_again = None;
        }
        self.restore_window(true);
        self.send.count(LossCount::PartialUndo, 1);
        self.send.settle_phase();
        false
    }

    /// All that was sent again came twice (`tcp_try_undo_dsack`).
    pub(super) fn try_undo_dsack(&mut self) -> bool {
        if !self.undo().by_dsack() {
            return false;
        }
        if let Some(recovery) = self.send.known_recovery() {
            recovery.reordering.was_underestimated();
        }
        self.restore_window(false);
        self.send.count(LossCount::DsackUndo, 1);
        true
    }

    /// `tcp_try_undo_loss`
    fn try_undo_loss(&mut self, by_frto: bool, echo: Option<u32>) -> bool {
        if !by_frto && !self.may_undo(echo) {
            return false;
        }
        self.restore_window(true);
        let una = self.send.una;
        if let Some(rack) = self.send.flight.rack() {
            rack.look_again(una);
        }
        self.send.count(LossCount::LossUndo, 1);
        self.send.count(LossCount::SpuriousRtos, u32::from(by_frto));
        self.send.retransmits = 0;
        if !self.is_held() && (by_frto || self.flags.contains(BlockFlags::SACK)) {
            self.send.phase = Phase::Open;
        }
        true
    }

    /// An acknowledgment after a timeout: what may be sent (`tcp_process_loss`).
    pub(super) fn process_loss(&mut self, news: &mut News, duplicates: u32) -> Resend {
        let is_past = self.send.una.at_or_after(self.send.recovery_point);
        if news.advanced && self.try_undo_loss(false, news.echo) {
            return Resend::Hold;
        }
        let is_trying = self.send.rare.recovery.as_ref().is_some_and(|r| r.frto);
        if is_trying {
            // RFC 5682 3.1 step 3.b: what was sent once arrives, so not everything was lost.
            if news.got.original && self.try_undo_loss(true, news.echo) {
                return Resend::Hold;
            }
            let send = &mut self.send;
            if send.nxt.after(send.recovery_point) {
                if news.got.newly_sacked > 0 || duplicates > 0 {
                    // Step 3.a: the loss was real.
                    send.recovery().frto = false;
                }
            } else if news.advanced && !is_past {
                send.recovery_point = send.nxt;
                // Step 2.b: new data shows more than another copy would.
                if send.has_unsent() && send.window_end().after(send.nxt) {
                    return Resend::NewFirst;
                }
                send.recovery().frto = false;
            }
        }
        if is_past {
            self.try_undo_recovery(news.echo);
            return Resend::Hold;
        }
        if !self.flags.contains(BlockFlags::SACK) {
            if self.send.nxt.after(self.send.recovery_point) && duplicates > 0 {
                self.add_duplicates(news, duplicates);
            } else if news.advanced {
                self.send.flight.forget_duplicates();
            }
        }
        Resend::Lost
    }
}
