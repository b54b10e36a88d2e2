//! `IPPROTO_IPV6` (ipv6(7), RFC 3493, RFC 3542, `net/ipv6/ipv6_sockglue.c`).

use sockeye_wire::IpProtocol;

use super::table::{Access, Entry, IPPROTO_IPV6, Scope, Target, Value, read_only_bytes};
use super::{OptionValue, SharedOptions, Switches, arrival, ip, least_ttl, multicast, udp_raw};
use crate::Errno;

const L: i32 = IPPROTO_IPV6;
const V6: Scope = Scope::V6;

const fn switch(name: i32, label: &'static str, switch: Switches) -> Entry {
    Entry::new(L, name, label, V6, Access::Switch(switch))
}

const fn refused(name: i32, label: &'static str, why: &'static str) -> Entry {
    Entry::refused(L, name, label, V6, Errno::ENOPROTOOPT, why)
}

const NO_SUCH_MESSAGE: &str = "this control message is not delivered";
const NO_EXTENSIONS: &str = "packets are sent without extension headers";
const NO_LABELS: &str = "flow labels are the host's own";

pub(super) const TABLE: &[Entry] = &[
    refused(1, "IPV6_ADDRFORM", "a socket keeps its family"),
    refused(2, "IPV6_2292PKTINFO", "IPV6_RECVPKTINFO tells it"),
    refused(3, "IPV6_2292HOPOPTS", NO_SUCH_MESSAGE),
    refused(4, "IPV6_2292DSTOPTS", NO_SUCH_MESSAGE),
    refused(5, "IPV6_2292RTHDR", NO_SUCH_MESSAGE),
    arrival::IPV6_2292PKTOPTIONS,
    Entry::new(
        L,
        7,
        "IPV6_CHECKSUM",
        Scope::RAW6,
        Access::Int(udp_raw::checksum, set_checksum),
    ),
    refused(8, "IPV6_2292HOPLIMIT", "IPV6_RECVHOPLIMIT tells it"),
    refused(11, "IPV6_FLOWINFO", NO_LABELS),
    Entry::new(L, 16, "IPV6_UNICAST_HOPS", V6, Access::Int(hops, set_hops)),
    multicast::IPV6_MULTICAST_IF,
    multicast::IPV6_MULTICAST_HOPS,
    multicast::IPV6_MULTICAST_LOOP,
    multicast::IPV6_ADD_MEMBERSHIP,
    multicast::IPV6_DROP_MEMBERSHIP,
    Entry::new(
        L,
        23,
        "IPV6_MTU_DISCOVER",
        V6,
        Access::Int(
            |t| Ok(t.socket()?.options.mtu_discover_v6.into()),
            |t, value| {
                t.socket_mut()?.options.mtu_discover_v6 = ip::discovery(value)?;
                Ok(())
            },
        ),
    ),
    Entry::new(L, MTU, "IPV6_MTU", V6, Access::Int(ip::mtu, set_mtu)).own(),
    switch(25, "IPV6_RECVERR", Switches::RECEIVE_ERRORS_V6),
    Entry::new(
        L,
        26,
        "IPV6_V6ONLY",
        V6,
        Access::Int(
            |t| Ok(i32::from(t.socket()?.options.is_on(Switches::V6_ONLY))),
            set_only,
        ),
    )
    .typed(Value::Bool),
    refused(27, "IPV6_JOIN_ANYCAST", "there are no anycast addresses"),
    refused(28, "IPV6_LEAVE_ANYCAST", "there are no anycast addresses"),
    multicast::IPV6_MULTICAST_ALL,
    refused(30, "IPV6_ROUTER_ALERT_ISOLATE", "the host forwards nothing"),
    refused(31, "IPV6_RECVERR_RFC4884", NO_SUCH_MESSAGE),
    refused(32, "IPV6_FLOWLABEL_MGR", NO_LABELS),
    refused(33, "IPV6_FLOWINFO_SEND", NO_LABELS),
    refused(34, "IPV6_IPSEC_POLICY", "there is no IPsec"),
    refused(35, "IPV6_XFRM_POLICY", "there is no IPsec"),
    Entry::new(
        L,
        36,
        "IPV6_HDRINCL",
        Scope::RAW6,
        Access::Int(ip::header_included, ip::set_header_included),
    )
    .typed(Value::Bool),
    multicast::MCAST_JOIN_GROUP_V6,
    multicast::MCAST_BLOCK_SOURCE_V6,
    multicast::MCAST_UNBLOCK_SOURCE_V6,
    multicast::MCAST_LEAVE_GROUP_V6,
    multicast::MCAST_JOIN_SOURCE_GROUP_V6,
    multicast::MCAST_LEAVE_SOURCE_GROUP_V6,
    multicast::MCAST_MSFILTER_V6,
    switch(49, "IPV6_RECVPKTINFO", Switches::PACKET_INFO_V6),
    refused(
        50,
        "IPV6_PKTINFO",
        "a control message of the same name says it for one datagram",
    ),
    switch(51, "IPV6_RECVHOPLIMIT", Switches::RECEIVE_HOP_LIMIT),
    refused(53, "IPV6_RECVHOPOPTS", NO_SUCH_MESSAGE),
    refused(54, "IPV6_HOPOPTS", NO_EXTENSIONS),
    refused(55, "IPV6_RTHDRDSTOPTS", NO_EXTENSIONS),
    refused(56, "IPV6_RECVRTHDR", NO_SUCH_MESSAGE),
    refused(57, "IPV6_RTHDR", NO_EXTENSIONS),
    refused(58, "IPV6_RECVDSTOPTS", NO_SUCH_MESSAGE),
    refused(59, "IPV6_DSTOPTS", NO_EXTENSIONS),
    refused(60, "IPV6_RECVPATHMTU", NO_SUCH_MESSAGE),
    Entry::new(
        L,
        61,
        "IPV6_PATHMTU",
        V6,
        Access::Bytes(path_mtu, read_only_bytes),
    )
    .typed(Value::Bytes)
    .own(),
    switch(62, "IPV6_DONTFRAG", Switches::DONT_FRAGMENT_V6),
    switch(66, "IPV6_RECVTCLASS", Switches::RECEIVE_TRAFFIC_CLASS),
    Entry::new(
        L,
        67,
        "IPV6_TCLASS",
        V6,
        Access::Int(
            |t| Ok((t.socket()?.options.traffic_class | ip::marks(t)?).into()),
            set_class,
        ),
    ),
    Entry::new(
        L,
        AUTOFLOWLABEL,
        "IPV6_AUTOFLOWLABEL",
        V6,
        Access::Int(
            |t| {
                let chosen = t.socket()?.options.auto_flow_label();
                let of_host = t.host.stack.config.sysctl.auto_flowlabels;
                Ok(chosen.unwrap_or(matches!(of_host, 1 | 3)).into())
            },
            |t, value| {
                let value = i32::from(value != 0);
                t.socket_mut()?.options.record(L, AUTOFLOWLABEL, value);
                Ok(())
            },
        ),
    )
    .typed(Value::Bool)
    .partly("datagrams are sent without a label"),
    refused(
        72,
        "IPV6_ADDR_PREFERENCES",
        "the host has no temporary addresses",
    ),
    least_ttl::IPV6_MINHOPCOUNT,
    switch(
        74,
        "IPV6_RECVORIGDSTADDR",
        Switches::RECEIVE_ORIGINAL_DESTINATION,
    ),
    Entry::new(
        L,
        75,
        "IPV6_TRANSPARENT",
        V6,
        Access::Int(
            |t| Ok(i32::from(t.socket()?.options.is_on(Switches::TRANSPARENT))),
            ip::set_transparent,
        ),
    )
    .typed(Value::Bool),
    refused(
        76,
        "IPV6_UNICAST_IF",
        "SO_BINDTODEVICE chooses the interface",
    ),
    refused(77, "IPV6_RECVFRAGSIZE", NO_SUCH_MESSAGE),
    switch(78, "IPV6_FREEBIND", Switches::FREE_BIND),
];

