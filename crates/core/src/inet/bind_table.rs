//! Who holds which local port: the one place that decides bind conflicts.
//!
//! A port's holders are counted by kind, not listed one by one: a listener with 100,000 accepted connections is two
//! kinds, so each answer costs the same however many sockets share the port. Connections in TIME-WAIT hold their port
//! too.
//!
//! The rules are Linux's (`inet_csk_bind_conflict`, `udp_lib_get_port`, `inet_rcv_saddr_equal`); shown by the bind
//! matrix of the dual-run tests.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU32;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::ephemeral::PortSet;
use crate::ids::InterfaceId;
use crate::pages::Pages;
use profiles::{ProfileId, Profiles};

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

/// What a claim on a port says.
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
    fn leaves_port_to_connect(self) -> bool {
        match self.holder {
            Holder::Connected | Holder::TimeWait => true,
            Holder::Bound | Holder::Listening => false,
        }
    }

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

/// A claim on a port, as its holder keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim(
    /// The index of its kind and one, so that an `Option` of it is no larger.
    NonZeroU32,
);

impl Claim {
    fn at(index: u32) -> Claim {
        Claim(NonZeroU32::MIN.saturating_add(index))
    }

    const fn index(self) -> u32 {
        self.0.get() - 1
    }
}

/// The holders of one port that are alike. Nearly each connection that chose its port has one, so that no byte is wasted.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed(2))]
struct Kind {
    port: u16,
    /// What they claim but for the port.
    profile: ProfileId,
    /// How many there are; 0 if this place is free.
    count: u32,
    /// The next kind of the same port.
    next: Option<Claim>,
}

/// All claims on ports of a host. `S` is the host's keyed hash.
#[derive(Debug)]
pub(crate) struct BindTable<S> {
    kinds: Pages<Kind>,
    profiles: Profiles,
    /// Free places of `kinds`.
    free: Vec<Claim>,
    /// The first kind of each port that has a holder.
    ports: HashTable<Claim>,
    hasher: S,
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
    fn update(&mut self, port: u16, mut bindings: impl Iterator<Item = Binding> + Clone) {
        self.occupied.set(port, bindings.clone().next().is_some());
        self.bound
            .set(port, !bindings.all(Binding::leaves_port_to_connect));
    }
}

