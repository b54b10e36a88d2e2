//! Whose packet it is: connections by their four-tuple, receivers by their local address and port.
//!
//! A connected socket is found by one look-up under the keyed hash of its names; any other by at most three: the exact
//! address, the wildcard of the family, and for IPv4 the wildcard of dual-stack sockets. Where several sockets are
//! alike, the sockets of one `SO_REUSEPORT` group share by the hash of the peer's names; without it the newest wins,
//! as in Linux (`inet_lhash2_lookup`, `udp4_lib_lookup2`).

use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::{HashMap, HashTable};
use smallvec::SmallVec;

use super::bind_table::PortSpace;
use super::crowds::Crowds;
use super::keyed::Keyed;
use crate::ids::{InterfaceId, SocketId};

/// What names a connection, seen from its local end. Addresses are never v4-mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FourTuple {
    pub(crate) space: PortSpace,
    pub(crate) local: IpAddr,
    pub(crate) local_port: u16,
    pub(crate) remote: IpAddr,
    pub(crate) remote_port: u16,
}

impl FourTuple {
    /// The same connection seen from its other end.
    pub(crate) fn reversed(self) -> Self {
        Self {
            local: self.remote,
            local_port: self.remote_port,
            remote: self.local,
            remote_port: self.local_port,
            ..self
        }
    }

    /// The keyed hash of the tuple.
    pub(crate) fn hash_with(&self, keyed: Keyed) -> u64 {
        let [a, b] = self.local_port.to_be_bytes();
        let [c, d] = self.remote_port.to_be_bytes();
        let space = self.space as u8;
        match (self.local, self.remote) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                let [e, f, g, h] = local.octets();
                let [i, j, k, l] = remote.octets();
                keyed.hash_bytes(&[a, b, c, d, e, f, g, h, i, j, k, l, space])
            }
            (local, remote) => {
                let mut bytes = [0; 37];
                bytes[..4].copy_from_slice(&[a, b, c, d]);
                bytes[4] = space;
                bytes[5..21].copy_from_slice(&octets(local));
                bytes[21..].copy_from_slice(&octets(remote));
                keyed.hash_bytes(&bytes)
            }
        }
    }
}

impl Hash for FourTuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (
            self.space,
            self.local,
            self.local_port,
            self.remote,
            self.remote_port,
        )
            .hash(state);
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// A connected socket in the table: of the hash as much as makes two alike improbable, and the socket's slot. Its names and
/// the rest of its id are the socket's. In pieces of two bytes, because the table has room for twice as many now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    hash: [u16; 3],
    slot: [u16; 2],
}

const _: () = assert!(size_of::<Entry>() == 10);

impl Entry {
    fn new(hash: u64, slot: u32) -> Self {
        let [a, b, c, d, e, f, _, _] = hash.to_le_bytes();
        let [g, h, i, j] = slot.to_le_bytes();
        Self {
            hash: [[a, b], [c, d], [e, f]].map(u16::from_le_bytes),
            slot: [[g, h], [i, j]].map(u16::from_le_bytes),
        }
    }

    /// What of the hash an entry keeps. The table wants bits at the upper end, too.
    fn kept(hash: u64) -> u64 {
        (hash << 16 >> 16) | (hash << 48)
    }

    fn hash(self) -> u64 {
        let [a, b, c] = self.hash.map(u64::from);
        Self::kept(a | b << 16 | c << 32)
    }

    fn slot(self) -> u32 {
        let [a, b] = self.slot.map(u32::from);
        a | b << 16
    }
}

/// The connected sockets.
#[derive(Debug)]
pub(crate) struct Connections {
    keyed: Keyed,
    table: HashTable<Entry>,
    /// Where the local ports run short.
    pub(crate) crowds: Crowds,
}

