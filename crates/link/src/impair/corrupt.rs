//! Frames that arrive with a bit flipped.
use bytes::Bytes;
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::Probability;
use super::random::{Correlated, Random};
use crate::Link;

/// `corrupt PERCENT [CORRELATION]`: flips one random bit of the packet.
///
/// The packet's checksums are filled in before, so that its receiver can notice; of a super-segment, one of the packets it
/// stands for is hit.
#[derive(Debug)]
pub struct Corrupt<L> {
    inner: L,
    corrupt: Probability,
    random: Correlated,
    place: Random,
}

impl<L: Link> Corrupt<L> {
    /// Corrupts frames on the way into `inner`.
    pub fn new(inner: L, corrupt: Probability, correlation: Probability, seed: u64) -> Self {
        let mut place = Random::new(seed);
        Corrupt {
            inner,
            corrupt,
            random: Correlated::new(place.next_u64(), correlation.scaled()),
            place,
        }
    }

    /// Changes how likely damage is.
    pub fn set_chance(&mut self, corrupt: Probability, correlation: Probability) {
        self.corrupt = corrupt;
        self.random.set_correlation(correlation.scaled());
    }

    pub(super) fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    pub(super) fn inner(&self) -> &L {
        &self.inner
    }

    fn flip(&mut self, frame: &Frame) -> Frame {
        let mut bytes = frame.to_vec();
        let bits = u64::try_from(bytes.len() * 8).unwrap_or(0);
        let bit = usize::try_from(self.place.below(bits)).unwrap_or(0);
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        Frame::from_bytes(Bytes::from(bytes))
    }
}

impl<L: Link> Link for Corrupt<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        if !self.corrupt.happens(&mut self.random) {
            self.inner.send(frame, now);
            return;
        }
        let mut packets: Vec<Frame> = frame.segments().collect();
        let count = u64::try_from(packets.len()).unwrap_or(0);
        let victim = usize::try_from(self.place.below(count)).unwrap_or(0);
        if let Some(packet) = packets.get_mut(victim) {
            *packet = self.flip(packet);
        }
        for packet in packets {
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
