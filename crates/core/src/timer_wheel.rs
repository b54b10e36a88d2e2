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
use core::fmt;
use core::num::NonZeroU32;

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

/// The place that a timer had in a [`TimerWheel`] when it was set last. If the timer has given it back, it is another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TimerId(
    /// The entry's index and one, so that an `Option` of it is no larger.
    NonZeroU32,
);

impl TimerId {
    const fn index(self) -> u32 {
        self.0.get() - 1
    }
}

/// An [`Instant`] that needs no more than the alignment of the numbers beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed(4))]
struct Deadline(u64);

impl Deadline {
    const fn at(deadline: Instant) -> Self {
        Self(deadline.as_nanos())
    }

    const fn get(self) -> Instant {
        Instant::from_nanos(self.0)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// One of these for each timer that runs, or was stopped a while ago.
#[derive(Debug, Clone, Copy)]
struct Entry<T> {
    token: T,
    /// When the owner wants to be woken; [`STOPPED`] for never.
    deadline: Deadline,
    /// The list this entry is on, as `level * SLOTS + slot`, or `NONE` if it is free.
    list: u32,
    previous: u32,
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
}

const STOPPED: Deadline = Deadline::at(Instant::FAR_FUTURE);

const _: () = assert!(size_of::<Entry<crate::SocketId>>() == 28);

const EMPTY: List = List {
    head: NONE,
    tail: NONE,
};

/// Timers of many connections. `T` names the owner of a timer, who has but one.
#[derive(Debug)]
pub(crate) struct TimerWheel<T> {
    entries: Entries<T>,
    lists: Vec<List>,
    /// One bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// All ticks up to this one have been looked at.
    current: u64,
    /// Entries that were due when they were set.
    due: List,
}

/// The list number of `TimerWheel::due`.
const DUE: u32 = NONE - 1;

impl<T: Copy + PartialEq> TimerWheel<T> {
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

    /// The entry of this owner's timer, if it still has it.
    fn held(&self, id: Option<TimerId>, token: T) -> Option<u32> {
        let index = id?.index();
        let entry = self.entries.get(index)?;
        (entry.list != NONE && entry.token == token).then_some(index)
    }

    /// Takes a timer away for good.
    pub(crate) fn remove(&mut self, id: Option<TimerId>, token: T) {
        if let Some(index) = self.held(id, token) {
            self.unlink(index);
            self.entries.remove(index);
        }
    }

    /// Sets when the timer of `token` fires, or stops it. Cheap when nothing changes and when the deadline moves later.
    pub(crate) fn set(&mut self, id: &mut Option<TimerId>, token: T, deadline: Option<Instant>) {
        let Some(index) = self.held(*id, token) else {
            *id = deadline.map(|deadline| self.add(token, deadline));
            return;
        };
        let entry = self.entries.at_mut(index);
        entry.deadline = deadline.map_or(STOPPED, Deadline::at);
        let list = entry.list;
        let Some(deadline) = deadline else {
            // The entry stays where it is: most timers that stop are started again before it comes up.
            return;
        };
        let tick = tick_after(deadline);
        if self.looked_at(list) <= tick {
            return;
        }
        self.unlink(index);
        self.link(index, tick);
    }

    fn add(&mut self, token: T, deadline: Instant) -> TimerId {
        let index = self.entries.insert(Entry {
            token,
            deadline: Deadline::at(deadline),
            list: NONE,
            previous: NONE,
            next: NONE,
        });
        self.link(index, tick_after(deadline));
        TimerId(NonZeroU32::MIN.saturating_add(index))
    }

    /// The tick at which the entries of a list are looked at.
    fn looked_at(&self, list: u32) -> u64 {
        if list == DUE {
            return self.current;
        }
        let (level, slot) = (list >> LEVEL_SHIFT, list & ((1 << LEVEL_SHIFT) - 1));
        let shift = LEVEL_SHIFT * level;
        // Entries of a level share all higher digits with `current` and have a greater digit at this level.
        let base = (self.current >> shift) & !(SLOTS as u64 - 1);
        (base | u64::from(slot)) << shift
    }

    /// The next timer that is due at `now`, stopped. Call until `None`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<T> {
        let target = now.as_nanos() >> TICK_SHIFT;
        loop {
            while self.due.head != NONE {
                let index = self.due.head;
                self.unlink(index);
                let Entry {
                    token, deadline, ..
                } = *self.entries.at(index);
                if deadline != STOPPED && deadline.get() > now {
                    self.link(index, tick_after(deadline.get()));
                    continue;
                }
                self.entries.remove(index);
                if deadline != STOPPED {
                    return Some(token);
                }
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
            let list = u32::try_from(level * SLOTS).unwrap_or(0) + bits.trailing_zeros();
            return Some((self.looked_at(list), list as usize));
        }
        None
    }

    /// Links each entry of a slot again, seen from the current tick: to a lower level, or to what is due.
    fn bring_down(&mut self, list: usize) {
        let mut index = self.lists[list].head;
        self.lists[list] = EMPTY;
        self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
        while index != NONE {
            let entry = self.entries.at_mut(index);
            let (next, deadline) = (entry.next, entry.deadline);
            entry.list = NONE;
            // A deadline that has moved later since is taken up here; a timer that was stopped drops out.
            if deadline == STOPPED {
                self.entries.remove(index);
            } else {
                self.link(index, tick_after(deadline.get()));
            }
            index = next;
        }
    }

    fn link(&mut self, index: u32, tick: u64) {
        let list = if tick <= self.current {
            DUE
        } else {
            let differing = 63 - (tick ^ self.current).leading_zeros();
            let level = differing / LEVEL_SHIFT;
            let slot = (tick >> (level * LEVEL_SHIFT)) & (SLOTS as u64 - 1);
            self.occupied[level as usize] |= 1 << slot;
            level * (1 << LEVEL_SHIFT) + u32::try_from(slot).unwrap_or(0)
        };
        if self.lists.is_empty() {
            self.lists.resize(LEVELS * SLOTS, EMPTY);
        }
        let tail = self.list_mut(list).tail;
        let entry = self.entries.at_mut(index);
        entry.list = list;
        entry.previous = tail;
        entry.next = NONE;
        if tail == NONE {
            self.list_mut(list).head = index;
        } else {
            self.entries.at_mut(tail).next = index;
        }
        self.list_mut(list).tail = index;
    }

    fn unlink(&mut self, index: u32) {
        let Entry {
            list,
            previous,
            next,
            ..
        } = *self.entries.at(index);
        if previous == NONE {
            self.list_mut(list).head = next;
        } else {
            self.entries.at_mut(previous).next = next;
        }
        if next == NONE {
            self.list_mut(list).tail = previous;
        } else {
            self.entries.at_mut(next).previous = previous;
        }
        self.entries.at_mut(index).list = NONE;
        if list != DUE && self.lists[list as usize].head == NONE {
            self.occupied[list as usize / SLOTS] &= !(1 << (list as usize % SLOTS));
        }
    }

    fn list_mut(&mut self, list: u32) -> &mut List {
        if list == DUE {
            &mut self.due
        } else {
            &mut self.lists[list as usize]
        }
    }
}

impl<T: Copy + PartialEq> Default for TimerWheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The first tick that does not begin before `deadline`, bounded by what eight levels can hold.
fn tick_after(deadline: Instant) -> u64 {
    let tick = deadline.as_nanos().div_ceil(1 << TICK_SHIFT);
    tick.min((1 << (LEVEL_SHIFT as usize * LEVELS)) - 1)
}

mod entries;
#[cfg(test)]
mod tests;
