//! `AF_UNIX` streams.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;

use sockeye_core::{Domain, MessageFlags, SocketType};

use super::UnixSocketAddr;
use crate::socket::Socket;
use crate::{Net, options};

/// A connection between `AF_UNIX` sockets of a [`Net`], as `std::os::unix::net::UnixStream`.
///
/// ```
/// use std::io::{Read, Write};
/// use sockeye::{Net, UnixStream};
///
/// let net = Net::new()?;
/// let (mut a, mut b) = UnixStream::pair(&net)?;
/// a.write_all(b"over")?;
/// drop(a);
/// let mut text = String::new();
/// b.read_to_string(&mut text)?;
/// assert_eq!(text, "over");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixStream {
    socket: Socket,
}

impl UnixStream {
    /// Connects to the listener at a path.
    pub fn connect(net: &Net, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_addr(net, &UnixSocketAddr::from_pathname(path)?)
    }

    /// Connects to the listener of this name.
    pub fn connect_addr(net: &Net, address: &UnixSocketAddr) -> io::Result<Self> {
        let socket = Socket::new(net, Domain::Unix, SocketType::Stream)?;
        socket.connect(&address.to_core())?;
        Ok(Self { socket })
    }

    /// Two ends without names, connected to each other.
    pub fn pair(net: &Net) -> io::Result<(Self, Self)> {
        let (a, b) = Socket::pair(net, Domain::Unix, SocketType::Stream)?;
        Ok((Self { socket: a }, Self { socket: b }))
    }

    pub(super) fn from_socket(socket: Socket) -> Self {
        Self { socket }
    }

    /// The name of this end.
    pub fn local_addr(&self) -> io::Result<UnixSocketAddr> {
        UnixSocketAddr::from_core(self.socket.local_address()?)
    }

    /// The name of the other end.
    pub fn peer_addr(&self) -> io::Result<UnixSocketAddr> {
        UnixSocketAddr::from_core(self.socket.peer_address()?)
    }

    /// Ends one direction or both.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Another handle on the same end.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.clone(),
        })
    }

    /// Reads without taking: the next read gives the same again.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self
            .socket
            .receive(&mut [buffer], MessageFlags::PEEK)?
            .length)
    }

    /// How long a read waits; it answers `WouldBlock` then. `None` is for ever, zero is refused.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(options::READ_TIMEOUT, timeout)
    }

    /// How long a write waits; it answers `WouldBlock` then. `None` is for ever, zero is refused.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(options::WRITE_TIMEOUT, timeout)
    }

    /// How long a read waits.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.timeout(options::READ_TIMEOUT)
    }

    /// How long a write waits.
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

crate::stream::implement_read_and_write!(UnixStream);

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket
            .describe("UnixStream", UnixSocketAddr::from_core, f)
    }
}
