//! Timers: retransmission timeouts (RFC 6298), zero-window probes, keepalive.
use core::time::Duration;

use super::give_up::duration_of;
use super::recovery::Resend;
use super::rtt::RTO_MIN;
use super::tail::Pending;
use super::{Phase, Probe};
use crate::block::{Block, BlockFlags};
use crate::congestion::INFINITE;
use crate::settings::LossRules;
use crate::state::FirstSent;
use crate::tally::LossCount;
use crate::timers::Timer;
use crate::{Error, Events, Instant};

/// A stream with fewer packets than this in flight is thin: they can't make three duplicate acknowledgments.
const THIN: u32 = 4;
/// `TCP_THIN_LINEAR_RETRIES`
const THIN_RETRIES: u8 = 6;

impl Block {
    /// The timer that serves both retransmission and probing is due. An error ends the connection.
    pub(crate) fn retransmit_due(&mut self, is_open: bool, now: Instant) -> Result<(), Error> {
        let pending = core::mem::take(&mut self.send.pending);
        if self.send.flight.is_empty() {
            return self.probe_due(now);
        }
        match pending {
            Pending::Timeout => self.timeout_due(is_open, now),
            Pending::Tail => {
                self.tail_due(now);
                Ok(())
            }
            Pending::Order => {
                self.reordering_due(now);
                if !self.timers.is_set(Timer::Retransmit) {
                    self.set_timeout_left(now);
                }
                Ok(())
            }
        }
    }

    fn timeout_due(&mut self, is_open: bool, now: Instant) -> Result<(), Error> {
        self.events |= Events::TIMEOUT;
        if self.send.retransmits == 0 || !self.send.rare.stalled_since.is_sent() {
            // As `retrans_stamp`: the first retransmission starts the clock. Those of a SYN-ACK that was never answered before
            // the close have not.
            self.send.rare.stalled_since = FirstSent::at(now);
        }
        if self.send.wnd == 0 {
            // RFC 9293 3.8.6: the window was taken back. What is retransmitted are probes, and no reason to give up as
            // long as the peer answers.
            if self.recv.last.ago(now) > self.options.rto_max {
                return Err(self.timed_out());
            }
        } else {
            let is_over = self.has_stalled_too_long(now);
            self.suspect_fast_open_after_timeouts(is_over);
            if is_over {
                return Err(self.timed_out());
            }
            self.take_another_path();
        }
        self.forget_path_probe();
        let stalled = self.send.stalled(now);
        let patience = duration_of(self.limits.retries1, self.options.rto_max);
        if self.send.retransmits > 0 && stalled >= patience {
            self.events |= Events::SUSPECT_PATH;
            self.suspect_path(now);
        }
        self.count_failure();
        self.send.note_timeout(now);
        self.enter_loss(now);
        self.send.retransmits = self.send.retransmits.saturating_add(1);
        self.count_timeout();
        if is_open && self.is_thin() {
            self.send.rtt.repeat(&self.options);
        } else {
            // RFC 6298 5.5, 5.6
            self.send.rtt.back_off(&self.options);
        }
        self.restart_retransmit(now);
        Ok(())
    }

    /// `TCP_THIN_LINEAR_TIMEOUTS`, `tcp_stream_is_thin`: a stream with so little in flight that nothing but the timeout
    /// tells of a loss may use it more often, six times in a row at most.
    fn is_thin(&self) -> bool {
        let send = &self.send;
        (self.options.thin_linear_timeouts || self.limits.loss.is(LossRules::THIN))
            && send.flight.out < THIN
            && send.window.threshold < INFINITE
            && send.retransmits <= THIN_RETRIES
    }

    /// The handshake is over, and its SYN or SYN-ACK was sent more than once.
    pub(crate) fn syn_was_lost(&mut self) {
        // RFC 6298 5.7
        self.send.rtt.syn_was_lost();
        // RFC 6928 2: one may be needless, because the timeout of a second is short (`tcp_init_transfer`).
        if self.send.retransmits > 1 {
            self.send.window.size = 1;
        }
    }

    /// The path may be broken, and another work (`sk_rethink_txhash`).
    pub(crate) fn take_another_path(&mut self) {
        if !self.options.keeps_path {
            let rehashes = &mut self.send.rare.rehashes;
            *rehashes = rehashes.wrapping_add(1);
            self.events |= Events::TIMEOUT_REHASH;
        }
    }

