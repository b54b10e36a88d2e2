//! Who holds which local port: the one place that decides bind conflicts.
//!
//! A port's holders are counted by kind, not listed one by one: a listener with 100,000 accepted connections is two
//! kinds, so each answer costs the same however many sockets share the port. Connections in TIME-WAIT hold their port
//! too.
//!
//! The rules are Linux's (`inet_csk_bind_conflict`, `udp_lib_get_port`, `inet_rcv_saddr_equal`); shown by the bind
//! matrix of the dual-run tests.

use core::hash::BuildHasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::ids::InterfaceId;

/// Ports of different protocols do not conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PortSpace {
    /// TCP ports.
    Tcp,
    /// UDP ports.
    Udp,
    /// UDP-Lite ports (RFC 3828 3.1 shares UDP's numbers; the sockets are others).
    UdpLite,
    /// Identifiers of ICMP echo sockets over IPv4.
    Ping,
    /// Identifiers of ICMP echo sockets over IPv6.
    PingV6,
}

/// The local address of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BindAddress {
    /// An IPv4 address, `0.0.0.0` or the IPv4 address of a mapped one.
    V4(Ipv4Addr),
    /// An IPv6 address or `::`.
    V6 {
        /// The address.
        address: Ipv6Addr,
        /// `IPV6_V6ONLY`: `::` does not stand for IPv4 addresses too.
        only: bool,
    },
}

impl BindAddress {
    /// The binding to `address` of a socket with the given `IPV6_V6ONLY`.
    pub(crate) fn new(address: IpAddr, only: bool) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => Self::V4(address),
                None => Self::V6 { address, only },
            },
        }
    }

    fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::V4(a), Self::V4(b)) => a == b || a.is_unspecified() || b.is_unspecified(),
            (Self::V6 { address: a, .. }, Self::V6 { address: b, .. }) => {
                a == b || a.is_unspecified() || b.is_unspecified()
            }
            (Self::V4(_), Self::V6 { address, only })
            | (Self::V6 { address, only }, Self::V4(_)) => address.is_unspecified() && !only,
        }
    }
}

/// What a holder of a port is doing; it decides what `SO_REUSEADDR` means to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// Bound by `bind`, listening or not yet connected or connected.
    Bound,
    /// In LISTEN.
    Listening,
    /// Given its port by `connect`: others that connect may share it.
    Connected,
    /// In TIME-WAIT.
    TimeWait,
}

/// One claim on a port, kept by the socket that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Binding {
    /// The protocol.
    pub space: PortSpace,
    /// The local port.
    pub port: u16,
    /// The local address.
    pub address: BindAddress,
    /// `SO_BINDTODEVICE`.
    pub device: Option<InterfaceId>,
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// The owner: only sockets of one user share by `SO_REUSEPORT`.
    pub uid: u32,
    /// What the socket is doing.
    pub holder: Holder,
}

impl Binding {
    /// Whether `self`, which is new, may not stand beside `other`.
    fn conflicts_with(&self, other: &Self) -> bool {
        let same_device = match (self.device, other.device) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        if !same_device || !self.address.overlaps(other.address) {
            return false;
        }
        let reuses_address =
            self.reuse_address && other.reuse_address && other.holder != Holder::Listening;
        let reuses_port = self.reuse_port
            && other.reuse_port
            && (other.holder == Holder::TimeWait || self.uid == other.uid);
        !(reuses_address || reuses_port)
    }
}

/// The holders of one port that are alike.
#[derive(Debug, Clone)]
struct Kind {
    binding: Binding,
    count: u32,
}

type Kinds = SmallVec<[Kind; 1]>;

/// All claims on ports of a host. `S` is the host's keyed hash.
#[derive(Debug)]
pub(crate) struct BindTable<S> {
    ports: HashMap<(PortSpace, u16), Kinds, S>,
}

