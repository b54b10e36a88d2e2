//! What can happen to frames on the way, in the words of `tc netem`.
//!
//! Each impairment is a [`Link`](crate::Link) around another one and acts on what is sent into it. Each has its own seeded
//! generator, and each can be changed while frames are under way. [`Netem`] is several of them as one line of text, and
//! [`Impaired`] is a link with them.
//!
//! Where this differs from the kernel's netem: the impairments follow one another instead of being decided in one step, so
//! that of a duplicated packet each copy can be lost by itself; a correlation makes bursts without changing how often something
//! happens; with a rate, jitter can reorder; and a rate's queue can have a discipline of its own, which takes the place of a
//! child of netem. Distributions from files are not there.

mod bandwidth;
mod corrupt;
mod delay;
mod distribution;
mod duplicate;
mod impaired;
mod limit;
mod loss;
mod netem;
mod probability;
mod queue;
mod random;
mod rate;
mod slot;
mod words;

pub use bandwidth::{Bandwidth, Framing};
pub use corrupt::Corrupt;
pub use delay::{Delay, Latency, Reorder};
pub use distribution::Distribution;
pub use duplicate::Duplicate;
pub use impaired::{Impaired, Losses};
pub use limit::Limit;
pub use loss::{Loss, LossModel};
pub use netem::Netem;
pub use probability::Probability;
pub use queue::{
    Codel, CodelSettings, Discipline, Fifo, FqCodel, FqCodelSettings, Queue, Red, RedSettings,
};
pub use rate::Rate;
pub use slot::{Slot, SlotPause};
pub use words::NetemError;

#[cfg(test)]
mod tests;
