//! Joining and leaving, with Linux's answers (`__ip_mc_join_group`, `ip_mc_leave_group`, `ip_mc_source`, `ip_mc_msfilter`
//! and their `ip6` sisters).

use core::net::{IpAddr, Ipv4Addr};

use alloc::vec::Vec;

use super::filter::Changed;
use super::groups::is_for_all_hosts;
use super::{Membership, Mode, SourceFilter};
use crate::host::{Host, Stack};
use crate::options::SharedOptions;
use crate::socket::{Endpoint, Socket};
use crate::{Errno, InterfaceId, SocketId};

/// `igmp_max_memberships`
const MOST_GROUPS: usize = 20;
/// `igmp_max_msf`
const MOST_SOURCES: usize = 10;
/// `mld_max_msf`
const MOST_SOURCES_V6: usize = 64;
/// `struct ipv6_mc_socklist`, of which a socket has as many as `optmem_max` holds.
const MEMBERSHIP_SIZE: usize = 56;

/// How a call names an interface: by its number, else by an address of it, else it is the one by which the group would be
/// reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) index: u32,
    pub(crate) address: Ipv4Addr,
}

impl Named {
    pub(crate) fn by_index(index: u32) -> Self {
        Self {
            index,
            address: Ipv4Addr::UNSPECIFIED,
        }
    }

    pub(crate) fn by_address(address: Ipv4Addr) -> Self {
        Self { index: 0, address }
    }

    fn find(self, stack: &Stack, group: IpAddr) -> Option<InterfaceId> {
        if self.index != 0 {
            return stack.interface_by_index(self.index);
        }
        if !self.address.is_unspecified() {
            return stack.interface_of(self.address.into());
        }
        stack.interface_towards(group)
    }
}

/// A membership to begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join {
    pub(crate) group: IpAddr,
    pub(crate) on: Named,
    /// Include: from nobody, until sources are added.
    pub(crate) mode: Mode,
}

/// Makes a socket a member of a group; where, is the answer.
pub(crate) fn join(host: &mut Host, id: SocketId, join: Join) -> Result<InterfaceId, Errno> {
    let Join { group, on, mode } = join;
    if !group.is_multicast() {
        return Err(Errno::EINVAL);
    }
    let most_bytes = host.stack.config.sysctl.optmem_max;
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    let memberships = &mut socket.options.multicast_mut().memberships;
    let of_family = |membership: &&Membership| membership.group.is_ipv4() == group.is_ipv4();
    let count = memberships.iter().filter(of_family).count();
    let interface = match group {
        IpAddr::V4(_) => {
            let interface = on.find(stack, group).ok_or(Errno::ENODEV)?;
            let is_same = |known: &Membership| known.group == group && known.interface == interface;
            if memberships.iter().any(is_same) {
                return Err(Errno::EADDRINUSE);
            }
            if count >= MOST_GROUPS {
                return Err(Errno::ENOBUFS);
            }
            interface
        }
        IpAddr::V6(_) => {
            // Any interface does if none is named.
            if memberships.iter().any(|known| is_named(known, group, on)) {
                return Err(Errno::EADDRINUSE);
            }
            if count >= most_bytes / MEMBERSHIP_SIZE {
                return Err(Errno::ENOMEM);
            }
            on.find(stack, group).ok_or(Errno::ENODEV)?
        }
    };
    memberships.push(Membership {
        group,
        interface,
        address: on.address,
        filter: SourceFilter::new(mode),
    });
    if takes_datagrams(socket) {
        stack.groups.add(interface, group, id);
    }
    Ok(interface)
}

/// Ends a membership.
pub(crate) fn leave(host: &mut Host, id: SocketId, group: IpAddr, on: Named) -> Result<(), Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    let on = match group {
        IpAddr::V4(_) => {
            let interface = on.find(stack, group);
            if on.index == 0 && on.address.is_unspecified() && interface.is_none() {
                return Err(Errno::ENODEV);
            }
            Named {
                index: interface.map_or(on.index, InterfaceId::ifindex),
                ..on
            }
        }
        IpAddr::V6(_) if !group.is_multicast() => return Err(Errno::EINVAL),
        IpAddr::V6(_) => on,
    };
    let memberships = &mut socket.options.multicast_mut().memberships;
    let at = memberships
        .iter()
        .position(|membership| is_named(membership, group, on));
    let membership = memberships.remove(at.ok_or(Errno::EADDRNOTAVAIL)?);
    if takes_datagrams(socket) {
        stack.groups.remove(membership.interface, group, id);
    }
    Ok(())
}

