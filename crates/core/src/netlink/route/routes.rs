//! `RTM_GETROUTE`: routes, and the way to one destination.
//!
//! The host asks its own addresses first and its routes then; Linux shows the first as the table *local*.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::net::{IpAddr, Ipv4Addr};

use super::{
    AF_INET, AF_INET6, Head, PROTOCOL_KERNEL, RTM_NEWROUTE, SCOPE_HOST, SCOPE_LINK, SCOPE_UNIVERSE,
    Subject, TABLE_LOCAL, TABLE_MAIN, is_asked,
};
use crate::config::IpCidr;
use crate::ids::InterfaceId;
use crate::ip::routes::{Route, RouteMetrics};
use crate::netlink::message::{Attributes, Message, Writer, number_u32};
use crate::{Errno, Host};

/// `sizeof(struct rtmsg)`.
const FIXED: usize = 12;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_IIF: u16 = 3;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_CACHEINFO: u16 = 12;
const RTA_TABLE: u16 = 15;
const RTA_PREF: u16 = 20;
const RTA_UID: u16 = 25;
/// `RTAX_LOCK`, a set of the others, `RTAX_MTU`, `RTAX_ADVMSS`, `RTAX_INITCWND`.
const RTAX_LOCK: u16 = 1;
const RTAX_MTU: u16 = 2;
const RTAX_ADVMSS: u16 = 8;
const RTAX_INITCWND: u16 = 11;
/// `RTN_UNICAST`, `RTN_LOCAL`, `RTN_BROADCAST`.
const UNICAST: u8 = 1;
const LOCAL: u8 = 2;
const BROADCAST: u8 = 3;
/// `RTPROT_BOOT`: what somebody added.
const PROTOCOL_BOOT: u8 = 3;
/// `RTM_F_CLONED`: an answer about one destination; asked for, the cache of them, which there is not.
const CLONED: u32 = 0x200;
/// `RTCF_LOCAL`, `RTCF_BROADCAST`.
const TO_LOCAL: u32 = 0x8000_0000;
const TO_BROADCAST: u32 = 0x1000_0000;
/// `IP6_RT_PRIO_ADDRCONF`, `IP6_RT_PRIO_USER`: what IPv6 makes of no metric.
const PRIORITY_OF_ADDRESS: u32 = 256;
const PRIORITY_OF_USER: u32 = 1024;

/// Which routes a dump gives; 0 stands for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    family: u8,
    table: u32,
    protocol: u8,
    kind: u8,
    interface: u32,
}

impl Filter {
    fn passes(self, entry: &Entry) -> bool {
        let is_any_or = |asked: u32, found: u32| asked == 0 || asked == found;
        is_any_or(self.table, entry.table.into())
            && is_any_or(self.protocol.into(), entry.protocol.into())
            && is_any_or(self.kind.into(), entry.kind.into())
            && is_any_or(self.interface, entry.interface)
    }

    /// The error of asking one family for a table that it has not, in Linux's words.
    pub(super) fn missing_table(self) -> Option<(Errno, &'static str)> {
        let is_known = [0, TABLE_MAIN.into(), TABLE_LOCAL.into()].contains(&self.table);
        match self.family {
            _ if is_known => None,
            AF_INET => Some((Errno::ENOENT, "ipv4: FIB table does not exist")),
            AF_INET6 => Some((Errno::ENOENT, "ipv6: FIB table does not exist")),
            _ => None,
        }
    }
}

/// What a dump's request asks for, and whether it names a filter (`ip_valid_fib_dump_req`).
pub(super) fn subject(request: &Message<'_>, is_strict: bool) -> Result<(Subject, bool), Errno> {
    let flags = number_u32(request.payload, 8).unwrap_or(0);
    if flags & CLONED != 0 {
        return Ok((Subject::Nothing, false));
    }
    let mut filter = Filter::default();
    if is_strict {
        let Some([family, to, from, tos, table, protocol, scope, kind]) =
            request.payload.first_chunk()
        else {
            return Err(Errno::EINVAL);
        };
        if [to, from, tos, scope].into_iter().any(|byte| *byte != 0) {
            return Err(Errno::EINVAL);
        }
        filter = Filter {
            family: *family,
            table: u32::from(*table),
            protocol: *protocol,
            kind: *kind,
            interface: 0,
        };
        for attribute in Attributes::after(request.payload, FIXED) {
            let value = attribute.as_u32().ok_or(Errno::EINVAL)?;
            match attribute.kind {
                RTA_TABLE => filter.table = value,
                RTA_OIF => filter.interface = value,
                _ => return Err(Errno::EINVAL),
            }
        }
    }
    let is_filtered = Filter {
        family: 0,
        ..filter
    } != Filter::default();
    Ok((Subject::Routes(filter), is_filtered))
}

