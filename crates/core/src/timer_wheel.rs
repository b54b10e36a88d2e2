//! A hierarchical timing wheel: one entry for each timer that runs, every operation O(1).
//!
//! After Varghese and Lauck's scheme 7. A tick is 2^16 ns (65.5 us); each level has 64 slots, and a slot of one level
//! spans the whole level beneath it. An entry lies in the slot of the lowest level that tells its tick from the
//! current one, and moves down as time comes near.
//!
//! Invariants:
//! - an entry never fires before its deadline, and at most one tick after it;
//! - moving a deadline *later* only writes it down: the entry is looked at again when its old place comes up. A
//!   retransmission timer that each acknowledgement pushes back costs one store, not one relinking;
//! - an entry is there as long as it is linked: a timer that was stopped gives its entry back when the old place comes
//!   up, so that a connection that has been idle for a while costs nothing here;
//! - entries of one slot fire in the order in which they were put there, so a run is reproducible.

use alloc::vec::Vec;

use sockeye_tcp::Instant;

use entries::Entries;

/// Nanoseconds of a tick, as a power of two.
const TICK_SHIFT: u32 = 16;
/// Slots of a level, as a power of two.
const LEVEL_SHIFT: u32 = 6;
const SLOTS: usize = 1 << LEVEL_SHIFT;
/// Ticks fit in 48 bits: eight levels of six bits.
const LEVELS: usize = 8;
const NONE: u32 = u32::MAX;

/// A number of ticks in the 48 bits that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks([u16; 3]);

impl Ticks {
    const fn new(ticks: u64) -> Self {
        let [a, b, c, d, e, f, _, _] = ticks.to_le_bytes();
        Self([
            u16::from_le_bytes([a, b]),
            u16::from_le_bytes([c, d]),
            u16::from_le_bytes([e, f]),
        ])
    }

    fn get(self) -> u64 {
        let [a, b, c] = self.0.map(u64::from);
        a | b << 16 | c << 32
    }
}

/// Never: of a timer that was stopped.
const STOPPED: Ticks = Ticks::new(u64::MAX);

/// One of these for each timer that runs, or was stopped a while ago.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// When the owner wants to be woken.
    tick: Ticks,
    /// The list this entry is on, as `level * SLOTS + slot`, [`DUE`] or [`UNLINKED`].
    list: u16,
    previous: u32,
    next: u32,
}

/// A connection with keepalive always has one.
const _: () = assert!(size_of::<Entry>() == 16);

impl Entry {
    const UNLINKED: Self = Self {
        tick: STOPPED,
        list: UNLINKED,
        previous: NONE,
        next: NONE,
    };
}

#[derive(Debug, Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
}

const EMPTY: List = List {
    head: NONE,
    tail: NONE,
};

/// Timers of many connections. Each has a key, which is the slot of its owner.
#[derive(Debug)]
pub(crate) struct TimerWheel {
    entries: Entries,
    lists: Vec<List>,
    /// One bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// All ticks up to this one have been looked at.
    current: u64,
    /// Entries that were due when they were set.
    due: List,
}

/// The list number of an entry that is on none.
const UNLINKED: u16 = u16::MAX;
/// The list number of `TimerWheel::due`.
const DUE: u16 = UNLINKED - 1;

impl TimerWheel {
    /// A wheel without timers, at time zero. It owns nothing until the first timer is set.
    pub(crate) fn new() -> Self {
        Self {
            entries: Entries::new(),
            lists: Vec::new(),
            occupied: [0; LEVELS],
            current: 0,
            due: EMPTY,
        }
    }

    /// Takes a timer away for good: its key may be another's from now on.
    pub(crate) fn remove(&mut self, key: u32) {
        self.unlink(key);
    }

    /// Sets when a timer fires, or stops it. Cheap when nothing changes and when the deadline moves later.
    pub(crate) fn set(&mut self, key: u32, deadline: Option<Instant>) {
        let Some(entry) = self.entries.linked(key) else {
            if let Some(deadline) = deadline {
                self.link(key, tick_after(deadline));
            }
            return;
        };
        let Some(deadline) = deadline else {
            // The entry stays where it is: most timers that stop are started again before it comes up.
            entry.tick = STOPPED;
            return;
        };
        let tick = tick_after(deadline);
        entry.tick = Ticks::new(tick);
        let list = entry.list;
        if self.looked_at(list) <= tick {
            return;
        }
        self.unlink(key);
        self.link(key, tick);
    }