fn is_named(membership: &Membership, group: IpAddr, on: Named) -> bool {
    membership.group == group
        && match on.index {
            0 => on.address.is_unspecified() || on.address == membership.address,
            index => membership.interface.ifindex() == index,
        }
}

/// Adds a source to a membership's filter, or takes it away.
pub(crate) fn change_source(
    host: &mut Host,
    id: SocketId,
    membership: Join,
    source: IpAddr,
    is_added: bool,
) -> Result<(), Errno> {
    let Join { group, on, mode } = membership;
    let filter = filter_of(host, id, group, on)?;
    let limit = most_sources(group);
    let changed = if is_added {
        filter.add(mode, source, limit).map(|()| Changed::Filter)?
    } else {
        filter.remove(mode, source)?
    };
    match changed {
        Changed::Filter => Ok(()),
        Changed::Leave => leave(host, id, group, on),
    }
}

/// Puts another filter in a membership's place. Nobody at all is to leave the group.
pub(crate) fn replace_filter(
    host: &mut Host,
    id: SocketId,
    membership: Join,
    sources: Vec<IpAddr>,
) -> Result<(), Errno> {
    let Join { group, on, mode } = membership;
    if !group.is_multicast() {
        return Err(Errno::EINVAL);
    }
    if on.find(&host.stack, group).is_none() {
        return Err(Errno::ENODEV);
    }
    if mode == Mode::Include && sources.is_empty() {
        return leave(host, id, group, on);
    }
    *filter_of(host, id, group, on)? = SourceFilter::of(mode, sources);
    Ok(())
}

/// The most sources that a filter lists.
pub(crate) fn most_sources(group: IpAddr) -> usize {
    match group {
        IpAddr::V4(_) => MOST_SOURCES,
        IpAddr::V6(_) => MOST_SOURCES_V6,
    }
}

fn filter_of(
    host: &mut Host,
    id: SocketId,
    group: IpAddr,
    on: Named,
) -> Result<&mut SourceFilter, Errno> {
    if !group.is_multicast() {
        return Err(Errno::EINVAL);
    }
    let interface = on.find(&host.stack, group).ok_or(Errno::ENODEV)?;
    let memberships = &mut host.get_mut(id)?.options.multicast_mut().memberships;
    memberships
        .iter_mut()
        .find(|known| known.group == group && known.interface == interface)
        .map(|membership| &mut membership.filter)
        .ok_or(Errno::EINVAL)
}

/// A socket is closed.
pub(crate) fn leave_all(stack: &mut Stack, id: SocketId, options: &SharedOptions) {
    for membership in options
        .multicast()
        .iter()
        .flat_map(|known| &known.memberships)
    {
        stack
            .groups
            .remove(membership.interface, membership.group, id);
    }
}

/// Whether any member listens to this source (`ip_check_mc_rcu`, `ipv6_chk_mcast_addr`): if not, IP drops the packet,
/// even if a socket that is no member would take it.
pub(crate) fn permits(host: &Host, interface: InterfaceId, group: IpAddr, source: IpAddr) -> bool {
    if is_for_all_hosts(group) {
        return true;
    }
    let members = host.stack.groups.members(interface, group);
    members.iter().any(|member| {
        let socket = host.sockets.get(*member);
        let multicast = socket.and_then(|socket| socket.options.multicast());
        multicast.is_some_and(|multicast| {
            multicast.memberships.iter().any(|membership| {
                membership.group == group
                    && membership.interface == interface
                    && membership.filter.allows(source)
            })
        })
    })
}

/// A TCP socket may join groups by some of the calls, as in Linux, and hears nothing of them.
fn takes_datagrams(socket: &Socket) -> bool {
    matches!(socket.endpoint, Endpoint::Datagram(_))
}
