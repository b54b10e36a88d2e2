//! What the path carries: told by ICMP (RFC 1191, 8201), or found out where ICMP is lost (RFC 4821, RFC 8899).
//!
//! Sizes are those of the MSS option: a segment's data and options. A connection whose path has shown nothing of itself
//! keeps nothing of it.
use alloc::boxed::Box;
use core::time::Duration;

use super::recovery::Resend;
use super::{Phase, Sender};
use crate::block::{Block, BlockFlags, MIN_MSS, Opening, TIMESTAMPS_LEN};
use crate::{Events, Instant, PathRules, Seq, Settings};

/// A probe has to find so many packets' room in the congestion window.
const LEAST_WINDOW: u32 = 11;

/// What is known of the path, and the search for more.
#[derive(Debug)]
pub(crate) struct PathSearch {
    rules: PathRules,
    /// What the peer takes and the program allows (`mss_clamp`).
    clamp: u16,
    /// What the host knows of the path.
    known: u16,
    /// A search is on: no segment is longer than `low`.
    is_on: bool,
    low: u16,
    high: u16,
    probe: Option<Flying>,
    /// When the search began.
    since: Instant,
}

/// A probe in flight.
#[derive(Clone, Copy, Debug)]
struct Flying {
    start: Seq,
    end: Seq,
    size: u16,
}

/// Whether the next new data goes as a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    No,
    /// Not before more is acknowledged.
    Wait,
    /// So many bytes.
    Probe(u32),
}

impl PathSearch {
    /// Of a connection that is opened with these settings, if they say anything that must be remembered: rules, or a path that
    /// may come to carry more than now.
    pub(crate) fn of(settings: &Settings, mss: u16, now: Instant) -> Option<Box<PathSearch>> {
        let says = settings.path != PathRules::default() || settings.path_mss.is_some();
        says.then(|| Box::new(PathSearch::new(settings.path, mss, now)))
    }

    fn new(rules: PathRules, clamp: u16, now: Instant) -> PathSearch {
        PathSearch {
            rules,
            clamp,
            known: clamp,
            is_on: false,
            low: clamp,
            high: clamp,
            probe: None,
            since: now,
        }
    }

    /// `tcp_sync_mss`: the longest segment now.
    fn longest(&self) -> u16 {
        let all = self.clamp.min(self.known);
        let found = if self.is_on { self.low } else { u16::MAX };
        all.min(found).max(self.rules.least).max(MIN_MSS)
    }

    /// RFC 4821 7.7, `tcp_mtu_probing`: nothing gets through, so that the path may swallow what is too long.
    fn suspect(&mut self, options: u16, now: Instant) {
        if self.is_on {
            let half = self.low.saturating_sub(options) / 2;
            let least = self.rules.floor.max(self.rules.least);
            self.low = half.min(self.rules.base).max(least) + options;
        } else {
            self.begin(options, now);
        }
    }

    fn begin(&mut self, options: u16, now: Instant) {
        self.is_on = true;
        self.low = self.rules.base.saturating_add(options).min(self.clamp);
        self.high = self.clamp;
        self.since = now;
    }
}

impl Sender {
    /// What is known of the path, if there is anything.
    fn known_path(&mut self) -> Option<&mut PathSearch> {
        self.rare.existing()?.path.as_deref_mut()
    }

    pub(crate) fn path_size(&self) -> Option<u16> {
        self.rare
            .path
            .as_ref()
            .map(|path| path.known.min(path.clamp))
    }
}

impl Block {
    fn options_len(&self) -> u16 {
        if self.flags.contains(BlockFlags::TIMESTAMPS) {
            TIMESTAMPS_LEN
        } else {
            0
        }
    }

    fn path_search(&mut self, now: Instant) -> &mut PathSearch {
        let clamp = self.send.mss + self.options_len();
        let make = || Box::new(PathSearch::new(PathRules::default(), clamp, now));
        self.send.rare.path.get_or_insert_with(make)
    }

    /// The host knows how long segments may be, before the handshake has said what the peer takes.
    pub(crate) fn learn_path_early(&mut self, size: u16) {
        let size = size.max(MIN_MSS);
        self.recv.told_mss = self.recv.told_mss.min(size);
        self.send.mss = self.send.mss.min(size);
        if let Some(path) = self.send.known_path() {
            path.known = path.known.min(size);
        }
    }

    /// The peer's SYN says what it takes.
    pub(crate) fn note_peer_mss(&mut self, mss: u16) {
        let most = self.options.max_segment.unwrap_or(u16::MAX);
        if let Some(path) = self.send.known_path() {
            path.clamp = mss.min(most).max(MIN_MSS);
        }
    }

    /// The handshake is complete: `tcp_mtu_probing` 2 searches from the beginning. Who was called goes on with segments as long
    /// as before, as in Linux, where only a change makes it look at what it has found out so far.
    pub(crate) fn start_path_search(&mut self, opening: Opening, now: Instant) {
        let options = self.options_len();
        let Some(path) = self.send.known_path() else {
            return;
        };
        path.high = path.clamp;
        if path.rules.probing >= 2 {
            path.begin(options, now);
            if opening == Opening::Passive {
                return;
            }
        }
        self.follow_path();
    }

    /// Segments are as long as the path is known to carry. True if they are shorter than before.
    fn follow_path(&mut self) -> bool {
        let Some(path) = &self.send.rare.path else {
            return false;
        };
        let mss = path.longest() - self.options_len();
        let is_shorter = mss < self.send.mss;
        self.send.mss = mss;
        is_shorter
    }