/// One route as Linux shows it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    table: u8,
    kind: u8,
    scope: u8,
    protocol: u8,
    destination: IpCidr,
    gateway: Option<IpAddr>,
    priority: u32,
    source: Option<IpAddr>,
    interface: u32,
    metrics: RouteMetrics,
}

/// Every route: of each family the table main first, then the table local.
pub(super) fn all(
    host: &Host,
    family: u8,
    filter: Filter,
    head: Head,
) -> impl Iterator<Item = Vec<u8>> + use<> {
    let mut entries: Vec<Entry> = host
        .stack
        .routes
        .iter()
        .filter(|route| route.interface != InterfaceId::LOOPBACK)
        .map(|route| main_entry(host, route))
        .collect();
    entries.extend(local_entries(host));
    entries.retain(|entry| {
        let own = if entry.destination.address().is_ipv4() {
            AF_INET
        } else {
            AF_INET6
        };
        is_asked(family, own) && filter.passes(entry)
    });
    entries.sort_by(in_linux_order);
    entries.into_iter().map(move |entry| encode(&entry, head))
}

/// IPv4 as its trie is walked, by address; IPv6 as its tree is, which gives what lies within a prefix before it.
fn in_linux_order(a: &Entry, b: &Entry) -> Ordering {
    let (left, right) = (&a.destination, &b.destination);
    let is_v4 = left.address().is_ipv4();
    let by_place = if is_v4 != right.address().is_ipv4() {
        return right.address().is_ipv4().cmp(&is_v4);
    } else if is_v4 {
        left.address().cmp(&right.address())
    } else if left.contains(right.address()) || right.contains(left.address()) {
        Ordering::Equal
    } else {
        left.address().cmp(&right.address())
    };
    a.table
        .cmp(&b.table)
        .then(by_place)
        .then(right.prefix_len().cmp(&left.prefix_len()))
        .then(a.priority.cmp(&b.priority))
}

fn main_entry(host: &Host, route: &Route) -> Entry {
    let is_v4 = route.destination.address().is_ipv4();
    let interface = host.stack.interface(route.interface);
    // The route that an address brings along.
    let is_of_address = route.gateway.is_none()
        && interface.is_some_and(|interface| {
            interface.addresses.iter().any(|own| {
                own.prefix_len() == route.destination.prefix_len()
                    && own.contains(route.destination.address())
            })
        });
    Entry {
        table: TABLE_MAIN,
        kind: UNICAST,
        scope: if is_v4 && route.gateway.is_none() {
            SCOPE_LINK
        } else {
            SCOPE_UNIVERSE
        },
        protocol: if is_of_address {
            PROTOCOL_KERNEL
        } else {
            PROTOCOL_BOOT
        },
        destination: route.destination.network(),
        gateway: route.gateway,
        priority: match (route.metric, is_v4, is_of_address) {
            (0, false, true) => PRIORITY_OF_ADDRESS,
            (0, false, false) => PRIORITY_OF_USER,
            (metric, ..) => metric,
        },
        source: route.preferred_source,
        interface: route.interface.ifindex(),
        metrics: route.metrics,
    }
}

/// What an address of this host adds to the table local (`fib_add_ifaddr`, `ipv6_add_addr`).
fn local_entries(host: &Host) -> Vec<Entry> {
    let mut entries = Vec::new();
    for link in host.interface_infos() {
        for own in link.addresses {
            let local = Entry {
                table: TABLE_LOCAL,
                kind: LOCAL,
                scope: SCOPE_HOST,
                protocol: PROTOCOL_KERNEL,
                destination: IpCidr::host(own.address()),
                gateway: None,
                priority: 0,
                source: Some(own.address()),
                interface: link.index,
                metrics: RouteMetrics::default(),
            };
            let IpAddr::V4(address) = own.address() else {
                entries.push(Entry {
                    scope: SCOPE_UNIVERSE,
                    source: None,
                    ..local
                });
                continue;
            };
            entries.push(local);
            if address.is_loopback() && own.prefix_len() < 32 {
                entries.push(Entry {
                    destination: own.network(),
                    ..local
                });
            }
            if own.prefix_len() < 31 {
                let last = address.to_bits() | (u32::MAX >> own.prefix_len());
                entries.push(Entry {
                    kind: BROADCAST,
                    scope: SCOPE_LINK,
                    destination: IpCidr::host(Ipv4Addr::from_bits(last).into()),
                    ..local
                });
            }
        }
    }
    entries
}

