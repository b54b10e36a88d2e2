//! The entries of a wheel, in pages that come and go: a host whose connections are idle holds none.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Entry, UNLINKED};

/// Entries of one page, as a power of two.
const PAGE_SHIFT: u32 = 6;
const PAGE: usize = 1 << PAGE_SHIFT;

#[derive(Debug)]
struct Page {
    /// There as long as one of them is linked.
    entries: Option<Box<[Entry; PAGE]>>,
    linked: u32,
}

impl Page {
    const EMPTY: Self = Self {
        entries: None,
        linked: 0,
    };
}

/// Entries by the key of their timer.
#[derive(Debug)]
pub(super) struct Entries {
    pages: Vec<Page>,
}

fn split(key: u32) -> (usize, usize) {
    ((key >> PAGE_SHIFT) as usize, key as usize % PAGE)
}

impl Entries {
    /// No entries, and no memory.
    pub(super) const fn new() -> Self {
        Self { pages: Vec::new() }
    }

    /// The entry of a timer that is linked.
    pub(super) fn linked(&mut self, key: u32) -> Option<&mut Entry> {
        let (page, place) = split(key);
        let entries = self.pages.get_mut(page)?.entries.as_mut()?;
        let entry = &mut entries[place];
        (entry.list != UNLINKED).then_some(entry)
    }

    /// The entry of a timer that is to be linked.
    pub(super) fn link(&mut self, key: u32) -> &mut Entry {
        let (page, place) = split(key);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || Page::EMPTY);
        }
        let page = &mut self.pages[page];
        page.linked += 1;
        let entries = page
            .entries
            .get_or_insert_with(|| Box::new([Entry::UNLINKED; PAGE]));
        &mut entries[place]
    }

    /// The timer is on no list any more. Its page goes with the last one.
    pub(super) fn unlink(&mut self, key: u32) {
        let (page, place) = split(key);
        let Some(page) = self.pages.get_mut(page) else {
            return;
        };
        page.linked -= 1;
        if page.linked == 0 {
            page.entries = None;
        } else if let Some(entries) = &mut page.entries {
            entries[place].list = UNLINKED;
        }
    }

    /// Memory held for entries, in entries.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let pages = self.pages.iter();
        pages.filter(|page| page.entries.is_some()).count() * PAGE
    }
}
