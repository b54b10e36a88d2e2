//! `IPPROTO_TCP` (tcp(7), `net/ipv4/tcp.c`).

use core::time::Duration;

use sockeye_tcp::{Algorithm, Linger2};

use super::table::{
    Access, Entry, IPPROTO_TCP, Scope, Target, Value, bytes, is_listening, read_only,
    read_only_bytes,
};
use super::{OptionValue, Switches, TcpChoices, tcp_fast_open, tcp_info, tcp_refused, tcp_syn};
use crate::Errno;
use crate::socket::Endpoint;

const L: i32 = IPPROTO_TCP;

const fn int(name: i32, label: &'static str, access: Access) -> Entry {
    Entry::new(L, name, label, Scope::TCP, access)
}

pub(super) const TABLE: &[Entry] = &[
    int(1, "TCP_NODELAY", Access::Switch(Switches::NO_DELAY)).typed(Value::Bool),
    int(2, "TCP_MAXSEG", Access::Int(max_segment, set_max_segment)),
    int(3, "TCP_CORK", Access::Switch(Switches::CORK)).typed(Value::Bool),
    int(
        4,
        "TCP_KEEPIDLE",
        Access::Int(
            |t| seconds(tuning(t)?.keep_idle),
            |t, value| {
                choices(t)?.tuning.keep_idle = Duration::from_secs(within(value, 1, 32_767)?);
                Ok(())
            },
        ),
    ),
    int(
        5,
        "TCP_KEEPINTVL",
        Access::Int(
            |t| seconds(tuning(t)?.keep_interval),
            |t, value| {
                choices(t)?.tuning.keep_interval = Duration::from_secs(within(value, 1, 32_767)?);
                Ok(())
            },
        ),
    ),
    int(
        6,
        "TCP_KEEPCNT",
        Access::Int(
            |t| Ok(tuning(t)?.keep_count.into()),
            |t, value| {
                choices(t)?.tuning.keep_count = byte(value, 1, 127)?;
                Ok(())
            },
        ),
    ),
    int(
        7,
        "TCP_SYNCNT",
        Access::Int(syn_count, |t, value| {
            let retries = byte(value, 1, 127)?;
            choices(t)?.syn_retries = Some(retries);
            crate::tcp::limit_syns(t.host, t.id, retries);
            Ok(())
        }),
    ),
    int(8, "TCP_LINGER2", Access::Int(linger2, set_linger2)),
    int(
        9,
        "TCP_DEFER_ACCEPT",
        Access::Int(
            |t| Ok(seconds_of_retries(tuning(t)?.defer_accept)),
            |t, value| {
                choices(t)?.tuning.defer_accept = retries_of_seconds(value);
                Ok(())
            },
        ),
    ),
    int(
        10,
        "TCP_WINDOW_CLAMP",
        Access::Int(window_clamp, set_window_clamp),
    ),
    int(11, "TCP_INFO", Access::Bytes(info, read_only_structure))
        .typed(Value::Bytes)
        .own(),
    int(12, "TCP_QUICKACK", Access::Int(quickack, set_quickack)),
    int(
        13,
        "TCP_CONGESTION",
        Access::Bytes(congestion, set_congestion),
    )
    .typed(Value::Text),
    tcp_refused::TCP_MD5SIG,
    int(
        16,
        "TCP_THIN_LINEAR_TIMEOUTS",
        Access::Int(
            |t| Ok(tuning(t)?.thin_linear_timeouts.into()),
            |t, value| {
                choices(t)?.tuning.thin_linear_timeouts = byte(value, 0, 1)? == 1;
                Ok(())
            },
        ),
    )
    .typed(Value::Bool),
    int(
        17,
        "TCP_THIN_DUPACK",
        Access::Int(|_| Ok(0), |_, value| byte(value, 0, 1).map(|_| ())),
    )
    .why("Linux ignores it, too"),
    int(
        18,
        "TCP_USER_TIMEOUT",
        Access::Int(user_timeout, set_user_timeout),
    ),
    tcp_refused::TCP_REPAIR,
    tcp_refused::TCP_REPAIR_QUEUE,
    tcp_refused::TCP_QUEUE_SEQ,
    tcp_refused::TCP_REPAIR_OPTIONS,
    tcp_fast_open::TCP_FASTOPEN,
    // Only a connection in repair could be told another.
    int(
        24,
        "TCP_TIMESTAMP",
        Access::Int(
            |t| Ok(crate::tcp::timestamp(t.host, t.id, t.now).cast_signed()),
            |_, _| Err(Errno::EPERM),
        ),
    )
    .own(),
    int(
        25,
        "TCP_NOTSENT_LOWAT",
        Access::Int(
            |t| Ok(tuning(t)?.unsent_low_water.unwrap_or(0).cast_signed()),
            |t, value| {
                choices(t)?.tuning.unsent_low_water = (value != 0).then_some(value.cast_unsigned());
                Ok(())
            },
        ),
    ),
    int(
        26,
        "TCP_CC_INFO",
        Access::Bytes(congestion_info, read_only_bytes),
    )
    .typed(Value::Bytes)
    .own(),
    tcp_syn::TCP_SAVE_SYN,
    tcp_syn::TCP_SAVED_SYN,
    tcp_refused::TCP_REPAIR_WINDOW,
    tcp_fast_open::TCP_FASTOPEN_CONNECT,
    tcp_refused::TCP_ULP,
    tcp_refused::TCP_MD5SIG_EXT,
    tcp_fast_open::TCP_FASTOPEN_KEY,
    tcp_fast_open::TCP_FASTOPEN_NO_COOKIE,
    tcp_refused::TCP_ZEROCOPY_RECEIVE,
    int(36, "TCP_INQ", Access::Int(unread, set_unread)).typed(Value::Bool),
    Entry::recorded(
        L,
        37,
        "TCP_TX_DELAY",
        Scope::TCP,
        (0, 0, (1 << 28) - 1),
        "in Linux, too, packets are held back by the fq queue alone, which no interface has",
    ),
    tcp_refused::TCP_AO_ADD_KEY,
    tcp_refused::TCP_AO_DEL_KEY,
    tcp_refused::TCP_AO_INFO,
    tcp_refused::TCP_AO_GET_KEYS,
    tcp_refused::TCP_AO_REPAIR,
    int(43, "TCP_IS_MPTCP", Access::Int(|_| Ok(0), read_only)).own(),
    int(
        44,
        "TCP_RTO_MAX_MS",
        Access::Int(
            |t| millis(tuning(t)?.rto_max),
            |t, value| {
                choices(t)?.tuning.rto_max = Duration::from_millis(within(value, 1000, 120_000)?);
                Ok(())
            },
        ),
    ),
    int(
        45,
        "TCP_RTO_MIN_US",
        Access::Int(
            |t| micros(tuning(t)?.rto_min),
            |t, value| {
                choices(t)?.tuning.rto_min = in_ticks(value)?;
                Ok(())
            },
        ),
    ),
    int(
        46,
        "TCP_DELACK_MAX_US",
        Access::Int(
            |t| micros(tuning(t)?.delayed_ack_max),
            |t, value| {
                choices(t)?.tuning.delayed_ack_max = in_ticks(value)?;
                Ok(())
            },
        ),
    ),
];

