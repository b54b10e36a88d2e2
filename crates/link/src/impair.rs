//! What can happen to frames on the way, in the words of `tc netem`.
//!
//! Each impairment is a [`Link`](crate::Link) around another one and acts on what is sent into it. Each has its own seeded
//! generator. [`Netem`] puts several together from one line of text.
//!
//! Where this differs from the kernel's netem: the impairments follow one another instead of being decided in one step, so
//! that of a duplicated packet each copy can be lost by itself; jitter is uniform; and a
//! correlation makes bursts without changing how often something happens.

mod corrupt;
mod delay;
mod duplicate;
mod limit;
mod loss;
mod netem;
mod probability;
mod random;
mod rate;

pub use corrupt::Corrupt;
pub use delay::{Delay, Reorder};
pub use duplicate::Duplicate;
pub use limit::Limit;
pub use loss::Loss;
pub use netem::{Netem, NetemError};
pub use probability::Probability;
pub use rate::{Bandwidth, Rate};

#[cfg(test)]
mod tests;
