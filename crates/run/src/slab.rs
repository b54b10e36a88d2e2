//! A table with generational ids: a stale id finds nothing.

/// An entry of a [`Slab`]: the generation in the high half, the index in the low half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u64);

impl Id {
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Id {
        Id(bits)
    }

    fn index(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    count: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab {
            slots: Vec::new(),
            free: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Slab<T> {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Enters the value that `make` builds for its id. Generations stay below 2^24, so that ids fit in event tokens.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Id) -> T) -> Id {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 1,
                value: None,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let slot = &mut self.slots[index as usize];
        let id = Id(u64::from(slot.generation) << 32 | u64::from(index));
        slot.value = Some(make(id));
        self.count += 1;
        id
    }

    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        let slot = self.slots.get(id.index())?;
        if u64::from(slot.generation) != id.0 >> 32 {
            return None;
        }
        slot.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index())?;
        if u64::from(slot.generation) != id.0 >> 32 {
            return None;
        }
        slot.value.as_mut()
    }

    pub(crate) fn remove(&mut self, id: Id) -> Option<T> {
        let slot = self.slots.get_mut(id.index())?;
        if u64::from(slot.generation) != id.0 >> 32 {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) & 0xff_ffff;
        self.free.push((id.0 & 0xffff_ffff) as u32);
        self.count -= 1;
        Some(value)
    }

    /// Every entry with its id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let value = slot.value.as_ref()?;
            Some((Id(u64::from(slot.generation) << 32 | index as u64), value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nothing() {
        let mut slab = Slab::default();
        let first = slab.insert_with(|_| "a");
        assert_eq!(slab.remove(first), Some("a"));
        let second = slab.insert_with(|_| "b");
        assert_ne!(first, second);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"b"));
        assert_eq!(slab.len(), 1);
    }
}
