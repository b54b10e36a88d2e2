//! Acknowledgments beyond a gap, put together (the end of Linux's `__tcp_ack_snd_check`).
//!
//! The first three tell the sender of a loss and go at once. Those behind them only add to what it knows, and wait for each
//! other, a twentieth of a round trip at most.
use sockeye_wire::SackBlocks;

use super::Receiver;
use crate::Instant;
use crate::block::{Block, BlockFlags};
use crate::timers::Timer;

/// So many go at once (`TCP_FASTRETRANS_THRESH`).
const AT_ONCE: u8 = 3;
/// So many blocks are expected to reach the sender (`TCP_SACK_BLOCKS_EXPECTED`).
const BLOCKS: usize = 2;

/// The segments beyond a gap that have no acknowledgment of their own.
#[derive(Debug)]
pub(crate) struct Compressed {
    /// Where the stream ended when `at_once` was 0.
    position: u64,
    /// Acknowledgments that went at once while it ended there.
    at_once: u8,
    /// Segments that wait for one.
    waiting: u8,
    /// When they get it.
    due: Instant,
    /// What it reports, if not all there is.
    report: Option<SackBlocks>,
}

impl Default for Compressed {
    fn default() -> Compressed {
        Compressed::NONE
    }
}

impl Compressed {
    pub(super) const NONE: Compressed = Compressed {
        position: 0,
        at_once: 0,
        waiting: 0,
        due: Instant::FAR_FUTURE,
        report: None,
    };

    /// Nobody waits.
    pub(super) fn is_over(&self) -> bool {
        self.waiting == 0
    }

    /// The ranges to report, if not those that are there.
    pub(super) fn report(&self) -> Option<&SackBlocks> {
        self.report.as_ref()
    }
}

impl Receiver {
    /// A range is about to come beyond the gap, or to grow. If the sender would hear of it last or not at all, those that
    /// wait go first: without it if it is new, and in the order that they have (`tcp_sack_compress_send_ack`).
    pub(super) fn report_others(&mut self, start: u64, end: u64) {
        let rare = &*self.queue.rare;
        let Some(assembler) = rare
            .assembler
            .as_ref()
            .filter(|_| !rare.compressed.is_over())
        else {
            return;
        };
        let place = assembler.place_in_report(start, end);
        if place < BLOCKS {
            return;
        }
        let grown = |(at, range): (usize, (u64, u64))| match at == place {
            true => (range.0.min(start), range.1.max(end)),
            false => range,
        };
        let ranges = assembler.report().enumerate().map(grown);
        let report = ranges.map(|range| self.numbers(range)).collect();
        let compressed = &mut self.queue.rare.compressed;
        compressed.report = Some(report);
        // One of them has its own.
        compressed.waiting -= 1;
        self.ack.hurry(true);
    }

    /// What goes out reports all there is.
    pub(crate) fn report_all(&mut self) {
        if let Some(rare) = self.existing_rare() {
            rare.compressed.report = None;
        }
    }

    /// Whoever waits gets an acknowledgment now: the timer that ran out is theirs.
    pub(crate) fn take_compressed_due(&mut self, now: Instant) -> bool {
        let Some(rare) = self.existing_rare() else {
            return false;
        };
        let compressed = &mut rare.compressed;
        let is_due = compressed.due <= now;
        if is_due {
            compressed.due = Instant::FAR_FUTURE;
            compressed.waiting = compressed.waiting.saturating_sub(1);
        }
        is_due
    }

    /// An acknowledgment went out, and nothing is left to report. How many others it stands for.
    pub(crate) fn reported(&mut self) -> u8 {
        let Some(rare) = self.existing_rare() else {
            return 0;
        };
        rare.dsack = None;
        let compressed = &mut rare.compressed;
        compressed.report = None;
        compressed.due = Instant::FAR_FUTURE;
        core::mem::take(&mut compressed.waiting)
    }
}

impl Block {
    /// What came beyond a gap is acknowledged: now, or with others.
    pub(crate) fn acknowledge_beyond_gap(&mut self, now: Instant) {
        let rules = self.limits.compression;
        let round = self.recv.autotune.round();
        let round = self.send.rtt.srtt().map_or(round, |srtt| srtt.min(round));
        let position = self.recv.position;
        let compressed = &mut self.recv.queue.rare.compressed;
        let mut is_one_of_the_first = || {
            if compressed.position != position {
                compressed.position = position;
                compressed.at_once = 0;
            }
            let is_one = compressed.at_once < AT_ONCE;
            compressed.at_once += u8::from(is_one);
            is_one
        };
        if !self.flags.contains(BlockFlags::SACK)
            || compressed.waiting >= rules.most
            || is_one_of_the_first()
        {
            self.recv.ack.hurry(true);
            return;
        }
        compressed.waiting += 1;
        let is_timed =
            compressed.due != Instant::FAR_FUTURE && self.timers.is_set(Timer::Acknowledge);
        if !is_timed {
            compressed.due = now + rules.delay.min(round / 20) + rules.slack;
            let due = self.timers.get(Timer::Acknowledge);
            let first = due.map_or(compressed.due, |due| due.min(compressed.due));
            self.timers.set(Timer::Acknowledge, first);
        }
    }
}
