//! TCP connections.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use sockeye_core::{MessageFlags, SocketType};

use crate::address::{ToSocketAddrs, domain, each_address, to_std};
use crate::socket::Socket;
use crate::{Net, options};

/// A TCP connection of a [`Net`], as `std::net::TcpStream`.
pub struct TcpStream {
    socket: Socket,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    pub fn connect(net: &Net, addresses: impl ToSocketAddrs) -> io::Result<Self> {
        each_address(addresses, |address| {
            let stream = Self::open(net, address)?;
            stream.socket.connect(&(*address).into())?;
            Ok(stream)
        })
    }

    /// Connects to one address, and gives up with `TimedOut` after this time.
    pub fn connect_timeout(net: &Net, address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = Self::open(net, address)?;
        stream.socket.connect_timeout(&(*address).into(), timeout)?;
        Ok(stream)
    }

    fn open(net: &Net, address: &SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(net, domain(address), SocketType::Stream)?;
        Ok(Self { socket })
    }

    pub(crate) fn from_socket(socket: Socket) -> Self {
        Self { socket }
    }

    /// The address of the other end.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        to_std(self.socket.peer_address()?)
    }

    /// The address of this end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        to_std(self.socket.local_address()?)
    }

    /// Ends one direction or both.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Another handle on the same connection.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.clone(),
        })
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

    /// Reads without taking: the next read gives the same again.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = self.socket.receive(&mut [buffer], MessageFlags::PEEK)?;
        Ok(received.length)
    }

    /// `TCP_NODELAY`: small segments don't wait for acknowledgments.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_option(options::NODELAY, nodelay.into())
    }

    /// `TCP_NODELAY`.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.socket.option(options::NODELAY)? != 0)
    }

    /// `SO_LINGER`, in whole seconds. Zero makes closing a reset. Closing never waits here: it is `drop`.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.socket.set_linger(linger)
    }

    /// `SO_LINGER`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket.linger()
    }

    /// `IP_TTL`.
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

    /// Whether calls answer `WouldBlock` instead of waiting; true for all handles on the connection.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking);
        Ok(())
    }
}

crate::stream::implement_read_and_write!(TcpStream);

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.describe("TcpStream", to_std, f)
    }
}