impl<S: BuildHasher> BindTable<S> {
    /// A table in which every port is free.
    pub(crate) fn new(hasher: S) -> Self {
        Self {
            ports: HashMap::with_hasher(hasher),
        }
    }

    /// Whether `binding` conflicts with the claims of other sockets: `EADDRINUSE`.
    pub(crate) fn conflicts(&self, binding: &Binding) -> bool {
        self.kinds(binding)
            .iter()
            .any(|kind| binding.conflicts_with(&kind.binding))
    }

    /// Whether `new` would conflict if the claim `own`, which the same socket holds, were not there.
    pub(crate) fn conflicts_without(&self, own: &Binding, new: &Binding) -> bool {
        self.kinds(new).iter().any(|kind| {
            let others = if kind.binding == *own {
                kind.count - 1
            } else {
                kind.count
            };
            others > 0 && new.conflicts_with(&kind.binding)
        })
    }

    /// Whether `connect` may give the port of `binding` to one more connection: nobody has bound it on purpose. Its
    /// addresses must still be unique.
    pub(crate) fn is_free_for_connect(&self, binding: &Binding) -> bool {
        self.kinds(binding)
            .iter()
            .all(|kind| match kind.binding.holder {
                Holder::Connected | Holder::TimeWait => true,
                Holder::Bound | Holder::Listening => false,
            })
    }

    /// Adds a claim. Whether it may stand is the caller's question to `conflicts`: accepted connections take their
    /// listener's port without asking.
    pub(crate) fn insert(&mut self, binding: Binding) {
        let kinds = self.ports.entry((binding.space, binding.port)).or_default();
        match kinds.iter_mut().find(|kind| kind.binding == binding) {
            Some(kind) => kind.count += 1,
            None => kinds.push(Kind { binding, count: 1 }),
        }
    }

    /// Takes a claim away.
    pub(crate) fn remove(&mut self, binding: &Binding) {
        let key = (binding.space, binding.port);
        let Some(kinds) = self.ports.get_mut(&key) else {
            debug_assert!(false, "{binding:?} was never inserted");
            return;
        };
        if let Some(at) = kinds.iter().position(|kind| kind.binding == *binding) {
            kinds[at].count -= 1;
            if kinds[at].count == 0 {
                kinds.swap_remove(at);
            }
        }
        if kinds.is_empty() {
            self.ports.remove(&key);
        }
    }

    /// Changes a claim in place: an option was set, the socket began to listen or went into TIME-WAIT.
    pub(crate) fn replace(&mut self, binding: &mut Binding, new: Binding) {
        if *binding != new {
            self.remove(binding);
            self.insert(new);
            *binding = new;
        }
    }

    /// Whether no port has a holder.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    fn kinds(&self, binding: &Binding) -> &[Kind] {
        self.ports
            .get(&(binding.space, binding.port))
            .map_or(&[], |kinds| kinds.as_slice())
    }
}

/// The ports of `range` in the order in which they are tried, from an unpredictable `offset` (RFC 6056 3.3.3).
///
/// As Linux does, `bind` to port 0 and `connect` begin with ports of different parity, so that they do not eat up each
/// other's: `connect` those with the parity of the range's first port, `bind` the others.
pub(crate) fn ephemeral_ports(
    range: RangeInclusive<u16>,
    offset: u32,
    for_connect: bool,
) -> impl Iterator<Item = u16> {
    let (low, high) = (u32::from(*range.start()), u32::from(*range.end()));
    let pairs = (high + 1).saturating_sub(low).div_ceil(2);
    let first = u32::from(!for_connect);
    [first, 1 - first].into_iter().flat_map(move |parity| {
        (0..pairs).filter_map(move |step| {
            let pair = (offset / 2).wrapping_add(step) % pairs;
            let port = low + pair * 2 + parity;
            u16::try_from(port).ok().filter(|_| port <= high)
        })
    })
}

#[cfg(test)]
mod tests;
