//! `SOL_SOCKET` (socket(7), `net/core/sock.c`).

use core::time::Duration;

use super::table::{
    Access, Entry, SOL_SOCKET, Scope, Target, Value, bytes, is_listening, read_only,
    read_only_bytes, write_only,
};
use super::{OptionValue, Switches, Timestamping};
use crate::ids::InterfaceId;
use crate::socket::Endpoint;
use crate::{Domain, Errno};

const ALL: Scope = Scope::ALL;
const L: i32 = SOL_SOCKET;

const fn switch(name: i32, label: &'static str, scope: Scope, switch: Switches) -> Entry {
    Entry::new(L, name, label, scope, Access::Switch(switch))
}

const NO_BPF: &str = "the host runs no BPF programs";
const NO_STAMPS: &str = "only SO_TIMESTAMP and SO_TIMESTAMPNS stamp packets";
const NO_HARDWARE: &str = "there is no such hardware or driver beneath the host";
const NO_MODULES: &str = "there is no security module";

pub(super) const TABLE: &[Entry] = &[
    switch(1, "SO_DEBUG", ALL, Switches::DEBUG).why("nothing is traced by it"),
    Entry::new(
        L,
        2,
        "SO_REUSEADDR",
        ALL,
        Access::Switch(Switches::REUSE_ADDRESS),
    ),
    Entry::new(
        L,
        3,
        "SO_TYPE",
        ALL,
        Access::Int(|t| Ok(t.socket()?.kind.number()), read_only),
    ),
    Entry::new(L, 4, "SO_ERROR", ALL, Access::Int(take_error, read_only)).own(),
    switch(5, "SO_DONTROUTE", ALL, Switches::DONT_ROUTE)
        .why("every destination is routed as usual"),
    switch(6, "SO_BROADCAST", ALL, Switches::BROADCAST),
    Entry::new(
        L,
        7,
        "SO_SNDBUF",
        ALL,
        Access::Int(|t| int(t.socket()?.options.send_buffer), set_send_buffer),
    ),
    Entry::new(
        L,
        8,
        "SO_RCVBUF",
        ALL,
        Access::Int(
            |t| int(t.socket()?.options.receive_buffer),
            set_receive_buffer,
        ),
    ),
    switch(9, "SO_KEEPALIVE", ALL, Switches::KEEPALIVE),
    switch(10, "SO_OOBINLINE", ALL, Switches::OOB_INLINE),
    switch(11, "SO_NO_CHECK", ALL, Switches::NO_CHECKSUM)
        .why("checksums cost nothing on the way that has no wire"),
    Entry::new(
        L,
        12,
        "SO_PRIORITY",
        ALL,
        Access::Int(
            |t| Ok(t.socket()?.options.priority.cast_signed()),
            set_priority,
        ),
    )
    .why("an interface has one queue")
    .own(),
    Entry::new(L, 13, "SO_LINGER", ALL, Access::Bytes(linger, set_linger)).typed(Value::Linger),
    Entry::new(
        L,
        14,
        "SO_BSDCOMPAT",
        ALL,
        Access::Int(|_| Ok(0), |_, _| Ok(())),
    )
    .why("Linux ignores it, too"),
    Entry::new(
        L,
        15,
        "SO_REUSEPORT",
        ALL,
        Access::Int(
            |t| Ok(i32::from(t.socket()?.options.is_on(Switches::REUSE_PORT))),
            set_reuse_port,
        ),
    )
    .typed(Value::Bool),
    switch(16, "SO_PASSCRED", Scope::UNIX, Switches::PASS_CREDENTIALS),
    Entry::new(
        L,
        17,
        "SO_PEERCRED",
        ALL,
        Access::Bytes(peer_credentials, read_only_bytes),
    )
    .typed(Value::Ucred)
    .own(),
    Entry::new(
        L,
        18,
        "SO_RCVLOWAT",
        ALL,
        Access::Int(
            |t| int(t.socket()?.options.receive_low_water),
            set_receive_low_water,
        ),
    ),
    Entry::new(L, 19, "SO_SNDLOWAT", ALL, Access::Int(|_| Ok(1), read_only)),
    Entry::new(
        L,
        20,
        "SO_RCVTIMEO",
        ALL,
        Access::Bytes(receive_timeout, set_receive_timeout),
    )
    .typed(Value::Timeval),
    Entry::new(
        L,
        21,
        "SO_SNDTIMEO",
        ALL,
        Access::Bytes(send_timeout, set_send_timeout),
    )
    .typed(Value::Timeval),
    Entry::new(
        L,
        25,
        "SO_BINDTODEVICE",
        ALL,
        Access::Bytes(device_name, set_device_name),
    )
    .typed(Value::Text),
    Entry::refused(L, 26, "SO_ATTACH_FILTER", ALL, Errno::EINVAL, NO_BPF),
    Entry::refused(
        L,
        27,
        "SO_DETACH_FILTER",
        ALL,
        Errno::ENOENT,
        "none can be attached",
    ),
    Entry::refused(
        L,
        28,
        "SO_PEERNAME",
        ALL,
        Errno::ENOTCONN,
        "getpeername(2) tells it",
    ),
    Entry::new(
        L,
        29,
        "SO_TIMESTAMP",
        ALL,
        Access::Int(
            |t| {
                Ok(i32::from(
                    t.socket()?.options.timestamping == Timestamping::Micros,
                ))
            },
            |t, value| stamp(t, value, Timestamping::Micros),
        ),
    )
    .typed(Value::Bool),
    Entry::new(
        L,
        30,
        "SO_ACCEPTCONN",
        ALL,
        Access::Int(|t| Ok(i32::from(is_listening(t.socket()?))), read_only),
    )
    .own(),
    Entry::refused(L, 31, "SO_PEERSEC", ALL, Errno::ENOPROTOOPT, NO_MODULES),
    Entry::new(
        L,
        32,
        "SO_SNDBUFFORCE",
        ALL,
        Access::Int(write_only, force_send_buffer),
    ),
    Entry::new(
        L,
        33,
        "SO_RCVBUFFORCE",
        ALL,
        Access::Int(write_only, force_receive_buffer),
    ),
    Entry::recorded(L, 34, "SO_PASSSEC", Scope::UNIX, (0, 0, 1), NO_MODULES),
    Entry::new(
        L,
        35,
        "SO_TIMESTAMPNS",
        ALL,
        Access::Int(
            |t| {
                Ok(i32::from(
                    t.socket()?.options.timestamping == Timestamping::Nanos,
                ))
            },
            |t, value| stamp(t, value, Timestamping::Nanos),
        ),
    )
    .typed(Value::Bool),
    Entry::new(
        L,
        36,
        "SO_MARK",
        ALL,
        Access::Int(|t| Ok(t.socket()?.options.mark.cast_signed()), set_mark),
    )
    .why("there are no routing rules that look at it"),
    Entry::refused(L, 37, "SO_TIMESTAMPING", ALL, Errno::ENOPROTOOPT, NO_STAMPS),
    Entry::new(
        L,
        38,
        "SO_PROTOCOL",
        ALL,
        Access::Int(|t| Ok(i32::from(t.socket()?.protocol)), read_only),
    ),
    Entry::new(
        L,
        39,
        "SO_DOMAIN",
        ALL,
        Access::Int(|t| Ok(t.socket()?.domain.number()), read_only),
    ),
    switch(40, "SO_RXQ_OVFL", ALL, Switches::RECEIVE_OVERFLOWS),
    Entry::recorded(L, 41, "SO_WIFI_STATUS", ALL, (0, 0, 1), NO_HARDWARE),
    Entry::refused(
        L,
        42,
        "SO_PEEK_OFF",
        ALL,
        Errno::EOPNOTSUPP,
        "MSG_PEEK always looks at the front",
    ),
    Entry::recorded(L, 43, "SO_NOFCS", ALL, (0, 0, 1), NO_HARDWARE),
    Entry::refused(L, 44, "SO_LOCK_FILTER", ALL, Errno::ENOPROTOOPT, NO_BPF),
    Entry::refused(
        L,
        45,
        "SO_SELECT_ERR_QUEUE",
        ALL,
        Errno::ENOPROTOOPT,
        "poll(2) does not tell POLLPRI for the error queue",
    ),
    Entry::recorded(
        L,
        46,
        "SO_BUSY_POLL",
        ALL,
        (0, 0, i32::MAX),
        "the host never waits, so it never polls",
    ),
    Entry::new(
        L,
        47,
        "SO_MAX_PACING_RATE",
        ALL,
        Access::Bytes(pacing_rate, set_pacing_rate),
    )
    .why("packets are not paced yet"),
    Entry::refused(L, 48, "SO_BPF_EXTENSIONS", ALL, Errno::ENOPROTOOPT, NO_BPF),
    Entry::recorded(
        L,
        49,
        "SO_INCOMING_CPU",
        ALL,
        (-1, i32::MIN, i32::MAX),
        "a host runs where its embedder calls it",
    ),
    Entry::refused(L, 50, "SO_ATTACH_BPF", ALL, Errno::EINVAL, NO_BPF),
    Entry::refused(
        L,
        51,
        "SO_ATTACH_REUSEPORT_CBPF",
        ALL,
        Errno::EINVAL,
        NO_BPF,
    ),
    Entry::refused(
        L,
        52,
        "SO_ATTACH_REUSEPORT_EBPF",
        ALL,
        Errno::EINVAL,
        NO_BPF,
    ),
    Entry::refused(
        L,
        53,
        "SO_CNX_ADVICE",
        ALL,
        Errno::ENOPROTOOPT,
        "there is no choice of paths to advise on",
    ),
    Entry::refused(
        L,
        55,
        "SO_MEMINFO",
        ALL,
        Errno::ENOPROTOOPT,
        "the snapshot tells it",
    ),
    Entry::new(
        L,
        56,
        "SO_INCOMING_NAPI_ID",
        ALL,
        Access::Int(|_| Ok(0), read_only),
    )
    .own(),
    Entry::new(
        L,
        57,
        "SO_COOKIE",
        ALL,
        Access::Bytes(cookie, read_only_bytes),
    )
    .typed(Value::U64)
    .own(),
    Entry::refused(
        L,
        59,
        "SO_PEERGROUPS",
        ALL,
        Errno::ENODATA,
        "the host knows one group of a process",
    ),
    Entry::refused(
        L,
        60,
        "SO_ZEROCOPY",
        ALL,
        Errno::EOPNOTSUPP,
        "MSG_ZEROCOPY is not there",
    ),
    Entry::refused(
        L,
        61,
        "SO_TXTIME",
        ALL,
        Errno::EINVAL,
        "packets are not timed",
    ),
    Entry::new(
        L,
        62,
        "SO_BINDTOIFINDEX",
        ALL,
        Access::Int(device_index, set_device_index),
    ),
    Entry::refused(
        L,
        63,
        "SO_TIMESTAMP_NEW",
        ALL,
        Errno::ENOPROTOOPT,
        NO_STAMPS,
    ),
    Entry::refused(
        L,
        64,
        "SO_TIMESTAMPNS_NEW",
        ALL,
        Errno::ENOPROTOOPT,
        NO_STAMPS,
    ),
    Entry::refused(
        L,
        65,
        "SO_TIMESTAMPING_NEW",
        ALL,
        Errno::ENOPROTOOPT,
        NO_STAMPS,
    ),
    // struct __kernel_sock_timeval: on a 64-bit machine it is struct timeval.
    Entry::new(
        L,
        66,
        "SO_RCVTIMEO_NEW",
        ALL,
        Access::Bytes(receive_timeout, set_receive_timeout),
    )
    .typed(Value::Timeval),
    Entry::new(
        L,
        67,
        "SO_SNDTIMEO_NEW",
        ALL,
        Access::Bytes(send_timeout, set_send_timeout),
    )
    .typed(Value::Timeval),
    Entry::refused(
        L,
        68,
        "SO_DETACH_REUSEPORT_BPF",
        ALL,
        Errno::ENOENT,
        "none can be attached",
    ),
    Entry::recorded(
        L,
        69,
        "SO_PREFER_BUSY_POLL",
        ALL,
        (0, 0, 1),
        "the host never waits, so it never polls",
    ),
    Entry::refused(
        L,
        70,
        "SO_BUSY_POLL_BUDGET",
        ALL,
        Errno::ENOPROTOOPT,
        "the host never waits, so it never polls",
    ),
    Entry::refused(
        L,
        71,
        "SO_NETNS_COOKIE",
        ALL,
        Errno::ENOPROTOOPT,
        "a host is its own namespace",
    ),
    Entry::new(
        L,
        72,
        "SO_BUF_LOCK",
        ALL,
        Access::Int(buffer_lock, set_buffer_lock),
    ),
    Entry::refused(
        L,
        73,
        "SO_RESERVE_MEM",
        ALL,
        Errno::EOPNOTSUPP,
        "there are no memory groups",
    ),
    Entry::refused(
        L,
        74,
        "SO_TXREHASH",
        ALL,
        Errno::EOPNOTSUPP,
        "there is no choice of paths to hash over",
    ),
    Entry::refused(
        L,
        75,
        "SO_RCVMARK",
        ALL,
        Errno::ENOPROTOOPT,
        "packets bear no marks",
    ),
    Entry::refused(
        L,
        76,
        "SO_PASSPIDFD",
        ALL,
        Errno::EOPNOTSUPP,
        "the host knows no processes",
    ),
    Entry::refused(
        L,
        77,
        "SO_PEERPIDFD",
        ALL,
        Errno::ENODATA,
        "the host knows no processes",
    ),
    Entry::refused(
        L,
        82,
        "SO_RCVPRIORITY",
        ALL,
        Errno::ENOPROTOOPT,
        "packets bear no priorities",
    ),
    Entry::refused(
        L,
        83,
        "SO_PASSRIGHTS",
        ALL,
        Errno::EOPNOTSUPP,
        "rights are always taken",
    ),
];

