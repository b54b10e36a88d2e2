//! The queues' sizes and low-water marks.

use alloc::vec::Vec;

use super::{ALL, Entry, L, int, refused, switch};
use crate::Errno;
use crate::options::OptionValue;
use crate::options::Switches;
use crate::options::table::{Access, Target, Value, bytes, read_only, write_only};

pub(super) const SEND_BUFFER: Entry = int(
    7,
    "SO_SNDBUF",
    |t| size(t.socket()?.options.send_buffer),
    set_send_buffer,
);
pub(super) const RECEIVE_BUFFER: Entry = int(
    8,
    "SO_RCVBUF",
    |t| size(t.socket()?.options.receive_buffer),
    set_receive_buffer,
);
pub(super) const RECEIVE_LOW_WATER: Entry = int(
    18,
    "SO_RCVLOWAT",
    |t| size(t.socket()?.options.receive_low_water),
    set_receive_low_water,
);
pub(super) const SEND_LOW_WATER: Entry = int(19, "SO_SNDLOWAT", |_| Ok(1), read_only);
pub(super) const SEND_BUFFER_FORCE: Entry =
    int(32, "SO_SNDBUFFORCE", write_only, force_send_buffer);
pub(super) const RECEIVE_BUFFER_FORCE: Entry =
    int(33, "SO_RCVBUFFORCE", write_only, force_receive_buffer);
pub(super) const RECEIVE_OVERFLOWS: Entry = switch(40, "SO_RXQ_OVFL", Switches::RECEIVE_OVERFLOWS);
pub(super) const MEMORY_INFORMATION: Entry = Entry::new(
    L,
    55,
    "SO_MEMINFO",
    ALL,
    Access::Bytes(memory_information, refuse_value),
)
.typed(Value::Bytes)
.own();
pub(super) const LOCK: Entry = Entry::new(L, 72, "SO_BUF_LOCK", ALL, Access::Int(lock, set_lock));
pub(super) const RESERVED_MEMORY: Entry = refused(
    73,
    "SO_RESERVE_MEM",
    Errno::EOPNOTSUPP,
    "there are no memory groups",
);

/// It can't be set, but what is shorter than an int is wrong in itself (`sk_setsockopt`).
fn refuse_value(_target: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    Err(if value.len() < 4 {
        Errno::EINVAL
    } else {
        Errno::ENOPROTOOPT
    })
}

/// `sk_get_meminfo`
fn memory_information(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let summary = t.host.summary(t.id).ok_or(Errno::EBADF)?;
    let words = summary.memory_info();
    let value: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    Ok(bytes(&value, length))
}

fn size(value: u32) -> Result<i32, Errno> {
    Ok(i32::try_from(value).unwrap_or(i32::MAX))
}

/// `SOCK_MIN_SNDBUF`: two buffers of 2048 bytes with their headers.
const LEAST_SEND_BUFFER: u32 = 4608;
/// `SOCK_MIN_RCVBUF`
const LEAST_RECEIVE_BUFFER: u32 = 2304;

fn doubled(value: u32, least: u32) -> u32 {
    value
        .min(i32::MAX.cast_unsigned() / 2)
        .saturating_mul(2)
        .max(least)
}

/// A negative size is a very large one: it is compared unsigned.
fn set_send_buffer(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let most = u32::try_from(t.host.stack.config.sysctl.wmem_max).unwrap_or(u32::MAX);
    lock_send_buffer(t, value.cast_unsigned().min(most))
}

fn set_receive_buffer(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let most = u32::try_from(t.host.stack.config.sysctl.rmem_max).unwrap_or(u32::MAX);
    lock_receive_buffer(t, value.cast_unsigned().min(most))
}

fn force_send_buffer(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    lock_send_buffer(t, value.max(0).cast_unsigned())
}

fn force_receive_buffer(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    lock_receive_buffer(t, value.max(0).cast_unsigned())
}

fn lock_send_buffer(t: &mut Target<'_>, value: u32) -> Result<(), Errno> {
    let options = &mut t.socket_mut()?.options;
    options.send_buffer = doubled(value, LEAST_SEND_BUFFER);
    options.switches |= Switches::SEND_BUFFER_LOCKED;
    Ok(())
}

fn lock_receive_buffer(t: &mut Target<'_>, value: u32) -> Result<(), Errno> {
    let options = &mut t.socket_mut()?.options;
    options.receive_buffer = doubled(value, LEAST_RECEIVE_BUFFER);
    options.switches |= Switches::RECEIVE_BUFFER_LOCKED;
    Ok(())
}

const SEND_LOCK: i32 = 1;
const RECEIVE_LOCK: i32 = 2;

fn lock(t: &mut Target<'_>) -> Result<i32, Errno> {
    let options = &t.socket()?.options;
    let lock = |switch, bit| if options.is_on(switch) { bit } else { 0 };
    Ok(lock(Switches::SEND_BUFFER_LOCKED, SEND_LOCK)
        | lock(Switches::RECEIVE_BUFFER_LOCKED, RECEIVE_LOCK))
}

fn set_lock(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if value & !(SEND_LOCK | RECEIVE_LOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let switches = &mut t.socket_mut()?.options.switches;
    switches.set(Switches::SEND_BUFFER_LOCKED, value & SEND_LOCK != 0);
    switches.set(Switches::RECEIVE_BUFFER_LOCKED, value & RECEIVE_LOCK != 0);
    Ok(())
}

fn set_receive_low_water(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    // 0 is 1; a negative value asks for the most.
    let value = if value < 0 {
        i32::MAX.cast_unsigned()
    } else {
        value.cast_unsigned().max(1)
    };
    let most = if t.is_tcp() {
        // `tcp_set_rcvlowat`: no more than the buffer may ever hold.
        let options = &t.socket()?.options;
        let buffer = if options.is_on(Switches::RECEIVE_BUFFER_LOCKED) {
            options.receive_buffer
        } else {
            u32::try_from(t.host.stack.config.sysctl.tcp_rmem.max).unwrap_or(u32::MAX)
        };
        buffer / 2
    } else {
        u32::MAX
    };
    t.socket_mut()?.options.receive_low_water = value.min(most).max(1);
    Ok(())
}
