//! Frames that arrive twice.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::Probability;
use super::random::Correlated;
use crate::Link;

/// `duplicate PERCENT [CORRELATION]`: sends a frame and a copy of it.
#[derive(Debug)]
pub struct Duplicate<L> {
    inner: L,
    duplicate: Probability,
    random: Correlated,
}

impl<L: Link> Duplicate<L> {
    /// Duplicates frames on the way into `inner`.
    pub fn new(inner: L, duplicate: Probability, correlation: Probability, seed: u64) -> Self {
        Duplicate {
            inner,
            duplicate,
            random: Correlated::new(seed, correlation.scaled()),
        }
    }

    /// Changes how likely a copy is.
    pub fn set_chance(&mut self, duplicate: Probability, correlation: Probability) {
        self.duplicate = duplicate;
        self.random.set_correlation(correlation.scaled());
    }

    pub(super) fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    pub(super) fn inner(&self) -> &L {
        &self.inner
    }
}

impl<L: Link> Link for Duplicate<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        if self.duplicate.happens(&mut self.random) {
            self.inner.send(frame.clone(), now);
        }
        self.inner.send(frame, now);
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        self.inner.receive(now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.inner.next_deadline()
    }

    fn queued(&self) -> usize {
        self.inner.queued()
    }
}
