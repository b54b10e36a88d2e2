//! The groups that a host's sockets have joined, by interface.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::inet::keyed::Keyed;
use crate::{InterfaceId, SocketId};

/// Who is a member of what.
#[derive(Debug)]
pub(crate) struct Groups {
    members: HashMap<(InterfaceId, IpAddr), SmallVec<[SocketId; 1]>, Keyed>,
}

impl Groups {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            members: HashMap::with_hasher(keyed),
        }
    }

    pub(super) fn add(&mut self, interface: InterfaceId, group: IpAddr, id: SocketId) {
        self.members.entry((interface, group)).or_default().push(id);
    }

    pub(super) fn remove(&mut self, interface: InterfaceId, group: IpAddr, id: SocketId) {
        let key = (interface, group);
        let Some(members) = self.members.get_mut(&key) else {
            return;
        };
        if let Some(at) = members.iter().position(|member| *member == id) {
            members.swap_remove(at);
        }
        if members.is_empty() {
            self.members.remove(&key);
        }
    }

    /// The sockets that joined the group on the interface.
    pub(super) fn members(&self, interface: InterfaceId, group: IpAddr) -> &[SocketId] {
        self.members
            .get(&(interface, group))
            .map_or(&[], |members| members.as_slice())
    }

    /// Whether packets to the group are taken from the interface at all.
    pub(crate) fn is_joined(&self, interface: InterfaceId, group: IpAddr) -> bool {
        is_for_all_hosts(group) || !self.members(interface, group).is_empty()
    }
}

/// The groups of which every interface is a member (RFC 1112 4, RFC 4291 2.8), and those that stand for single
/// addresses (RFC 4291 2.7.1), which the neighbour protocol uses.
pub(super) fn is_for_all_hosts(group: IpAddr) -> bool {
    const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
    const ALL_NODES: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    ];
    match group {
        IpAddr::V4(group) => group == ALL_SYSTEMS,
        IpAddr::V6(group) => {
            ALL_NODES.contains(&group)
                || matches!(
                    group.segments(),
                    [0xff02, 0, 0, 0, 0, 1, 0xff00..=0xffff, _]
                )
        }
    }
}
