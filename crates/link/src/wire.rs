//! Wires in memory.
use std::collections::VecDeque;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use crate::Link;
use crate::link::earlier;

/// One direction of an ideal wire: every frame arrives at once and in order. Also a loopback.
#[derive(Debug, Default)]
pub struct Pipe {
    /// Frames with the time at which they were sent.
    frames: VecDeque<(Instant, Frame)>,
}

impl Pipe {
    /// An empty wire.
    pub fn new() -> Self {
        Pipe::default()
    }
}

impl Link for Pipe {
    fn send(&mut self, frame: Frame, now: Instant) {
        self.frames.push_back((now, frame));
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        // A delaying wrapper hands a frame in with the time at which it was due, which is never later than `now`.
        let (sent, _) = self.frames.front()?;
        if *sent > now {
            return None;
        }
        self.frames.pop_front().map(|(_, frame)| frame)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.frames.front().map(|(sent, _)| *sent)
    }

    fn queued(&self) -> usize {
        self.frames.len()
    }
}

/// One of the two ends of a [`Wire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// One end.
    A,
    /// The other.
    B,
}

impl End {
    /// The end that is not this one.
    pub fn other(self) -> End {
        match self {
            End::A => End::B,
            End::B => End::A,
        }
    }
}

/// A point-to-point wire between two ends: a link for each direction.
#[derive(Debug, Default)]
pub struct Wire<A = Pipe, B = A> {
    /// What end A sends and end B receives.
    pub from_a: A,
    /// What end B sends and end A receives.
    pub from_b: B,
}

impl<A: Link, B: Link> Wire<A, B> {
    /// A wire of two one-way links.
    pub fn new(from_a: A, from_b: B) -> Self {
        Wire { from_a, from_b }
    }

    /// Sends a frame from one end to the other.
    pub fn send(&mut self, end: End, frame: Frame, now: Instant) {
        match end {
            End::A => self.from_a.send(frame, now),
            End::B => self.from_b.send(frame, now),
        }
    }

    /// The next frame that has arrived at this end.
    pub fn receive(&mut self, end: End, now: Instant) -> Option<Frame> {
        match end {
            End::A => self.from_b.receive(now),
            End::B => self.from_a.receive(now),
        }
    }

    /// When the next frame arrives at this end, at the earliest.
    pub fn next_deadline_at(&self, end: End) -> Option<Instant> {
        match end {
            End::A => self.from_b.next_deadline(),
            End::B => self.from_a.next_deadline(),
        }
    }

    /// When something happens next at either end.
    pub fn next_deadline(&self) -> Option<Instant> {
        earlier(self.from_a.next_deadline(), self.from_b.next_deadline())
    }
}

#[cfg(test)]
mod tests;
