//! `SOL_NETLINK`: netlink(7).

use super::table::{Access, Entry, SOL_NETLINK, Scope, Target, Value, bytes, write_only};
use crate::Errno;
use crate::netlink::{NetlinkEndpoint, NetlinkOptions, groups_of};
use crate::socket::Endpoint;

fn endpoint<'a>(target: &'a mut Target<'_>) -> Result<&'a mut NetlinkEndpoint, Errno> {
    match &mut target.socket_mut()?.endpoint {
        Endpoint::Netlink(endpoint) => Ok(endpoint),
        _ => Err(Errno::ENOPROTOOPT),
    }
}

const fn switch<const BIT: u16>(name: i32, label: &'static str) -> Entry {
    let access = Access::Int(
        |t| {
            let option = NetlinkOptions::from_bits_truncate(BIT);
            Ok(i32::from(endpoint(t)?.options.contains(option)))
        },
        |t, value| {
            let option = NetlinkOptions::from_bits_truncate(BIT);
            endpoint(t)?.options.set(option, value != 0);
            Ok(())
        },
    );
    Entry::new(SOL_NETLINK, name, label, Scope::NETLINK, access).typed(Value::Bool)
}

/// A group's bit.
fn group(target: &mut Target<'_>, number: i32) -> Result<u64, Errno> {
    let index = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
    let most = groups_of(target.socket()?.protocol);
    if (1..=most).contains(&index) {
        Ok(1 << (index - 1))
    } else {
        Err(Errno::EINVAL)
    }
}

const NO_NEWS: &str = "the embedder's network changes without a message to the group";

pub(super) const TABLE: &[Entry] = &[
    Entry::new(
        SOL_NETLINK,
        1,
        "NETLINK_ADD_MEMBERSHIP",
        Scope::NETLINK,
        Access::Int(write_only, |t, value| {
            let group = group(t, value)?;
            endpoint(t)?.groups |= group;
            Ok(())
        }),
    )
    .why(NO_NEWS),
    Entry::new(
        SOL_NETLINK,
        2,
        "NETLINK_DROP_MEMBERSHIP",
        Scope::NETLINK,
        Access::Int(write_only, |t, value| {
            let group = group(t, value)?;
            endpoint(t)?.groups &= !group;
            Ok(())
        }),
    )
    .why(NO_NEWS),
    Entry::refused(
        SOL_NETLINK,
        3,
        "NETLINK_PKTINFO",
        Scope::NETLINK,
        Errno::ENOPROTOOPT,
        "no message comes from a group",
    ),
    switch::<{ NetlinkOptions::BROADCAST_ERROR.bits() }>(4, "NETLINK_BROADCAST_ERROR").why(NO_NEWS),
    switch::<{ NetlinkOptions::NO_ENOBUFS.bits() }>(5, "NETLINK_NO_ENOBUFS"),
    Entry::new(
        SOL_NETLINK,
        9,
        "NETLINK_LIST_MEMBERSHIPS",
        Scope::NETLINK,
        Access::Bytes(
            |t, length| Ok(bytes(&endpoint(t)?.groups.to_ne_bytes(), length / 4 * 4)),
            |_, _| Err(Errno::ENOPROTOOPT),
        ),
    )
    .typed(Value::Bytes),
    switch::<{ NetlinkOptions::CAP_ACK.bits() }>(10, "NETLINK_CAP_ACK"),
    switch::<{ NetlinkOptions::EXT_ACK.bits() }>(11, "NETLINK_EXT_ACK"),
    switch::<{ NetlinkOptions::STRICT_CHECK.bits() }>(12, "NETLINK_GET_STRICT_CHK"),
];