/// `setsockopt` of a structure that can only be read: whether there is an int comes first.
pub(super) fn read_only_structure(_target: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    Err(if value.len() < 4 {
        Errno::EINVAL
    } else {
        Errno::ENOPROTOOPT
    })
}

/// `TCP_INQ`
fn unread(t: &mut Target<'_>) -> Result<i32, Errno> {
    Ok(t.socket()?.options.is_on(Switches::TELL_UNREAD).into())
}

fn set_unread(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let is_on = byte(value, 0, 1)? == 1;
    let switches = &mut t.socket_mut()?.options.switches;
    switches.set(Switches::TELL_UNREAD, is_on);
    Ok(())
}

/// Linux's clock tick at the usual 250 a second.
const TICK: u64 = 4000;

/// A time in microseconds, up to a whole tick: from `TCP_TIMEOUT_MIN`, two ticks, to `TCP_RTO_MIN` or `TCP_DELACK_MAX`, both
/// 200 ms.
fn in_ticks(value: i32) -> Result<Duration, Errno> {
    let micros = u64::try_from(value).map_err(|_| Errno::EINVAL)?;
    let rounded = micros.next_multiple_of(TICK);
    let is_allowed = (2 * TICK..=200_000).contains(&rounded);
    is_allowed
        .then(|| Duration::from_micros(rounded))
        .ok_or(Errno::EINVAL)
}

