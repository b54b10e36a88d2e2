//! The entries of a wheel, in pages that come and go: a host whose connections are idle holds none.

use alloc::vec::Vec;

use super::{Entry, NONE};

/// Entries of one page, as a power of two.
const PAGE_SHIFT: u32 = 6;
const PAGE: usize = 1 << PAGE_SHIFT;

#[derive(Debug)]
struct Page<T> {
    /// Empty if none is in use: then the page has no memory.
    entries: Vec<Entry<T>>,
    /// The first place that was given back, by its index; the next one is in the entry's `next`.
    free: u32,
    in_use: u32,
    /// It is in `Entries::open`.
    is_open: bool,
}

impl<T> Page<T> {
    const NEW: Self = Self {
        entries: Vec::new(),
        free: NONE,
        in_use: 0,
        is_open: true,
    };
}

/// Entries by index. Every operation is O(1).
#[derive(Debug)]
pub(super) struct Entries<T> {
    pages: Vec<Page<T>>,
    /// The pages that may have room.
    open: Vec<u32>,
}

fn split(index: u32) -> (usize, usize) {
    ((index >> PAGE_SHIFT) as usize, index as usize % PAGE)
}

impl<T: Copy> Entries<T> {
    /// No entries, and no memory.
    pub(super) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            open: Vec::new(),
        }
    }

    /// The entry at an index, as long as it is in use or another of its page is.
    pub(super) fn get(&self, index: u32) -> Option<&Entry<T>> {
        let (page, place) = split(index);
        self.pages.get(page)?.entries.get(place)
    }

    /// An entry that is in use: others may panic, as with a slice.
    pub(super) fn at(&self, index: u32) -> &Entry<T> {
        let (page, place) = split(index);
        &self.pages[page].entries[place]
    }

    /// The same, to change it.
    pub(super) fn at_mut(&mut self, index: u32) -> &mut Entry<T> {
        let (page, place) = split(index);
        &mut self.pages[page].entries[place]
    }

    /// Puts an entry somewhere and answers with its index.
    pub(super) fn insert(&mut self, entry: Entry<T>) -> u32 {
        let number = self.open_page();
        let page = &mut self.pages[number as usize];
        page.in_use += 1;
        if page.free != NONE {
            let index = page.free;
            let place = &mut page.entries[split(index).1];
            page.free = place.next;
            *place = entry;
            return index;
        }
        if page.entries.capacity() == 0 {
            page.entries.reserve_exact(PAGE);
        }
        let index = (number << PAGE_SHIFT) + page.in_use - 1;
        page.entries.push(entry);
        index
    }

    /// A page with room.
    fn open_page(&mut self) -> u32 {
        while let Some(number) = self.open.last() {
            let page = &mut self.pages[*number as usize];
            if (page.in_use as usize) < PAGE {
                return *number;
            }
            page.is_open = false;
            self.open.pop();
        }
        let number = u32::try_from(self.pages.len()).unwrap_or(NONE);
        assert!(
            number < NONE >> PAGE_SHIFT,
            "more timers than a host can have sockets"
        );
        self.pages.push(Page::NEW);
        self.open.push(number);
        number
    }

    /// Gives an entry's place back. Its page goes with the last one.
    pub(super) fn remove(&mut self, index: u32) {
        let (number, place) = split(index);
        let page = &mut self.pages[number];
        page.in_use -= 1;
        if page.in_use == 0 {
            page.entries = Vec::new();
            page.free = NONE;
        } else {
            page.entries[place].next = page.free;
            page.free = index;
        }
        if !page.is_open {
            page.is_open = true;
            self.open.push(index >> PAGE_SHIFT);
        }
    }

    /// Memory held for entries, in entries.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.pages.iter().map(|page| page.entries.capacity()).sum()
    }
}
