//! What may be sent now (RFC 9293 3.8.6.2.1, RFC 1122 4.2.3.4).
//!
//! [`Block::plan`] decides without changing anything, so that "is there something to send" and "send it" cannot disagree.
use super::path::Search;
use super::recovery::Resend;
use super::{Fin, Probe, SendFlags};
use crate::Instant;
use crate::block::Block;
use crate::recv::ack::AckFlags;
use crate::seq::span;

/// The next thing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    None,
    /// Retransmit so many bytes of the record at this place.
    Again {
        index: usize,
        bytes: u32,
    },
    /// The last segment once more.
    Tail,
    /// New data, with the FIN or not.
    New {
        bytes: u32,
        fin: bool,
    },
    /// New data in one segment, longer than usual, to see whether the path carries it.
    PathProbe {
        bytes: u32,
    },
    /// An empty segment with an old sequence number.
    Probe,
    /// A pure acknowledgment.
    Acknowledge,
}

impl Block {
    pub(crate) fn plan(&self, now: Instant) -> Plan {
        let data = if self.is_paced_out(now) {
            None
        } else {
            self.plan_data()
        };
        data.unwrap_or(match (self.send.probe, self.recv.ack.is(AckFlags::NOW)) {
            (Probe::Empty, _) => Plan::Probe,
            (Probe::Tail, _) => Plan::Tail,
            (_, true) => Plan::Acknowledge,
            _ => Plan::None,
        })
    }

    /// What would go if the pace allowed it.
    pub(super) fn plan_data(&self) -> Option<Plan> {
        match self.send.resend() {
            Resend::Lost => self.plan_retransmission().or_else(|| self.plan_new()),
            Resend::Hold => self.plan_new(),
            // RFC 5682 3.1 step 2.b; once there is new data out, nothing else.
            Resend::NewFirst if self.send.nxt.after(self.send.recovery_point) => self.plan_new(),
            Resend::NewFirst => self.plan_new().or_else(|| self.plan_retransmission()),
        }
    }

    pub(super) fn quota(&self) -> u32 {
        self.send
            .window
            .size
            .saturating_sub(self.send.flight.pipe())
    }

    pub(super) fn largest(&self, packets: u32, mss: u32) -> u32 {
        let whole = (self.quantum(mss) / mss).max(1);
        packets.min(whole).saturating_mul(mss)
    }

    pub(super) fn plan_retransmission(&self) -> Option<Plan> {
        let send = &self.send;
        // As many copies may be out after a timeout that was taken back (`tcp_xmit_retransmit_queue`).
        if send.flight.lost() <= send.flight.retransmitted() {
            return None;
        }
        let quota = self.quota();
        if quota == 0 {
            return None;
        }
        let (index, sent) = send.flight.next_lost()?;
        let mss = self.segment_size();
        let most = sent.data().min(self.largest(quota, mss));
        let bytes = match send.window_end().since_or_zero(sent.start) {
            // A window taken back: only the first segment, as a probe.
            0 if sent.start == send.una => most.min(mss),
            0 => return None,
            // RFC 9293 3.8.6, SHLD-16: what lies within, in whole segments if there is room for one.
            window if window < most && window < mss => window,
            window if window < most => window - window % mss,
            _ => most,
        };
        Some(Plan::Again { index, bytes })
    }

    pub(super) fn plan_new(&self) -> Option<Plan> {
        let send = &self.send;
        let unsent = send.unsent();
        let fin = send.fin == Fin::Queued;
        if unsent == 0 && !fin {
            return None;
        }
        let mss = self.segment_size();
        let window = send.window_end().since_or_zero(send.nxt);
        if send.probe == Probe::Data && window > 0 {
            let bytes = unsent.min(window).min(mss);
            return Some(Plan::New {
                bytes,
                fin: fin && bytes == unsent && bytes < window,
            });
        }
        // Linux is not strict with the last FIN.
        let quota = if fin && unsent <= mss {
            self.quota().max(1)
        } else {
            self.quota()
        };
        if quota == 0 {
            return None;
        }
        match self.plan_path_probe() {
            Search::No => {}
            Search::Wait => return None,
            Search::Probe(bytes) => return Some(Plan::PathProbe { bytes }),
        }
        // `tcp_cwnd_test`: half of the window at most, so that there are two super-segments on their way.
        let burst = quota.min((send.window.size / 2).max(1));
        let most = unsent.min(self.largest(burst, mss));
        let mut bytes = most.min(window);
        let offset = send.nxt.since(send.una);
        // `tcp_skb_can_collapse_to`: nothing goes together with what follows an end of a record. Such an end is no reason to
        // wait, unless it is that of the queue.
        let record = send.queue.records.end_after(offset).map(|end| end - offset);
        if let Some(record) = record.filter(|record| *record < unsent && *record <= bytes) {
            bytes = record;
        } else if bytes < most && bytes > mss && self.may_send_short() {
            // `tcp_mss_split_point`: behind a full segment the window is filled to its end.
        } else if bytes < unsent {
            // What does not end the queue goes in full segments only (sender-side silly-window avoidance).
            bytes -= bytes % mss;
            if bytes == 0 {
                return None;
            }
        } else if !bytes.is_multiple_of(mss) && !fin && !self.may_send_short() {
            bytes -= bytes % mss;
            if bytes == 0 {
                return None;
            }
        }
        let fin = fin && bytes == unsent && bytes < window;
        if bytes == 0 && !fin {
            return None;
        }
        Some(Plan::New { bytes, fin })
    }

    /// RFC 9293 3.7.4 (Nagle), with Minshall's change: only an unacknowledged *short* segment holds back a short one.
    pub(super) fn may_send_short(&self) -> bool {
        let send = &self.send;
        let is_released = send.flags.contains(SendFlags::RELEASED);
        if is_released || send.rare.urgent.is_some() || send.resend() == Resend::NewFirst {
            return true;
        }
        if self.options.cork || send.flags.contains(SendFlags::MORE) {
            return false;
        }
        if self.options.nodelay || send.flight.is_empty() {
            return true;
        }
        let short = send.flight.short_end;
        !short.is_some_and(|end| end.after(send.una) && end.at_or_before(send.nxt))
    }

    /// Data in a full segment, given the options that will be on it.
    pub(super) fn segment_size(&self) -> u32 {
        let mss = self.send.effective_mss();
        match self.blocks_with_data() {
            0 => mss,
            count => mss.saturating_sub(4 + 8 * span(count)).max(8),
        }
    }
}
