//! All impairments around one link, changeable while frames are under way.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::random::Random;
use super::{
    Corrupt, Delay, Discipline, Duplicate, Latency, Limit, Loss, LossModel, Netem, Probability,
    Rate,
};
use crate::Link;

/// The impairments of a [`Netem`] around a link, from the outside in: duplicate, loss, corrupt, limit, rate with its queue, delay.
///
/// [`Impaired::change`] makes it another one at once, as `tc qdisc change` does: frames under way keep the times that they have,
/// and generators go on where they are.
#[derive(Debug)]
pub struct Impaired<L> {
    link: Duplicate<Loss<Corrupt<Limit<Wire<L>>>>>,
}

/// What takes time.
type Wire<L> = Rate<Delay<L>>;

/// What became of frames that did not pass unharmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Lost, or marked in place of it, by `loss`.
    pub lost: u64,
    /// Dropped because the limit, or the queue's discipline, did not let them wait.
    pub dropped: u64,
    /// Marked by the queue's discipline.
    pub marked: u64,
}

impl<L: Link> Impaired<L> {
    /// Puts the impairments around `inner`. The same seed makes the same decisions, unless `netem` has one of its own.
    pub fn new(inner: L, netem: &Netem, seed: u64) -> Self {
        let mut seeds = Random::new(netem.seed.unwrap_or(seed));
        // Every generator gets its seed whether it is used or not: adding one impairment leaves the decisions of the others.
        let [delay, corrupt, loss, duplicate, queue] = [0; 5].map(|_| seeds.next_u64());
        let never = Probability::NEVER;
        let link = Delay::new(inner, Latency::default(), delay);
        let link = Rate::new(link, None, Discipline::UNLIMITED, queue);
        let link = Limit::new(link, usize::MAX);
        let link = Corrupt::new(link, never, never, corrupt);
        let link = Loss::new(link, LossModel::NONE, loss);
        let link = Duplicate::new(link, never, never, duplicate);
        let mut impaired = Impaired { link };
        impaired.change(netem, Instant::ZERO);
        impaired
    }

    /// Makes the impairments those of `netem`, for frames sent from now on. A seed in it is for new links alone.
    pub fn change(&mut self, netem: &Netem, now: Instant) {
        let (probability, correlation) = netem.duplicate;
        self.link.set_chance(probability, correlation);
        let loss = self.link.inner_mut();
        loss.set_model(netem.loss);
        loss.set_marks(netem.ecn);
        let corrupt = loss.inner_mut();
        let (probability, correlation) = netem.corrupt;
        corrupt.set_chance(probability, correlation);
        let limit = corrupt.inner_mut();
        let default = match netem.discipline {
            Some(_) => usize::MAX,
            None => Netem::DEFAULT_LIMIT,
        };
        limit.set_limit(netem.limit.unwrap_or(default));
        let rate = limit.inner_mut();
        rate.set_bandwidth(netem.rate, netem.framing);
        rate.set_discipline(netem.discipline.unwrap_or(Discipline::UNLIMITED), now);
        let delay = rate.inner_mut();
        delay.set_latency(netem.latency);
        delay.set_slot(netem.slot, now);
    }

    /// How many frames did not pass unharmed.
    pub fn losses(&self) -> Losses {
        let loss = self.link.inner();
        let limit = loss.inner().inner();
        let queue = limit.inner().waiting();
        Losses {
            lost: loss.lost(),
            dropped: limit.dropped() + queue.dropped(),
            marked: queue.marked(),
        }
    }

    /// The link inside.
    pub fn inner_mut(&mut self) -> &mut L {
        let limit = self.link.inner_mut().inner_mut().inner_mut();
        limit.inner_mut().inner_mut().inner_mut()
    }
}

impl<L: Link> Link for Impaired<L> {
    fn send(&mut self, frame: Frame, now: Instant) {
        self.link.send(frame, now);
    }

    fn receive(&mut self, now: Instant) -> Option<Frame> {
        self.link.receive(now)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.link.next_deadline()
    }

    fn queued(&self) -> usize {
        self.link.queued()
    }
}
