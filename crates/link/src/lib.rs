//! What packets travel on: wires, devices, impairments and pcapng capture.
//!
//! A [`Link`] takes frames in with the time at which they are sent and gives them out when they have arrived. It moves
//! frames and nothing else: it knows no addresses and keeps no state about connections. Everything that happens to a frame
//! on the way is a wrapper around another link, so that the parts combine freely:
//!
//! ```
//! use sockeye_link::{Link, Pipe, impair::Netem};
//! use sockeye_tcp::Instant;
//! use sockeye_wire::{Frame, Headers, Payload};
//!
//! let netem: Netem = "delay 10ms".parse()?;
//! let mut link = netem.build(Pipe::new(), 1);
//! link.send(Frame::new(Headers::new(), Payload::from(&b"hi"[..])), Instant::ZERO);
//! assert_eq!(link.receive(Instant::from_millis(9)), None);
//! assert_eq!(link.next_deadline(), Some(Instant::from_millis(10)));
//! assert!(link.receive(Instant::from_millis(10)).is_some());
//! # Ok::<(), sockeye_link::impair::NetemError>(())
//! ```
//!
//! A link has no clock and no ambient randomness: the same frames at the same times with the same seed give the same result.
//! Links also have a bound on what they hold ([`impair::Limit`]); a bare [`Pipe`] holds what its user puts in.

pub mod capture;
pub mod device;
pub mod impair;
mod link;
mod split;
mod tap;
mod wire;

pub use link::Link;
pub use split::Split;
pub use tap::{Direction, Tap};
pub use wire::{End, Pipe, Wire};