    pub(crate) fn count_timeout(&mut self) {
        let timeouts = &mut self.send.rare.timeouts;
        *timeouts = timeouts.saturating_add(1);
    }

    fn timed_out(&mut self) -> Error {
        self.events |= Events::ABORT_ON_TIMEOUT;
        self.soft_error.take().unwrap_or(Error::TimedOut)
    }

    /// RFC 9293 3.8.3 R2, or the user timeout (RFC 5482).
    fn has_stalled_too_long(&self, now: Instant) -> bool {
        let stalled = self.send.stalled(now);
        if let Some(limit) = self.options.user_timeout {
            return stalled >= limit;
        }
        let retries = if self.flags.contains(BlockFlags::ORPHAN) {
            self.orphan_retries(self.send.rtt.rto())
        } else {
            self.limits.retries2
        };
        self.send.retransmits > 0 && stalled >= duration_of(retries, self.options.rto_max)
    }

    /// What the first timeout of a row put an end to.
    fn count_failure(&mut self) {
        if self.send.retransmits > 0 || self.send.wnd == 0 {
            return;
        }
        let (sack, no_sack) = match self.send.phase {
            Phase::Recovery => (LossCount::SackRecoveryFail, LossCount::RenoRecoveryFail),
            Phase::Loss => (LossCount::LossFailures, LossCount::LossFailures),
            _ if self.send.phase == Phase::Disorder || self.send.flight.sacked() > 0 => {
                (LossCount::SackFailures, LossCount::RenoFailures)
            }
            _ => return,
        };
        let what = if self.flags.contains(BlockFlags::SACK) {
            sack
        } else {
            no_sack
        };
        self.send.count(what, 1);
    }

    /// RFC 5681 3.1 (4), RFC 6298 5.4, RFC 6675 5.1 (`tcp_enter_loss`)
    fn enter_loss(&mut self, now: Instant) {
        let frto = self.limits.loss.is(LossRules::FRTO);
        let setting = u32::from(self.limits.loss.reordering);
        let send = &mut self.send;
        // RFC 5682 3.1 step 1: no other recovery is under way, but for timeouts of the same.
        let is_new = send.phase < Phase::Recovery;
        let sacked = send.flight.sacked();
        let renege = send.flight.front_is_sacked();
        if renege {
            self.events |= Events::SACK_RENEGING;
            send.count(LossCount::SackReneging, 1);
        } else if !self.flags.contains(BlockFlags::SACK) {
            send.flight.forget_duplicates();
        }
        // What was sent less than a round trip ago has had no time to be acknowledged. As long as nothing was, there is no round
        // trip that RACK knows of, and nothing is spared (`tcp_timeout_mark_lost`).
        let rtt = match send.flight.rack() {
            Some(rack) => rack.rtt,
            None if self.bytes_acked == 0 => Duration::ZERO,
            None => send.rtt.srtt().unwrap_or_default(),
        };
        let spared = if self.flags.contains(BlockFlags::SACK) && !rtt.is_zero() {
            now.before(rtt)
        } else {
            Instant::FAR_FUTURE
        };
        let again = send.flight.mark_all_lost(renege, spared);
        send.count(LossCount::LostRetransmit, again);
        let (una, threshold) = (send.una, send.present_threshold());
        let prior = send.window.size;
        let in_flight = send.flight.retransmitted();
        // Once for each window: a second timeout of the same data does not reduce the threshold again.
        let is_first = send.phase <= Phase::Disorder
            || !send.recovery_point.after(send.una)
            || (send.phase == Phase::Loss && send.retransmits == 0);
        if is_first {
            send.window.threshold = send.congestion.control().threshold_after_loss(&send.window);
            let recovery = send.recovery();
            let copies = recovery.tail.as_ref().map_or(0, super::tail::Tail::copies);
            recovery.undo.begin(una, in_flight + copies);
            recovery.undo.threshold = Some(threshold);
            recovery.undo.window = prior;
        }
        send.congestion.control().timeout();
        let is_disordered = send.phase <= Phase::Disorder && sacked >= setting;
        let is_recurring = send.retransmits > 0;
        send.window.size = send.flight.pipe().saturating_add(1);
        send.window.credit = 0;
        send.phase = Phase::Loss;
        send.recovery_point = send.nxt;
        let recovery = send.recovery();
        if is_disordered {
            recovery.reordering.was_overestimated(setting);
        }
        recovery.reduction = None;
        recovery.tail = None;
        recovery.resend = Resend::Lost;
        recovery.frto = frto && (is_new || is_recurring);
        self.tell_of_reduction();
    }

