//! First in, first out.
use std::collections::VecDeque;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::{Queue, Tally};

/// Frames in order, up to a number of frames or bytes; what comes last is dropped.
#[derive(Debug)]
pub struct Fifo {
    frames: VecDeque<Frame>,
    bytes: usize,
    most_frames: usize,
    most_bytes: usize,
    tally: Tally,
}

impl Fifo {
    /// At most so many frames.
    pub fn packets(limit: usize) -> Self {
        Fifo::new(limit, usize::MAX)
    }

    /// At most so many bytes.
    pub fn bytes(limit: usize) -> Self {
        Fifo::new(usize::MAX, limit)
    }

    fn new(most_frames: usize, most_bytes: usize) -> Self {
        Fifo {
            frames: VecDeque::new(),
            bytes: 0,
            most_frames,
            most_bytes,
            tally: Tally::default(),
        }
    }
}

impl Queue for Fifo {
    fn enqueue(&mut self, frame: Frame, _now: Instant) {
        let bytes = self.bytes.saturating_add(frame.len());
        if self.frames.len() >= self.most_frames || bytes > self.most_bytes {
            self.tally.dropped += 1;
            return;
        }
        self.bytes = bytes;
        self.frames.push_back(frame);
    }

    fn dequeue(&mut self, _now: Instant) -> Option<Frame> {
        self.take()
    }

    fn take(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    fn len(&self) -> usize {
        self.frames.len()
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
