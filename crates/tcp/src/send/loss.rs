//! Losses: fast recovery (RFC 6675, and RFC 6582 without SACK), retransmission timeouts (RFC 6298), zero-window probes.
use alloc::boxed::Box;
use core::time::Duration;

use super::flight::DUP_THRESH;
use super::give_up::{duration_of, orphan_retries};
use super::prr::Reduction;
use super::rtt::RTO_MIN;
use super::{Phase, Probe};
use crate::block::Block;
use crate::congestion::INFINITE;
use crate::timers::Timer;
use crate::{Error, Events, Instant};

/// A stream with fewer packets than this in flight is thin: they can't make three duplicate acknowledgments.
const THIN: u32 = 4;
/// `TCP_THIN_LINEAR_RETRIES`
const THIN_RETRIES: u8 = 6;

impl Block {
    /// After the flight has taken what an acknowledgment says.
    pub(super) fn judge_losses(&mut self, advanced: bool, acked: u32) {
        self.leave_cwr();
        let send = &mut self.send;
        let mss = u32::from(send.mss);
        let recovered = send.una.at_or_after(send.recovery_point);
        match send.phase {
            Phase::Recovery if recovered => {
                // RFC 6675 5, RFC 6582 3.2: all that was out is in.
                send.phase = Phase::Open;
                if send.reduction.take().is_some() {
                    // RFC 9937 6: at the end it is what it was to come down to.
                    send.window.size = send.window.threshold.max(1);
                } else {
                    send.window.size = send.window.size.min(send.window.threshold.max(1));
                }
                if !self.sack {
                    send.flight.forget_duplicates();
                }
            }
            Phase::Loss if recovered => {
                send.phase = Phase::Open;
                if !self.sack {
                    send.flight.forget_duplicates();
                }
            }
            Phase::Recovery | Phase::Loss => {
                if self.sack {
                    send.flight.mark_lost();
                } else if advanced && acked > 0 && send.phase == Phase::Recovery {
                    // RFC 6582 3.2 step 3: a partial acknowledgment names the next hole.
                    send.flight.mark_front_lost(mss);
                }
                return;
            }
            Phase::Open | Phase::Disorder | Phase::Cwr => {}
        }
        if self.sack {
            send.flight.mark_lost();
        } else if send.flight.sacked >= DUP_THRESH {
            send.flight.mark_front_lost(mss);
        }
        if send.flight.lost > 0 {
            self.enter_recovery();
        } else if send.phase != Phase::Cwr {
            send.phase = if send.flight.sacked > 0 {
                Phase::Disorder
            } else {
                Phase::Open
            };
        }
    }

    /// RFC 6675 5, step 4.
    fn enter_recovery(&mut self) {
        self.events |= Events::RECOVERY;
        let send = &mut self.send;
        let is_reducing = send.phase == Phase::Cwr;
        send.phase = Phase::Recovery;
        if is_reducing {
            // Once for each window: it goes on coming down as it does (`tcp_in_cwnd_reduction`).
            return;
        }
        send.recovery_point = send.nxt;
        if self.sack {
            send.reduction = Some(Box::new(Reduction::new(send.window.size)));
        }
        send.window.threshold = send.congestion.control().threshold_after_loss(&send.window);
        send.window.size = send.window.threshold;
        send.window.credit = 0;
        self.tell_of_reduction();
    }

    /// In fast recovery: the window is what is in the network and what may join it.
    pub(super) fn reduce(&mut self, delivered: u32, is_good: bool) {
        let send = &mut self.send;
        if let (true, Some(reduction)) = (delivered > 0, &mut send.reduction) {
            let pipe = send.flight.pipe();
            let more = reduction.delivered(delivered, send.window.threshold, pipe, is_good);
            send.window.size = pipe.saturating_add(more).max(1);
        }
    }

    /// The timer that serves both retransmission and probing is due. An error ends the connection.
    pub(crate) fn retransmit_due(&mut self, is_open: bool, now: Instant) -> Result<(), Error> {
        if self.send.flight.is_empty() {
            return self.probe_due(now);
        }
        self.events |= Events::TIMEOUT;
        if self.send.retransmits == 0 {
            self.send.stalled_since = self.send.flight.front().map_or(now, |front| front.time);
        }
        if self.send.wnd == 0 {
            // RFC 9293 3.8.6: the window was taken back. What is retransmitted are probes, and no reason to give up as
            // long as the peer answers.
            if now - self.last_received > self.send.rtt.rto_max() {
                return Err(self.timed_out());
            }
        } else if self.has_stalled_too_long(now) {
            return Err(self.timed_out());
        }
        if self.send.retransmits == self.limits.retries1 {
            self.events |= Events::SUSPECT_PATH;
        }
        self.enter_loss();
        self.send.retransmits = self.send.retransmits.saturating_add(1);
        self.counts.timeouts = self.counts.timeouts.saturating_add(1);
        if is_open && self.is_thin() {
            self.send.rtt.repeat();
        } else {
            // RFC 6298 5.5, 5.6
            self.send.rtt.back_off();
        }
        self.restart_retransmit(now);
        Ok(())
    }

