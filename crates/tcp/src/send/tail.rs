//! Tail loss probes (RFC 8985 7), and what the retransmission timer stands for.
use core::time::Duration;

use super::ack::News;
use super::{Phase, Probe};
use crate::block::{Block, BlockFlags};
use crate::settings::LossRules;
use crate::tally::LossCount;
use crate::timers::Timer;
use crate::{Instant, Seq};

/// `TCP_TIMEOUT_MIN`: what is added to a probe's time, and to that of a suspicion.
const LEAST: Duration = Duration::from_millis(2);

/// What [`Timer::Retransmit`] stands for (`icsk_pending`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Pending {
    /// The retransmission timeout, or the probe of a closed window.
    #[default]
    Timeout,
    /// A tail loss probe.
    Tail,
    /// Something suspected will be lost.
    Order,
}

/// A probe that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    /// SND.NXT behind it (TLP.end_seq, `tlp_high_seq`).
    end: Seq,
    /// It was a copy of the last segment (TLP.is_retrans).
    is_copy: bool,
}

impl Tail {
    pub(super) fn copies(&self) -> u32 {
        u32::from(self.is_copy)
    }

    /// True if a D-SACK of something that ends there tells that probe and original arrived.
    pub(super) fn ends_at(&self, end: Seq) -> bool {
        self.end == end
    }
}

impl Block {
    /// Sets the retransmission timer anew.
    pub(crate) fn restart_retransmit(&mut self, now: Instant) {
        let mut delay = self.send.rtt.rto();
        if let (true, Some(limit)) = (self.send.retransmits > 0, self.options.user_timeout)
            && !self.send.flight.is_empty()
        {
            // RFC 5482: it does not wait beyond the user timeout (`tcp_clamp_rto_to_user_timeout`).
            let left = limit.saturating_sub(self.send.stalled(now));
            delay = delay.min(left.max(Duration::from_millis(1)));
        }
        self.set_pending(Pending::Timeout, delay, now);
    }

    fn set_pending(&mut self, pending: Pending, delay: Duration, now: Instant) {
        self.send.pending = pending;
        self.timers.set(Timer::Retransmit, now + delay);
    }

    /// `tcp_rto_delta_us`: how long until the first in flight times out.
    fn timeout_left(&self, now: Instant) -> Duration {
        let sent = self.send.flight.front().map_or(now, |front| front.time);
        (sent + self.send.rtt.rto()) - now
    }

    /// RFC 6298 5.3 (`tcp_rearm_rto`). What the timer stood for other things is taken off the timeout.
    pub(super) fn rearm(&mut self, now: Instant) {
        if self.send.flight.is_empty() {
            self.timers.clear(Timer::Retransmit);
            self.send.pending = Pending::Timeout;
        } else if (self.send.pending != Pending::Timeout && self.timers.is_set(Timer::Retransmit))
            || (self.counts_from_earliest() && !self.timeout_left(now).is_zero())
        {
            self.set_timeout_left(now);
        } else {
            self.restart_retransmit(now);
        }
    }

    /// RFC 7765 4: so little is out, and to be sent, that no three duplicates can tell of a loss.
    fn counts_from_earliest(&self) -> bool {
        const RRTHRESH: u32 = 4;
        let send = &self.send;
        let waiting = send.unsent().div_ceil(u32::from(send.mss).max(1));
        self.limits.loss.is(LossRules::RESTART) && send.flight.out + waiting < RRTHRESH
    }

    /// After progress: a probe for the tail, or the timeout (`tcp_set_xmit_timer`).
    pub(super) fn set_transmit_timer(&mut self, now: Instant) {
        if !self.schedule_probe(true, now) {
            self.rearm(now);
        }
    }

    /// RFC 8985 7.2: schedules a probe of the tail. False if there should be none. `is_progress` if the timeout would begin
    /// anew, too.
    pub(super) fn schedule_probe(&mut self, is_progress: bool, now: Instant) -> bool {
        let send = &self.send;
        let is_due = self.flags.contains(BlockFlags::SACK)
            && self.limits.loss.is(LossRules::TAIL_PROBES)
            && !send.flight.is_empty()
            && matches!(send.phase, Phase::Open | Phase::Cwr);
        if !is_due {
            return false;
        }
        let wait = match send.rtt.srtt() {
            // The acknowledgment of one alone may be delayed.
            Some(srtt) if send.flight.out == 1 => srtt * 2 + self.options.rto_min,
            Some(srtt) => srtt * 2 + LEAST,
            None => super::rtt::RTO_INITIAL,
        };
        let left = if is_progress {
            send.rtt.rto()
        } else {
            self.timeout_left(now)
        };
        let wait = if left.is_zero() { wait } else { wait.min(left) };
        self.set_pending(Pending::Tail, wait, now);
        true
    }

