//! Standard streams that were closed when `sockeye` was started.
//!
//! Rust's runtime opens `/dev/null` in their place before `main`. The program is to find what `sockeye` found, so what was
//! closed is noted before the runtime starts, and closed again before exec.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bit for each of the descriptors 0 to 2 that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Runs before the runtime: the C library calls what stands in this section on the way to `main`.
#[used]
// SAFETY: the section holds pointers to functions without arguments that return nothing, which this is.
#[unsafe(link_section = ".init_array")]
static NOTE: extern "C" fn() = note;

extern "C" fn note() {
    for descriptor in 0..3 {
        // SAFETY: F_GETFD takes no pointer and changes nothing.
        let answer = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        if answer < 0 {
            CLOSED.fetch_or(1 << descriptor, Ordering::Relaxed);
        }
    }
}

/// Closes again what was closed, in the process that becomes the program.
pub(super) fn close_again() {
    let closed = CLOSED.load(Ordering::Relaxed);
    for descriptor in 0..3 {
        if closed & (1 << descriptor) != 0 {
            // SAFETY: the process is about to exec; nothing uses its standard streams any more.
            unsafe { libc::close(descriptor) };
        }
    }
}