    /// `TCP_THIN_LINEAR_TIMEOUTS`, `tcp_stream_is_thin`: a stream with so little in flight that nothing but the timeout
    /// tells of a loss may use it more often, six times in a row at most.
    fn is_thin(&self) -> bool {
        let send = &self.send;
        self.options.thin_linear_timeouts
            && send.flight.out < THIN
            && send.window.threshold < INFINITE
            && send.retransmits <= THIN_RETRIES
    }

    fn timed_out(&mut self) -> Error {
        self.events |= Events::ABORT_ON_TIMEOUT;
        self.soft_error.take().unwrap_or(Error::TimedOut)
    }

    /// RFC 9293 3.8.3 R2, or the user timeout (RFC 5482).
    fn has_stalled_too_long(&self, now: Instant) -> bool {
        let stalled = now - self.send.stalled_since;
        if let Some(limit) = self.options.user_timeout {
            return stalled >= limit;
        }
        let retries = if self.orphan {
            orphan_retries(self.limits.orphan_retries)
        } else {
            self.limits.retries2
        };
        self.send.retransmits > 0 && stalled >= duration_of(retries, self.send.rtt.rto_max())
    }

    /// RFC 5681 3.1 (4), RFC 6298 5.4, RFC 6675 5.1
    fn enter_loss(&mut self) {
        let send = &mut self.send;
        // Once for each window: a second timeout of the same data does not reduce the threshold again.
        if send.phase != Phase::Loss || send.una.after(send.recovery_point) || send.retransmits == 0
        {
            if !matches!(send.phase, Phase::Cwr | Phase::Recovery) {
                send.window.threshold =
                    send.congestion.control().threshold_after_loss(&send.window);
            }
            send.congestion.control().timeout();
        }
        send.reduction = None;
        let renege = send.flight.front_is_sacked();
        if renege {
            self.events |= Events::SACK_RENEGING;
        }
        if !self.sack {
            send.flight.forget_duplicates();
        }
        send.flight.mark_all_lost(renege);
        send.window.size = 1;
        send.window.credit = 0;
        send.phase = Phase::Loss;
        send.recovery_point = send.nxt;
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
        let base = self.send.rtt.base_rto().max(RTO_MIN);
        let factor = 1u32 << self.send.rtt.backoff.min(16);
        base.saturating_mul(factor).min(self.send.rtt.rto_max())
    }

    /// Data waits, nothing is in flight and nothing may be sent: the window, or a cork, holds it back. `tcp_probe_timer`
    fn probe_due(&mut self, now: Instant) -> Result<(), Error> {
        if !self.send.has_unsent() {
            self.send.probes = 0;
            return Ok(());
        }
        if self.send.probes == 0 && self.send.probe == Probe::None && self.send.rtt.backoff == 0 {
            self.send.stalled_since = now;
        } else if self
            .options
            .user_timeout
            .is_some_and(|limit| now - self.send.stalled_since >= limit)
        {
            return Err(self.timed_out());
        }
        // RFC 1122 4.2.2.17: as long as the peer answers the connection stays open; an orphan's not for ever.
        let (sent, limit) = if self.orphan {
            let limit = orphan_retries(self.limits.orphan_retries);
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
        let idle = now - self.last_received;
        if !self.send.flight.is_empty() || self.send.has_unsent() {
            // The retransmission timer watches already.
            self.timers
                .set(Timer::Keepalive, now + self.options.keep_idle);
            return Ok(());
        }
        if idle < self.options.keep_idle {
            self.keep_probes = 0;
            self.timers.set(
                Timer::Keepalive,
                self.last_received + self.options.keep_idle,
            );
            return Ok(());
        }
        let over = match self.options.user_timeout {
            Some(limit) => idle >= limit && self.keep_probes > 0,
            None => self.keep_probes >= self.options.keep_count,
        };
        if over {
            self.reset_due = true;
            return Err(self.timed_out());
        }
        self.events |= Events::KEEPALIVE;
        self.probe();
        self.keep_probes = self.keep_probes.saturating_add(1);
        self.timers
            .set(Timer::Keepalive, now + self.options.keep_interval);
        Ok(())
    }
}
