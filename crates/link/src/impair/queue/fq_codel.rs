//! Flow queues with controlled delay (RFC 8290): flows take turns, those that send little come first, and each queue is kept
//! short by CoDel.
use std::collections::VecDeque;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::codel::{Backlog, CodelSettings, Control};
use super::{Queue, Tally, flow};

/// `fq_codel [limit PACKETS] [flows NUMBER] [target TIME] [interval TIME] [quantum BYTES] [ecn | noecn] [ce_threshold TIME]
/// [memory_limit BYTES] [drop_batch PACKETS]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FqCodelSettings {
    /// CoDel's settings for each queue; its limit is for all of them together.
    pub codel: CodelSettings,
    /// How many queues flows are spread over, from 1 to 65536.
    pub flows: u32,
    /// Bytes that a queue may send in one turn.
    pub quantum: u32,
    /// How many bytes may wait in all queues together.
    pub memory_limit: usize,
    /// How many frames are dropped at once when there are too many.
    pub drop_batch: u32,
}

impl FqCodelSettings {
    /// The most queues that `tc` allows.
    pub const MOST_FLOWS: u32 = 65_536;
}

impl Default for FqCodelSettings {
    /// The values of RFC 8290 5.2 and of `tc`.
    fn default() -> Self {
        FqCodelSettings {
            codel: CodelSettings {
                limit: 10_240,
                ecn: true,
                ..CodelSettings::default()
            },
            flows: 1024,
            quantum: 1514,
            memory_limit: 32 << 20,
            drop_batch: 64,
        }
    }
}

/// In which list a flow's queue is (RFC 8290 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum List {
    #[default]
    None,
    New,
    Old,
}

#[derive(Debug, Default)]
struct Flow {
    backlog: Backlog,
    control: Control,
    credits: i64,
    list: List,
}

/// Queues for flows, in turns.
#[derive(Debug)]
pub struct FqCodel {
    settings: FqCodelSettings,
    seed: u64,
    flows: Vec<Flow>,
    /// Flows that have just begun to send, and those that have had a turn.
    new: VecDeque<usize>,
    old: VecDeque<usize>,
    length: usize,
    bytes: usize,
    max_packet: usize,
    tally: Tally,
}

impl FqCodel {
    /// Empty queues. The seed decides which flows share one.
    pub fn new(settings: FqCodelSettings, seed: u64) -> Self {
        let count = settings.flows.clamp(1, FqCodelSettings::MOST_FLOWS);
        let flows = (0..count).map(|_| Flow::default()).collect();
        FqCodel {
            settings,
            seed,
            flows,
            new: VecDeque::new(),
            old: VecDeque::new(),
            length: 0,
            bytes: 0,
            max_packet: 0,
            tally: Tally::default(),
        }
    }

    fn quantum(&self) -> i64 {
        // Credits of zero would never let anything through.
        self.settings.quantum.max(1).into()
    }

    /// RFC 8290 4.1.2: drops from the head of the longest queue, half of it but not more than a batch.
    fn shed(&mut self) {
        let longest = self
            .flows
            .iter_mut()
            .max_by_key(|flow| flow.backlog.bytes());
        let Some(flow) = longest else { return };
        let enough = flow.backlog.bytes() / 2;
        let mut freed = 0;
        for _ in 0..self.settings.drop_batch.max(1) {
            let Some((_, frame)) = flow.backlog.pop() else {
                break;
            };
            freed += frame.len();
            self.bytes -= frame.len();
            self.length -= 1;
            self.tally.dropped += 1;
            if freed >= enough {
                break;
            }
        }
    }

    fn recount(&mut self, before: (usize, usize), index: usize) {
        if let Some(flow) = self.flows.get(index) {
            self.length -= before.0 - flow.backlog.len();
            self.bytes -= before.1 - flow.backlog.bytes();
        }
    }
}

impl Queue for FqCodel {
    fn enqueue(&mut self, frame: Frame, now: Instant) {
        let count = u64::try_from(self.flows.len()).unwrap_or(1).max(1);
        let index = usize::try_from(flow::hash(&frame, self.seed) % count).unwrap_or(0);
        let quantum = self.quantum();
        let Some(flow) = self.flows.get_mut(index) else {
            return;
        };
        self.max_packet = self.max_packet.max(frame.len());
        self.bytes += frame.len();
        self.length += 1;
        flow.backlog.push(frame, now);
        if flow.list == List::None {
            flow.list = List::New;
            flow.credits = quantum;
            self.new.push_back(index);
        }
        while self.length > self.settings.codel.limit || self.bytes > self.settings.memory_limit {
            self.shed();
        }
    }

    fn dequeue(&mut self, now: Instant) -> Option<Frame> {
        let quantum = self.quantum();
        loop {
            // RFC 8290 4.2: new flows first.
            let (index, is_new) = match (self.new.front(), self.old.front()) {
                (Some(&index), _) => (index, true),
                (None, Some(&index)) => (index, false),
                (None, None) => return None,
            };
            let list = if is_new { &mut self.new } else { &mut self.old };
            let flow = self.flows.get_mut(index)?;
            if flow.credits <= 0 {
                flow.credits += quantum;
                flow.list = List::Old;
                list.pop_front();
                self.old.push_back(index);
                continue;
            }
            let before = (flow.backlog.len(), flow.backlog.bytes());
            let frame = flow.control.dequeue(
                &mut flow.backlog,
                &self.settings.codel,
                self.max_packet,
                &mut self.tally,
                now,
            );
            match &frame {
                Some(frame) => flow.credits -= i64::try_from(frame.len()).unwrap_or(i64::MAX),
                None => {
                    list.pop_front();
                    // A new flow that has run dry waits for a turn before it is new again, so that it can't starve the old.
                    if is_new && !self.old.is_empty() {
                        flow.list = List::Old;
                        self.old.push_back(index);
                    } else {
                        flow.list = List::None;
                    }
                }
            }
            self.recount(before, index);
            if frame.is_some() {
                return frame;
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        while let Some(&index) = self.new.front().or(self.old.front()) {
            let flow = self.flows.get_mut(index)?;
            if let Some((_, frame)) = flow.backlog.pop() {
                self.length -= 1;
                self.bytes -= frame.len();
                return Some(frame);
            }
            flow.list = List::None;
            if self.new.pop_front().is_none() {
                self.old.pop_front();
            }
        }
        None
    }

    fn len(&self) -> usize {
        self.length
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn dropped(&self) -> u64 {
        self.tally.dropped
    }

    fn marked(&self) -> u64 {
        self.tally.marked
    }

    fn count(&mut self, dropped: u64, marked: u64) {
        self.tally.add(dropped, marked);
    }
}
