//! Frames that take their time, and frames that overtake.
use std::collections::BTreeMap;
use std::time::Duration;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::random::{Correlated, Random};
use super::slot::Slots;
use super::{Distribution, Probability, Slot};
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

/// How long frames take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// How long each frame takes.
    pub delay: Duration,
    /// How much more or less; see [`Distribution`]. A delay that would be below zero is zero.
    pub jitter: Duration,
    /// How much a frame's delay depends on the last one's.
    pub correlation: Probability,
    /// How delays are spread.
    pub distribution: Distribution,
    /// Frames that overtake.
    pub reorder: Option<Reorder>,
}

/// `delay TIME [JITTER [CORRELATION]] [distribution NAME]`: frames whose delays differ arrive in a different order, as with netem.
#[derive(Debug)]
pub struct Delay<L> {
    inner: L,
    latency: Latency,
    random: Correlated,
    reorder: Correlated,
    /// Frames delayed since the last one that overtook.
    since_reorder: u32,
    /// Frames by due time, then by the order in which they were sent.
    queue: BTreeMap<(Instant, u64), Frame>,
    sent: u64,
    /// When frames that are due may go.
    slots: Slots,
}

impl<L: Link> Delay<L> {
    /// Delays frames on the way into `inner`.
    pub fn new(inner: L, latency: Latency, seed: u64) -> Self {
        let mut seeds = Random::new(seed);
        let mut delay = Delay {
            inner,
            latency,
            random: Correlated::new(seeds.next_u64(), 0),
            reorder: Correlated::new(seeds.next_u64(), 0),
            since_reorder: 0,
            queue: BTreeMap::new(),
            sent: 0,
            slots: Slots::new(seeds.next_u64()),
        };
        delay.set_latency(latency);
        delay
    }

    /// Changes how long frames take that are sent from now on.
    pub fn set_latency(&mut self, latency: Latency) {
        self.latency = latency;
        self.random.set_correlation(latency.correlation.scaled());
        let reorder = latency
            .reorder
            .map_or(Probability::NEVER, |reorder| reorder.correlation);
        self.reorder.set_correlation(reorder.scaled());
    }

    /// Changes when frames that are due may go.
    pub fn set_slot(&mut self, slot: Option<Slot>, now: Instant) {
        self.slots.set(slot, now);
    }

    fn overtakes(&mut self) -> bool {
        let Some(reorder) = self.latency.reorder else {
            return false;
        };
        // As in netem: with a gap, the frames between are never candidates.
        let candidate = self.since_reorder >= reorder.gap.saturating_sub(1);
        if candidate && reorder.probability.happens(&mut self.reorder) {
            self.since_reorder = 0;
            true
        } else {
            self.since_reorder = self.since_reorder.saturating_add(1);
            false
        }
    }

    /// The delay of the next frame.
    fn draw(&mut self) -> Duration {
        let latency = self.latency;
        if latency.jitter.is_zero() {
            return latency.delay;
        }
        let position = self.random.next_u32();
        latency
            .distribution
            .place(latency.delay, latency.jitter, position)
    }

    pub(super) fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    /// Hands frames that are due to the inner link, each with the time at which it could go.
    fn flush(&mut self, now: Instant) {
        while let Some(entry) = self.queue.first_entry() {
            let (due, _) = *entry.key();
            let at = self.slots.after(due);
            if at > now {
                break;
            }
            if self.slots.pass(due, at) {
                continue;
            }
            let frame = entry.remove();
            self.slots.took(frame.len(), at);
            self.inner.send(frame, at);
            self.look_ahead(at);
        }
    }

    /// Whether the next frame has missed the slot, which the kernel looks for whenever a frame comes and goes.
    fn look_ahead(&mut self, now: Instant) {
        if let Some(((due, _), _)) = self.queue.first_key_value() {
            self.slots.pass(*due, now);
        }
    }
}

impl<L: Link> Link for Delay<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        self.flush(now);
        let is_idle = self.latency == Latency::default() && self.slots.is_none();
        if is_idle && self.queue.is_empty() {
            self.inner.send(frame, now);
            return;
        }
        let due = if self.overtakes() {
            now
        } else {
            now + self.draw()
        };
        self.queue.insert((due, self.sent), frame);
        self.sent += 1;
        self.look_ahead(now);
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        self.flush(now);
        self.inner.receive(now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let first = self.queue.first_key_value();
        let own = first.map(|((due, _), _)| self.slots.after(*due));
        earlier(own, self.inner.next_deadline())
    }

    fn queued(&self) -> usize {
        self.queue.len() + self.inner.queued()
    }
}
