//! What a connection has only while it is busy: an idle one keeps a word for it.
use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};

/// A value that need not be kept while the connection rests.
pub(crate) trait Resting: Default + 'static {
    /// The value at rest.
    fn resting() -> &'static Self;
}

/// A value that is made when it is first changed. Until then, and after [`Lazy::rest`], it reads as at rest.
#[derive(Debug)]
pub(crate) struct Lazy<T>(Option<Box<T>>);

impl<T> Lazy<T> {
    /// At rest.
    pub(crate) const RESTING: Lazy<T> = Lazy(None);

    /// Gives the memory back: the caller knows that the value is as at rest.
    pub(crate) fn rest(&mut self) {
        self.0 = None;
    }

    /// There is no memory.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.0.is_none()
    }

    /// The value to change, unless it is at rest anyway.
    pub(crate) fn existing(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Heap memory taken, beside what the value itself owns.
    pub(crate) fn boxed(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<T>())
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Lazy<T> {
        Lazy::RESTING
    }
}

impl<T: Resting> Deref for Lazy<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => T::resting(),
        }
    }
}

impl<T: Resting> DerefMut for Lazy<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
