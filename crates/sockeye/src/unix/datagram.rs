//! `AF_UNIX` datagram sockets.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;

use sockeye_core::{Domain, MessageFlags, SocketAddress, SocketType, UnixAddress};

use super::UnixSocketAddr;
use crate::socket::Socket;
use crate::{Net, options};

/// An `AF_UNIX` datagram socket of a [`Net`], as `std::os::unix::net::UnixDatagram`.
pub struct UnixDatagram {
    socket: Socket,
}

impl UnixDatagram {
    /// A socket at a path, where nothing may be yet.
    pub fn bind(net: &Net, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(net, &UnixSocketAddr::from_pathname(path)?)
    }

    /// A socket of this name.
    pub fn bind_addr(net: &Net, address: &UnixSocketAddr) -> io::Result<Self> {
        let unbound = Self::unbound(net)?;
        unbound.socket.bind(&address.to_core())?;
        Ok(unbound)
    }

    /// A socket without a name.
    pub fn unbound(net: &Net) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new(net, Domain::Unix, SocketType::Datagram)?,
        })
    }

    /// Two sockets without names, connected to each other.
    pub fn pair(net: &Net) -> io::Result<(Self, Self)> {
        let (a, b) = Socket::pair(net, Domain::Unix, SocketType::Datagram)?;
        Ok((Self { socket: a }, Self { socket: b }))
    }

    /// Sets the peer to the socket at a path.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_addr(&UnixSocketAddr::from_pathname(path)?)
    }

    /// Sets the peer to the socket of this name.
    pub fn connect_addr(&self, address: &UnixSocketAddr) -> io::Result<()> {
        self.socket.connect(&address.to_core())
    }

    /// The socket's name.
    pub fn local_addr(&self) -> io::Result<UnixSocketAddr> {
        UnixSocketAddr::from_core(self.socket.local_address()?)
    }

    /// The peer's name.
    pub fn peer_addr(&self) -> io::Result<UnixSocketAddr> {
        UnixSocketAddr::from_core(self.socket.peer_address()?)
    }

    /// Receives a datagram, cut to the buffer, and the name of its sender.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, UnixSocketAddr)> {
        self.receive_from(buffer, MessageFlags::empty())
    }

    /// Looks at the next datagram and the name of its sender.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, UnixSocketAddr)> {
        self.receive_from(buffer, MessageFlags::PEEK)
    }

    fn receive_from(
        &self,
        buffer: &mut [u8],
        flags: MessageFlags,
    ) -> io::Result<(usize, UnixSocketAddr)> {
        let received = self.socket.receive(&mut [buffer], flags)?;
        // A sender without a name has an empty one.
        let address = received
            .address
            .unwrap_or(SocketAddress::Unix(UnixAddress::Unnamed));
        Ok((received.length, UnixSocketAddr::from_core(address)?))
    }

    /// Receives a datagram, cut to the buffer.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self
            .socket
            .receive(&mut [buffer], MessageFlags::empty())?
            .length)
    }

    /// Looks at the next datagram.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self
            .socket
            .receive(&mut [buffer], MessageFlags::PEEK)?
            .length)
    }

    /// Sends a datagram to the socket at a path.
    pub fn send_to(&self, data: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(data, &UnixSocketAddr::from_pathname(path)?)
    }

    /// Sends a datagram to the socket of this name.
    pub fn send_to_addr(&self, data: &[u8], address: &UnixSocketAddr) -> io::Result<usize> {
        self.socket.send(data, Some(&address.to_core()))
    }

    /// Sends a datagram to the peer.
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.socket.send(data, None)
    }

    /// Ends one direction or both.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Another handle on the same socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.clone(),
        })
    }

    /// How long receiving waits; it answers `WouldBlock` then. `None` is for ever, zero is refused.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(options::READ_TIMEOUT, timeout)
    }

    /// How long sending waits; it answers `WouldBlock` then. `None` is for ever, zero is refused.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(options::WRITE_TIMEOUT, timeout)
    }

    /// How long receiving waits.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.timeout(options::READ_TIMEOUT)
    }

    /// How long sending waits.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.timeout(options::WRITE_TIMEOUT)
    }

    /// Whether calls answer `WouldBlock` instead of waiting.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking);
        Ok(())
    }

    /// Takes the error that is pending (`SO_ERROR`).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket
            .describe("UnixDatagram", UnixSocketAddr::from_core, f)
    }
}