/// Told by the connection, which changes it as it sees fit; before there is one, as it is to begin.
fn quickack(t: &mut Target<'_>) -> Result<i32, Errno> {
    if let Some(is_quick) = crate::tcp::quickack(t.host, t.id) {
        return Ok(is_quick.into());
    }
    Ok((!t.socket()?.options.is_on(Switches::PING_PONG)).into())
}

/// `__tcp_sock_set_quickack`: an even number but 0 acknowledges at once what waits, and delays from then on.
fn set_quickack(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    t.socket_mut()?
        .options
        .switches
        .set(Switches::PING_PONG, value == 0);
    crate::tcp::set_quickack(t.host, t.id, value != 0, value & 1 == 1, t.now);
    Ok(())
}

fn current(t: &mut Target<'_>) -> Result<TcpChoices, Errno> {
    Ok(t.socket()?.options.tcp_choices(&t.host.stack.config.sysctl))
}

fn tuning(t: &mut Target<'_>) -> Result<sockeye_tcp::Tuning, Errno> {
    Ok(current(t)?.tuning)
}

fn choices<'a>(t: &'a mut Target<'_>) -> Result<&'a mut TcpChoices, Errno> {
    t.host.get(t.id)?;
    let sysctl = &t.host.stack.config.sysctl;
    let socket = t.host.sockets.get_mut(t.id).ok_or(Errno::EBADF)?;
    Ok(socket.options.tcp_choices_mut(sysctl))
}

fn within(value: i32, least: u64, most: u64) -> Result<u64, Errno> {
    u64::try_from(value)
        .ok()
        .filter(|value| (least..=most).contains(value))
        .ok_or(Errno::EINVAL)
}

fn byte(value: i32, least: u8, most: u8) -> Result<u8, Errno> {
    u8::try_from(value)
        .ok()
        .filter(|value| (least..=most).contains(value))
        .ok_or(Errno::EINVAL)
}

fn millis(duration: Duration) -> Result<i32, Errno> {
    Ok(i32::try_from(duration.as_millis()).unwrap_or(i32::MAX))
}

fn micros(duration: Duration) -> Result<i32, Errno> {
    Ok(i32::try_from(duration.as_micros()).unwrap_or(i32::MAX))
}

fn seconds(duration: Duration) -> Result<i32, Errno> {
    Ok(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX))
}

/// What Linux answers as long as nothing is known (`TCP_MSS_DEFAULT`, RFC 9293 3.7.1).
const DEFAULT_SEGMENT: i32 = 536;

fn max_segment(t: &mut Target<'_>) -> Result<i32, Errno> {
    if let Some(info) = crate::tcp::info(t.host, t.id, t.now) {
        return Ok(i32::try_from(info.snd_mss).unwrap_or(i32::MAX));
    }
    if let Some(bound) = tuning(t)?.max_segment {
        return Ok(bound.into());
    }
    let last = crate::tcp::segment_size(t.host, t.id, t.now);
    Ok(last.map_or(DEFAULT_SEGMENT, |mss| {
        i32::try_from(mss).unwrap_or(i32::MAX)
    }))
}

/// 0 takes the bound away; the least is `TCP_MIN_MSS`.
fn set_max_segment(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let bound = match value {
        0 => None,
        value => Some(
            u16::try_from(value)
                .ok()
                .filter(|mss| (88..=32_767).contains(mss))
                .ok_or(Errno::EINVAL)?,
        ),
    };
    choices(t)?.tuning.max_segment = bound;
    Ok(())
}

fn syn_count(t: &mut Target<'_>) -> Result<i32, Errno> {
    let default = t.host.stack.config.sysctl.tcp_syn_retries;
    Ok(current(t)?.syn_retries.unwrap_or(default).into())
}

/// `TCP_FIN_TIMEOUT_MAX`
const LONGEST_LINGER: i32 = 120;

fn linger2(t: &mut Target<'_>) -> Result<i32, Errno> {
    let default = t.host.stack.config.sysctl.tcp_fin_timeout;
    Ok(match tuning(t)?.linger2 {
        Linger2::Default => seconds(default)?,
        Linger2::None => -1,
        Linger2::Seconds(seconds) => i32::try_from(seconds).unwrap_or(LONGEST_LINGER),
    })
}

