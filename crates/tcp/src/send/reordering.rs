//! How much the network changes the order, as far as that was seen: how many duplicates, and how long, are no loss yet
//! (RFC 8985 6.2 step 4; Linux's `tp->reordering` and `rack.reo_wnd_steps`).
use core::time::Duration;

use super::Phase;
use super::ack::News;
use super::flight::Delivery;
use super::recovery::Resend;
use crate::Seq;
use crate::block::Block;
use crate::settings::LossRules;
use crate::tally::LossCount;

/// Recoveries for which a widened window stays (RFC 8985: RACK.reo_wnd_persist).
const PERSIST: u8 = 16;

#[derive(Debug, Default)]
pub(crate) struct Reordering {
    /// Packets by which something was overtaken at most; 0 is what the host's setting says.
    degree: u16,
    /// How often it was seen.
    pub(crate) seen: u32,
    /// More quarters of the least round trip than the one that is usual (RACK.reo_wnd_mult - 1).
    extra: u8,
    persist: u8,
    /// RFC 8985 6.2 step 4: a D-SACK came that may tell of it.
    pub(super) dsack: bool,
    /// Packets delivered when it was widened last: once for each round trip (RACK.dsack_round, `last_delivered`).
    widened: u32,
}

impl Reordering {
    pub(super) fn is_default(&self) -> bool {
        self.degree == 0 && self.seen == 0 && self.extra == 0 && self.persist == 0
    }

    /// A recovery has ended for which there was a reason.
    pub(super) fn recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
    }

    /// A recovery had no reason.
    pub(super) fn was_underestimated(&mut self) {
        self.persist = (self.persist + 1).min(PERSIST);
    }

    /// A timeout after many duplicates: it was overestimated (`tcp_enter_loss`).
    pub(super) fn was_overestimated(&mut self, setting: u32) {
        if u32::from(self.degree) > setting {
            self.degree = 0;
        }
    }

    /// `tcp_rack_update_reo_wnd`: when the newest that arrived was sent `prior` packets had been delivered.
    fn adapt(&mut self, prior: u32, delivered: u32) {
        if prior.wrapping_sub(self.widened).cast_signed() < 0 {
            self.dsack = false;
        }
        if self.dsack {
            self.dsack = false;
            self.extra = self.extra.saturating_add(1);
            self.persist = PERSIST;
            self.widened = delivered;
        } else if self.persist == 0 {
            self.extra = 0;
        }
    }
}

impl Block {
    /// `tp->reordering`
    pub(crate) fn reordering(&self) -> u32 {
        match &self.send.rare.recovery {
            Some(recovery) if recovery.reordering.degree > 0 => {
                u32::from(recovery.reordering.degree)
            }
            _ => u32::from(self.limits.loss.reordering),
        }
    }

    /// How often reordering was seen (`tcpi_reord_seen`).
    pub(crate) fn reordering_seen(&self) -> u32 {
        let recovery = self.send.rare.recovery.as_ref();
        recovery.map_or(0, |recovery| recovery.reordering.seen)
    }

    fn set_reordering(&mut self, packets: u32) {
        let packets = packets.min(u32::from(self.limits.loss.max_reordering));
        let packets = u16::try_from(packets).unwrap_or(u16::MAX);
        self.send.recovery().reordering.degree = packets;
    }

    /// What was sent once has arrived at `low`, after something sent later (`tcp_check_sack_reordering`).
    pub(super) fn check_reordering(&mut self, low: Seq, what: LossCount) {
        let highest = self.send.flight.highest_sacked(self.send.una);
        if !low.before(highest) {
            return;
        }
        let mss = u32::from(self.send.mss).max(1);
        let distance = highest.since(low);
        if distance > self.reordering().saturating_mul(mss) {
            self.set_reordering(distance.div_ceil(mss));
        }
        let reordering = &mut self.send.recovery().reordering;
        reordering.seen = reordering.seen.saturating_add(1);
        self.send.count(what, 1);
    }

    /// More duplicates than can be (`tcp_check_reno_reordering`).
    pub(super) fn note_reordering_without_sack(&mut self, acked: u32) {
        self.set_reordering(self.send.flight.out + acked);
        let reordering = &mut self.send.recovery().reordering;
        reordering.seen = reordering.seen.saturating_add(1);
        self.send.count(LossCount::RenoReorder, 1);
    }

    /// RFC 8985 6.2 step 4 (`tcp_rack_reo_wnd`): how long after a later segment one may still come.
    fn reordering_window(&self) -> Duration {
        let send = &self.send;
        let seen = self.reordering_seen() > 0;
        if !seen {
            // Nothing of the kind was seen: quick in recovery, and when as many have come as duplicates once were.
            let by_count = !self.limits.loss.is(LossRules::RACK_NO_DUPTHRESH)
                && send.flight.sacked() >= self.reordering();
            if send.phase >= Phase::Recovery || by_count {
                return Duration::ZERO;
            }
        }
        let extra = send
            .rare
            .recovery
            .as_ref()
            .map_or(0, |r| r.reordering.extra);
        let step = send.rtt.min().unwrap_or(Duration::MAX) / 4;
        step.saturating_mul(u32::from(extra) + 1)
            .min(send.rtt.srtt().unwrap_or_default())
    }

    /// RFC 8985 6.2 step 5 (`tcp_rack_mark_lost`). True if the timer is set for what is suspected.
    pub(super) fn detect_losses(&mut self, news: &mut News, now: crate::Instant) -> bool {
        match self.send.flight.rack() {
            Some(rack) if rack.advanced => rack.advanced = false,
            _ => return false,
        }
        let window = self.reordering_window();
        let found = self.send.flight.detect(window, now);
        self.send
            .count(LossCount::LostRetransmit, found.losses.again);
        news.lost += found.losses.new + found.losses.again;
        let Some(wait) = found.wait else {
            return false;
        };
        self.wait_for_order(wait, now);
        true
    }

    /// The time of what was suspected is over (`tcp_rack_reo_timeout`).
    pub(super) fn reordering_due(&mut self, now: crate::Instant) {
        let before = self.send.flight.pipe();
        let window = self.reordering_window();
        let found = self.send.flight.detect(window, now);
        self.send
            .count(LossCount::LostRetransmit, found.losses.again);
        if before != self.send.flight.pipe() {
            if self.send.phase != Phase::Recovery {
                self.enter_recovery(false);
                self.reduce(1, false);
            }
            self.send.set_resend(Resend::Lost);
        }
    }

    /// Once for each acknowledgment that delivers something (`tcp_rack_update_reo_wnd`).
    pub(super) fn adapt_reordering_window(&mut self, got: &Delivery) {
        let Some(newest) = &got.newest else {
            return;
        };
        if self.limits.loss.is(LossRules::RACK_STATIC_REO_WND) {
            return;
        }
        let delivered = self.counts.delivered.wrapping_add(got.delivered);
        let prior = newest.prior_delivered();
        if let Some(recovery) = self.send.known_recovery() {
            recovery.reordering.adapt(prior, delivered);
        }
    }
}