impl Connections {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            keyed,
            table: HashTable::new(),
            crowds: Crowds::new(keyed),
        }
    }

    fn hash(&self, tuple: &FourTuple) -> u64 {
        Entry::kept(tuple.hash_with(self.keyed))
    }

    /// The slot of the socket under this tuple, unless two tuples share 48 bits of their hash: the caller compares the
    /// names.
    pub(crate) fn find(&self, tuple: &FourTuple) -> Option<u32> {
        let hash = self.hash(tuple);
        let entry = self.table.find(hash, |other| other.hash() == hash)?;
        Some(entry.slot())
    }

    /// Adds a connection. False, and nothing happens, if there is one of these names.
    pub(crate) fn insert(&mut self, tuple: &FourTuple, id: SocketId) -> bool {
        let hash = self.hash(tuple);
        if self
            .table
            .find(hash, |other| other.hash() == hash)
            .is_some()
        {
            return false;
        }
        let entry = Entry::new(hash, id.index());
        self.table.insert_unique(hash, entry, |entry| entry.hash());
        self.crowds.note(tuple, true);
        true
    }

    /// Takes a connection away.
    pub(crate) fn remove(&mut self, tuple: &FourTuple, id: SocketId) {
        let hash = self.hash(tuple);
        let entry = Entry::new(hash, id.index());
        if let Ok(found) = self.table.find_entry(hash, |other| *other == entry) {
            found.remove();
            self.crowds.note(tuple, false);
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

/// A socket that receives at a local address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receiver {
    pub(crate) id: SocketId,
    /// `SO_REUSEPORT`: shares with the others of its group.
    pub(crate) reuse_port: bool,
    /// `IPV6_V6ONLY`, on a socket at `::`.
    pub(crate) v6_only: bool,
    /// `SO_BINDTODEVICE`.
    pub(crate) device: Option<InterfaceId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    space: PortSpace,
    address: IpAddr,
    port: u16,
}

/// The sockets that receive without being connected: TCP listeners, UDP sockets, ping sockets.
#[derive(Debug)]
pub(crate) struct Receivers {
    keyed: Keyed,
    table: HashMap<Place, SmallVec<[Listed; 1]>, Keyed>,
}

/// A receiver at its place.
#[derive(Clone, Copy, Debug)]
struct Listed {
    receiver: Receiver,
    /// It came, or was joined by another, with `SO_REUSEPORT`. It stays in the group when the option is taken back.
    is_grouped: bool,
}

impl Receivers {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            keyed,
            table: HashMap::with_hasher(keyed),
        }
    }

    /// Adds a receiver at `address` (unspecified: all addresses of its family, and of IPv4 if not `v6_only`).
    pub(crate) fn insert(
        &mut self,
        space: PortSpace,
        address: IpAddr,
        port: u16,
        receiver: Receiver,
    ) {
        let place = Place {
            space,
            address,
            port,
        };
        let listed = self.table.entry(place).or_default();
        if receiver.reuse_port {
            // `inet_reuseport_add_sock`: who has the option by now is in the group from now on.
            let partners = listed.iter_mut().filter(|other| {
                other.receiver.reuse_port && other.receiver.device == receiver.device
            });
            partners.for_each(|other| other.is_grouped = true);
        }
        listed.push(Listed {
            receiver,
            is_grouped: receiver.reuse_port,
        });
    }

    /// Options of a receiver were changed: they hold from the next packet on.
    pub(crate) fn update(
        &mut self,
        space: PortSpace,
        address: IpAddr,
        port: u16,
        receiver: Receiver,
    ) {
        let place = Place {
            space,
            address,
            port,
        };
        let listed = self.table.get_mut(&place).into_iter().flatten();
        for listed in listed.filter(|listed| listed.receiver.id == receiver.id) {
            listed.receiver = receiver;
        }
    }

    /// Takes a receiver away.
    pub(crate) fn remove(&mut self, space: PortSpace, address: IpAddr, port: u16, id: SocketId) {
        let place = Place {
            space,
            address,
            port,
        };
        if let Some(receivers) = self.table.get_mut(&place) {
            receivers.retain(|listed| listed.receiver.id != id);
            if receivers.is_empty() {
                self.table.remove(&place);
            }
        }
    }

    /// The receiver of a packet whose names are `tuple` and that came in by `interface`.
    pub(crate) fn find(&self, tuple: &FourTuple, interface: InterfaceId) -> Option<SocketId> {
        places(tuple).find_map(|(place, is_dual)| self.choose(&place, is_dual, tuple, interface))
    }

    /// All sockets that get a copy of a multicast or broadcast packet.
    pub(crate) fn all(&self, tuple: &FourTuple, interface: InterfaceId) -> SmallVec<[SocketId; 4]> {
        let all = places(tuple).flat_map(|(place, is_dual)| {
            let receivers = self
                .table
                .get(&place)
                .map_or(&[][..], |receivers| receivers.as_slice());
            receivers
                .iter()
                .filter(move |listed| fits(&listed.receiver, is_dual, interface))
                .map(|listed| listed.receiver.id)
        });
        all.collect()
    }

    fn choose(
        &self,
        place: &Place,
        is_dual: bool,
        tuple: &FourTuple,
        interface: InterfaceId,
    ) -> Option<SocketId> {
        let receivers = self.table.get(place)?;
        if let [Listed { receiver, .. }] = receivers.as_slice() {
            return fits(receiver, is_dual, interface).then_some(receiver.id);
        }
        let fitting = || {
            receivers
                .iter()
                .filter(|listed| fits(&listed.receiver, is_dual, interface))
        };
        // A socket that is bound to the device goes before those that are not; among equals the newest.
        let best = fitting()
            .rev()
            .max_by_key(|listed| listed.receiver.device.is_some())?;
        let is_bound = best.receiver.device.is_some();
        let newest = fitting()
            .rev()
            .find(|listed| listed.receiver.device.is_some() == is_bound)?;
        if !newest.receiver.reuse_port || !newest.is_grouped {
            return Some(newest.receiver.id);
        }
        let device = newest.receiver.device;
        let group =
            || fitting().filter(|listed| listed.is_grouped && listed.receiver.device == device);
        let count = u64::try_from(group().count()).unwrap_or(1).max(1);
        let hash = tuple.hash_with(self.keyed);
        // The upper half of the hash scaled to the group: Linux's reciprocal_scale.
        let index = ((hash >> 32) * count) >> 32;
        group()
            .nth(usize::try_from(index).unwrap_or(0))
            .map(|listed| listed.receiver.id)
    }
}

fn fits(receiver: &Receiver, is_dual: bool, interface: InterfaceId) -> bool {
    !(is_dual && receiver.v6_only) && receiver.device.is_none_or(|device| device == interface)
}

/// Where receivers of a packet may be, most specific first; true marks the place of dual-stack sockets.
fn places(tuple: &FourTuple) -> impl Iterator<Item = (Place, bool)> + use<> {
    let FourTuple {
        space,
        local,
        local_port: port,
        ..
    } = *tuple;
    let any_v6 = (IpAddr::V6(Ipv6Addr::UNSPECIFIED), local.is_ipv4());
    let any_v4 = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), false);
    let any_v4 = local.is_ipv4().then_some(any_v4);
    [Some((local, false)), any_v4, Some(any_v6)]
        .into_iter()
        .flatten()
        .map(move |(address, is_dual)| {
            (
                Place {
                    space,
                    address,
                    port,
                },
                is_dual,
            )
        })
}

#[cfg(test)]
mod tests;
