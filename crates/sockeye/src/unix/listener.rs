//! `AF_UNIX` listeners.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::path::Path;

use sockeye_core::{Domain, SocketType};

use super::{UnixSocketAddr, UnixStream};
use crate::Net;
use crate::socket::Socket;

/// As many connections as `std` lets wait to be accepted.
const BACKLOG: i32 = 128;

/// A listening `AF_UNIX` socket of a [`Net`], as `std::os::unix::net::UnixListener`.
pub struct UnixListener {
    socket: Socket,
}

impl UnixListener {
    /// Listens at a path, where nothing may be yet.
    pub fn bind(net: &Net, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(net, &UnixSocketAddr::from_pathname(path)?)
    }

    /// Listens under this name.
    pub fn bind_addr(net: &Net, address: &UnixSocketAddr) -> io::Result<Self> {
        let socket = Socket::new(net, Domain::Unix, SocketType::Stream)?;
        socket.bind(&address.to_core())?;
        socket.listen(BACKLOG)?;
        Ok(Self { socket })
    }

    /// Waits for a connection.
    pub fn accept(&self) -> io::Result<(UnixStream, UnixSocketAddr)> {
        let (socket, peer) = self.socket.accept()?;
        Ok((
            UnixStream::from_socket(socket),
            UnixSocketAddr::from_core(peer)?,
        ))
    }

    /// The connections as they come; it never ends.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    /// The name it listens under.
    pub fn local_addr(&self) -> io::Result<UnixSocketAddr> {
        UnixSocketAddr::from_core(self.socket.local_address()?)
    }

    /// Another handle on the same listener.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.clone(),
        })
    }

    /// Whether `accept` answers `WouldBlock` instead of waiting.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking);
        Ok(())
    }

    /// Takes the error that is pending (`SO_ERROR`).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }
}

/// The connections of a [`UnixListener`], by [`UnixListener::incoming`].
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for UnixIncoming<'_> {}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket
            .describe("UnixListener", UnixSocketAddr::from_core, f)
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.incoming()
    }
}
