//! Who holds which local port: the one place that decides bind conflicts.
//!
//! A port's holders are counted by kind, not listed one by one: a listener with 100,000 accepted connections is two
//! kinds, so each answer costs the same however many sockets share the port. Connections in TIME-WAIT hold their port
//! too.
//!
//! The rules are Linux's (`inet_csk_bind_conflict`, `udp_lib_get_port`, `inet_rcv_saddr_equal`); shown by the bind
//! matrix of the dual-run tests.

use alloc::boxed::Box;
use core::hash::BuildHasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::ephemeral::PortSet;
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
    /// For each protocol in which it was once hard to find a free port.
    sets: SmallVec<[(PortSpace, Box<Sets>); 1]>,
}

/// Ports by what may be done with them.
#[derive(Debug)]
pub(crate) struct Sets {
    /// Somebody has them.
    pub(crate) occupied: PortSet,
    /// Somebody has bound them on purpose: `connect` may not choose them.
    pub(crate) bound: PortSet,
}

impl Sets {
    fn update(&mut self, port: u16, kinds: &[Kind]) {
        self.occupied.set(port, !kinds.is_empty());
        self.bound.set(port, !are_free_for_connect(kinds));
    }
}

fn are_free_for_connect(kinds: &[Kind]) -> bool {
    kinds.iter().all(|kind| match kind.binding.holder {
        Holder::Connected | Holder::TimeWait => true,
        Holder::Bound | Holder::Listening => false,
    })
}

impl<S: BuildHasher> BindTable<S> {
    /// A table in which every port is free.
    pub(crate) fn new(hasher: S) -> Self {
        Self {
            ports: HashMap::with_hasher(hasher),
            sets: SmallVec::new(),
        }
    }

    /// The sets of a protocol's ports, kept from now on.
    pub(crate) fn sets(&mut self, space: PortSpace) -> &Sets {
        let known = self.sets.iter().position(|(of, _)| *of == space);
        let index = known.unwrap_or_else(|| {
            let mut sets = Sets {
                occupied: PortSet::new(),
                bound: PortSet::new(),
            };
            for ((_, port), kinds) in self.ports.iter().filter(|((of, _), _)| *of == space) {
                sets.update(*port, kinds);
            }
            self.sets.push((space, Box::new(sets)));
            self.sets.len() - 1
        });
        &self.sets[index].1
    }

    fn update_sets(&mut self, space: PortSpace, port: u16) {
        if let Some((_, sets)) = self.sets.iter_mut().find(|(of, _)| *of == space) {
            let kinds = self.ports.get(&(space, port));
            sets.update(port, kinds.map_or(&[], |kinds| kinds.as_slice()));
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
        are_free_for_connect(self.kinds(binding))
    }

    /// Adds a claim. Whether it may stand is the caller's question to `conflicts`: accepted connections take their
    /// listener's port without asking.
    pub(crate) fn insert(&mut self, binding: Binding) {
        let kinds = self.ports.entry((binding.space, binding.port)).or_default();
        match kinds.iter_mut().find(|kind| kind.binding == binding) {
            Some(kind) => kind.count += 1,
            None => {
                kinds.push(Kind { binding, count: 1 });
                self.update_sets(binding.space, binding.port);
            }
        }
    }

    /// Takes a claim away.
    pub(crate) fn remove(&mut self, binding: &Binding) {
        let key = (binding.space, binding.port);
        let Some(kinds) = self.ports.get_mut(&key) else {
            debug_assert!(false, "{binding:?} was never inserted");
            return;
        };
        let Some(at) = kinds.iter().position(|kind| kind.binding == *binding) else {
            return;
        };
        kinds[at].count -= 1;
        if kinds[at].count > 0 {
            return;
        }
        kinds.swap_remove(at);
        if kinds.is_empty() {
            self.ports.remove(&key);
        }
        self.update_sets(binding.space, binding.port);
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

#[cfg(test)]
mod tests;
