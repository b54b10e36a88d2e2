//! Looking at frames without touching them.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use crate::Link;

/// Which way a frame went past a [`Tap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It was sent.
    Outbound,
    /// It was received.
    Inbound,
}

/// Shows every frame that is sent into a link, and every frame that comes out of it, to `observe`.
///
/// Where it sits decides what it sees: inside an impairment it sees what survived, outside what was meant.
#[derive(Debug)]
pub struct Tap<L, F> {
    inner: L,
    observe: F,
}

impl<L, F: FnMut(&Frame, Direction, Instant)> Tap<L, F> {
    /// Watches `inner`.
    pub fn new(inner: L, observe: F) -> Self {
        Tap { inner, observe }
    }
}

impl<L: Link, F: FnMut(&Frame, Direction, Instant)> Link for Tap<L, F> {
    fn send(&mut self, frame: Frame, now: Instant) {
        (self.observe)(&frame, Direction::Outbound, now);
        self.inner.send(frame, now);
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        let frame = self.inner.receive(now)?;
        (self.observe)(&frame, Direction::Inbound, now);
        Some(frame)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.inner.next_deadline()
    }

    fn queued(&self) -> usize {
        self.inner.queued()
    }
}