    /// True if the peer's window takes not even the next segment: then it is probed.
    pub(crate) fn blocked_by_window(&self) -> bool {
        let send = &self.send;
        let next = send.unsent().min(send.effective_mss()).max(1);
        (send.nxt + next).after(send.window_end())
    }

    /// RFC 9293 3.8.6.1: as the retransmission timer, with backoff.
    pub(crate) fn probe_interval(&self) -> Duration {
        let base = self.send.rtt.base_rto(&self.options).max(RTO_MIN);
        let factor = 1u32 << self.send.rtt.backoff.min(16);
        base.saturating_mul(factor).min(self.options.rto_max)
    }

    /// Data waits, nothing is in flight and nothing may be sent: the window, or a cork, holds it back. `tcp_probe_timer`
    fn probe_due(&mut self, now: Instant) -> Result<(), Error> {
        if !self.send.has_unsent() {
            self.send.probes = 0;
            return Ok(());
        }
        let is_first =
            self.send.probes == 0 && self.send.probe == Probe::None && self.send.rtt.backoff == 0;
        if is_first || !self.send.rare.stalled_since.is_sent() {
            self.send.rare.stalled_since = FirstSent::at(now);
        } else if self
            .options
            .user_timeout
            .is_some_and(|limit| self.send.stalled(now) >= limit)
        {
            return Err(self.timed_out());
        }
        // RFC 1122 4.2.2.17: as long as the peer answers the connection stays open; an orphan's not for ever.
        let (sent, limit) = if self.flags.contains(BlockFlags::ORPHAN) {
            let limit = self.orphan_retries(self.probe_interval());
            (self.send.probes.max(self.send.rtt.backoff), limit)
        } else {
            (self.send.probes, self.limits.retries2)
        };
        if sent >= limit {
            return Err(self.timed_out());
        }
        self.events |= Events::WINDOW_PROBE;
        self.probe();
        self.send.probes = self.send.probes.saturating_add(1);
        if self.send.rtt.backoff < self.limits.retries2 {
            self.send.rtt.backoff += 1;
        }
        let when = self.probe_interval();
        self.timers.set(Timer::Retransmit, now + when);
        Ok(())
    }

    /// `tcp_write_wakeup`: data if the window takes any, else an empty segment.
    pub(crate) fn probe(&mut self) {
        let send = &mut self.send;
        send.probe = if send.has_unsent() && send.nxt.before(send.window_end()) {
            Probe::Data
        } else {
            Probe::Empty
        };
    }

    /// `tcp_keepalive_timer` (RFC 9293 3.8.4)
    pub(crate) fn keepalive_due(&mut self, now: Instant) -> Result<(), Error> {
        if !self.options.keepalive {
            return Ok(());
        }
        let idle = self.recv.last.ago(now);
        if !self.send.flight.is_empty() || self.send.has_unsent() {
            // The retransmission timer watches already.
            self.timers
                .set(Timer::Keepalive, now + self.options.keep_idle);
            return Ok(());
        }
        if idle < self.options.keep_idle {
            self.send.keep_probes = 0;
            self.timers
                .set(Timer::Keepalive, now + (self.options.keep_idle - idle));
            return Ok(());
        }
        let over = match self.options.user_timeout {
            Some(limit) => idle >= limit && self.send.keep_probes > 0,
            None => self.send.keep_probes >= self.options.keep_count,
        };
        if over {
            self.flags.set(BlockFlags::RESET_DUE, true);
            return Err(self.timed_out());
        }
        self.events |= Events::KEEPALIVE;
        self.probe();
        self.send.keep_probes = self.send.keep_probes.saturating_add(1);
        self.timers
            .set(Timer::Keepalive, now + self.options.keep_interval);
        Ok(())
    }
}
