//! One TCP connection and nothing else: no ports, no sockets, no IP, no clock.
//!
//! [`Connection`] takes segments, time and the application's calls, and gives segments. Inside it is one of the eleven
//! states of RFC 9293 (`state/`, one struct to a file) beside a control block that all synchronized states share: the send
//! side (`send/`: queue, flight and scoreboard, round trip, losses, what may be sent), the receive side (`recv/`: queue,
//! out-of-order assembly, window, acknowledgments, urgent data, PAWS) and congestion control (`congestion/`).
//!
//! Covers RFC 9293, 7323 (window scale, timestamps, PAWS), 2018, 2883, 6675 (SACK), 8985 (RACK-TLP), 6582 (without SACK),
//! 9937 (PRR), 3708, 4015, 5682 (what was no loss), 6298 (timeout), 5681, 6928, 9438, 9406, 2861 and 7661
//! (congestion control), draft-ietf-ccwg-bbr, draft-cheng-iccrg-delivery-rate-estimation (BBR, pacing), 3168 (ECN), 7413 (Fast Open), 5961 (blind attacks), 6093 (urgent data), 6191 (TIME-WAIT
//! reuse), 5482 (user timeout). Where Linux differs from an RFC, Linux is followed and the place says so.
//!
//! Invariants: no input panics; memory is bounded by the buffer sizes; what only a busy connection has is on the heap (`lazy.rs`).
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod block;
mod congestion;
mod connection;
mod deque;
mod ecn;
mod info;
mod lazy;
mod limits;
mod recv;
mod segment;
mod send;
mod seq;
mod settings;
mod state;
mod status;
mod tally;
mod time;
mod timers;

pub use congestion::{Algorithm, BbrInfo};
pub use connection::Connection;
pub use connection::fast_open::{FastOpenOutcome, FastOpenRequest};
pub use ecn::EcnPolicy;
pub use info::Info;
pub use limits::{KnownRules, Rules};
pub use recv::urgent::UrgentRead;
pub use segment::{OutgoingSegment, Segment, reset_for};
pub use send::memory::Push;
pub use seq::Seq;
pub use settings::{Compression, Linger2, PathRules, Settings, SocketOptions, Tuning};
pub use state::{Listen, ListenAction, TimeWaitAction, TimeWaitRecord};
pub use status::{Error, Events, IcmpError, Response, State, Status};
pub use tally::{LossCount, Tally};
pub use time::Instant;
