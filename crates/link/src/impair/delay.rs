//! Frames that take their time, and frames that overtake.
use std::collections::BTreeMap;
use std::time::Duration;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::Probability;
use super::random::Correlated;
use crate::Link;
use crate::link::earlier;

/// `reorder PERCENT [CORRELATION] [gap DISTANCE]`: some frames are not delayed and so overtake those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorder {
    /// How likely a frame is sent at once.
    pub probability: Probability,
    /// How much the decision depends on the last one.
    pub correlation: Probability,
    /// Only every so-manieth frame is a candidate; 1 makes every frame one.
    pub gap: u32,
}

/// `delay TIME [JITTER [CORRELATION]]`: each frame arrives after `TIME`, give or take up to `JITTER`. Frames whose delays differ
/// arrive in a different order, as with netem.
#[derive(Debug)]
pub struct Delay<L> {
    inner: L,
    delay: Duration,
    jitter: Duration,
    random: Correlated,
    reorder: Option<(Reorder, Correlated)>,
    /// Frames delayed since the last one that overtook.
    since_reorder: u32,
    /// Frames by due time, then by the order in which they were sent.
    queue: BTreeMap<(Instant, u64), Frame>,
    sent: u64,
}

impl<L: Link> Delay<L> {
    /// Delays frames on the way into `inner`. A jitter longer than the delay acts as a delay of zero at its low end.
    pub fn new(
        inner: L,
        delay: Duration,
        jitter: Duration,
        correlation: Probability,
        seed: u64,
    ) -> Self {
        Delay {
            inner,
            delay,
            jitter,
            random: Correlated::new(seed, correlation.scaled()),
            reorder: None,
            since_reorder: 0,
            queue: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Lets some frames overtake.
    #[must_use]
    pub fn with_reorder(mut self, reorder: Reorder, seed: u64) -> Self {
        let random = Correlated::new(seed, reorder.correlation.scaled());
        self.reorder = Some((reorder, random));
        self
    }

    fn overtakes(&mut self) -> bool {
        let Some((reorder, random)) = &mut self.reorder else {
            return false;
        };
        // As in netem: with a gap, the frames between are never candidates.
        let candidate = self.since_reorder >= reorder.gap.saturating_sub(1);
        if candidate && reorder.probability.happens(random) {
            self.since_reorder = 0;
            true
        } else {
            self.since_reorder = self.since_reorder.saturating_add(1);
            false
        }
    }

    /// The delay of the next frame: uniform in delay - jitter up to delay + jitter.
    fn draw(&mut self) -> Duration {
        if self.jitter.is_zero() {
            return self.delay;
        }
        let position = u128::from(self.random.next_u32());
        let offset = (self.jitter.as_nanos() * 2 * position) >> 32;
        let offset = Duration::from_nanos(u64::try_from(offset).unwrap_or(u64::MAX));
        (self.delay + offset).saturating_sub(self.jitter)
    }

    /// Hands frames that are due to the inner link, each with the time at which it was due.
    fn flush(&mut self, now: Instant) {
        while let Some(entry) = self.queue.first_entry() {
            let (due, _) = *entry.key();
            if due > now {
                break;
            }
            self.inner.send(entry.remove(), due);
        }
    }
}

impl<L: Link> Link for Delay<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        self.flush(now);
        let due = if self.overtakes() {
            now
        } else {
            now + self.draw()
        };
        self.queue.insert((due, self.sent), frame);
        self.sent += 1;
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        self.flush(now);
        self.inner.receive(now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let own = self.queue.first_key_value().map(|((due, _), _)| *due);
        earlier(own, self.inner.next_deadline())
    }

    fn queued(&self) -> usize {
        self.queue.len() + self.inner.queued()
    }
}
