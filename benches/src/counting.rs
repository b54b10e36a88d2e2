//! A global allocator that can count the bytes that are in use.
//!
//! Counting is off except while the memory row asks for it, so that the other rows pay one predictable branch and no
//! shared counter.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

static COUNTS: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, counted.
pub(crate) struct Counting;

impl Counting {
    fn note(grown: usize, shrunk: usize) {
        if COUNTS.load(Ordering::Relaxed) {
            let change = i64::try_from(grown).unwrap_or(i64::MAX)
                - i64::try_from(shrunk).unwrap_or(i64::MAX);
            IN_USE.fetch_add(change, Ordering::Relaxed);
        }
    }
}

// SAFETY: every method hands its arguments unchanged to the system's allocator, whose contract is the same, and
// returns its answer.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::note(0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Self::note(new_size, layout.size());
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Runs `body` with counting on; answers with what it gave and by how many bytes the memory in use grew meanwhile.
pub(crate) fn growth<T>(body: impl FnOnce() -> T) -> (T, i64) {
    COUNTS.store(true, Ordering::Relaxed);
    let before = IN_USE.load(Ordering::Relaxed);
    let value = body();
    let after = IN_USE.load(Ordering::Relaxed);
    COUNTS.store(false, Ordering::Relaxed);
    (value, after - before)
}
