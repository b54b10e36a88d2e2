//! `SO_RCVTIMEO` and `SO_SNDTIMEO`: how long a blocking call waits.

use core::time::Duration;

use super::{ALL, Entry, L};
use crate::Errno;
use crate::options::OptionValue;
use crate::options::table::{Access, Target, Value, bytes};

pub(super) const RECEIVE: Entry = receive(20, "SO_RCVTIMEO");
pub(super) const SEND: Entry = send(21, "SO_SNDTIMEO");
// struct __kernel_sock_timeval: on a 64-bit machine it is struct timeval.
pub(super) const RECEIVE_NEW: Entry = receive(66, "SO_RCVTIMEO_NEW");
pub(super) const SEND_NEW: Entry = send(67, "SO_SNDTIMEO_NEW");

const fn receive(name: i32, label: &'static str) -> Entry {
    let access = Access::Bytes(receive_timeout, set_receive_timeout);
    Entry::new(L, name, label, ALL, access).typed(Value::Timeval)
}

const fn send(name: i32, label: &'static str) -> Entry {
    let access = Access::Bytes(send_timeout, set_send_timeout);
    Entry::new(L, name, label, ALL, access).typed(Value::Timeval)
}

fn timeval(timeout: Option<Duration>, length: usize) -> OptionValue {
    let timeout = timeout.unwrap_or_default();
    let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
    let mut value = [0; 16];
    value[..8].copy_from_slice(&seconds.to_ne_bytes());
    value[8..].copy_from_slice(&i64::from(timeout.subsec_micros()).to_ne_bytes());
    bytes(&value, length)
}

/// `sock_set_timeout`: zero is no timeout, a negative time is over at once.
fn timeout_of(value: &[u8]) -> Result<Option<Duration>, Errno> {
    let value: &[u8; 16] = value.first_chunk().ok_or(Errno::EINVAL)?;
    let (seconds, micros) = value.split_at(8);
    let number = |bytes: &[u8]| {
        bytes
            .first_chunk()
            .map_or(0, |bytes| i64::from_ne_bytes(*bytes))
    };
    let (seconds, micros) = (number(seconds), number(micros));
    let micros = u32::try_from(micros)
        .ok()
        .filter(|micros| *micros < 1_000_000)
        .ok_or(Errno::EDOM)?;
    if (seconds, micros) == (0, 0) {
        return Ok(None);
    }
    let Ok(seconds) = u64::try_from(seconds) else {
        return Ok(Some(Duration::ZERO));
    };
    // Longer than the kernel can count is no timeout.
    Ok((seconds < i64::MAX.cast_unsigned() / 1000 - 1)
        .then(|| Duration::new(seconds, micros * 1000)))
}

fn receive_timeout(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    Ok(timeval(t.socket()?.options.receive_timeout(), length))
}

fn set_receive_timeout(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let timeout = timeout_of(value)?;
    t.socket_mut()?.options.set_receive_timeout(timeout);
    Ok(())
}

fn send_timeout(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    Ok(timeval(t.socket()?.options.send_timeout(), length))
}

fn set_send_timeout(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let timeout = timeout_of(value)?;
    t.socket_mut()?.options.set_send_timeout(timeout);
    Ok(())
}