fn octets(message: &mut Writer, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => message.attribute(kind, &address.octets()),
        IpAddr::V6(address) => message.attribute(kind, &address.octets()),
    };
}

/// `rtnetlink_put_metrics`
fn put_metrics(message: &mut Writer, metrics: &RouteMetrics) {
    if *metrics == RouteMetrics::default() {
        return;
    }
    let lock = metrics.is_mtu_locked.then_some(1 << RTAX_MTU);
    message.nest(RTA_METRICS, false, |nest| {
        for (kind, value) in [
            (RTAX_LOCK, lock),
            (RTAX_MTU, metrics.mtu),
            (RTAX_ADVMSS, metrics.advertised_mss.map(u32::from)),
            (RTAX_INITCWND, metrics.initial_window),
        ] {
            if let Some(value) = value {
                nest.u32(kind, value);
            }
        }
    });
}

/// `fib_dump_info`, `rt6_fill_node`.
fn encode(entry: &Entry, head: Head) -> Vec<u8> {
    let mut message = head.begin(RTM_NEWROUTE);
    let destination = entry.destination;
    let is_v4 = destination.address().is_ipv4();
    let family = if is_v4 { AF_INET } else { AF_INET6 };
    message.fixed(&[
        family,
        destination.prefix_len(),
        0,
        0,
        entry.table,
        entry.protocol,
        entry.scope,
        entry.kind,
    ]);
    message.fixed(&[0; 4]);
    message.u32(RTA_TABLE, entry.table.into());
    if destination.prefix_len() > 0 {
        octets(&mut message, RTA_DST, destination.address());
    }
    if is_v4 {
        if entry.priority != 0 {
            message.u32(RTA_PRIORITY, entry.priority);
        }
        put_metrics(&mut message, &entry.metrics);
        if let Some(source) = entry.source {
            octets(&mut message, RTA_PREFSRC, source);
        }
    } else {
        if let Some(source) = entry.source {
            octets(&mut message, RTA_PREFSRC, source);
        }
        put_metrics(&mut message, &entry.metrics);
        message.u32(RTA_PRIORITY, entry.priority);
    }
    if let Some(gateway) = entry.gateway {
        octets(&mut message, RTA_GATEWAY, gateway);
    }
    message.u32(RTA_OIF, entry.interface);
    if !is_v4 {
        message.attribute(RTA_CACHEINFO, &[0; 32]).u8(RTA_PREF, 0);
    }
    message.finish()
}

