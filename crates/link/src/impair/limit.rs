//! A queue that ends somewhere.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use crate::Link;

/// `limit PACKETS`: drops what is sent while so many frames are under way inside.
#[derive(Debug)]
pub struct Limit<L> {
    inner: L,
    limit: usize,
    dropped: u64,
}

impl<L: Link> Limit<L> {
    /// Lets at most `limit` frames be under way in `inner`.
    pub fn new(inner: L, limit: usize) -> Self {
        Limit {
            inner,
            limit,
            dropped: 0,
        }
    }

    /// Changes how many frames may be under way; those that are stay.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(super) fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    pub(super) fn inner(&self) -> &L {
        &self.inner
    }

    /// How many frames found the queue full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl<L: Link> Link for Limit<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        if self.inner.queued() < self.limit {
            self.inner.send(frame, now);
        } else {
            self.dropped += 1;
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
