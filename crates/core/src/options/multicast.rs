//! Multicast at the levels `IPPROTO_IP` and `IPPROTO_IPV6`: the groups' older calls, those of RFC 3678 for both families,
//! and how a socket sends to groups (ip(7), ipv6(7), `do_ip_setsockopt`, `do_ipv6_setsockopt`).

mod calls;
mod layouts;

use super::table::{Access, Entry, IPPROTO_IP, IPPROTO_IPV6, Scope, SetBytes, Target, Value};
use super::{OptionValue, Switches};
use crate::Errno;
use crate::ids::InterfaceId;

const fn call(level: i32, name: i32, label: &'static str, scope: Scope, set: SetBytes) -> Entry {
    let access = Access::Bytes(|_, _| Err(Errno::ENOPROTOOPT), set);
    Entry::new(level, name, label, scope, access)
        .typed(Value::Bytes)
        .own()
}

const fn v4(name: i32, label: &'static str, set: SetBytes) -> Entry {
    call(IPPROTO_IP, name, label, Scope::IP, set)
}

const fn v6(name: i32, label: &'static str, set: SetBytes) -> Entry {
    call(IPPROTO_IPV6, name, label, Scope::V6, set)
}

pub(super) const IP_MULTICAST_IF: Entry = Entry::new(
    IPPROTO_IP,
    32,
    "IP_MULTICAST_IF",
    Scope::IP,
    Access::Bytes(interface, calls::set_interface),
)
.typed(Value::Bytes);
pub(super) const IP_MULTICAST_TTL: Entry = Entry::new(
    IPPROTO_IP,
    33,
    "IP_MULTICAST_TTL",
    Scope::IP,
    Access::Int(ttl, set_ttl),
);
pub(super) const IP_MULTICAST_LOOP: Entry = Entry::new(
    IPPROTO_IP,
    34,
    "IP_MULTICAST_LOOP",
    Scope::IP,
    Access::Switch(Switches::MULTICAST_LOOP),
);
pub(super) const IP_ADD_MEMBERSHIP: Entry = v4(35, "IP_ADD_MEMBERSHIP", calls::add_membership);
pub(super) const IP_DROP_MEMBERSHIP: Entry = v4(36, "IP_DROP_MEMBERSHIP", calls::drop_membership);
pub(super) const IP_UNBLOCK_SOURCE: Entry = v4(37, "IP_UNBLOCK_SOURCE", calls::unblock_source);
pub(super) const IP_BLOCK_SOURCE: Entry = v4(38, "IP_BLOCK_SOURCE", calls::block_source);
pub(super) const IP_ADD_SOURCE_MEMBERSHIP: Entry =
    v4(39, "IP_ADD_SOURCE_MEMBERSHIP", calls::add_source_membership);
pub(super) const IP_DROP_SOURCE_MEMBERSHIP: Entry = v4(
    40,
    "IP_DROP_SOURCE_MEMBERSHIP",
    calls::drop_source_membership,
);
pub(super) const IP_MSFILTER: Entry = v4(41, "IP_MSFILTER", calls::set_filter);
pub(super) const MCAST_JOIN_GROUP: Entry = v4(42, "MCAST_JOIN_GROUP", calls::join_v4);
pub(super) const MCAST_BLOCK_SOURCE: Entry = v4(43, "MCAST_BLOCK_SOURCE", calls::block_v4);
pub(super) const MCAST_UNBLOCK_SOURCE: Entry = v4(44, "MCAST_UNBLOCK_SOURCE", calls::unblock_v4);
pub(super) const MCAST_LEAVE_GROUP: Entry = v4(45, "MCAST_LEAVE_GROUP", calls::leave_v4);
pub(super) const MCAST_JOIN_SOURCE_GROUP: Entry =
    v4(46, "MCAST_JOIN_SOURCE_GROUP", calls::join_source_v4);
pub(super) const MCAST_LEAVE_SOURCE_GROUP: Entry =
    v4(47, "MCAST_LEAVE_SOURCE_GROUP", calls::leave_source_v4);
pub(super) const MCAST_MSFILTER: Entry = v4(48, "MCAST_MSFILTER", calls::set_group_filter_v4);
pub(super) const IP_MULTICAST_ALL: Entry = Entry::new(
    IPPROTO_IP,
    49,
    "IP_MULTICAST_ALL",
    Scope::IP,
    Access::Int(
        |t| {
            Ok(i32::from(
                t.socket()?.options.is_on(Switches::MULTICAST_ALL),
            ))
        },
        |t, value| set_strictly(t, Switches::MULTICAST_ALL, value),
    ),
)
.typed(Value::Bool);

