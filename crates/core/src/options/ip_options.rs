//! `IP_OPTIONS`: the options in the IPv4 headers that a socket sends (RFC 791 3.1, `ip_options_get`,
//! `ip_options_compile`).

use alloc::sync::Arc;

use sockeye_wire::Ipv4Options;
use sockeye_wire::ipv4::Ipv4Option;

use super::OptionValue;
use super::table::{Access, Entry, IPPROTO_IP, Scope, Target, Value, bytes};
use crate::Errno;

pub(super) const IP_OPTIONS: Entry = Entry::new(
    IPPROTO_IP,
    4,
    "IP_OPTIONS",
    Scope::IP,
    Access::Bytes(
        |t, length| {
            let options = t.socket()?.options.ip_options();
            Ok(options.map_or_else(OptionValue::new, |options| bytes(options, length)))
        },
        set,
    ),
)
.typed(Value::Bytes)
// A connection that is accepted has the options that came with it.
.own();

fn set(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let options = if value.is_empty() {
        None
    } else {
        Some(Arc::new(compile(value, t.is_privileged())?))
    };
    t.socket_mut()?.options.set_ip_options(options);
    if t.is_tcp() {
        crate::tcp::headers_changed(t.host, t.id, t.now);
    }
    Ok(())
}

/// The options as they go into a header: whole words, and nothing behind the end of the list.
fn compile(value: &[u8], is_privileged: bool) -> Result<Ipv4Options, Errno> {
    let mut options = Ipv4Options::new();
    options
        .try_extend_from_slice(value)
        .map_err(|_| Errno::EINVAL)?;
    while !options.len().is_multiple_of(4) {
        options
            .try_push(Ipv4Option::END)
            .map_err(|_| Errno::EINVAL)?;
    }
    let mut at = 0;
    let mut records_route = false;
    while let Some((&kind, rest)) = options.get(at..).and_then(<[u8]>::split_first) {
        if kind == Ipv4Option::END {
            // RFC 791 3.1: what follows is padding.
            options
                .iter_mut()
                .skip(at)
                .for_each(|byte| *byte = Ipv4Option::END);
            break;
        }
        if kind == Ipv4Option::NO_OPERATION {
            at += 1;
            continue;
        }
        let length = rest.first().copied().map_or(0, usize::from);
        let option = options.get(at..at + length).filter(|_| length >= 2);
        check(option.ok_or(Errno::EINVAL)?, records_route, is_privileged)?;
        records_route |= kind == Ipv4Option::RECORD_ROUTE;
        at += length;
    }
    Ok(options)
}

/// Whether a socket may send this option, its type and length included.
fn check(option: &[u8], records_route: bool, is_privileged: bool) -> Result<(), Errno> {
    let kind = option.first().copied().unwrap_or_default();
    let is_allowed = match kind {
        Ipv4Option::RECORD_ROUTE => {
            // The pointer counts from 1, and begins behind itself.
            let pointer = option.get(2).copied().map_or(0, usize::from);
            let has_room = pointer > option.len() || pointer + 3 <= option.len();
            !records_route && pointer >= 4 && has_room
        }
        Ipv4Option::ROUTER_ALERT => option.len() >= 4,
        // The host neither chooses routes by them nor has a clock for the packets on their way.
        Ipv4Option::LOOSE_SOURCE_ROUTE
        | Ipv4Option::STRICT_SOURCE_ROUTE
        | Ipv4Option::TIMESTAMP => false,
        _ => is_privileged,
    };
    if is_allowed {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}
