//! epoll and timerfd.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::check;

/// What epoll reports: `EPOLLIN` and its kin.
pub(crate) type Events = u32;

pub(crate) const IN: Events = 0x001;
pub(crate) const PRI: Events = 0x002;
pub(crate) const OUT: Events = 0x004;
pub(crate) const ERR: Events = 0x008;
pub(crate) const HUP: Events = 0x010;
pub(crate) const RDHUP: Events = 0x2000;
pub(crate) const ONESHOT: Events = 1 << 30;
pub(crate) const EDGE: Events = 1 << 31;

/// An epoll instance.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        // SAFETY: no pointers; the descriptor is ours alone.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: just created, owned by nobody else.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn control(&self, operation: i32, fd: RawFd, events: Events, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: data };
        // SAFETY: `event` lives across the call.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd, &mut event) })?;
        Ok(())
    }

    pub(crate) fn add(&self, fd: BorrowedFd<'_>, events: Events, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), events, data)
    }

    pub(crate) fn modify(&self, fd: BorrowedFd<'_>, events: Events, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), events, data)
    }

    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, 0)
    }

    /// Waits without an end, but does not sleep before `awake` is over; whoever else wants this processor gets it meanwhile.
    pub(crate) fn wait_awake(
        &self,
        events: &mut Vec<libc::epoll_event>,
        awake: Duration,
    ) -> io::Result<()> {
        let start = super::monotonic_nanos();
        while u128::from(super::monotonic_nanos() - start) < awake.as_nanos() {
            self.wait(events, Some(Duration::ZERO))?;
            if !events.is_empty() {
                return Ok(());
            }
            std::thread::yield_now();
        }
        self.wait(events, None)
    }

    /// Waits; an interrupted wait is a wait without events.
    pub(crate) fn wait(
        &self,
        events: &mut Vec<libc::epoll_event>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        events.clear();
        let timeout = timeout.map_or(-1, |timeout| {
            // Rounded up, so that a deadline is past when the wait ends.
            i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        let room = i32::try_from(events.capacity()).unwrap_or(i32::MAX).max(1);
        if events.capacity() == 0 {
            events.reserve(1);
        }
        // SAFETY: the buffer has room for `room` events.
        let count = check(unsafe {
            libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), room, timeout)
        });
        match count {
            // SAFETY: the kernel filled in `count` events.
            Ok(count) => unsafe { events.set_len(usize::try_from(count).unwrap_or(0)) },
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl std::os::fd::AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0)
    }
}

/// What `poll(2)` says about one file right now.
pub(crate) fn poll_now(fd: BorrowedFd<'_>, events: i16) -> i16 {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one entry that lives across the call.
    let answer = unsafe { libc::poll(&mut entry, 1, 0) };
    if answer > 0 { entry.revents } else { 0 }
}

/// The monotonic clock in nanoseconds.
pub(crate) fn monotonic_nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` lives across the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// A timer that is readable when its time has come (`timerfd`), on the monotonic clock.
#[derive(Debug)]
pub(crate) struct Timer(OwnedFd);

impl Timer {
    pub(crate) fn new() -> io::Result<Timer> {
        // SAFETY: no pointers.
        let fd = check(unsafe {
            libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
            )
        })?;
        // SAFETY: just created.
        Ok(Timer(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sets the time, in nanoseconds of [`monotonic_nanos`]; what it was set to before is forgotten.
    pub(crate) fn set(&self, nanos: u64) {
        // Zero would stop it.
        let nanos = nanos.max(1);
        let mut value: libc::itimerspec = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
        };
        value.it_value.tv_sec =
            libc::time_t::try_from(nanos / 1_000_000_000).unwrap_or(libc::time_t::MAX);
        value.it_value.tv_nsec = libc::c_long::try_from(nanos % 1_000_000_000).unwrap_or(0);
        // SAFETY: the value lives across the call.
        unsafe {
            libc::timerfd_settime(
                self.0.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &value,
                std::ptr::null_mut(),
            );
        }
    }

    /// Takes the expiry, so that the file is not readable until the next.
    pub(crate) fn take(&self) {
        let mut count = [0; 8];
        let _none = super::read(self.as_fd(), &mut count);
    }
}

impl std::os::fd::AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0)
    }
}
