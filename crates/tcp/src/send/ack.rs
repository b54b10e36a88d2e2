//! Acknowledgments (RFC 9293 3.10.7.4, fifth; RFC 5961 5; window updates; round-trip samples).
use core::time::Duration;

use super::chrono::Busy;
use super::flight::{Arrival, Delivery};
use super::rate::Sample;
use super::tail::Pending;
use super::{Fin, Phase, Sender};
use crate::block::{Block, BlockFlags};
use crate::congestion::Acked;
use crate::tally::LossCount;
use crate::timers::Timer;
use crate::{Events, Instant, Segment, Seq};

/// What an acknowledgment was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Taken; true if it covers our FIN.
    Accepted { fin: bool },
    /// Not acceptable: the segment is dropped.
    Dropped,
}

impl Sender {
    /// `tcp_may_update_window`
    pub(crate) fn may_update_window(&self, segment: &Segment) -> bool {
        let window = u32::from(segment.window) << self.shift;
        segment.acknowledgment.after(self.una)
            || segment.sequence.after(self.wl1)
            || (segment.sequence == self.wl1 && (window > self.wnd || window == 0))
    }
}

/// What an acknowledgment says, gathered on its way through `tcp_ack`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    pub(super) ack: Seq,
    /// SND.UNA before.
    pub(super) prior_una: Seq,
    /// The timestamp that it echoes, if there is one.
    pub(super) echo: Option<u32>,
    /// SND.UNA has moved (`FLAG_SND_UNA_ADVANCED`).
    pub(super) advanced: bool,
    /// It carries data or a FIN (`FLAG_DATA`).
    pub(super) has_data: bool,
    /// It may tell a new window (`FLAG_WIN_UPDATE`).
    pub(super) is_window_update: bool,
    /// It reports something that came twice (`FLAG_DSACKING_ACK`), and that may be a tail loss probe (`FLAG_DSACK_TLP`).
    pub(super) is_dsack: bool,
    pub(super) dsack_of_probe: bool,
    /// It tells of a mark (`FLAG_ECE`).
    pub(super) is_echo: bool,
    /// The first in flight is SACKed (`FLAG_SACK_RENEGING`).
    pub(super) is_reneging: bool,
    /// Retransmissions were lost (`FLAG_LOST_RETRANS`).
    pub(super) lost_again: bool,
    /// The retransmission timer begins anew (`FLAG_SET_XMIT_TIMER`).
    pub(super) rearm: bool,
    /// Packets declared lost because of it.
    pub(super) lost: u32,
    pub(super) got: Delivery,
}

impl News {
    fn new(segment: &Segment, una: Seq, timestamps: bool) -> News {
        let echo = segment.options.timestamps.filter(|_| timestamps);
        News {
            ack: segment.acknowledgment,
            prior_una: una,
            echo: echo.map(|echo| echo.echo).filter(|&echo| echo != 0),
            advanced: false,
            has_data: segment.length() > 0,
            is_window_update: false,
            is_dsack: false,
            dsack_of_probe: false,
            is_echo: false,
            is_reneging: false,
            lost_again: false,
            rearm: false,
            lost: 0,
            got: Delivery::default(),
        }
    }

    /// `FLAG_NOT_DUP`
    pub(super) fn is_not_duplicate(&self) -> bool {
        self.has_data || self.is_window_update || self.got.acked > 0
    }

    /// `tcp_ack_is_dubious`, but for the state.
    fn is_dubious(&self) -> bool {
        !self.is_not_duplicate() || self.got.newly_sacked > 0 || self.is_dsack || self.is_echo
    }
}

impl Block {
    /// Takes the acknowledgment, SACK blocks and window of a segment that passed the other checks.
    pub(crate) fn acknowledge(&mut self, segment: &Segment, now: Instant) -> Verdict {
        let ack = segment.acknowledgment;
        let send = &mut self.send;
        if ack.after(send.nxt) {
            // RFC 5961 5.2, RFC 9293: something not yet sent.
            self.challenge(now);
            return Verdict::Dropped;
        }
        let mut news = News::new(
            segment,
            send.una,
            self.flags.contains(BlockFlags::TIMESTAMPS),
        );
        if ack.before(send.una) {
            // RFC 5961 5.2: too old to be true; or of bytes that were never sent.
            let acked = u32::try_from(self.bytes_acked).unwrap_or(u32::MAX);
            if ack.before(send.una - send.max_wnd.min(acked)) {
                self.challenge(now);
                return Verdict::Dropped;
            }
            // Its blocks may be news all the same (`old_ack`).
            if self.flags.contains(BlockFlags::SACK) && !segment.options.sack.is_empty() {
                self.take_blocks(segment, &mut news, now);
                self.counts.delivered = self.counts.delivered.wrapping_add(news.got.delivered);
                self.alert(&mut news, 0, now);
            }
            return Verdict::Accepted { fin: false };
        }
        send.probes = 0;
        // The path works: what ICMP said of it is over (`tcp_ack`).
        self.soft_error = None;
        let advanced = ack.since(send.una);
        news.advanced = advanced > 0;
        news.is_echo = self.is_echo(segment);
        news.is_window_update = self.update_window(segment, now);
        let was_empty = self.send.flight.is_empty();
        let fin = self.advance_una(advanced);
        if was_empty {
            self.answer_without_flight(segment, &mut news, now);
        } else {
            self.take_news(segment, &mut news, now);
            if self.send.flight.is_empty() && self.send.has_unsent() {
                // RFC 6298 5.2; a zero window is probed at the same pace. What does not go out at once for another reason,
                // as a cork, is looked at again, too (`tcp_check_probe_timer`).
                self.probe_window(now);
            }
        }
        Verdict::Accepted { fin }
    }

