//! `IPPROTO_IP` (ip(7), `net/ipv4/ip_sockglue.c`).

use super::table::{Access, Entry, IPPROTO_IP, Scope, Target, Value, read_only};
use super::{Switches, arrival, ip_options, least_ttl, multicast, port_range};
use crate::Errno;
use crate::socket::Endpoint;

const L: i32 = IPPROTO_IP;
const IP: Scope = Scope::IP;

const fn switch(name: i32, label: &'static str, switch: Switches) -> Entry {
    Entry::new(L, name, label, IP, Access::Switch(switch))
}

const fn refused(name: i32, label: &'static str, why: &'static str) -> Entry {
    Entry::refused(L, name, label, IP, Errno::ENOPROTOOPT, why)
}

/// `IP_TTL`, `IP_FREEBIND`, `IP_TRANSPARENT`, `IP_MINTTL`, `IP_MULTICAST_TTL`, `IP_MULTICAST_LOOP`, `IP_MULTICAST_ALL`: an
/// empty value is not 0 for these.
pub(super) const NEEDS_A_BYTE: [i32; 7] = [2, 15, 19, 21, 33, 34, 49];

const NO_SUCH_MESSAGE: &str = "this control message is not delivered";

pub(super) const TABLE: &[Entry] = &[
    Entry::new(
        L,
        1,
        "IP_TOS",
        IP,
        Access::Int(
            |t| Ok((t.socket()?.options.type_of_service | marks(t)?).into()),
            set_tos,
        ),
    ),
    Entry::new(L, 2, "IP_TTL", IP, Access::Int(ttl, set_ttl)),
    Entry::new(
        L,
        3,
        "IP_HDRINCL",
        IP,
        Access::Int(header_included, set_header_included),
    )
    .typed(Value::Bool)
    .settable(Scope::RAW4),
    ip_options::IP_OPTIONS,
    refused(5, "IP_ROUTER_ALERT", "the host forwards nothing"),
    refused(6, "IP_RECVOPTS", NO_SUCH_MESSAGE),
    refused(7, "IP_RETOPTS", NO_SUCH_MESSAGE),
    switch(8, "IP_PKTINFO", Switches::PACKET_INFO),
    arrival::IP_PKTOPTIONS,
    Entry::new(
        L,
        10,
        "IP_MTU_DISCOVER",
        IP,
        Access::Int(
            |t| Ok(t.socket()?.options.mtu_discover.into()),
            |t, value| {
                t.socket_mut()?.options.mtu_discover = discovery(value)?;
                Ok(())
            },
        ),
    ),
    switch(11, "IP_RECVERR", Switches::RECEIVE_ERRORS),
    switch(12, "IP_RECVTTL", Switches::RECEIVE_TTL),
    switch(13, "IP_RECVTOS", Switches::RECEIVE_TOS),
    Entry::new(L, 14, "IP_MTU", IP, Access::Int(mtu, read_only)).own(),
    switch(15, "IP_FREEBIND", Switches::FREE_BIND),
    refused(16, "IP_IPSEC_POLICY", "there is no IPsec"),
    refused(17, "IP_XFRM_POLICY", "there is no IPsec"),
    refused(18, "IP_PASSSEC", "there is no security module"),
    Entry::new(
        L,
        19,
        "IP_TRANSPARENT",
        IP,
        Access::Int(
            |t| Ok(i32::from(t.socket()?.options.is_on(Switches::TRANSPARENT))),
            set_transparent,
        ),
    )
    .typed(Value::Bool),
    switch(
        20,
        "IP_RECVORIGDSTADDR",
        Switches::RECEIVE_ORIGINAL_DESTINATION,
    ),
    least_ttl::IP_MINTTL,
    Entry::recorded(
        L,
        22,
        "IP_NODEFRAG",
        IP,
        (0, 0, 1),
        "raw sockets see whole packets, as after netfilter",
    )
    .settable(Scope::RAW4),
    refused(23, "IP_CHECKSUM", NO_SUCH_MESSAGE),
    switch(
        24,
        "IP_BIND_ADDRESS_NO_PORT",
        Switches::BIND_ADDRESS_NO_PORT,
    ),
    refused(25, "IP_RECVFRAGSIZE", NO_SUCH_MESSAGE),
    refused(26, "IP_RECVERR_RFC4884", NO_SUCH_MESSAGE),
    multicast::IP_MULTICAST_IF,
    multicast::IP_MULTICAST_TTL,
    multicast::IP_MULTICAST_LOOP,
    multicast::IP_ADD_MEMBERSHIP,
    multicast::IP_DROP_MEMBERSHIP,
    multicast::IP_UNBLOCK_SOURCE,
    multicast::IP_BLOCK_SOURCE,
    multicast::IP_ADD_SOURCE_MEMBERSHIP,
    multicast::IP_DROP_SOURCE_MEMBERSHIP,
    multicast::IP_MSFILTER,
    multicast::MCAST_JOIN_GROUP,
    multicast::MCAST_BLOCK_SOURCE,
    multicast::MCAST_UNBLOCK_SOURCE,
    multicast::MCAST_LEAVE_GROUP,
    multicast::MCAST_JOIN_SOURCE_GROUP,
    multicast::MCAST_LEAVE_SOURCE_GROUP,
    multicast::MCAST_MSFILTER,
    multicast::IP_MULTICAST_ALL,
    refused(50, "IP_UNICAST_IF", "SO_BINDTODEVICE chooses the interface"),
    port_range::IP_LOCAL_PORT_RANGE,
    Entry::new(L, 52, "IP_PROTOCOL", IP, Access::Int(protocol, read_only)),
];

