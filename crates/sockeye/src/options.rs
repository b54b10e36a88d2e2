//! The socket options that the types of this crate have methods for, with Linux's numbers and layouts.

use std::time::Duration;

use sockeye_core::{Errno, Host, Instant, SocketId};

/// Level and number of an option that is an `int`.
pub(crate) type Name = (i32, i32);

const SOL_SOCKET: i32 = 1;
pub(crate) const REUSE_ADDRESS: Name = (SOL_SOCKET, 2);
const ERROR: Name = (SOL_SOCKET, 4);
pub(crate) const BROADCAST: Name = (SOL_SOCKET, 6);
const LINGER: Name = (SOL_SOCKET, 13);
pub(crate) const READ_TIMEOUT: Name = (SOL_SOCKET, 20);
pub(crate) const WRITE_TIMEOUT: Name = (SOL_SOCKET, 21);
pub(crate) const TTL: Name = (0, 2);
pub(crate) const MULTICAST_TTL: Name = (0, 33);
pub(crate) const MULTICAST_LOOP: Name = (0, 34);
pub(crate) const ADD_MEMBERSHIP: Name = (0, 35);
pub(crate) const DROP_MEMBERSHIP: Name = (0, 36);
pub(crate) const MULTICAST_LOOP_V6: Name = (41, 19);
pub(crate) const ADD_MEMBERSHIP_V6: Name = (41, 20);
pub(crate) const DROP_MEMBERSHIP_V6: Name = (41, 21);
pub(crate) const NODELAY: Name = (6, 1);

pub(crate) fn set(
    host: &mut Host,
    id: SocketId,
    name: Name,
    value: i32,
    now: Instant,
) -> Result<(), Errno> {
    host.set_option(id, name.0, name.1, &value.to_ne_bytes(), now)
}

pub(crate) fn get(host: &mut Host, id: SocketId, name: Name, now: Instant) -> Result<i32, Errno> {
    let value = host.get_option(id, name.0, name.1, size_of::<i32>(), now)?;
    int(&value, 0)
}

/// `SO_ERROR`: the error that is pending, which is none then.
pub(crate) fn take_error(
    host: &mut Host,
    id: SocketId,
    now: Instant,
) -> Result<Option<Errno>, Errno> {
    let number = get(host, id, ERROR, now)?;
    match number {
        0 => Ok(None),
        number => Errno::from_number(number).map(Some).ok_or(Errno::EINVAL),
    }
}

/// `SO_LINGER`: on or off, and whole seconds.
pub(crate) fn set_linger(
    host: &mut Host,
    id: SocketId,
    linger: Option<Duration>,
    now: Instant,
) -> Result<(), Errno> {
    let seconds = linger.map_or(0, |linger| {
        i32::try_from(linger.as_secs()).unwrap_or(i32::MAX)
    });
    let mut value = [0; 8];
    value[..4].copy_from_slice(&i32::from(linger.is_some()).to_ne_bytes());
    value[4..].copy_from_slice(&seconds.to_ne_bytes());
    host.set_option(id, LINGER.0, LINGER.1, &value, now)
}

pub(crate) fn linger(
    host: &mut Host,
    id: SocketId,
    now: Instant,
) -> Result<Option<Duration>, Errno> {
    let value = host.get_option(id, LINGER.0, LINGER.1, 8, now)?;
    let seconds = int(&value, 4)?;
    Ok((int(&value, 0)? != 0).then(|| Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
}

/// `SO_RCVTIMEO`, `SO_SNDTIMEO`: microseconds, where nothing at all is for ever. A shorter time than one is one.
pub(crate) fn set_timeout(
    host: &mut Host,
    id: SocketId,
    name: Name,
    timeout: Option<Duration>,
    now: Instant,
) -> Result<(), Errno> {
    let (seconds, micros) = match timeout {
        None => (0, 0),
        Some(timeout) if timeout < Duration::from_micros(1) => (0, 1),
        Some(timeout) => (
            i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            i64::from(timeout.subsec_micros()),
        ),
    };
    let mut value = [0; 16];
    value[..8].copy_from_slice(&seconds.to_ne_bytes());
    value[8..].copy_from_slice(&micros.to_ne_bytes());
    host.set_option(id, name.0, name.1, &value, now)
}

pub(crate) fn timeout(
    host: &mut Host,
    id: SocketId,
    name: Name,
    now: Instant,
) -> Result<Option<Duration>, Errno> {
    let value = host.get_option(id, name.0, name.1, 16, now)?;
    let (seconds, micros) = (long(&value, 0)?, long(&value, 8)?);
    let timeout = Duration::from_secs(seconds) + Duration::from_micros(micros);
    Ok((!timeout.is_zero()).then_some(timeout))
}

fn long(value: &[u8], at: usize) -> Result<u64, Errno> {
    let bytes = value
        .get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_ne_bytes).ok_or(Errno::EINVAL)
}

fn int(value: &[u8], at: usize) -> Result<i32, Errno> {
    let bytes = value
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.map(i32::from_ne_bytes).ok_or(Errno::EINVAL)
}
