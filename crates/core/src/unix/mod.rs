//! `AF_UNIX` sockets.
//!
//! The seam: `host` calls these functions for sockets whose endpoint is [`UnixEndpoint`]. Each may use
//! `host.sockets` (with `get_pair_mut` for both ends), `host.stack`, and says `host.wake(id)` for each socket for which
//! something happened that an edge-triggered poller must hear of; levels are compared by the host itself for the
//! socket of the call and for all that were woken.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::host::SocketSummary;
use crate::{
    Accepted, Credentials, Errno, Host, Incoming, Instant, Outgoing, Payload, Queued, Readiness,
    Received, Shutdown, SocketAddress, SocketId, SocketType,
};

/// What the `AF_UNIX` sockets of a host share: names, and rights in flight.
#[derive(Debug, Default)]
pub(crate) struct UnixState {}

/// The state of one `AF_UNIX` socket.
#[derive(Debug)]
pub(crate) enum UnixEndpoint {}

pub(crate) fn socket(
    _host: &mut Host,
    _kind: SocketType,
    _protocol: i32,
    _credentials: Credentials,
) -> Result<SocketId, Errno> {
    Err(Errno::EAFNOSUPPORT)
}

pub(crate) fn socket_pair(
    _host: &mut Host,
    _kind: SocketType,
    _protocol: i32,
    _credentials: Credentials,
) -> Result<(SocketId, SocketId), Errno> {
    Err(Errno::EAFNOSUPPORT)
}

macro_rules! absent {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        pub(crate) fn $name(host: &mut Host, id: SocketId $(, $argument: $type)*) -> $result {
            let _ = (id, $($argument),*);
            // No such endpoint can exist, so no socket leads here.
            let _ = host;
            Err(Errno::EOPNOTSUPP)
        }
    )*};
}

macro_rules! absent_read {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        pub(crate) fn $name(_host: &Host, _id: SocketId $(, $argument: $type)*) -> $result {
            $(let _ = $argument;)*
            Err(Errno::EOPNOTSUPP)
        }
    )*};
}

absent! {
    fn bind(address: &SocketAddress, now: Instant) -> Result<(), Errno>;
    fn listen(backlog: i32, now: Instant) -> Result<(), Errno>;
    fn accept(now: Instant) -> Result<Accepted, Errno>;
    fn unaccept(socket: SocketId) -> Result<(), Errno>;
    fn connect(address: &SocketAddress, now: Instant) -> Result<(), Errno>;
    fn send_message(message: Outgoing<'_>, now: Instant) -> Result<usize, Errno>;
    fn receive_message(message: Incoming<'_, '_>, now: Instant) -> Result<Received, Errno>;
    fn send_bytes(data: Bytes, now: Instant) -> Result<usize, Errno>;
    fn receive_payload(max: usize, now: Instant) -> Result<Payload, Errno>;
    fn shutdown(how: Shutdown, now: Instant) -> Result<(), Errno>;
    fn close(now: Instant) -> Result<(), Errno>;
}

absent_read! {
    fn local_address() -> Result<SocketAddress, Errno>;
    fn peer_address() -> Result<SocketAddress, Errno>;
    fn queued(what: Queued) -> Result<usize, Errno>;
    fn at_mark() -> Result<bool, Errno>;
}

/// What `poll(2)` answers now.
pub(crate) fn readiness(_host: &Host, _id: SocketId, endpoint: &UnixEndpoint) -> Readiness {
    match *endpoint {}
}

/// Fills in the state, names and queue lengths of a socket for `ss`.
pub(crate) fn summarize(_host: &Host, endpoint: &UnixEndpoint, _summary: &mut SocketSummary) {
    match *endpoint {}
}

/// The rights that are given up with a socket, for the embedder to close: none as long as there is none.
#[allow(dead_code, reason = "the seam for SCM_RIGHTS")]
pub(crate) type DroppedRights = Vec<crate::Right>;
