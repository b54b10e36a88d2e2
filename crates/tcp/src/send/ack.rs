//! Acknowledgments (RFC 9293 3.10.7.4, fifth; RFC 5961 5; window updates; round-trip samples).
use core::time::Duration;

use sockeye_wire::TcpFlags;

use super::flight::Delivery;
use super::rate::Sample;
use super::{Fin, Phase, Sender};
use crate::block::Block;
use crate::congestion::Acked;
use crate::timers::Timer;
use crate::{Events, Instant, Segment};

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
        if ack.before(send.una) {
            // RFC 5961 5.2: too old to be true; or of bytes that were never sent.
            let acked = self.counts.bytes_acked + u64::from(send.fin == Fin::Sent);
            let acked = u32::try_from(acked).unwrap_or(u32::MAX);
            if ack.before(send.una - send.max_wnd.min(acked)) {
                self.challenge(now);
                return Verdict::Dropped;
            }
            self.take_news(segment, 0, now);
            return Verdict::Accepted { fin: false };
        }
        send.probes = 0;
        // The path works: what ICMP said of it is over (`tcp_ack`).
        self.soft_error = None;
        let advanced = ack.since(send.una);
        let window_changed = self.update_window(segment);
        let was_empty = self.send.flight.is_empty();
        let fin = self.advance_una(advanced);
        let duplicate = advanced == 0
            && !was_empty
            && !window_changed
            && segment.payload.is_empty()
            && !segment.flags.intersects(TcpFlags::SYN | TcpFlags::FIN);
        if !was_empty || advanced > 0 {
            if duplicate && !self.sack {
                self.send.flight.count_duplicate();
            }
            self.take_news(segment, advanced, now);
        }
        if self.send.flight.is_empty() {
            // RFC 6298 5.2; a zero window goes on being probed at the same pace.
            if self.send.has_unsent() && self.blocked_by_window() {
                let when = self.probe_interval();
                self.timers.set(Timer::Retransmit, now + when);
            } else {
                if !self.send.has_unsent() || !self.blocked_by_window() {
                    self.send.rtt.recover();
                }
                self.timers.clear(Timer::Retransmit);
            }
        } else if advanced > 0 {
            // RFC 6298 5.3
            self.restart_retransmit(now);
        }
        Verdict::Accepted { fin }
    }

    /// Moves SND.UNA; true if our FIN is covered.
    fn advance_una(&mut self, advanced: u32) -> bool {
        let send = &mut self.send;
        if advanced == 0 {
            return false;
        }
        let data = advanced.min(send.queue.len());
        let fin = send.fin == Fin::Sent && send.una + advanced == send.nxt && advanced > data;
        send.queue.advance(data);
        send.una += advanced;
        // Numbers that lie behind must not fall out of the half of the space in which they mean anything.
        send.short_end = send.short_end.latest(send.una);
        send.pushed = send.pushed.latest(send.una);
        send.usage.keep_up(send.una);
        if send
            .urgent
            .is_some_and(|urgent| urgent.at_or_before(send.una))
        {
            send.urgent = None;
        }
        send.retransmits = 0;
        // RFC 4898 tcpEStatsAppHCThruOctetsAcked counts what SND.UNA moves by, the FIN too.
        self.counts.bytes_acked += u64::from(advanced);
        self.events |= Events::ACKNOWLEDGED;
        fin
    }

    /// What the acknowledgment says about the flight: round trip, losses, congestion.
    fn take_news(&mut self, segment: &Segment, advanced: u32, now: Instant) {
        let send = &mut self.send;
        let mss = u32::from(send.mss);
        let mut news = send.flight.acknowledge(send.una, mss);
        if self.sack && !segment.options.sack.is_empty() {
            send.flight
                .tag(&segment.options.sack, send.una, send.nxt, mss, &mut news);
            if news.dsack {
                self.counts.dsacks = self.counts.dsacks.wrapping_add(1);
                self.events |= Events::DSACK_RECEIVED;
            }
        } else if !self.sack && advanced > 0 {
            send.flight.uncount_duplicates(news.acked);
        }
        self.counts.delivered = self.counts.delivered.wrapping_add(news.delivered);
        // One that came too late says nothing new.
        let is_echo = segment.acknowledgment == self.send.una && self.is_echo(segment);
        if is_echo {
            self.delivered_ce = self.delivered_ce.wrapping_add(news.delivered);
        }
        // RFC 6298 3 (Karn), and RFC 7323 4 where a retransmission makes the time ambiguous.
        let sample = match (news.sample, segment.options.timestamps) {
            (Some(sent), _) => Some(now - sent),
            (None, Some(timestamps))
                if advanced > 0 && news.ambiguous && self.timestamps && timestamps.echo != 0 =>
            {
                let millis = self.timestamp(now).wrapping_sub(timestamps.echo);
                (millis < 1 << 31).then(|| Duration::from_millis(u64::from(millis.max(1))))
            }
            _ => None,
        };
        if let Some(sample) = sample {
            self.send.rtt.sample(sample, self.send.una, self.send.nxt);
        } else if advanced > 0 {
            // Linux keeps the backed-off timeout only until new data is acknowledged.
            self.send.rtt.recover();
        }
        let lost = self.send.flight.lost;
        self.judge_losses(advanced > 0, news.acked);
        if is_echo {
            self.enter_cwr();
        }
        let is_good = advanced > 0 && self.send.flight.lost <= lost;
        let _rate = self.sample_rate(&news, now);
        self.reduce(news.delivered, is_good);
        let grow = matches!(self.send.phase, Phase::Open | Phase::Disorder | Phase::Loss);
        // RFC 5681 3.2: duplicates do not open the window.
        if advanced > 0 && news.delivered > 0 && grow && self.is_window_limited() {
            let send = &mut self.send;
            let acked = Acked {
                packets: news.delivered,
                srtt: send.rtt.srtt(),
                sample,
                una: send.una,
                nxt: send.nxt,
                now,
            };
            send.congestion
                .control()
                .acknowledged(&mut send.window, &acked);
            send.expand_buffer();
        }
        self.update_pacing();
    }

    /// The delivery rate that the acknowledgment tells of.
    fn sample_rate(&mut self, news: &Delivery, now: Instant) -> Sample {
        let send = &mut self.send;
        let lost = send.flight.lost_ever;
        send.rate.sample(
            news.newest,
            (self.counts.delivered, news.delivered),
            lost,
            send.rtt.min().unwrap_or_default(),
            now,
        )
    }

    /// RFC 9293 3.10.7.4, fifth: SND.WND from a segment that is not older than the last one it was taken from.
    fn update_window(&mut self, segment: &Segment) -> bool {
        let send = &mut self.send;
        let window = u32::from(segment.window) << send.shift;
        let newer = send.may_update_window(segment);
        if !newer {
            return false;
        }
        send.wl1 = segment.sequence;
        let changed = window != send.wnd;
        send.wnd = window;
        send.max_wnd = send.max_wnd.max(window);
        changed
    }
}