    /// New data was sent.
    pub(super) fn note_new_data(&mut self, was_empty: bool, now: Instant) {
        if self.schedule_probe(false, now) {
            return;
        }
        if was_empty || self.send.pending == Pending::Tail || !self.timers.is_set(Timer::Retransmit)
        {
            self.rearm(now);
        }
    }

    /// RFC 8985 6.2 step 5: looks for losses again when the last of what is suspected will be one.
    pub(super) fn wait_for_order(&mut self, wait: Duration, now: Instant) {
        let wait = (wait + LEAST).min(self.send.rtt.rto());
        self.set_pending(Pending::Order, wait, now);
    }

    /// RFC 8985 7.3 (`tcp_send_loss_probe`): the time for a probe has come. New data if there is any, else the last segment.
    pub(super) fn tail_due(&mut self, now: Instant) {
        // The timer has gone off; it stands for the timeout again.
        let is_out = self
            .send
            .rare
            .recovery
            .as_ref()
            .is_some_and(|r| r.tail.is_some());
        if is_out || self.send.flight.is_empty() {
            self.set_timeout_left(now);
            return;
        }
        let next = self.send.unsent().min(u32::from(self.send.mss));
        let window = self.send.window_end().since_or_zero(self.send.nxt);
        let fits = self.send.has_unsent() && next.max(1) <= window;
        if !fits && self.is_tail_beyond_the_window() {
            self.set_timeout_left(now);
            return;
        }
        let send = &mut self.send;
        send.probe = if fits { Probe::Data } else { Probe::Tail };
        send.recovery().tail = Some(Tail {
            end: send.nxt + if fits { next } else { 0 },
            is_copy: !fits,
        });
        send.count(LossCount::LossProbes, 1);
        self.restart_retransmit(now);
    }

    /// RFC 9293 3.8.6: the window was taken back, and the last segment is no longer in it (`__tcp_retransmit_skb`).
    fn is_tail_beyond_the_window(&self) -> bool {
        let send = &self.send;
        send.flight
            .last_packet(u32::from(send.mss))
            .is_some_and(|start| start != send.una && start.at_or_after(send.window_end()))
    }

    /// The timer went off for something else: what is left of the timeout.
    pub(super) fn set_timeout_left(&mut self, now: Instant) {
        if !self.send.flight.is_empty() {
            let left = self.timeout_left(now).max(Duration::from_millis(1));
            self.set_pending(Pending::Timeout, left, now);
        }
    }

    /// The segment that a probe brought out is longer or shorter than was thought.
    pub(super) fn note_probe_sent(&mut self) {
        let nxt = self.send.nxt;
        if let Some(tail) = self.send.known_recovery().and_then(|r| r.tail.as_mut()) {
            tail.end = nxt;
        }
    }

    /// RFC 8985 7.4 (`tcp_process_tlp_ack`)
    pub(super) fn answer_probe(&mut self, news: &News) {
        let send = &mut self.send;
        let Some(tail) = send.rare.recovery.as_ref().and_then(|r| r.tail) else {
            return;
        };
        if news.ack.before(tail.end) {
            return;
        }
        // Probe and original arrived: nothing was lost.
        let is_pure_duplicate =
            !news.advanced && !news.is_not_duplicate() && news.got.newly_sacked == 0;
        if !tail.is_copy || news.dsack_of_probe || (news.ack == tail.end && is_pure_duplicate) {
            send.recovery().tail = None;
        } else if news.ack.after(tail.end) {
            // The probe repaired a loss that nobody else told of: the window comes down for it.
            self.begin_reduction();
            let send = &mut self.send;
            send.phase = Phase::Cwr;
            send.end_reduction();
            send.settle_phase();
            send.count(LossCount::LossProbeRecovery, 1);
        }
    }
}
