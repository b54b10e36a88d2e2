//! One network host: sockets and the protocol stack beneath them, without an operating system.
//!
//! [`Host`] is a plain value with a single owner. It has no clock, no thread, no I/O and no ambient randomness; its
//! documentation says how to drive it.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod address;
pub mod config;
pub mod counters;
mod datagram;
mod errno;
mod host;
pub mod ids;
mod inet;
mod interface;
pub mod ip;
pub mod message;
mod multicast;
pub mod netlink;
pub mod options;
mod pages;
pub mod pending;
mod ping;
mod raw;
mod readiness;
mod rng;
mod socket;
mod tcp;
mod timer_wheel;
mod udp;
mod unix;

pub use address::{Domain, SocketAddress, SocketType, UnixAddress};
pub use config::{
    Config, InterfaceConfig, IpCidr, Loopback, Medium, MinDefaultMax, OffloadCapabilities, Sysctl,
};
pub use counters::Counters;
pub use errno::Errno;
pub use host::{Host, Snapshot, SocketSummary};
pub use ids::{InterfaceId, SocketId};
pub use interface::InterfaceInfo;
pub use ip::routes::{Route, RouteMetrics};
pub use message::{
    Accepted, Ancillary, Credentials, ErrorOrigin, ExtendedError, Incoming, MessageFlags,
    MessageLevel, Outgoing, Queued, Received, Right, Shutdown,
};
pub use options::OptionValue;
pub use readiness::Readiness;
pub use sockeye_tcp::{Algorithm as CongestionControl, Instant};
pub use sockeye_wire::{Chunks, Frame, Payload};
pub use tcp::fast_open::{FastOpenChoices, FastOpenKeys};
pub use tcp::{MemoryMarks, TcpMemory};
pub use unix::{PathNode, PathResolver, PathTable};
