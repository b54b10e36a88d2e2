//! A growing array in pages that are never moved: growth copies nothing and wastes at most one page.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Entries of one page.
const PAGE: usize = 64;

/// Entries by index.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    /// All but the last are full, and each has room for [`PAGE`].
    pages: Vec<Vec<T>>,
}

impl<T> Pages<T> {
    /// No entries, and no memory.
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new() }
    }

    /// Adds an entry and answers with its index. `None` if there are as many as indices.
    pub(crate) fn push(&mut self, entry: T) -> Option<u32> {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let before = (self.pages.len() - 1) * PAGE;
        let page = self.pages.last_mut()?;
        let index = u32::try_from(before + page.len()).ok()?;
        page.push(entry);
        Some(index)
    }

    /// The entry at an index.
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let index = index as usize;
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    /// The entry at an index.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = index as usize;
        self.pages.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }

    /// Two different entries at once.
    pub(crate) fn get_pair_mut(&mut self, a: u32, b: u32) -> Option<(&mut T, &mut T)> {
        let (a, b) = (a as usize, b as usize);
        let (page_a, page_b) = (a / PAGE, b / PAGE);
        if page_a == page_b {
            let page = self.pages.get_mut(page_a)?;
            let [a, b] = page.get_disjoint_mut([a % PAGE, b % PAGE]).ok()?;
            return Some((a, b));
        }
        let [page_a, page_b] = self.pages.get_disjoint_mut([page_a, page_b]).ok()?;
        Some((page_a.get_mut(a % PAGE)?, page_b.get_mut(b % PAGE)?))
    }

    /// The entries from an index on, in their order.
    pub(crate) fn iter_from(&self, index: u32) -> impl Iterator<Item = &T> {
        let index = index as usize;
        let pages = self.pages.get(index / PAGE..).unwrap_or_default();
        pages.iter().flatten().skip(index % PAGE)
    }

    /// All entries in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }
}

/// For indices that `push` gave: others panic, as with a slice.
impl<T> Index<u32> for Pages<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        let index = index as usize;
        &self.pages[index / PAGE][index % PAGE]
    }
}

impl<T> IndexMut<u32> for Pages<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        let index = index as usize;
        &mut self.pages[index / PAGE][index % PAGE]
    }
}