    /// An acknowledgment while nothing is in flight: a window to probe may have opened (`tcp_ack_probe`).
    fn answer_without_flight(&mut self, segment: &Segment, news: &mut News, now: Instant) {
        if self.flags.contains(BlockFlags::SACK) && !segment.options.sack.is_empty() {
            self.take_blocks(segment, news, now);
            if news.is_dsack {
                self.alert(news, 0, now);
            }
        }
        if self.send.rare.recovery.is_some() {
            self.answer_probe(news);
            self.send.forget_recovery();
        }
        if !self.send.has_unsent() {
            self.timers.clear(Timer::Retransmit);
            return;
        }
        if !self.blocked_by_window() {
            self.send.rtt.recover(&self.options);
        }
        self.probe_window(now);
    }

    fn probe_window(&mut self, now: Instant) {
        self.send.pending = Pending::Timeout;
        let when = self.probe_interval();
        self.timers.set(Timer::Retransmit, now + when);
    }

    /// Moves SND.UNA; true if our FIN is covered.
    fn advance_una(&mut self, advanced: u32) -> bool {
        let send = &mut self.send;
        if advanced == 0 {
            return false;
        }
        let data = advanced.min(send.queue.len());
        let fin = send.fin == Fin::Sent && send.una + advanced == send.nxt && advanced > data;
        if data > 0 {
            send.queue.advance(data);
        }
        send.una += advanced;
        let una = send.una;
        if let Some(queue) = send.queue.existing() {
            queue.pushed = queue.pushed.filter(|pushed| pushed.end.after(una));
        }
        if let Some(flight) = send.flight.existing() {
            flight.keep_up(una);
        }
        if let Some(rare) = send.rare.existing() {
            rare.urgent = rare.urgent.filter(|urgent| urgent.after(una));
        }
        send.retransmits = 0;
        // RFC 4898 tcpEStatsAppHCThruOctetsAcked counts what SND.UNA moves by, the FIN too.
        self.bytes_acked += u64::from(advanced);
        self.events |= Events::ACKNOWLEDGED;
        self.answer_path_probe();
        fin
    }

    /// What the acknowledgment says about the flight: round trip, losses, congestion (`tcp_ack`).
    fn take_news(&mut self, segment: &Segment, news: &mut News, now: Instant) {
        let at = self.arrival(news, now);
        let highest = self.send.flight.highest_sacked(news.prior_una);
        if self.flags.contains(BlockFlags::SACK) && !segment.options.sack.is_empty() {
            self.take_blocks(segment, news, now);
        }
        let una = self.send.una;
        news.got.overtaken = None;
        let duplicates = self.send.flight.sacked();
        self.send.flight.acknowledge(una, &at, &mut news.got);
        news.is_reneging = self.send.flight.front_is_sacked();
        // RFC 6298 5.3: new data, if only a part of a packet.
        news.rearm = news.advanced;
        let sample = self.measure(news, now);
        if news.got.acked > 0 {
            if !self.flags.contains(BlockFlags::SACK) {
                self.uncount_duplicates(duplicates, news);
            } else if let Some(low) = news.got.overtaken.filter(|low| low.before(highest)) {
                // A hole was filled by what was sent once.
                self.check_reordering(low, LossCount::SackReorder);
            }
        }
        if self.send.rare.recovery.is_some() {
            self.adapt_reordering_window(&news.got);
            self.answer_probe(news);
        }
        if news.is_dubious() || self.send.phase != Phase::Open {
            let is_duplicate = !news.advanced && !news.is_not_duplicate() && !news.is_dsack;
            self.alert(news, u32::from(is_duplicate), now);
        }
        if news.rearm {
            self.set_transmit_timer(now);
        }
        self.counts.delivered = self.counts.delivered.wrapping_add(news.got.delivered);
        if news.is_echo {
            let told = &mut self.send.rare.delivered_ce;
            *told = told.wrapping_add(news.got.delivered);
        }
        let rate = self.sample_rate(&news.got, now);
        if !self.steer(&rate, news.got.delivered, sample, now) {
            self.control_congestion(news, sample, now);
            self.update_pacing();
        }
        if self.send.rare.recovery.is_some() {
            self.send.settle_timeouts(now);
            self.send.forget_recovery();
        }
        if self.send.flight.is_empty() && !self.send.has_unsent() {
            // Nothing may go out for long that would notice.
            self.send.turn(Busy::Idle, now);
        }
    }

