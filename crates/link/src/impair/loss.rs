//! Frames that never arrive.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::Probability;
use super::random::Correlated;
use crate::Link;

/// `loss PERCENT [CORRELATION]`: drops frames independently, or in bursts if the correlation is high.
#[derive(Debug)]
pub struct Loss<L> {
    inner: L,
    loss: Probability,
    random: Correlated,
}

impl<L: Link> Loss<L> {
    /// Loses frames on the way into `inner`.
    pub fn new(inner: L, loss: Probability, correlation: Probability, seed: u64) -> Self {
        Loss {
            inner,
            loss,
            random: Correlated::new(seed, correlation.scaled()),
        }
    }

    /// Changes how likely a loss is: `ALWAYS` cuts the wire, `NEVER` heals it.
    pub fn set_loss(&mut self, loss: Probability) {
        self.loss = loss;
    }
}

impl<L: Link> Link for Loss<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        if !self.loss.happens(&mut self.random) {
            self.inner.send(frame, now);
        }
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