    /// The host knows how long segments may be, by ICMP or because what ICMP said is too old.
    pub(crate) fn learn_path(&mut self, size: u16, now: Instant) {
        if self.send.rare.path.is_none() && size >= self.send.mss + self.options_len() {
            return;
        }
        let path = self.path_search(now);
        let carries_more = size > path.known;
        path.known = size;
        path.high = path.high.min(size);
        if carries_more && path.longest() < self.send.mss + self.options_len() {
            // That is no reason for shorter ones than before.
            return;
        }
        if self.follow_path() && !self.send.flight.is_empty() {
            // RFC 1191 6.4: what was too long is sent again in shorter segments.
            if self.retransmit_simply() {
                self.restart_retransmit(now);
            }
        }
    }

    /// What is longer than the path carries is lost, which says nothing of congestion: the window and its threshold stay
    /// (`tcp_simple_retransmit`). True if there is something of the kind.
    pub(super) fn retransmit_simply(&mut self) -> bool {
        let send = &mut self.send;
        let mss = u32::from(send.mss);
        if send.flight.mark_longer_lost(mss) == 0 {
            return false;
        }
        if !self.flags.contains(BlockFlags::SACK) {
            send.flight.limit_duplicates();
        }
        if send.phase != Phase::Loss {
            send.recovery_point = send.nxt;
            send.window.threshold = send.present_threshold();
            send.phase = Phase::Loss;
            let recovery = send.recovery();
            recovery.forget_undo();
            recovery.reduction = None;
        }
        send.set_resend(Resend::Lost);
        true
    }

    /// After `tcp_retries1` timeouts.
    pub(super) fn suspect_path(&mut self, now: Instant) {
        let options = self.options_len();
        if let Some(path) = self.send.known_path().filter(|path| path.rules.probing > 0) {
            path.suspect(options, now);
            self.follow_path();
        }
    }

    /// A timeout says nothing of the probe.
    pub(super) fn forget_path_probe(&mut self) {
        if let Some(path) = self.send.known_path() {
            path.probe = None;
        }
    }

    /// `tcp_mtu_probe`: RFC 4821 7.4 asks for enough data and window that a lost probe is found out without a timeout.
    pub(super) fn plan_path_probe(&self) -> Search {
        let send = &self.send;
        let Some(path) = send.rare.path.as_ref().filter(|path| path.is_on) else {
            return Search::No;
        };
        if path.probe.is_some()
            || send.phase != Phase::Open
            || !send.queue.records.is_empty()
            || send.window.size < LEAST_WINDOW
            || self.recv.has_blocks()
        {
            return Search::No;
        }
        let high = path.high.min(path.clamp).min(path.known);
        let middle = path.low.midpoint(high);
        if middle > high || high.saturating_sub(path.low) < path.rules.threshold {
            return Search::No;
        }
        let size = u32::from(middle - self.options_len());
        let reordering = u32::from(self.limits.loss.reordering);
        let needed = size + (reordering + 1) * u32::from(send.mss);
        if send.unsent() < needed || send.wnd < needed {
            return Search::No;
        }
        if (send.nxt + needed).after(send.window_end()) {
            return Search::Wait;
        }
        if send.flight.pipe() + 2 > send.window.size {
            return if send.flight.is_empty() {
                Search::No
            } else {
                Search::Wait
            };
        }
        Search::Probe(size)
    }

    /// The probe left.
    pub(super) fn note_path_probe(&mut self, start: Seq, end: Seq) {
        let options = self.options_len();
        if let Some(path) = self.send.known_path() {
            let size = u16::try_from(end.since(start)).unwrap_or(u16::MAX);
            let size = size.saturating_add(options);
            path.probe = Some(Flying { start, end, size });
        }
    }

    /// Something was acknowledged: the probe, too? (`tcp_mtup_probe_success`)
    pub(super) fn answer_path_probe(&mut self) {
        let una = self.send.una;
        let Some(path) = self.send.known_path() else {
            return;
        };
        let Some(probe) = path.probe.filter(|probe| probe.end.at_or_before(una)) else {
            return;
        };
        path.low = probe.size;
        path.probe = None;
        let before = u64::from(self.send.mss);
        self.follow_path();
        // The window is as many bytes as it was.
        let window = &mut self.send.window;
        let bytes = u64::from(window.size) * before;
        let packets = bytes / u64::from(self.send.mss).max(1);
        window.size = u32::try_from(packets).unwrap_or(u32::MAX).max(1);
        window.credit = 0;
        self.events |= Events::PATH_PROBE_ARRIVED;
    }

    /// Segments are about to be called lost: if it is the probe alone, it was too long, which is no congestion (RFC 4821
    /// 7.6.2). True if that is what it was.
    pub(super) fn is_path_probe_lost(&mut self) -> bool {
        let una = self.send.una;
        let Some(path) = self.send.known_path() else {
            return false;
        };
        let Some(probe) = path.probe.take_if(|probe| probe.start == una) else {
            return false;
        };
        path.high = probe.size - 1;
        self.events |= Events::PATH_PROBE_LOST;
        true
    }

    /// `tcp_mtu_check_reprobe`: after a while the path may have become another.
    pub(super) fn search_path_again(&mut self, now: Instant) {
        let mss = self.send.mss + self.options_len();
        let Some(path) = self.send.known_path().filter(|path| path.is_on) else {
            return;
        };
        let is_found = path.high.saturating_sub(path.low) < path.rules.threshold;
        let interval = Duration::from_secs(path.rules.interval.into());
        if is_found && path.probe.is_none() && now - path.since >= interval {
            path.low = mss;
            path.high = path.clamp;
            path.since = now;
        }
    }
}
