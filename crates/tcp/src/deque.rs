//! A queue whose first entry lies inline, so that one entry costs no allocation and an empty queue owns nothing.
//!
//! A request-response connection never has more than one thing in each of its queues.
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// A queue with its first entry inline. Invariant: `first` is empty only if `rest` is.
#[derive(Debug)]
pub(crate) struct InlineDeque<T> {
    first: Option<T>,
    #[allow(
        clippy::box_collection,
        reason = "8 bytes in place of 32 in each idle connection"
    )]
    rest: Option<Box<VecDeque<T>>>,
}

impl<T> Default for InlineDeque<T> {
    fn default() -> Self {
        InlineDeque::EMPTY
    }
}

impl<T> InlineDeque<T> {
    pub(crate) const EMPTY: InlineDeque<T> = InlineDeque {
        first: None,
        rest: None,
    };

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |rest| rest.len())
    }

    /// Heap memory owned, in bytes, not counting what entries own.
    pub(crate) fn heap(&self) -> usize {
        let rest = self.rest.as_ref();
        rest.map_or(0, |rest| {
            size_of::<VecDeque<T>>() + rest.capacity() * size_of::<T>()
        })
    }

    pub(crate) fn push_back(&mut self, value: T) {
        if self.first.is_none() {
            self.first = Some(value);
        } else {
            self.rest.get_or_insert_default().push_back(value);
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let value = self.first.take()?;
        self.first = self.rest.as_mut().and_then(|rest| rest.pop_front());
        if self.first.is_none() {
            self.rest = None;
        }
        Some(value)
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut()
    }

    pub(crate) fn back_mut(&mut self) -> Option<&mut T> {
        match &mut self.rest {
            Some(rest) => rest.back_mut(),
            None => self.first.as_mut(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        match index.checked_sub(1) {
            None => self.first.as_ref(),
            Some(index) => self.rest.as_ref()?.get(index),
        }
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match index.checked_sub(1) {
            None => self.first.as_mut(),
            Some(index) => self.rest.as_mut()?.get_mut(index),
        }
    }

    /// Puts `value` behind the entry at `index`.
    pub(crate) fn insert_after(&mut self, index: usize, value: T) {
        if self.first.is_none() {
            self.first = Some(value);
        } else {
            let rest = self.rest.get_or_insert_default();
            rest.insert(index.min(rest.len()), value);
        }
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.first
            .iter()
            .chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }

    /// The number of leading entries for which `pred` holds; it must hold for a prefix only.
    pub(crate) fn partition_point(&self, mut pred: impl FnMut(&T) -> bool) -> usize {
        match &self.first {
            Some(first) if pred(first) => {
                1 + self
                    .rest
                    .as_ref()
                    .map_or(0, |rest| rest.partition_point(pred))
            }
            _ => 0,
        }
    }
}
