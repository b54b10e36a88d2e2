//! `AF_UNIX` sockets of a host.
//!
//! Names belong to the host: the abstract ones, and the paths too unless the host was given a resolver for them
//! ([`Host::set_path_resolver`](sockeye_core::Host::set_path_resolver)).

mod address;
mod datagram;
mod listener;
mod stream;

pub use address::UnixSocketAddr;
pub use datagram::UnixDatagram;
pub use listener::{UnixIncoming, UnixListener};
pub use stream::UnixStream;