impl<S: BuildHasher> BindTable<S> {
    /// A table in which every port is free.
    pub(crate) fn new(hasher: S) -> Self {
        Self {
            kinds: Pages::new(),
            profiles: Profiles::new(),
            free: Vec::new(),
            ports: HashTable::new(),
            hasher,
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
            for first in &self.ports {
                let binding = self.binding(*first);
                if binding.space == space {
                    sets.update(binding.port, self.bindings(Some(*first)));
                }
            }
            self.sets.push((space, Box::new(sets)));
            self.sets.len() - 1
        });
        &self.sets[index].1
    }

    fn update_sets(&mut self, space: PortSpace, port: u16) {
        let Some(index) = self.sets.iter().position(|(of, _)| *of == space) else {
            return;
        };
        let mut sets = core::mem::take(&mut self.sets);
        sets[index]
            .1
            .update(port, self.bindings(self.first(space, port)));
        self.sets = sets;
    }

    /// What is claimed.
    pub(crate) fn binding(&self, claim: Claim) -> Binding {
        self.binding_of(&self.kinds[claim.index()])
    }

    fn binding_of(&self, kind: &Kind) -> Binding {
        Binding {
            port: kind.port,
            ..self.profiles.get(kind.profile)
        }
    }

    /// Whether `binding` conflicts with the claims of other sockets: `EADDRINUSE`.
    pub(crate) fn conflicts(&self, binding: &Binding) -> bool {
        self.bindings(self.first(binding.space, binding.port))
            .any(|other| binding.conflicts_with(&other))
    }

    /// Whether `new` would conflict if the claim `own`, which the same socket holds, were not there.
    pub(crate) fn conflicts_without(&self, own: Claim, new: &Binding) -> bool {
        self.chain(self.first(new.space, new.port))
            .any(|(claim, kind)| {
                let others = kind.count - u32::from(claim == own);
                others > 0 && new.conflicts_with(&self.binding_of(kind))
            })
    }

    /// Whether `connect` may give the port of `binding` to one more connection: nobody has bound it on purpose. Its
    /// addresses must still be unique.
    pub(crate) fn is_free_for_connect(&self, binding: &Binding) -> bool {
        self.bindings(self.first(binding.space, binding.port))
            .all(Binding::leaves_port_to_connect)
    }

    /// Adds a claim. Whether it may stand is the caller's question to `conflicts`: accepted connections take their
    /// listener's port without asking. `None` if there are as many kinds of claims as can be told apart.
    #[must_use]
    pub(crate) fn insert(&mut self, binding: Binding) -> Option<Claim> {
        let (space, port) = (binding.space, binding.port);
        let first = self.first(space, port);
        let mut last = first;
        let mut at = first;
        while let Some(claim) = at {
            if self.binding(claim) == binding {
                self.kinds[claim.index()].count += 1;
                return Some(claim);
            }
            last = at;
            at = self.kinds[claim.index()].next;
        }
        let kind = Kind {
            port,
            profile: self.profiles.hold(binding, &self.hasher)?,
            count: 1,
            next: None,
        };
        let claim = match self.free.pop() {
            Some(claim) => {
                self.kinds[claim.index()] = kind;
                claim
            }
            None => Claim::at(self.kinds.push(kind)?),
        };
        match last {
            Some(last) => self.kinds[last.index()].next = Some(claim),
            None => {
                let hash = self.hasher.hash_one((space, port));
                let (kinds, profiles, hasher) = (&self.kinds, &self.profiles, &self.hasher);
                self.ports.insert_unique(hash, claim, |first| {
                    let kind = &kinds[first.index()];
                    hasher.hash_one((profiles.get(kind.profile).space, kind.port))
                });
            }
        }
        self.update_sets(space, port);
        Some(claim)
    }

    /// Takes a claim away.
    pub(crate) fn remove(&mut self, claim: Claim) {
        let kind = &mut self.kinds[claim.index()];
        debug_assert!(kind.count > 0, "{claim:?} was given back before");
        kind.count = kind.count.saturating_sub(1);
        if kind.count > 0 {
            return;
        }
        let Kind {
            port,
            profile,
            next,
            ..
        } = *kind;
        kind.next = None;
        let space = self.profiles.get(profile).space;
        let (kinds, profiles) = (&self.kinds, &self.profiles);
        let entry = self
            .ports
            .find_entry(self.hasher.hash_one((space, port)), |first| {
                let kind = &kinds[first.index()];
                (profiles.get(kind.profile).space, kind.port) == (space, port)
            });
        let Ok(mut entry) = entry else {
            return;
        };
        let first = *entry.get();
        if first != claim {
            let before = Self::chain_in(kinds, Some(first))
                .find(|(_, kind)| { kind.next } == Some(claim))
                .map(|(before, _)| before);
            if let Some(before) = before {
                self.kinds[before.index()].next = next;
            }
        } else if let Some(next) = next {
            *entry.get_mut() = next;
        } else {
            entry.remove();
        }
        self.free.push(claim);
        self.profiles.release(profile, &self.hasher);
        self.update_sets(space, port);
    }

    /// Changes a claim: an option was set, the socket began to listen or went into TIME-WAIT.
    pub(crate) fn replace(&mut self, claim: &mut Claim, new: Binding) {
        if self.binding(*claim) != new
            && let Some(other) = self.insert(new)
        {
            self.remove(*claim);
            *claim = other;
        }
    }

    /// Whether no port has a holder.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    fn first(&self, space: PortSpace, port: u16) -> Option<Claim> {
        let hash = self.hasher.hash_one((space, port));
        let is_it = |first: &Claim| {
            let binding = self.binding(*first);
            (binding.space, binding.port) == (space, port)
        };
        self.ports.find(hash, is_it).copied()
    }

    /// What is claimed by `first` and those behind it: all of one port.
    fn bindings(&self, first: Option<Claim>) -> impl Iterator<Item = Binding> + Clone {
        self.chain(first).map(|(_, kind)| self.binding_of(kind))
    }

    fn chain(&self, first: Option<Claim>) -> impl Iterator<Item = (Claim, &Kind)> + Clone {
        Self::chain_in(&self.kinds, first)
    }

    fn chain_in(
        kinds: &Pages<Kind>,
        first: Option<Claim>,
    ) -> impl Iterator<Item = (Claim, &Kind)> + Clone {
        core::iter::successors(first, |claim| kinds[claim.index()].next)
            .map(|claim| (claim, &kinds[claim.index()]))
    }
}

mod profiles;
#[cfg(test)]
mod tests;