pub(super) const MTU: i32 = 24;

const AUTOFLOWLABEL: i32 = 70;

impl SharedOptions {
    /// `IPV6_AUTOFLOWLABEL`, if it was set.
    pub(crate) fn auto_flow_label(&self) -> Option<bool> {
        self.recorded(L, AUTOFLOWLABEL).map(|value| value != 0)
    }
}

/// `IPV6_DONTFRAG`, `IPV6_AUTOFLOWLABEL`: a value of less than four bytes is 0 for these.
pub(super) const TAKES_LESS: [i32; 2] = [62, 70];

/// RFC 8200 5: every link carries as much.
const LEAST_MTU: i32 = 1280;

/// A bound below the path's MTU, for fragments; 0 is none. `getsockopt` does not tell it.
fn set_mtu(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if value != 0 && value < LEAST_MTU {
        return Err(Errno::EINVAL);
    }
    t.socket_mut()?.options.record(L, MTU, value);
    Ok(())
}

/// RFC 3542 11.2: `struct ip6_mtuinfo`, whose address Linux leaves empty.
fn path_mtu(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    const ADDRESS_SIZE: usize = 28;
    if length < ADDRESS_SIZE + size_of::<u32>() {
        return Err(Errno::EINVAL);
    }
    let mut info = OptionValue::from_elem(0, ADDRESS_SIZE);
    info.extend_from_slice(&ip::mtu(t)?.to_ne_bytes());
    Ok(info)
}

/// RFC 2292 4.1: control messages. What is too short for one holds none.
pub(super) fn set_packet_options(_t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    const HEADER_SIZE: usize = 16;
    if value.len() < HEADER_SIZE {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// RFC 3542 3.1: ICMPv6 always has its checksum where it is. The level SOL_RAW leaves the choice.
fn set_checksum(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if t.socket()?.protocol == IpProtocol::ICMPV6.0.into() {
        return Err(Errno::EINVAL);
    }
    udp_raw::set_checksum(t, value)
}

fn hops(t: &mut Target<'_>) -> Result<i32, Errno> {
    let default = t.host.stack.config.sysctl.ipv6_hop_limit;
    Ok(t.socket()?.options.unicast_hops.unwrap_or(default).into())
}

fn set_hops(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let hops = match value {
        -1 => None,
        value => Some(u8::try_from(value).map_err(|_| Errno::EINVAL)?),
    };
    t.socket_mut()?.options.unicast_hops = hops;
    Ok(())
}

/// Not while a port is held. A connection that was reset still tells its port, but gave it back.
fn set_only(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let is_stream = t.is_tcp();
    let socket = t.socket_mut()?;
    let holds = socket
        .names()
        .is_some_and(|names| names.local_port != 0 && (!is_stream || names.claim.is_some()));
    if holds || socket.kind == crate::SocketType::Raw {
        return Err(Errno::EINVAL);
    }
    socket.options.switches.set(Switches::V6_ONLY, value != 0);
    Ok(())
}

fn set_class(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    // RFC 3542 6.5: -1 is the default.
    let class = match value {
        -1 => 0,
        value => u8::try_from(value).map_err(|_| Errno::EINVAL)?,
    };
    let class = ip::class_of(t, class.into(), t.socket()?.options.traffic_class);
    t.socket_mut()?.options.traffic_class = class;
    Ok(())
}
