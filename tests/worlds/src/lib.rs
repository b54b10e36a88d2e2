//! Hosts and hostile wires in virtual time.
//!
//! A [`World`] is two hosts joined by a wire that loses, delays, reorders, duplicates and corrupts as it is told to, by a
//! seed. [`Flow`]s are programs on it: a client and a server that send each other bytes which both can recompute. The
//! tests ask that every byte arrives once and in order, that every connection ends and leaves nothing behind, that
//! nothing stands still, and that the same seed gives the same bytes.
//!
//! Frames cross the wire as bytes: what arrives is parsed again and its checksums are not taken on trust.

mod flow;
mod random;
mod story;
mod world;

pub use flow::{Family, Flow, Plan};
pub use random::Random;
pub use world::{Run, Side, Stall, World};
