//! What loss recovery does to the window (draft 5.6.4.4), and what is undone when there was no loss.
use super::bandwidth::Bandwidth;
use super::{Bbr, Feedback, State};

/// What was known before a recovery or ProbeRTT.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Saved {
    /// BBR.prior_cwnd
    window: u32,
    in_recovery: bool,
    pub(super) was_marked: bool,
    /// The bounds as they were before the losses (`undo_bw_lo`, `undo_inflight_lo`, `undo_inflight_hi`).
    bw: Option<Bandwidth>,
    in_flight: Option<u32>,
    long_term: Option<u32>,
}

/// The wider of two bounds.
fn wider<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    Some(one?.max(other?))
}

impl Bbr {
    /// BBRSaveCwnd()
    pub(super) fn save_window(&mut self, in_recovery: bool) {
        self.saved.window = if in_recovery || self.state == State::ProbeRtt {
            self.saved.window.max(self.window)
        } else {
            self.window
        };
    }

    /// BBRRestoreCwnd()
    pub(super) fn restore_window(&mut self) {
        self.window = self.window.max(self.saved.window);
    }

    /// BBROnEnterFastRecovery()
    pub(super) fn save(&mut self, window: &super::Window) {
        if !self.has_begun {
            self.window = window.size;
        }
        self.save_window(self.saved.in_recovery);
        self.saved.bw = self.short_term.bw;
        self.saved.in_flight = self.short_term.in_flight;
        self.saved.long_term = self.long_term;
    }

    /// BBROnEnterRTO(): nothing is in flight any more.
    pub(super) fn enter_timeout(&mut self) {
        self.save_window(self.saved.in_recovery);
        self.saved.in_recovery = true;
        self.window = 1;
    }

    /// The end of a recovery, or its begin, as the acknowledgment leaves it.
    pub(super) fn note_recovery(&mut self, feedback: &Feedback<'_>) {
        if self.saved.in_recovery && !feedback.in_recovery {
            self.restore_window();
        }
        self.saved.in_recovery = feedback.in_recovery;
    }

    /// The losses were none: the bounds become what they were, and a plateau they made says nothing.
    pub(super) fn undo_loss(&mut self, prior: u32) {
        self.saved.in_recovery = false;
        self.short_term.loss_in_round = false;
        self.full.restart(Bandwidth::ZERO);
        self.short_term.bw = wider(self.short_term.bw, self.saved.bw);
        self.short_term.in_flight = wider(self.short_term.in_flight, self.saved.in_flight);
        self.long_term = wider(self.long_term, self.saved.long_term);
        self.saved.window = self.saved.window.max(prior);
        self.restore_window();
    }
}
