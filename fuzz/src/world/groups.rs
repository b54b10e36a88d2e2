//! Well-formed calls on groups, which damaged option values would hardly ever be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{PEER_V4, PEER_V6};

/// The groups that sockets join, and that can be sent to.
pub(super) const GROUPS: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3)),
    IpAddr::V4(Ipv4Addr::new(239, 1, 2, 4)),
    IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2)),
    IpAddr::V6(Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 1, 3)),
    // No group: refused.
    IpAddr::V4(PEER_V4),
];

/// The option (level, name and value) of a call. `interface` is its number, 0 for none; `source` is one of 16 addresses,
/// or how many of them a filter lists.
pub(super) fn option(call: u8, group: u8, interface: u8, source: u8) -> (i32, i32, Vec<u8>) {
    let group = GROUPS[usize::from(group) % GROUPS.len()];
    let level = if group.is_ipv4() { 0 } else { 41 };
    let index = u32::from(interface % 4).to_ne_bytes();
    let nth = |n: u8| -> IpAddr {
        match group {
            IpAddr::V4(_) => {
                let [a, b, c, d] = PEER_V4.octets();
                Ipv4Addr::new(a, b, c, d.wrapping_add(n % 16)).into()
            }
            IpAddr::V6(_) => {
                let mut octets = PEER_V6.octets();
                octets[15] = octets[15].wrapping_add(n % 16);
                Ipv6Addr::from(octets).into()
            }
        }
    };
    // struct group_req: the interface, and behind padding the group; a source may follow.
    let request = || [&index[..], &[0; 4], &storage(group)].concat();
    match call % 11 {
        // IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP and their opposites.
        drops @ (0 | 1) => match group {
            IpAddr::V4(group) => {
                let value = [&group.octets()[..], &[0; 4], &index].concat();
                (0, 35 + i32::from(drops), value)
            }
            IpAddr::V6(group) => {
                let value = [&group.octets()[..], &index].concat();
                (41, 20 + i32::from(drops), value)
            }
        },
        // MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP.
        2 => (level, 42, request()),
        3 => (level, 45, request()),
        // MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE, MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP.
        call @ 4..=7 => {
            let name = [43, 44, 46, 47][usize::from(call - 4)];
            let value = [request(), storage(nth(source))].concat();
            (level, name, value)
        }
        // MCAST_MSFILTER: excluding or including.
        call @ (8 | 9) => {
            let mut value = request();
            value.extend(u32::from(call - 8).to_ne_bytes());
            value.extend(u32::from(source % 16).to_ne_bytes());
            for n in 0..source % 16 {
                value.extend(storage(nth(n)));
            }
            (level, 48, value)
        }
        // IP_MULTICAST_IF, IPV6_MULTICAST_IF.
        _ if level == 0 => (0, 32, [&[0; 8][..], &index].concat()),
        _ => (41, 17, index.to_vec()),
    }
}

/// struct sockaddr_storage
fn storage(address: IpAddr) -> Vec<u8> {
    let mut bytes = match address {
        IpAddr::V4(address) => [&2_u16.to_ne_bytes()[..], &[0; 2], &address.octets()].concat(),
        IpAddr::V6(address) => [&10_u16.to_ne_bytes()[..], &[0; 6], &address.octets()].concat(),
    };
    bytes.resize(128, 0);
    bytes
}
