//! Sockeye's hosts against the kernel's, over TUN and a veth pair.
//!
//! A [`Path`] joins two [`End`]s by a wire with impairments. An end is one of our hosts, or the kernel: in a network namespace
//! of its own, whose only way out is a TUN, or a veth, that the path serves. Both have the same addresses, so that each
//! combination of client and server runs the same [`Exchange`]: bulk both ways, of which every byte is checked. [`Shared`] is
//! two connections, ours and the kernel's, that compete for one wire.
//!
//! A [`Lab`] is for one feature at a time: both ends' programs are led step by step by the same calls, and a test sees, holds,
//! changes and makes packets.

// The kernel's time is the machine's, and some of what it does gives no event to wait for.
#![allow(clippy::disallowed_methods)]

mod exchange;
mod kernel;
mod lab;
mod ours;
mod path;
mod program;
mod setting;
mod shared;
mod sockopt;
mod veth;

pub use exchange::{Exchange, Family, Report};
pub use kernel::{Kernel, Medium, Task, isolate};
pub use lab::{Answer, Complaint, Lab, Narrow, Packet, Plan, Socket, TcpInfo, Verdict};
pub use ours::Ours;
pub use path::{End, Path, Place, Setup, Traffic, Who};
pub use setting::Setting;
pub use shared::Shared;
pub use sockeye_programs::need;
pub use veth::Veth;