/// `IP_PMTUDISC_DONT` to `IP_PMTUDISC_OMIT`.
pub(super) fn discovery(value: i32) -> Result<u8, Errno> {
    u8::try_from(value)
        .ok()
        .filter(|value| *value <= 5)
        .ok_or(Errno::EINVAL)
}

/// The ECN bits of a TCP socket are the stack's (RFC 3168 5).
const ECN: u8 = 3;

/// Only the low byte counts: `__ip_sock_set_tos`.
pub(super) fn class_of(t: &Target<'_>, value: i32, old: u8) -> u8 {
    let [byte, ..] = value.to_le_bytes();
    if t.is_tcp() {
        (byte & !ECN) | (old & ECN)
    } else {
        byte
    }
}

/// ECT(0) if the last packet of a connection had it: Linux sends with what the option tells (`INET_ECN_xmit`).
pub(super) fn marks(t: &Target<'_>) -> Result<u8, Errno> {
    Ok(match &t.socket()?.endpoint {
        Endpoint::Tcp(endpoint) if endpoint.has_marked_last() => 2,
        _ => 0,
    })
}

/// `ip_tos2prio`: what the four bits of RFC 1349 mean to queues.
fn priority_of(class: u8) -> u32 {
    /// `TC_PRIO_BULK`, `TC_PRIO_INTERACTIVE_BULK`, `TC_PRIO_INTERACTIVE`
    const BULK: u32 = 2;
    const INTERACTIVE_BULK: u32 = 4;
    const INTERACTIVE: u32 = 6;
    match (class & 0x1e) >> 3 {
        0 => 0,
        1 => BULK,
        2 => INTERACTIVE,
        _ => INTERACTIVE_BULK,
    }
}

fn set_tos(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let class = class_of(t, value, t.socket()?.options.type_of_service);
    let options = &mut t.socket_mut()?.options;
    // `rt_tos2priority`
    if options.type_of_service != class {
        options.priority = priority_of(class);
    }
    options.type_of_service = class;
    Ok(())
}

pub(super) fn header_included(t: &mut Target<'_>) -> Result<i32, Errno> {
    Ok(t.socket()?.options.is_on(Switches::HEADER_INCLUDED).into())
}

pub(super) fn set_header_included(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    t.socket_mut()?
        .options
        .switches
        .set(Switches::HEADER_INCLUDED, value != 0);
    Ok(())
}

fn ttl(t: &mut Target<'_>) -> Result<i32, Errno> {
    let default = t.host.stack.config.sysctl.ip_default_ttl;
    Ok(t.socket()?.options.time_to_live.unwrap_or(default).into())
}

fn set_ttl(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let ttl = match value {
        -1 => None,
        value => Some(
            u8::try_from(value)
                .ok()
                .filter(|ttl| *ttl > 0)
                .ok_or(Errno::EINVAL)?,
        ),
    };
    t.socket_mut()?.options.time_to_live = ttl;
    Ok(())
}

pub(super) fn set_transparent(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if value != 0 && !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    t.socket_mut()?
        .options
        .switches
        .set(Switches::TRANSPARENT, value != 0);
    Ok(())
}

/// The MTU of the path to the peer: `ENOTCONN` without one.
pub(super) fn mtu(t: &mut Target<'_>) -> Result<i32, Errno> {
    let socket = t.socket()?;
    let names = socket.names().ok_or(Errno::ENOTCONN)?;
    let (remote, local, device) = (names.remote(), names.local(), socket.options.device);
    if remote.is_unspecified() {
        return Err(Errno::ENOTCONN);
    }
    let path = t
        .host
        .stack
        .route(remote, Some(local), device)
        .map_err(|_| Errno::ENOTCONN)?;
    let stack = &t.host.stack;
    // What TCP learns stays with the connection.
    let known = stack
        .path_mtu(remote, &path, stack.now)
        .filter(|_| !t.is_tcp());
    let mtu = known.map_or(path.mtu, |known| known.mtu.min(path.mtu));
    Ok(i32::try_from(mtu).unwrap_or(i32::MAX))
}

/// `inet_num` of a raw socket; 0 of others. Only what is a raw socket of IPv4 gets here with a protocol.
fn protocol(t: &mut Target<'_>) -> Result<i32, Errno> {
    let socket = t.socket()?;
    Ok(if socket.kind == crate::SocketType::Raw {
        i32::from(socket.protocol)
    } else {
        0
    })
}
