//! Handles: generational ids, and the slab that gives them out.
//!
//! A stale id is never another object's: the slot's generation has moved on. Looking one up answers `None`.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use crate::pages::Pages;

/// What an id of this kind is called in `Debug`.
pub trait Kind {
    /// The name.
    const NAME: &'static str;
}

/// A generational id: slot and generation. An `Option` of it is no larger.
pub struct Id<K> {
    index: u32,
    generation: NonZeroU32,
    kind: PhantomData<fn() -> K>,
}

/// The generation of a slot's first value.
const FIRST: NonZeroU32 = NonZeroU32::MIN;
/// The generation that no slot ever has.
const NEVER: NonZeroU32 = NonZeroU32::MAX;

impl<K> Id<K> {
    const fn new(index: u32, generation: NonZeroU32) -> Self {
        Self {
            index,
            generation,
            kind: PhantomData,
        }
    }

    /// The id as one number, never 0.
    pub const fn to_bits(self) -> u64 {
        ((self.generation.get() as u64) << 32) | self.index as u64
    }

    /// The id that [`Self::to_bits`] made the number from. Any other number is a stale id.
    pub const fn from_bits(bits: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = bits.to_be_bytes();
        let generation = match NonZeroU32::new(u32::from_be_bytes([a, b, c, d])) {
            Some(generation) => generation,
            None => NEVER,
        };
        Self::new(u32::from_be_bytes([e, f, g, h]), generation)
    }

    pub(crate) const fn index(self) -> u32 {
        self.index
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.to_bits().cmp(&other.to_bits())
    }
}

impl<K> core::hash::Hash for Id<K> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.to_bits());
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}v{})", K::NAME, self.index, self.generation)
    }
}

/// Names [`SocketId`].
#[derive(Debug)]
pub enum SocketKind {}

impl Kind for SocketKind {
    const NAME: &'static str = "SocketId";
}

/// Names [`InterfaceId`].
#[derive(Debug)]
pub enum InterfaceKind {}

impl Kind for InterfaceKind {
    const NAME: &'static str = "InterfaceId";
}

/// A socket of a host.
pub type SocketId = Id<SocketKind>;
/// A network interface of a host.
pub type InterfaceId = Id<InterfaceKind>;

impl InterfaceId {
    /// `lo`, which every host has.
    pub const LOOPBACK: InterfaceId = InterfaceId::new(0, FIRST);

    /// The id of the first interface that had this `ifindex`; interfaces are never taken away.
    pub const fn from_ifindex(ifindex: u32) -> Self {
        InterfaceId::new(ifindex.wrapping_sub(1), FIRST)
    }

    /// Linux's `ifindex`: 1 for `lo`.
    pub fn ifindex(self) -> u32 {
        self.index() + 1
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: NonZeroU32,
    value: Option<T>,
}

impl<T> Slot<T> {
    fn is_of<K>(&self, id: Id<K>) -> bool {
        self.generation == id.generation
    }
}

/// Values by generational id. Every operation is O(1).
#[derive(Debug)]
pub struct Slab<T, K> {
    slots: Pages<Slot<T>>,
    free: Vec<u32>,
    len: usize,
    kind: PhantomData<fn() -> K>,
}

impl<T, K> Slab<T, K> {
    /// An empty slab, which owns no memory.
    pub const fn new() -> Self {
        Self {
            slots: Pages::new(),
            free: Vec::new(),
            len: 0,
            kind: PhantomData,
        }
    }

    /// Puts a value in, built from its own id. `None` if all ids are taken.
    pub fn insert_with(&mut self, build: impl FnOnce(Id<K>) -> T) -> Option<Id<K>> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.slots.push(Slot {
                generation: FIRST,
                value: None,
            })?,
        };
        let slot = self.slots.get_mut(index)?;
        let id = Id::new(index, slot.generation);
        slot.value = Some(build(id));
        self.len += 1;
        Some(id)
    }

    /// The value, if the id is not stale.
    pub fn get(&self, id: Id<K>) -> Option<&T> {
        let slot = self.slots.get(id.index).filter(|slot| slot.is_of(id))?;
        slot.value.as_ref()
    }

    /// The id of the value in a slot.
    #[inline]
    pub fn id_at(&self, index: u32) -> Option<Id<K>> {
        let slot = self.slots.get(index)?;
        slot.value.as_ref().map(|_| Id::new(index, slot.generation))
    }

    /// The value, if the id is not stale.
    pub fn get_mut(&mut self, id: Id<K>) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index).filter(|slot| slot.is_of(id))?;
        slot.value.as_mut()
    }

    /// Two different values at once.
    pub fn get_pair_mut(&mut self, a: Id<K>, b: Id<K>) -> Option<(&mut T, &mut T)> {
        let (slot_a, slot_b) = self.slots.get_pair_mut(a.index, b.index)?;
        if !slot_a.is_of(a) || !slot_b.is_of(b) {
            return None;
        }
        Some((slot_a.value.as_mut()?, slot_b.value.as_mut()?))
    }

    /// Takes the value out; its id is stale from now on.
    pub fn remove(&mut self, id: Id<K>) -> Option<T> {
        let slot = self.slots.get_mut(id.index).filter(|slot| slot.is_of(id))?;
        let value = slot.value.take()?;
        let next = slot.generation.checked_add(1);
        slot.generation = next.filter(|next| *next != NEVER).unwrap_or(FIRST);
        self.free.push(id.index);
        self.len -= 1;
        Some(value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values from a slot on, in the order of their slots.
    pub(crate) fn iter_from(&self, first: u32) -> impl Iterator<Item = (Id<K>, &T)> {
        let slots = (first..=u32::MAX).zip(self.slots.iter_from(first));
        slots.filter_map(|(index, slot)| {
            Some((Id::new(index, slot.generation), slot.value.as_ref()?))
        })
    }

    /// All values in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Id<K>, &T)> {
        (0u32..).zip(self.slots.iter()).filter_map(|(index, slot)| {
            Some((Id::new(index, slot.generation), slot.value.as_ref()?))
        })
    }
}

impl<T, K> Default for Slab<T, K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
