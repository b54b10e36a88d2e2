//! Multicast groups (RFC 1112, RFC 3376, RFC 3678, RFC 3493 5.2): which sockets are members of which, from whom they
//! listen, and how they send.
//!
//! A socket's memberships are its own ([`Multicast`]); the host knows for each interface which groups are joined there
//! ([`Groups`](groups::Groups)), so that a packet to a group nobody joined is dropped by IP. Memberships are not reported
//! to routers (IGMP, MLD): who is behind one that listens for reports is not reached.

mod filter;
pub(crate) mod groups;
mod membership;
mod route;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

pub(crate) use filter::{Mode, SourceFilter};
pub(crate) use membership::{
    Join, Named, change_source, join, leave, leave_all, most_sources, permits, replace_filter,
};
pub(crate) use route::Sender;

use crate::InterfaceId;
use crate::options::{SharedOptions, Switches};

/// What a socket has to do with groups.
#[derive(Clone, Debug)]
pub(crate) struct Multicast {
    memberships: Vec<Membership>,
    /// `IP_MULTICAST_IF`: the interface, and the source address if one was named.
    pub(crate) interface: Option<InterfaceId>,
    pub(crate) address: Ipv4Addr,
    /// `IPV6_MULTICAST_IF`
    pub(crate) interface_v6: Option<InterfaceId>,
    /// `IP_MULTICAST_TTL`
    pub(crate) ttl: u8,
    /// `IPV6_MULTICAST_HOPS`
    pub(crate) hops: u8,
}

impl Default for Multicast {
    fn default() -> Self {
        Self {
            memberships: Vec::new(),
            interface: None,
            address: Ipv4Addr::UNSPECIFIED,
            interface_v6: None,
            // RFC 1112 6.1, RFC 3493 5.2: by default a datagram stays on its link.
            ttl: 1,
            hops: 1,
        }
    }
}

/// One group on one interface.
#[derive(Clone, Debug)]
struct Membership {
    group: IpAddr,
    interface: InterfaceId,
    /// How the caller named the interface: IPv4 leaves by it again.
    address: Ipv4Addr,
    filter: SourceFilter,
}

impl Multicast {
    /// A copy for an accepted socket: how it sends, without any memberships.
    pub(crate) fn without_memberships(&self) -> Self {
        Self {
            memberships: Vec::new(),
            ..self.clone()
        }
    }
}

/// Whether a socket hears what came to `group` by `interface` from `source`: as a member, by its filter; otherwise by
/// `IP_MULTICAST_ALL` (`ip_mc_sf_allow`, `inet6_mc_check`).
pub(crate) fn hears(
    options: &SharedOptions,
    group: IpAddr,
    interface: InterfaceId,
    source: IpAddr,
) -> bool {
    let all = if group.is_ipv4() {
        Switches::MULTICAST_ALL
    } else {
        Switches::MULTICAST_ALL_V6
    };
    let membership = options.multicast().and_then(|multicast| {
        // For IPv6 Linux does not look at the interface here.
        multicast.memberships.iter().find(|membership| {
            membership.group == group && (group.is_ipv6() || membership.interface == interface)
        })
    });
    match membership {
        Some(membership) => membership.filter.allows(source),
        None => options.is_on(all),
    }
}