fn int(value: u32) -> Result<i32, Errno> {
    Ok(i32::try_from(value).unwrap_or(i32::MAX))
}

fn take_error(t: &mut Target<'_>) -> Result<i32, Errno> {
    let error = t.socket_mut()?.error.take();
    Ok(error.map_or(0, |errno| i32::from(errno as u16)))
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

fn buffer_lock(t: &mut Target<'_>) -> Result<i32, Errno> {
    let options = &t.socket()?.options;
    let lock = |switch, bit| if options.is_on(switch) { bit } else { 0 };
    Ok(lock(Switches::SEND_BUFFER_LOCKED, SEND_LOCK)
        | lock(Switches::RECEIVE_BUFFER_LOCKED, RECEIVE_LOCK))
}

fn set_buffer_lock(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if value & !(SEND_LOCK | RECEIVE_LOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let switches = &mut t.socket_mut()?.options.switches;
    switches.set(Switches::SEND_BUFFER_LOCKED, value & SEND_LOCK != 0);
    switches.set(Switches::RECEIVE_BUFFER_LOCKED, value & RECEIVE_LOCK != 0);
    Ok(())
}

fn set_priority(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if !(0..=6).contains(&value) && !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    t.socket_mut()?.options.priority = value.cast_unsigned();
    Ok(())
}

fn set_mark(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    t.socket_mut()?.options.mark = value.cast_unsigned();
    Ok(())
}

fn set_reuse_port(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let socket = t.socket_mut()?;
    if value != 0 && socket.domain == Domain::Unix {
        return Err(Errno::EOPNOTSUPP);
    }
    socket
        .options
        .switches
        .set(Switches::REUSE_PORT, value != 0);
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

fn linger(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let linger = t.socket()?.options.linger;
    let mut value = [0; 8];
    value[..4].copy_from_slice(&i32::from(linger.is_some()).to_ne_bytes());
    value[4..].copy_from_slice(&linger.unwrap_or(0).to_ne_bytes());
    Ok(bytes(&value, length))
}

fn set_linger(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let value: &[u8; 8] = value.first_chunk().ok_or(Errno::EINVAL)?;
    let [a, b, c, d, e, f, g, h] = *value;
    let is_on = [a, b, c, d] != [0; 4];
    let seconds = u32::from_ne_bytes([e, f, g, h]);
    t.socket_mut()?.options.linger = is_on.then_some(seconds);
    Ok(())
}

fn peer_credentials(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let known = match &t.socket()?.endpoint {
        Endpoint::Unix(endpoint) => endpoint.peer_credentials(),
        Endpoint::Tcp(_) | Endpoint::Listener(_) | Endpoint::Datagram(_) => None,
    };
    let (pid, uid, gid) = known.map_or((0, u32::MAX, u32::MAX), |who| (who.pid, who.uid, who.gid));
    let mut value = [0; 12];
    value[..4].copy_from_slice(&pid.to_ne_bytes());
    value[4..8].copy_from_slice(&uid.to_ne_bytes());
    value[8..].copy_from_slice(&gid.to_ne_bytes());
    Ok(bytes(&value, length))
}

fn cookie(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    if length < 8 {
        return Err(Errno::EINVAL);
    }
    Ok(OptionValue::from_slice(&t.socket()?.cookie.to_ne_bytes()))
}

fn stamp(t: &mut Target<'_>, value: i32, stamping: Timestamping) -> Result<(), Errno> {
    // Switching either off switches stamps off; switching one on takes the place of the other.
    t.socket_mut()?.options.timestamping = if value != 0 {
        stamping
    } else {
        Timestamping::Off
    };
    Ok(())
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
    Ok(timeval(t.socket()?.options.receive_timeout, length))
}

fn set_receive_timeout(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    t.socket_mut()?.options.receive_timeout = timeout_of(value)?;
    Ok(())
}

fn send_timeout(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    Ok(timeval(t.socket()?.options.send_timeout, length))
}

fn set_send_timeout(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    t.socket_mut()?.options.send_timeout = timeout_of(value)?;
    Ok(())
}

/// `IFNAMSIZ`
const LONGEST_NAME: usize = 16;

fn device_name(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let device = t.socket()?.options.device;
    let Some(interface) = device.and_then(|device| t.host.stack.interface(device)) else {
        return Ok(OptionValue::new());
    };
    if length < LONGEST_NAME {
        return Err(Errno::EINVAL);
    }
    let mut value = OptionValue::from_slice(interface.name.as_bytes());
    value.push(0);
    Ok(value)
}

fn set_device_name(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let name = value
        .get(..value.len().min(LONGEST_NAME - 1))
        .unwrap_or(value);
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let device = if name.is_empty() {
        None
    } else {
        let name = core::str::from_utf8(name).map_err(|_| Errno::ENODEV)?;
        Some(t.host.interface_by_name(name).ok_or(Errno::ENODEV)?)
    };
    bind_to(t, device)
}

fn device_index(t: &mut Target<'_>) -> Result<i32, Errno> {
    Ok(t.socket()?
        .options
        .device
        .map_or(0, |device| device.ifindex().cast_signed()))
}

fn set_device_index(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let index = u32::try_from(value).map_err(|_| Errno::EINVAL)?;
    let device = match index {
        0 => None,
        index => Some(
            t.host
                .stack
                .interface_by_index(index)
                .ok_or(Errno::ENODEV)?,
        ),
    };
    bind_to(t, device)
}

/// Changing a binding asks for CAP_NET_RAW.
fn bind_to(t: &mut Target<'_>, device: Option<InterfaceId>) -> Result<(), Errno> {
    if t.socket()?.options.device.is_some() && !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    t.socket_mut()?.options.device = device;
    Ok(())
}

const PACING: (i32, i32) = (SOL_SOCKET, 47);

fn pacing_rate(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let rate = t
        .socket()?
        .options
        .recorded
        .get(&PACING)
        .copied()
        .unwrap_or(-1);
    if length >= 8 {
        let rate = if rate == -1 {
            u64::MAX
        } else {
            u64::from(rate.cast_unsigned())
        };
        return Ok(OptionValue::from_slice(&rate.to_ne_bytes()));
    }
    Ok(bytes(&rate.to_ne_bytes(), length))
}

fn set_pacing_rate(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let rate = match (value.first_chunk::<8>(), value.first_chunk::<4>()) {
        // More than 32 bits hold is as good as no limit for what is only recorded.
        (Some(eight), _) => u32::try_from(u64::from_ne_bytes(*eight))
            .unwrap_or(u32::MAX)
            .cast_signed(),
        (None, Some(four)) => i32::from_ne_bytes(*four),
        (None, None) => return Err(Errno::EINVAL),
    };
    t.socket_mut()?.options.recorded.insert(PACING, rate);
    Ok(())
}
