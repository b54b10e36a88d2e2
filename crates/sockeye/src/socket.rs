//! What the socket types share: an open socket of a host, and the calls on it that may wait.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockeye_core::pending::{Pending, Step};
use sockeye_core::{
    Accepted, Credentials, Domain, Errno, Host, Incoming, Instant, MessageFlags, Outgoing, Payload,
    Received, Shutdown, SocketAddress, SocketId, SocketType,
};

use crate::Net;
use crate::address::invalid;
use crate::error::{io_error, io_result};
use crate::options;

/// Up to here data is copied within the host's lock: that is shorter than a detour by a buffer of its own.
const SMALL: usize = 2048;
/// How much is copied at once to be sent: little enough to stay in the cache.
const CHUNK: usize = 64 * 1024;

/// A socket, shared by the handles that `try_clone` makes as duplicates of a descriptor share an open file. Closed when the
/// last one is gone.
#[derive(Clone)]
pub(crate) struct Socket {
    open: Arc<Open>,
}

struct Open {
    net: Net,
    id: SocketId,
    /// `O_NONBLOCK`: of the open file, not of the socket.
    is_nonblocking: AtomicBool,
}

impl Drop for Open {
    fn drop(&mut self) {
        // Only a stale id fails, and then there is nothing to close.
        let _ = self.net.shared().call(|host, now| host.close(self.id, now));
    }
}

impl Socket {
    pub(crate) fn new(net: &Net, domain: Domain, kind: SocketType) -> io::Result<Self> {
        let id = net
            .shared()
            .call(|host, _| host.socket(domain, kind, 0, credentials()));
        Ok(Self::adopt(net, io_result(id)?))
    }

    pub(crate) fn pair(net: &Net, domain: Domain, kind: SocketType) -> io::Result<(Self, Self)> {
        let ids = net
            .shared()
            .call(|host, _| host.socket_pair(domain, kind, 0, credentials()));
        let (a, b) = io_result(ids)?;
        Ok((Self::adopt(net, a), Self::adopt(net, b)))
    }

    fn adopt(net: &Net, id: SocketId) -> Self {
        Self {
            open: Arc::new(Open {
                net: net.clone(),
                id,
                is_nonblocking: AtomicBool::new(false),
            }),
        }
    }

    /// A call that does not wait.
    pub(crate) fn call<T>(
        &self,
        action: impl FnOnce(&mut Host, SocketId, Instant) -> Result<T, Errno>,
    ) -> io::Result<T> {
        let id = self.open.id;
        io_result(
            self.open
                .net
                .shared()
                .call(|host, now| action(host, id, now)),
        )
    }

    /// A call that takes data and waits for it, unless the socket or the call says not to.
    fn receiving<T>(
        &self,
        resume: impl FnMut(&mut Pending, &mut Host, Instant) -> Step<T>,
    ) -> io::Result<T> {
        let begin =
            |host: &Host, now| Pending::receiving(host, self.open.id, self.is_nonblocking(), now);
        self.open.net.shared().wait(begin, resume)
    }

    /// A call that gives data and waits for room, unless the socket or the call says not to.
    fn sending<T>(
        &self,
        resume: impl FnMut(&mut Pending, &mut Host, Instant) -> Step<T>,
    ) -> io::Result<T> {
        let begin =
            |host: &Host, now| Pending::sending(host, self.open.id, self.is_nonblocking(), now);
        self.open.net.shared().wait(begin, resume)
    }

    fn is_nonblocking(&self) -> bool {
        self.open.is_nonblocking.load(Ordering::Relaxed)
    }

    pub(crate) fn set_nonblocking(&self, is_nonblocking: bool) {
        self.open
            .is_nonblocking
            .store(is_nonblocking, Ordering::Relaxed);
    }

