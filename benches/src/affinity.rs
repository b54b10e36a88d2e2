//! Keeping a thread on one CPU, for the rows that say so.

use std::io;

/// The CPUs the calling thread may run on; given back when dropped.
pub(crate) struct Pinned {
    before: libc::cpu_set_t,
}

impl Pinned {
    /// Puts the calling thread, and the threads it makes from now on, on the first CPU that it may use.
    pub(crate) fn to_one_cpu() -> io::Result<Self> {
        let before = allowed()?;
        let size = usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
        let first = (0..size)
            // SAFETY: `cpu` is below CPU_SETSIZE, the number of bits in the set.
            .find(|&cpu| unsafe { libc::CPU_ISSET(cpu, &before) })
            .ok_or_else(|| io::Error::other("no CPU in the affinity mask"))?;
        // SAFETY: cpu_set_t is a plain array of integers; all zeroes is the empty set.
        let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `first` was found below CPU_SETSIZE.
        unsafe { libc::CPU_SET(first, &mut one) };
        set(&one)?;
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Nothing can be done about a mask that can't be restored; the next row pins again anyway.
        let _ = set(&self.before);
    }
}

fn allowed() -> io::Result<libc::cpu_set_t> {
    // SAFETY: cpu_set_t is a plain array of integers; all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer and the size describe `set`, which outlives the call; 0 is the calling thread.
    let answer = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) };
    if answer == 0 {
        Ok(set)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn set(set: &libc::cpu_set_t) -> io::Result<()> {
    // SAFETY: the pointer and the size describe `set`, which outlives the call; 0 is the calling thread.
    let answer = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set) };
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
