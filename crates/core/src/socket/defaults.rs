//! What a call answers on a socket of a kind that does not have it (`sock_no_listen` and its like).

use bytes::Bytes;

use crate::{Accepted, Errno, Host, Instant, Payload, SocketId};

pub(crate) fn listen(
    _host: &mut Host,
    _id: SocketId,
    _backlog: i32,
    _now: Instant,
) -> Result<(), Errno> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn accept(_host: &mut Host, _id: SocketId, _now: Instant) -> Result<Accepted, Errno> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn unaccept(_host: &mut Host, _id: SocketId, _socket: SocketId) -> Result<(), Errno> {
    Err(Errno::EOPNOTSUPP)
}

/// Only streams are sent without copying.
pub(crate) fn send_bytes(
    _host: &mut Host,
    _id: SocketId,
    _data: Bytes,
    _now: Instant,
) -> Result<usize, Errno> {
    Err(Errno::EOPNOTSUPP)
}

/// Only streams are received without copying.
pub(crate) fn receive_payload(
    _host: &mut Host,
    _id: SocketId,
    _max: usize,
    _now: Instant,
) -> Result<Payload, Errno> {
    Err(Errno::EOPNOTSUPP)
}

/// `SIOCATMARK` is TCP's (and AF_UNIX's).
pub(crate) fn at_mark(_host: &Host, _id: SocketId) -> Result<bool, Errno> {
    Err(Errno::ENOTTY)
}