    pub(crate) fn set_timeout(
        &self,
        name: options::Name,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return Err(no_time());
        }
        self.call(|host, id, now| options::set_timeout(host, id, name, timeout, now))
    }

    pub(crate) fn timeout(&self, name: options::Name) -> io::Result<Option<Duration>> {
        self.call(|host, id, now| options::timeout(host, id, name, now))
    }

    pub(crate) fn bind(&self, address: &SocketAddress) -> io::Result<()> {
        self.call(|host, id, now| host.bind(id, address, now))
    }

    pub(crate) fn listen(&self, backlog: i32) -> io::Result<()> {
        self.call(|host, id, now| host.listen(id, backlog, now))
    }

    pub(crate) fn accept(&self) -> io::Result<(Self, SocketAddress)> {
        let Accepted { socket, peer } = self.receiving(|call, host, now| call.accept(host, now))?;
        Ok((Self::adopt(&self.open.net, socket), peer))
    }

    /// Connects, and waits until that is decided.
    pub(crate) fn connect(&self, address: &SocketAddress) -> io::Result<()> {
        self.sending(|call, host, now| call.connect(host, address, now))
    }

    /// Connects, and waits for it no longer than this. The attempt goes on if the socket is kept.
    pub(crate) fn connect_timeout(
        &self,
        address: &SocketAddress,
        timeout: Duration,
    ) -> io::Result<()> {
        if timeout.is_zero() {
            return Err(no_time());
        }
        let begin = |host: &Host, now| {
            Pending::sending(host, self.open.id, false, now).until(now + timeout)
        };
        let outcome = self
            .open
            .net
            .shared()
            .wait(begin, |call, host, now| call.connect(host, address, now));
        outcome.map_err(|error| {
            if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) {
                io::Error::new(io::ErrorKind::TimedOut, "connection timed out")
            } else {
                error
            }
        })
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddress> {
        self.call(|host, id, _| host.local_address(id))
    }

    pub(crate) fn peer_address(&self) -> io::Result<SocketAddress> {
        self.call(|host, id, _| host.peer_address(id))
    }

    /// A type's `Debug`: its name and the socket's addresses, as far as it has them.
    pub(crate) fn describe<A: fmt::Debug>(
        &self,
        name: &str,
        address: impl Fn(SocketAddress) -> io::Result<A>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let mut description = f.debug_struct(name);
        if let Ok(local) = self.local_address().and_then(&address) {
            description.field("addr", &local);
        }
        if let Ok(peer) = self.peer_address().and_then(&address) {
            description.field("peer", &peer);
        }
        description.finish()
    }

    pub(crate) fn shutdown(&self, how: std::net::Shutdown) -> io::Result<()> {
        let how = match how {
            std::net::Shutdown::Read => Shutdown::Read,
            std::net::Shutdown::Write => Shutdown::Write,
            std::net::Shutdown::Both => Shutdown::Both,
        };
        self.call(|host, id, now| host.shutdown(id, how, now))
    }

    /// Reads from a stream. The copy is made outside the lock.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if buffer.len() <= SMALL {
            return self
                .receive(&mut [buffer], MessageFlags::empty())
                .map(|received| received.length);
        }
        let payload = self.receive_payload(buffer.len())?;
        Ok(payload.copy_to_slice(0, buffer))
    }

    /// Reads from a stream into several buffers.
    pub(crate) fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if room == 0 {
            return Ok(0);
        }
        let payload = self.receive_payload(room)?;
        let mut copied = 0;
        for buffer in buffers {
            if copied == payload.len() {
                break;
            }
            copied += payload.copy_to_slice(copied, buffer);
        }
        Ok(copied)
    }

    fn receive_payload(&self, max: usize) -> io::Result<Payload> {
        let mut payload = Payload::default();
        self.receiving(|call, host, now| call.receive_payload(host, &mut payload, max, now))?;
        Ok(payload)
    }

    /// Receives a message, or looks at it with `PEEK`.
    pub(crate) fn receive(
        &self,
        buffers: &mut [&mut [u8]],
        flags: MessageFlags,
    ) -> io::Result<Received> {
        self.receiving(|call, host, now| {
            let message = Incoming {
                buffers: &mut *buffers,
                flags,
                ancillary_room: 0,
            };
            call.receive(host, message, now)
        })
    }

    /// Writes to a stream: all of it, unless it must not wait or an error comes between.
    pub(crate) fn write(&self, data: &[u8]) -> io::Result<usize> {
        if data.len() <= SMALL {
            return self.send(data, None);
        }
        self.write_pieces(data.chunks(CHUNK))
    }

    /// Writes several buffers to a stream, as one write.
    pub(crate) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let total: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if total <= SMALL {
            let mut joined = Vec::with_capacity(total);
            for buffer in buffers {
                joined.extend_from_slice(buffer);
            }
            return self.send(&joined, None);
        }
        let pieces = buffers.iter().flat_map(|buffer| buffer.chunks(CHUNK));
        self.write_pieces(pieces)
    }

    /// Sends pieces that are copied, one after the other, outside the lock.
    fn write_pieces<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        let shared = self.open.net.shared();
        let mut sent = 0;
        // One call, with one timeout for all pieces.
        let mut whole: Option<Pending> = None;
        for piece in pieces {
            let piece = shared.copies.copy(piece);
            let begin = |host: &Host, now| {
                let (id, is_nonblocking) = (self.open.id, self.is_nonblocking());
                whole
                    .get_or_insert_with(|| Pending::sending(host, id, is_nonblocking, now))
                    .next_part()
            };
            let resume =
                |call: &mut Pending, host: &mut Host, now| call.send_bytes(host, &piece, now);
            match shared.wait(begin, resume) {
                Ok(count) => {
                    sent += count;
                    if count < piece.len() {
                        break;
                    }
                }
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Sends a message, or writes a little to a stream.
    pub(crate) fn send(&self, data: &[u8], address: Option<&SocketAddress>) -> io::Result<usize> {
        self.sending(|call, host, now| {
            let message = Outgoing {
                data: &[data],
                address,
                ..Outgoing::default()
            };
            call.send(host, message, now)
        })
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.call(options::take_error)?.map(io_error))
    }

    pub(crate) fn set_option(&self, name: options::Name, value: i32) -> io::Result<()> {
        self.call(|host, id, now| options::set(host, id, name, value, now))
    }

    pub(crate) fn set_bytes(&self, name: options::Name, value: &[u8]) -> io::Result<()> {
        self.call(|host, id, now| host.set_option(id, name.0, name.1, value, now))
    }

    pub(crate) fn option(&self, name: options::Name) -> io::Result<i32> {
        self.call(|host, id, now| options::get(host, id, name, now))
    }

    pub(crate) fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.call(|host, id, now| options::set_linger(host, id, linger, now))
    }

    pub(crate) fn linger(&self) -> io::Result<Option<Duration>> {
        self.call(options::linger)
    }
}

fn no_time() -> io::Error {
    invalid("cannot set a 0 duration timeout".to_owned())
}

/// Who the threads of this process are to the host.
fn credentials() -> Credentials {
    Credentials {
        pid: i32::try_from(std::process::id()).unwrap_or(i32::MAX),
        ..Credentials::ROOT
    }
}
