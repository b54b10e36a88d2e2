//! What the socket types share: an open socket of a host, and the calls on it that may wait.

use std::io::{self, IoSlice, IoSliceMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sockeye_core::{
    Accepted, Credentials, Domain, Errno, Host, Incoming, Instant, MessageFlags, Outgoing, Payload,
    Readiness, Received, Shutdown, SocketAddress, SocketId, SocketType,
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
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    open: Arc<Open>,
}

#[derive(Debug)]
struct Open {
    net: Net,
    id: SocketId,
    is_nonblocking: AtomicBool,
    timeouts: Mutex<Timeouts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Timeouts {
    read: Option<Duration>,
    write: Option<Duration>,
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
                timeouts: Mutex::default(),
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

    /// A call that waits for `interest`, unless the socket or the call says not to.
    fn wait_for<T>(
        &self,
        interest: Readiness,
        timeout: Option<Duration>,
        mut action: impl FnMut(&mut Host, SocketId, Instant) -> Result<T, Errno>,
    ) -> io::Result<T> {
        if self.is_nonblocking() {
            return self.call(action);
        }
        let id = self.open.id;
        self.open
            .net
            .shared()
            .block_on(id, interest, timeout, |host, now| action(host, id, now))
    }

    fn is_nonblocking(&self) -> bool {
        self.open.is_nonblocking.load(Ordering::Relaxed)
    }

    pub(crate) fn set_nonblocking(&self, is_nonblocking: bool) {
        self.open
            .is_nonblocking
            .store(is_nonblocking, Ordering::Relaxed);
    }

    fn timeouts(&self) -> Timeouts {
        *self
            .open
            .timeouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn change_timeouts(
        &self,
        value: Option<Duration>,
        change: impl FnOnce(&mut Timeouts),
    ) -> io::Result<()> {
        if value == Some(Duration::ZERO) {
            return Err(invalid("cannot set a 0 duration timeout".to_owned()));
        }
        change(
            &mut self
                .open
                .timeouts
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        Ok(())
    }

    pub(crate) fn set_read_timeout(&self, value: Option<Duration>) -> io::Result<()> {
        self.change_timeouts(value, |timeouts| timeouts.read = value)
    }

    pub(crate) fn set_write_timeout(&self, value: Option<Duration>) -> io::Result<()> {
        self.change_timeouts(value, |timeouts| timeouts.write = value)
    }

    pub(crate) fn read_timeout(&self) -> Option<Duration> {
        self.timeouts().read
    }

    pub(crate) fn write_timeout(&self) -> Option<Duration> {
        self.timeouts().write
    }

    pub(crate) fn bind(&self, address: &SocketAddress) -> io::Result<()> {
        self.call(|host, id, now| host.bind(id, address, now))
    }

    pub(crate) fn listen(&self, backlog: i32) -> io::Result<()> {
        self.call(|host, id, now| host.listen(id, backlog, now))
    }

    pub(crate) fn accept(&self) -> io::Result<(Self, SocketAddress)> {
        let Accepted { socket, peer } =
            self.wait_for(Readiness::IN, self.timeouts().read, |host, id, now| {
                host.accept(id, now)
            })?;
        Ok((Self::adopt(&self.open.net, socket), peer))
    }

    /// Connects, and waits until that is decided.
    pub(crate) fn connect(
        &self,
        address: &SocketAddress,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            return Err(invalid("cannot set a 0 duration timeout".to_owned()));
        }
        let mut has_begun = false;
        let outcome = self.wait_for(Readiness::OUT, timeout, |host, id, now| {
            if !has_begun {
                has_begun = true;
                return match host.connect(id, address, now) {
                    Err(Errno::EINPROGRESS) => Err(Errno::EAGAIN),
                    other => other,
                };
            }
            if !host
                .readiness(id)
                .intersects(Readiness::OUT | Readiness::ERR | Readiness::HUP)
            {
                return Err(Errno::EAGAIN);
            }
            // As connect(2) resumed: 0 when established, the error that ended it otherwise.
            match options::take_error(host, id, now)? {
                None => Ok(()),
                Some(errno) => Err(errno),
            }
        });
        outcome.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                io::Error::new(io::ErrorKind::TimedOut, "connection timed out")
            }
            _ => error,
        })
    }

    /// Connects within `AF_UNIX`, where it is decided at once, or waits while the listener's queue is full: each attempt is
    /// a `connect` of its own then.
    pub(crate) fn connect_local(&self, address: &SocketAddress) -> io::Result<()> {
        self.wait_for(Readiness::OUT, self.timeouts().write, |host, id, now| {
            host.connect(id, address, now)
        })
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddress> {
        self.call(|host, id, _| host.local_address(id))
    }

    pub(crate) fn peer_address(&self) -> io::Result<SocketAddress> {
        self.call(|host, id, _| host.peer_address(id))
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
        self.wait_for(Readiness::IN, self.timeouts().read, |host, id, now| {
            host.receive_payload(id, max, now)
        })
    }

    /// Receives a message, or looks at it with `PEEK`.
    pub(crate) fn receive(
        &self,
        buffers: &mut [&mut [u8]],
        flags: MessageFlags,
    ) -> io::Result<Received> {
        self.wait_for(Readiness::IN, self.timeouts().read, |host, id, now| {
            let message = Incoming {
                buffers: &mut *buffers,
                flags,
                ancillary_room: 0,
            };
            host.receive_message(id, message, now)
        })
    }

    /// Writes to a stream: all of it, unless it must not wait or an error comes between. The copy is made outside the lock.
    pub(crate) fn write(&self, data: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < data.len() || sent == 0 {
            let piece = &data[sent..data.len().min(sent + CHUNK)];
            match self.write_piece(piece) {
                Ok(count) => sent += count,
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if piece.is_empty() || self.is_nonblocking() {
                break;
            }
        }
        Ok(sent)
    }

    /// Writes several buffers to a stream, as one write.
    pub(crate) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let total: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let mut joined = Vec::with_capacity(total.min(CHUNK));
        for buffer in buffers {
            let room = CHUNK - joined.len();
            joined.extend_from_slice(&buffer[..buffer.len().min(room)]);
        }
        self.write(&joined)
    }

    fn write_piece(&self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() <= SMALL {
            return self.send(piece, None);
        }
        let data = Bytes::copy_from_slice(piece);
        self.wait_for(Readiness::OUT, self.timeouts().write, |host, id, now| {
            host.send_bytes(id, data.clone(), now)
        })
    }

    /// Sends a message.
    pub(crate) fn send(&self, data: &[u8], address: Option<&SocketAddress>) -> io::Result<usize> {
        self.wait_for(Readiness::OUT, self.timeouts().write, |host, id, now| {
            let message = Outgoing {
                data: &[data],
                address,
                ..Outgoing::default()
            };
            host.send_message(id, message, now)
        })
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.call(options::take_error)?.map(io_error))
    }

    pub(crate) fn set_option(&self, name: options::Name, value: i32) -> io::Result<()> {
        self.call(|host, id, now| options::set(host, id, name, value, now))
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

/// Who the threads of this process are to the host.
fn credentials() -> Credentials {
    Credentials {
        pid: i32::try_from(std::process::id()).unwrap_or(i32::MAX),
        ..Credentials::ROOT
    }
}