fn set_linger2(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    choices(t)?.tuning.linger2 = match u32::try_from(value.min(LONGEST_LINGER)) {
        Ok(0) => Linger2::Default,
        Ok(seconds) => Linger2::Seconds(seconds),
        Err(_) => Linger2::None,
    };
    Ok(())
}

/// The times at which a SYN-ACK is repeated: 1 s, doubled up to 120 s.
fn intervals() -> impl Iterator<Item = i32> {
    core::iter::successors(Some(1), |interval: &i32| Some((interval * 2).min(120)))
}

/// `secs_to_retrans`
fn retries_of_seconds(seconds: i32) -> u8 {
    if seconds <= 0 {
        return 0;
    }
    let mut total = 0;
    let enough = intervals().take(255).position(|interval| {
        total += interval;
        total >= seconds
    });
    enough.map_or(u8::MAX, |before| {
        u8::try_from(before + 1).unwrap_or(u8::MAX)
    })
}

/// `retrans_to_secs`
fn seconds_of_retries(retries: u8) -> i32 {
    intervals().take(usize::from(retries)).sum()
}

/// Half of `SOCK_MIN_RCVBUF`.
const LEAST_CLAMP: u32 = 1152;

fn window_clamp(t: &mut Target<'_>) -> Result<i32, Errno> {
    if let Some(clamp) = crate::tcp::window_clamp(t.host, t.id) {
        return Ok(i32::try_from(clamp).unwrap_or(i32::MAX));
    }
    Ok(tuning(t)?
        .window_clamp
        .map_or(0, |clamp| i32::try_from(clamp).unwrap_or(i32::MAX)))
}

fn set_window_clamp(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let is_connected = crate::tcp::info(t.host, t.id, t.now).is_some();
    let clamp = match value {
        0 if is_connected || is_listening(t.socket()?) => return Err(Errno::EINVAL),
        0 => None,
        // Taken as it is but for the least: a negative one is compared as the signed number it is.
        value => Some(u32::try_from(value).unwrap_or(0).max(LEAST_CLAMP)),
    };
    choices(t)?.tuning.window_clamp = clamp;
    Ok(())
}

fn user_timeout(t: &mut Target<'_>) -> Result<i32, Errno> {
    let timeout = tuning(t)?.user_timeout.unwrap_or_default();
    Ok(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
}

fn set_user_timeout(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let millis = u64::try_from(value).map_err(|_| Errno::EINVAL)?;
    choices(t)?.tuning.user_timeout = (millis > 0).then(|| Duration::from_millis(millis));
    Ok(())
}

fn info(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let info = match &t.socket()?.endpoint {
        Endpoint::Listener(listener) => listener.info(),
        _ => crate::tcp::last_info(t.host, t.id, t.now),
    };
    Ok(bytes(&tcp_info::encode(&info), length))
}

/// `struct tcp_bbr_info` for BBR; the others have nothing to tell.
fn congestion_info(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let default = t.host.stack.config.sysctl.tcp_congestion_control;
    if current(t)?.congestion.unwrap_or(default) != Algorithm::Bbr {
        return Ok(OptionValue::new());
    }
    let info = crate::tcp::info(t.host, t.id, t.now).and_then(|info| info.bbr);
    let told = info.map_or([0; 20], |info| tcp_info::encode_bbr(&info));
    Ok(bytes(&told, length))
}

/// `TCP_CA_NAME_MAX`
const LONGEST_NAME: usize = 16;

fn congestion(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let mut name = [0; LONGEST_NAME];
    let chosen = crate::tcp::congestion_of(t.socket()?, &t.host.stack.config.sysctl);
    for (byte, letter) in name.iter_mut().zip(chosen.name().bytes()) {
        *byte = letter;
    }
    Ok(bytes(&name, length))
}

fn set_congestion(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    if value.is_empty() {
        return Err(Errno::EINVAL);
    }
    let name = value
        .get(..value.len().min(LONGEST_NAME - 1))
        .unwrap_or(value);
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let algorithm = Algorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm.name().as_bytes() == name);
    choices(t)?.congestion = Some(algorithm.ok_or(Errno::ENOENT)?);
    Ok(())
}
