//! Frames that never arrive.
use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use super::Probability;
use super::random::Correlated;
use crate::Link;

/// Which frames are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossModel {
    /// `loss [random] PERCENT [CORRELATION]`: independently, or in bursts if the correlation is high.
    Random {
        /// How likely a frame is lost.
        loss: Probability,
        /// How much the decision depends on the last one.
        correlation: Probability,
    },
    /// `loss gemodel P [R [1-H [1-K]]]`: the link is good or bad (Gilbert, Elliott). A frame first changes the link's state, then
    /// is lost or not by the state in which it found it.
    GilbertElliott {
        /// P: a good link turns bad.
        worsens: Probability,
        /// R: a bad link turns good.
        recovers: Probability,
        /// 1-H: a frame is lost while the link is bad.
        loss_if_bad: Probability,
        /// 1-K: a frame is lost while the link is good.
        loss_if_good: Probability,
    },
    /// `loss state P13 [P31 [P32 [P23 P14]]]`: periods of bursts and gaps between them, each with frames that arrive and frames
    /// that are lost.
    FourStates {
        /// From a gap to a loss in a burst.
        p13: Probability,
        /// From a loss in a burst to a gap.
        p31: Probability,
        /// From a loss in a burst to an arrival in it.
        p32: Probability,
        /// From an arrival in a burst to a loss in it.
        p23: Probability,
        /// From a gap to a loss that stands alone.
        p14: Probability,
    },
}

impl LossModel {
    /// Nothing is lost.
    pub const NONE: LossModel = LossModel::random(Probability::NEVER);

    /// Frames are lost independently.
    pub const fn random(loss: Probability) -> Self {
        LossModel::Random {
            loss,
            correlation: Probability::NEVER,
        }
    }
}

impl Default for LossModel {
    fn default() -> Self {
        LossModel::NONE
    }
}

/// Where the link is in a model with states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Good; state 1 of the four: frames arrive, in a gap between bursts.
    #[default]
    Good,
    /// Bad; state 3: frames are lost, in a burst.
    Bad,
    /// State 2: frames arrive, in a burst.
    ArrivingInBurst,
    /// State 4: one frame is lost, in a gap.
    LostInGap,
}

/// `loss`: drops frames, or with `ecn` marks those whose transport understands marks.
#[derive(Debug)]
pub struct Loss<L> {
    inner: L,
    model: LossModel,
    marks: bool,
    state: State,
    random: Correlated,
    lost: u64,
}

impl<L: Link> Loss<L> {
    /// Loses frames on the way into `inner`.
    pub fn new(inner: L, model: LossModel, seed: u64) -> Self {
        let mut loss = Loss {
            inner,
            model: LossModel::NONE,
            marks: false,
            state: State::Good,
            random: Correlated::new(seed, 0),
            lost: 0,
        };
        loss.set_model(model);
        loss
    }

    /// Changes what is lost: `ALWAYS` cuts the wire, `NEVER` heals it.
    pub fn set_model(&mut self, model: LossModel) {
        if core::mem::discriminant(&self.model) != core::mem::discriminant(&model) {
            self.state = State::Good;
        }
        let correlation = match model {
            LossModel::Random { correlation, .. } => correlation,
            _ => Probability::NEVER,
        };
        self.random.set_correlation(correlation.scaled());
        self.model = model;
    }

    /// `ecn`: whether frames of a transport that understands marks are marked in place of being lost (RFC 3168).
    pub fn set_marks(&mut self, marks: bool) {
        self.marks = marks;
    }

    /// How many frames were lost or marked.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn inner_mut(&mut self) -> &mut L {
        &mut self.inner
    }

    pub(super) fn inner(&self) -> &L {
        &self.inner
    }

    fn loses(&mut self) -> bool {
        match self.model {
            LossModel::Random { loss, .. } => loss.happens(&mut self.random),
            LossModel::GilbertElliott {
                worsens,
                recovers,
                loss_if_bad,
                loss_if_good,
            } => {
                let (change, next, loss) = if self.state == State::Good {
                    (worsens, State::Bad, loss_if_good)
                } else {
                    (recovers, State::Good, loss_if_bad)
                };
                if change.happens(&mut self.random) {
                    self.state = next;
                }
                loss.happens(&mut self.random)
            }
            LossModel::FourStates { .. } => {
                self.state = self.four_states();
                matches!(self.state, State::Bad | State::LostInGap)
            }
        }
    }

    /// The state that the next frame sees.
    fn four_states(&mut self) -> State {
        let LossModel::FourStates {
            p13,
            p31,
            p32,
            p23,
            p14,
        } = self.model
        else {
            return State::Good;
        };
        // One number decides between all ways out of a state.
        let number = self.random.next_u32();
        let among = |first: Probability, second: Probability| {
            if first.covers(number) {
                Some(true)
            } else if first.and(second).covers(number) {
                Some(false)
            } else {
                None
            }
        };
        match self.state {
            State::Good => match among(p14, p13) {
                Some(true) => State::LostInGap,
                Some(false) => State::Bad,
                None => State::Good,
            },
            State::ArrivingInBurst if p23.covers(number) => State::Bad,
            State::ArrivingInBurst => State::ArrivingInBurst,
            State::Bad => match among(p32, p31) {
                Some(true) => State::ArrivingInBurst,
                Some(false) => State::Good,
                None => State::Bad,
            },
            State::LostInGap => State::Good,
        }
    }
}

impl<L: Link> Link for Loss<L> {
    fn send(&mut self, mut frame: Frame, now: Instant) {
        if self.loses() {
            self.lost += 1;
            if !(self.marks && frame.mark_congestion()) {
                return;
            }
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
