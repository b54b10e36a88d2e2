//! One TCP connection and nothing else.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod info;
mod segment;
mod seq;
mod status;
mod time;

pub use info::Info;
pub use segment::{OutgoingSegment, Segment, reset_for};
pub use seq::Seq;
pub use status::{Error, Events, IcmpError, Response, State, Status};
pub use time::Instant;
