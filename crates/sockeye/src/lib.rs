//! Berkeley sockets in user space: an embeddable network host.
//!
//! A [`Net`] is a host of its own - sockets, TCP, UDP, IP, loopback - that threads of this process share. Its types are shaped
//! like `std`'s, with the host as first argument: [`TcpStream`], [`TcpListener`], [`UdpSocket`], [`UnixStream`], [`UnixListener`],
//! [`UnixDatagram`]. Nothing here asks the operating system for a socket. Hosts are joined by wires ([`Net::join`]),
//! which can lose, delay and record packets ([`link`]).
//!
//! Errors are [`std::io::Error`]s made from Linux's numbers, so `kind()` is what it would be with `std`'s types.
//!
//! A host has one lock. Data is copied outside of it, except for small reads and writes; a thread that waits sleeps on a
//! condition variable of its own, and is woken when its socket is ready. One thread for each host sleeps until
//! the next deadline of TCP; no thread is ever busy.
//!
//! Whoever has a loop of their own uses the host without threads and locks: [`core::Host`].

mod address;
mod clock;
mod copies;
mod driver;
mod error;
mod net;
mod options;
mod port;
mod socket;
mod stream;
mod tcp_listener;
mod tcp_stream;
mod udp;
mod unix;
mod waiters;

pub use sockeye_core as core;
pub use sockeye_link as link;

pub use address::ToSocketAddrs;
pub use net::Net;
pub use port::BoxedLink;
pub use sockeye_link::Wire;
pub use tcp_listener::{Incoming, IntoIncoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixIncoming, UnixListener, UnixSocketAddr, UnixStream};
