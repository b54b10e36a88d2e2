//! TCP listeners.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;

use sockeye_core::SocketType;

use crate::address::{ToSocketAddrs, domain, each_address, to_std};
use crate::socket::Socket;
use crate::{Net, TcpStream, options};

/// As many connections as `std` lets wait to be accepted.
const BACKLOG: i32 = 128;

/// A listening TCP socket of a [`Net`], as `std::net::TcpListener`.
pub struct TcpListener {
    socket: Socket,
}

impl TcpListener {
    /// Listens on the first of the addresses that is free. The address may be in `TIME-WAIT` (`SO_REUSEADDR`, as `std`).
    pub fn bind(net: &Net, addresses: impl ToSocketAddrs) -> io::Result<Self> {
        each_address(addresses, |address| {
            let socket = Socket::new(net, domain(address), SocketType::Stream)?;
            socket.set_option(options::REUSE_ADDRESS, 1)?;
            socket.bind(&(*address).into())?;
            socket.listen(BACKLOG)?;
            Ok(Self { socket })
        })
    }

    /// The address it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        to_std(self.socket.local_address()?)
    }

    /// Another handle on the same listener.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.clone(),
        })
    }

    /// Waits for a connection.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = self.socket.accept()?;
        Ok((TcpStream::from_socket(socket), to_std(peer)?))
    }

    /// The connections as they come; it never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The connections as they come; it never ends, and keeps the listener.
    pub fn into_incoming(self) -> IntoIncoming {
        IntoIncoming { listener: self }
    }

    /// `IP_TTL`, which accepted connections inherit.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket
            .set_option(options::TTL, i32::try_from(ttl).unwrap_or(i32::MAX))
    }

    /// `IP_TTL`.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(u32::try_from(self.socket.option(options::TTL)?).unwrap_or(0))
    }

    /// Takes the error that is pending (`SO_ERROR`).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Whether `accept` answers `WouldBlock` instead of waiting.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking);
        Ok(())
    }
}

/// The connections of a [`TcpListener`], by [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}

/// The connections of a [`TcpListener`], by [`TcpListener::into_incoming`].
#[derive(Debug)]
pub struct IntoIncoming {
    listener: TcpListener,
}

impl Iterator for IntoIncoming {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for IntoIncoming {}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.describe("TcpListener", to_std, f)
    }
}