pub(super) const IPV6_MULTICAST_IF: Entry = Entry::new(
    IPPROTO_IPV6,
    17,
    "IPV6_MULTICAST_IF",
    Scope::V6,
    Access::Bytes(interface_v6, calls::set_interface_v6),
);
pub(super) const IPV6_MULTICAST_HOPS: Entry = Entry::new(
    IPPROTO_IPV6,
    18,
    "IPV6_MULTICAST_HOPS",
    Scope::V6,
    Access::Bytes(hops, set_hops),
);
pub(super) const IPV6_MULTICAST_LOOP: Entry = Entry::new(
    IPPROTO_IPV6,
    19,
    "IPV6_MULTICAST_LOOP",
    Scope::V6,
    Access::Int(
        |t| {
            let is_on = t.socket()?.options.is_on(Switches::MULTICAST_LOOP_V6);
            Ok(i32::from(is_on))
        },
        |t, value| set_strictly(t, Switches::MULTICAST_LOOP_V6, value),
    ),
)
.typed(Value::Bool);
pub(super) const IPV6_ADD_MEMBERSHIP: Entry =
    v6(20, "IPV6_ADD_MEMBERSHIP", calls::add_membership_v6);
pub(super) const IPV6_DROP_MEMBERSHIP: Entry =
    v6(21, "IPV6_DROP_MEMBERSHIP", calls::drop_membership_v6);
pub(super) const IPV6_MULTICAST_ALL: Entry = Entry::new(
    IPPROTO_IPV6,
    29,
    "IPV6_MULTICAST_ALL",
    Scope::V6,
    Access::Switch(Switches::MULTICAST_ALL_V6),
);
pub(super) const MCAST_JOIN_GROUP_V6: Entry = v6(42, "MCAST_JOIN_GROUP", calls::join_v6);
pub(super) const MCAST_BLOCK_SOURCE_V6: Entry = v6(43, "MCAST_BLOCK_SOURCE", calls::block_v6);
pub(super) const MCAST_UNBLOCK_SOURCE_V6: Entry = v6(44, "MCAST_UNBLOCK_SOURCE", calls::unblock_v6);
pub(super) const MCAST_LEAVE_GROUP_V6: Entry = v6(45, "MCAST_LEAVE_GROUP", calls::leave_v6);
pub(super) const MCAST_JOIN_SOURCE_GROUP_V6: Entry =
    v6(46, "MCAST_JOIN_SOURCE_GROUP", calls::join_source_v6);
pub(super) const MCAST_LEAVE_SOURCE_GROUP_V6: Entry =
    v6(47, "MCAST_LEAVE_SOURCE_GROUP", calls::leave_source_v6);
pub(super) const MCAST_MSFILTER_V6: Entry = v6(48, "MCAST_MSFILTER", calls::set_group_filter_v6);

/// `IP_MULTICAST_IF` tells the address alone.
fn interface(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let multicast = t.socket()?.options.multicast();
    let address = multicast.map_or([0; 4], |multicast| multicast.address.octets());
    Ok(super::table::bytes(&address, length))
}

/// Streams, which send to no group, tell how their packets came.
fn ttl(t: &mut Target<'_>) -> Result<i32, Errno> {
    let options = &t.socket()?.options;
    let of_group = options.multicast().map_or(1, |multicast| multicast.ttl);
    let of_stream = options.arrival.v4.hop_limit;
    Ok(if t.is_tcp() { of_stream } else { of_group }.into())
}

fn hops(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let options = &t.socket()?.options;
    let of_group = options.multicast().map_or(1, |multicast| multicast.hops);
    let of_stream = options.arrival.v6.hop_limit;
    let hops = i32::from(if t.is_tcp() { of_stream } else { of_group });
    Ok(super::table::bytes(&hops.to_ne_bytes(), length))
}

fn interface_v6(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let options = &t.socket()?.options;
    let multicast = options.multicast();
    let of_group = multicast.and_then(|multicast| multicast.interface_v6);
    let of_stream = options.arrival.v6.interface;
    let interface = if t.is_tcp() { of_stream } else { of_group };
    let index = interface.map_or(0, InterfaceId::ifindex);
    Ok(super::table::bytes(&index.to_ne_bytes(), length))
}

fn set_ttl(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if t.is_tcp() {
        return Err(Errno::EINVAL);
    }
    let ttl = match value {
        -1 => 1,
        value => u8::try_from(value).map_err(|_| Errno::EINVAL)?,
    };
    t.socket_mut()?.options.multicast_mut().ttl = ttl;
    Ok(())
}

fn set_hops(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    // A stream is told that it has no such option before the value is looked at.
    if t.is_tcp() {
        return Err(Errno::ENOPROTOOPT);
    }
    let value = value.first_chunk().ok_or(Errno::EINVAL)?;
    let hops = match i32::from_ne_bytes(*value) {
        -1 => 1,
        value => u8::try_from(value).map_err(|_| Errno::EINVAL)?,
    };
    t.socket_mut()?.options.multicast_mut().hops = hops;
    Ok(())
}

/// Only 0 and 1 will do.
fn set_strictly(t: &mut Target<'_>, switch: Switches, value: i32) -> Result<(), Errno> {
    let is_on = match value {
        0 => false,
        1 => true,
        _ => return Err(Errno::EINVAL),
    };
    t.socket_mut()?.options.switches.set(switch, is_on);
    Ok(())
}
