//! A link without offloads.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use crate::Link;

/// Sends super-segments as the packets they stand for, with their checksums filled in, as a device without offloads makes a
/// host do. Put outside an impairment it makes loss and reordering act on real packets instead of 64 KiB at once.
#[derive(Debug, Default)]
pub struct Split<L> {
    inner: L,
}

impl<L: Link> Split<L> {
    /// Splits what is sent into `inner`.
    pub fn new(inner: L) -> Self {
        Split { inner }
    }
}

impl<L: Link> Link for Split<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        for packet in frame.segments().summed() {
            self.inner.send(packet, now);
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
