//! The same socket calls on the kernel and on Sockeye, compared.
//!
//! A *case* is a body of socket calls, written once against [`World`]. It runs twice: on the [`kernel`] arm (plain
//! `libc` calls, in a network namespace of its own when the test has the privilege) and on the [`sockeye`] arm
//! (`sockeye_core::Host` in process, in virtual time). [`World`] writes down each call with its normalised result:
//! ports, paths and descriptors by symbolic name, never a time. The two traces must be equal line by line; a line that
//! differs is a failure unless `known-differences.toml` lists it with a reason ([`known`]).
//!
//! Invariants: a body never branches on a result, so that both arms execute the same calls; a body waits for a state
//! ([`World::wait`]) instead of a time.

pub mod address;
pub mod cases;
pub mod cmsg;
pub mod kernel;
pub mod known;
pub mod names;

pub mod random;
pub mod runner;
pub mod sockets;
pub mod sockeye;
pub mod sysctl;
pub mod world;

pub use address::Address;
pub use sockets::{Control, Handle, Message, Reception, Sockets};
pub use world::{Flavor, World};
