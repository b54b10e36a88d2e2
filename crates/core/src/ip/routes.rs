//! The routing table: longest prefix first, then the smallest metric.
//!
//! Look-up costs one ordered-map search for each prefix length in use, not one step per route. IPv4 prefixes lie in
//! the same map as IPv6 ones, apart by their family.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::ids::InterfaceId;

/// An address with the length of its network prefix, as in `10.0.2.100/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpCidr {
    address: IpAddr,
    prefix_len: u8,
}

impl IpCidr {
    /// The address with its prefix length; `None` if the length is beyond 32 (IPv4) or 128 (IPv6) bits.
    pub fn new(address: IpAddr, prefix_len: u8) -> Option<Self> {
        (prefix_len <= width(address)).then_some(Self {
            address,
            prefix_len,
        })
    }

    /// A single address: /32 or /128.
    pub fn host(address: IpAddr) -> Self {
        Self {
            address,
            prefix_len: width(address),
        }
    }

    /// The address, host bits included.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Bits of the network prefix.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// The network: the address with its host bits zero.
    pub fn network(&self) -> Self {
        let bits = prefix(self.address, self.prefix_len);
        let address = match self.address {
            IpAddr::V4(_) => {
                let [a, b, c, d, ..] = bits.to_be_bytes();
                IpAddr::from([a, b, c, d])
            }
            IpAddr::V6(_) => IpAddr::from(bits.to_be_bytes()),
        };
        Self { address, ..*self }
    }

    /// Whether `address` has this prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && prefix(self.address, self.prefix_len) == prefix(address, self.prefix_len)
    }
}

/// Where packets for a destination go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The destinations the route is for.
    pub destination: IpCidr,
    /// The next hop; `None` if the destination is on the link itself.
    pub gateway: Option<IpAddr>,
    /// The interface packets leave by.
    pub interface: InterfaceId,
    /// The source address to prefer, if the route names one.
    pub preferred_source: Option<IpAddr>,
    /// Among routes of the same prefix the smallest metric wins.
    pub metric: u32,
    /// What is said of the path.
    pub metrics: RouteMetrics,
}

/// What a route says of its path, in `ip route`'s words; by default nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteMetrics {
    /// `mtu`: the longest packet, in place of the interface's.
    pub mtu: Option<u32>,
    /// `mtu lock`: nothing that routers say makes it smaller, and they may cut IPv4's packets.
    pub is_mtu_locked: bool,
    /// `advmss`: the MSS that is advertised, in place of what follows from the MTU.
    pub advertised_mss: Option<u16>,
    /// `initcwnd`: the initial congestion window, in segments.
    pub initial_window: Option<u32>,
}

impl RouteMetrics {
    /// The MTU, where the interface's is this.
    pub(crate) fn mtu_of(&self, interface: usize) -> usize {
        let own = self
            .mtu
            .map(|mtu| usize::try_from(mtu).unwrap_or(usize::MAX));
        own.unwrap_or(interface)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    is_ipv4: bool,
    prefix_len: u8,
    prefix: u128,
}

/// The routes of a host.
#[derive(Debug, Default)]
pub struct RoutingTable {
    routes: BTreeMap<Key, Vec<Route>>,
    /// Prefix lengths in use, longest first: `[IPv4, IPv6]`.
    lengths: [Vec<u8>; 2],
    /// A route that says something of its path was added.
    has_metrics: bool,
}

impl RoutingTable {
    /// Adds a route. One with the same destination, metric, interface and gateway is replaced.
    pub fn add(&mut self, route: Route) {
        self.has_metrics |= route.metrics != RouteMetrics::default();
        let key = key(route.destination);
        let same = self.routes.entry(key).or_default();
        same.retain(|other| !is_same(other, &route));
        let at = same.partition_point(|other| other.metric <= route.metric);
        same.insert(at, route);
        let lengths = &mut self.lengths[usize::from(!key.is_ipv4)];
        if let Err(at) = lengths.binary_search_by(|length| key.prefix_len.cmp(length)) {
            lengths.insert(at, key.prefix_len);
        }
    }

    /// Removes a route; whether it was there.
    pub fn remove(&mut self, route: &Route) -> bool {
        let key = key(route.destination);
        let Some(same) = self.routes.get_mut(&key) else {
            return false;
        };
        let before = same.len();
        same.retain(|other| !is_same(other, route));
        let removed = same.len() != before;
        if same.is_empty() {
            self.routes.remove(&key);
            let used =
                |other: &Key| other.is_ipv4 == key.is_ipv4 && other.prefix_len == key.prefix_len;
            if !self.routes.keys().any(used) {
                self.lengths[usize::from(!key.is_ipv4)].retain(|length| *length != key.prefix_len);
            }
        }
        removed
    }

    /// The best route to `destination`, among those that leave by `interface` if one is given
    /// (`SO_BINDTODEVICE`, a scoped address).
    pub fn lookup(&self, destination: IpAddr, interface: Option<InterfaceId>) -> Option<&Route> {
        self.find(destination, |route| {
            interface.is_none_or(|interface| route.interface == interface)
        })
    }

    /// The best route to `destination` of those that will do.
    pub(crate) fn find(
        &self,
        destination: IpAddr,
        will_do: impl Fn(&Route) -> bool,
    ) -> Option<&Route> {
        let is_ipv4 = destination.is_ipv4();
        self.lengths[usize::from(!is_ipv4)]
            .iter()
            .find_map(|&prefix_len| {
                let prefix = prefix(destination, prefix_len);
                let same = self.routes.get(&Key {
                    is_ipv4,
                    prefix_len,
                    prefix,
                })?;
                same.iter().find(|route| will_do(route))
            })
    }

    /// Whether one may say something of its path.
    pub(crate) fn has_metrics(&self) -> bool {
        self.has_metrics
    }

    /// All routes, those of the shorter prefixes first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.values().flatten()
    }
}

fn is_same(a: &Route, b: &Route) -> bool {
    (a.metric, a.interface, a.gateway) == (b.metric, b.interface, b.gateway)
}

fn key(destination: IpCidr) -> Key {
    Key {
        is_ipv4: destination.address.is_ipv4(),
        prefix_len: destination.prefix_len,
        prefix: prefix(destination.address, destination.prefix_len),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first `length` bits of `address`, the others zero.
fn prefix(address: IpAddr, length: u8) -> u128 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    bits & mask
}

#[cfg(test)]
mod tests;