/// The way to one destination, as a packet would take it (`inet_rtm_getroute`, `inet6_rtm_getroute`).
pub(super) fn one(
    host: &Host,
    request: &Message<'_>,
    family: u8,
    uid: u32,
    head: Head,
) -> Result<Vec<u8>, Errno> {
    if request.payload.len() < FIXED {
        return Err(Errno::EINVAL);
    }
    let attributes = Attributes::after(request.payload, FIXED);
    let address = |kind| match attributes.clone().find(kind) {
        None => Ok(None),
        Some(found) => match (family, found.value.first_chunk(), found.value.first_chunk()) {
            (AF_INET, Some(&octets), _) => Ok(Some(IpAddr::from(octets as [u8; 4]))),
            (AF_INET6, _, Some(&octets)) => Ok(Some(IpAddr::from(octets as [u8; 16]))),
            _ => Err(Errno::EINVAL),
        },
    };
    let (named, source) = (address(RTA_DST)?, address(RTA_SRC)?);
    if !matches!(family, AF_INET | AF_INET6) || attributes.clone().find(RTA_IIF).is_some() {
        return Err(Errno::EOPNOTSUPP);
    }
    let named_uid = attributes.clone().find(RTA_UID);
    let uid = named_uid.and_then(|found| found.as_u32()).unwrap_or(uid);
    let device = match attributes.find(RTA_OIF).and_then(|found| found.as_u32()) {
        None | Some(0) => None,
        Some(index) => Some(host.stack.interface_by_index(index).ok_or(Errno::ENODEV)?),
    };
    let any: IpAddr = match family {
        AF_INET => Ipv4Addr::UNSPECIFIED.into(),
        _ => core::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let destination = named.unwrap_or(any);
    // Packets to no address go to this host.
    let target = if destination.is_unspecified() {
        crate::ip::loopback_like(destination)
    } else {
        destination
    };
    if source.is_some_and(|source| !host.stack.is_local(source)) {
        return Err(Errno::EINVAL);
    }
    let path = host.stack.route(target, source, device)?;
    let is_local = host.stack.is_local(target);
    let is_broadcast = host.stack.is_broadcast(target);
    let route = host.stack.routes.lookup(target, device);
    let entry = route
        .filter(|_| !is_local)
        .map(|route| main_entry(host, route));
    let answer = Way {
        destination,
        source,
        preferred: path.source,
        interface: path.interface.ifindex(),
        entry,
        is_local,
        is_broadcast,
        uid,
    };
    Ok(answer.encode(head))
}

/// The answer about one destination.
struct Way {
    destination: IpAddr,
    /// The source that was asked for.
    source: Option<IpAddr>,
    preferred: IpAddr,
    interface: u32,
    /// The route, unless the destination is this host itself.
    entry: Option<Entry>,
    is_local: bool,
    is_broadcast: bool,
    uid: u32,
}

impl Way {
    fn encode(&self, head: Head) -> Vec<u8> {
        let is_v4 = self.destination.is_ipv4();
        let kind = match (self.is_local, self.is_broadcast) {
            (true, _) => LOCAL,
            (_, true) => BROADCAST,
            _ => UNICAST,
        };
        let is_in_local = self.is_local || self.is_broadcast;
        // IPv4's tables are one as long as there are no other rules (`fib_trie_unmerge`), and its name is main, even for
        // `RTM_F_LOOKUP_TABLE`.
        let table = if is_in_local && !is_v4 {
            TABLE_LOCAL
        } else {
            TABLE_MAIN
        };
        let mut flags = if is_v4 { CLONED } else { 0 };
        if is_v4 && is_in_local {
            flags |= TO_LOCAL;
        }
        if is_v4 && kind == BROADCAST {
            flags |= TO_BROADCAST;
        }
        let protocol = self.entry.map_or(PROTOCOL_KERNEL, |entry| entry.protocol);
        let mut message = head.begin(RTM_NEWROUTE);
        message.fixed(&match is_v4 {
            true => {
                let source_len = if self.source.is_some() { 32 } else { 0 };
                [AF_INET, 32, source_len, 0, table, 0, SCOPE_UNIVERSE, kind]
            }
            false => [AF_INET6, 128, 128, 0, table, protocol, SCOPE_UNIVERSE, kind],
        });
        message.fixed(&flags.to_ne_bytes());
        message.u32(RTA_TABLE, table.into());
        octets(&mut message, RTA_DST, self.destination);
        let gateway = self.entry.and_then(|entry| entry.gateway);
        let metrics = self
            .entry
            .map_or(RouteMetrics::default(), |entry| entry.metrics);
        if is_v4 {
            if let Some(source) = self.source {
                octets(&mut message, RTA_SRC, source);
            }
            message.u32(RTA_OIF, self.interface);
            if self.source.is_none() {
                octets(&mut message, RTA_PREFSRC, self.preferred);
            }
            if let Some(gateway) = gateway {
                octets(&mut message, RTA_GATEWAY, gateway);
            }
            put_metrics(&mut message, &metrics);
            message
                .u32(RTA_UID, self.uid)
                .attribute(RTA_CACHEINFO, &[0; 32]);
        } else {
            let any = core::net::Ipv6Addr::UNSPECIFIED.into();
            octets(&mut message, RTA_SRC, self.source.unwrap_or(any));
            octets(&mut message, RTA_PREFSRC, self.preferred);
            put_metrics(&mut message, &metrics);
            message.u32(RTA_PRIORITY, self.entry.map_or(0, |entry| entry.priority));
            if let Some(gateway) = gateway {
                octets(&mut message, RTA_GATEWAY, gateway);
            }
            message
                .u32(RTA_OIF, self.interface)
                .attribute(RTA_CACHEINFO, &[0; 32])
                .u8(RTA_PREF, 0);
        }
        message.finish()
    }
}