    /// The delivery rate that the acknowledgment tells of.
    fn sample_rate(&mut self, got: &Delivery, now: Instant) -> Sample {
        let send = &mut self.send;
        let min_rtt = send.rtt.min().unwrap_or_default();
        let flight = &mut *send.flight;
        send.rate.sample(
            &mut flight.course,
            got.newest,
            (self.counts.delivered, got.delivered),
            flight.losses.ever(),
            min_rtt,
            now,
        )
    }

    pub(super) fn arrival(&self, news: &News, now: Instant) -> Arrival {
        Arrival {
            now,
            mss: u32::from(self.send.mss),
            sack: self.flags.contains(BlockFlags::SACK),
            point: self.send.recovery_point,
            min_rtt: self.send.rtt.min(),
            echo: news
                .echo
                .map(|echo| echo.wrapping_sub(self.timestamp_offset)),
        }
    }

    /// Without SACK: what the duplicates stood for has come (`tcp_remove_reno_sacks`).
    fn uncount_duplicates(&mut self, duplicates: u32, news: &mut News) {
        let acked = news.got.acked;
        if self.send.flight.uncount_duplicates(acked) {
            self.note_reordering_without_sack(acked);
        }
        news.got.delivered += acked.saturating_sub(duplicates).max(1);
        // Nobody says which of them was the original.
        news.got.original &= !news.got.ambiguous;
    }

    /// The round trip that the acknowledgment tells (`tcp_ack_update_rtt`): that of the newest that arrived.
    fn measure(&mut self, news: &mut News, now: Instant) -> Option<Duration> {
        let got = &news.got;
        // RFC 6298 3 (Karn).
        let acked = got.acked_sent.filter(|_| !got.ambiguous);
        let sacked = got.sacked_sent;
        let (mut oldest, mut newest) = (
            acked.or(sacked).map(|(first, _)| now - first),
            sacked.or(acked).map(|(_, last)| now - last),
        );
        // RFC 7323 4: a timestamp tells which transmission it was.
        if let (None, Some(echo), true) = (oldest, news.echo, got.acked > 0) {
            let millis = self.timestamp(now).wrapping_sub(echo);
            oldest = (millis < 1 << 31).then(|| Duration::from_millis(u64::from(millis.max(1))));
            newest = oldest;
        }
        let (oldest, newest) = (oldest?, newest?);
        let (una, nxt) = (self.send.una, self.send.nxt);
        self.send.rtt.sample(oldest, una, nxt, &self.options);
        let window = self.limits.min_rtt_window;
        self.send.rtt.note_least(newest, window, now);
        if let (false, Some((first, _)), Some(front)) =
            (news.rearm, sacked, self.send.flight.front())
        {
            // What was sent after the first in flight has come: its time begins anew, but only so.
            news.rearm = first < front.time;
        }
        Some(newest)
    }

    /// `tcp_cong_control`
    fn control_congestion(&mut self, news: &News, sample: Option<Duration>, now: Instant) {
        let delivered = news.got.delivered;
        if self.send.phase.is_reducing() {
            self.reduce(delivered, news.advanced && news.lost == 0);
            return;
        }
        // RFC 5681 3.2: duplicates do not open the window; where the order changes much they say nothing else.
        let may_grow = news.got.acked > 0
            || (news.got.newly_sacked > 0
                && self.reordering() > u32::from(self.limits.loss.reordering));
        if !may_grow || delivered == 0 {
            return;
        }
        self.send.usage.judged(now);
        if self.is_window_limited() {
            let longest_train = self.longest_train();
            let send = &mut self.send;
            let acked = Acked {
                packets: delivered,
                srtt: send.rtt.srtt(),
                sample,
                longest_train,
                una: send.una,
                nxt: send.nxt,
                now,
            };
            let control = send.congestion.control();
            if let Some(end) = control.acknowledged(&mut send.window, &acked) {
                self.count_slow_start_end(end);
            }
            if !self.recv.is_pressed() {
                self.send.expand_buffer(&self.limits);
            }
        }
    }

    /// RFC 9293 3.10.7.4, fifth: SND.WND from a segment that is not older than the last one it was taken from.
    fn update_window(&mut self, segment: &Segment, now: Instant) -> bool {
        let send = &mut self.send;
        let window = u32::from(segment.window) << send.shift;
        let newer = send.may_update_window(segment);
        if !newer {
            return false;
        }
        send.wl1 = segment.sequence;
        let changes = send.wnd != window;
        send.wnd = window;
        send.max_wnd = send.max_wnd.max(window);
        if changes && send.unsent() > 0 {
            // It may have waited long for a window (`tcp_ack_update_window`).
            self.restart_after_idle(now);
        }
        true
    }
}