    /// The tick at which the entries of a list are looked at.
    fn looked_at(&self, list: u16) -> u64 {
        if list == DUE {
            return self.current;
        }
        let list = u32::from(list);
        let (level, slot) = (list >> LEVEL_SHIFT, list & ((1 << LEVEL_SHIFT) - 1));
        let shift = LEVEL_SHIFT * level;
        // Entries of a level share all higher digits with `current` and have a greater digit at this level.
        let base = (self.current >> shift) & !(SLOTS as u64 - 1);
        (base | u64::from(slot)) << shift
    }

    /// The key of the next timer that is due at `now`, stopped. Call until `None`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<u32> {
        let target = now.as_nanos() >> TICK_SHIFT;
        loop {
            while self.due.head != NONE {
                let key = self.due.head;
                let tick = self.unlink(key).unwrap_or(STOPPED);
                if tick == STOPPED {
                    continue;
                }
                if tick.get() <= self.current {
                    return Some(key);
                }
                self.link(key, tick.get());
            }
            let (tick, list) = self.earliest()?;
            if tick > target {
                self.current = self.current.max(target);
                return None;
            }
            self.current = self.current.max(tick);
            self.bring_down(list);
        }
    }

    /// A time at which `expire` should be called next: the earliest deadline, or a little before it when that lies far
    /// away. `None` when no timer is linked.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.due.head != NONE {
            return Some(Instant::from_nanos(self.current << TICK_SHIFT));
        }
        self.earliest()
            .map(|(tick, _)| Instant::from_nanos(tick << TICK_SHIFT))
    }

    /// The first occupied slot and the tick at which it begins. A lower level always comes before a higher one.
    fn earliest(&self) -> Option<(u64, usize)> {
        for level in 0..LEVELS {
            let bits = self.occupied[level];
            if bits == 0 {
                continue;
            }
            let slot = level * SLOTS + bits.trailing_zeros() as usize;
            let list = u16::try_from(slot).unwrap_or(UNLINKED);
            return Some((self.looked_at(list), slot));
        }
        None
    }

    /// Links each entry of a slot again, seen from the current tick: to a lower level, or to what is due.
    fn bring_down(&mut self, list: usize) {
        let mut key = self.lists[list].head;
        self.lists[list] = EMPTY;
        self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
        while key != NONE {
            let Some(&mut Entry { tick, next, .. }) = self.entries.linked(key) else {
                return;
            };
            self.entries.unlink(key);
            // A deadline that has moved later since is taken up here; a timer that was stopped drops out.
            if tick != STOPPED {
                self.link(key, tick.get());
            }
            key = next;
        }
    }

    fn link(&mut self, key: u32, tick: u64) {
        let list = if tick <= self.current {
            DUE
        } else {
            let differing = 63 - (tick ^ self.current).leading_zeros();
            let level = differing / LEVEL_SHIFT;
            let slot = (tick >> (level * LEVEL_SHIFT)) & (SLOTS as u64 - 1);
            self.occupied[level as usize] |= 1 << slot;
            u16::try_from(u64::from(level << LEVEL_SHIFT) + slot).unwrap_or(DUE)
        };
        if self.lists.is_empty() {
            self.lists.resize(LEVELS * SLOTS, EMPTY);
        }
        let tail = core::mem::replace(&mut self.list_mut(list).tail, key);
        *self.entries.link(key) = Entry {
            tick: Ticks::new(tick),
            list,
            previous: tail,
            next: NONE,
        };
        match self.entries.linked(tail) {
            Some(last) => last.next = key,
            None => self.list_mut(list).head = key,
        }
    }

    /// Takes an entry off its list, and says what it was set to.
    fn unlink(&mut self, key: u32) -> Option<Ticks> {
        let Entry {
            tick,
            list,
            previous,
            next,
        } = *self.entries.linked(key)?;
        self.entries.unlink(key);
        match self.entries.linked(previous) {
            Some(entry) => entry.next = next,
            None => self.list_mut(list).head = next,
        }
        match self.entries.linked(next) {
            Some(entry) => entry.previous = previous,
            None => self.list_mut(list).tail = previous,
        }
        let slot = usize::from(list);
        if list != DUE && self.lists[slot].head == NONE {
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
        Some(tick)
    }

    fn list_mut(&mut self, list: u16) -> &mut List {
        if list == DUE {
            &mut self.due
        } else {
            &mut self.lists[usize::from(list)]
        }
    }
}

impl Default for TimerWheel {
    fn default() -> Self {
        Self::new()
    }
}

/// The first tick that does not begin before `deadline`, bounded by what eight levels can hold.
fn tick_after(deadline: Instant) -> u64 {
    let tick = deadline.as_nanos().div_ceil(1 << TICK_SHIFT);
    tick.min(STOPPED.get() - 1)
}

mod entries;
#[cfg(test)]
mod tests;
