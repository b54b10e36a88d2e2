//! The seccomp filter and its notification descriptor (`seccomp_unotify(2)`).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// One instruction of classic BPF as the kernel lays it out.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) jump_true: u8,
    pub(crate) jump_false: u8,
    pub(crate) constant: u32,
}

#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// A trapped call, as `SECCOMP_IOCTL_NOTIF_RECV` hands it over (`struct seccomp_notif`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notification {
    pub(crate) id: u64,
    pub(crate) pid: u32,
    pub(crate) flags: u32,
    pub(crate) number: i32,
    pub(crate) architecture: u32,
    pub(crate) instruction_pointer: u64,
    pub(crate) arguments: [u64; 6],
}

#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

#[repr(C)]
struct AddDescriptor {
    id: u64,
    flags: u32,
    source: u32,
    target: u32,
    target_flags: u32,
}

const SET_MODE_FILTER: libc::c_uint = 1;
const FLAG_NEW_LISTENER: libc::c_ulong = 1 << 3;
const IOCTL_RECV: libc::c_ulong = 0xc050_2100;
const IOCTL_SEND: libc::c_ulong = 0xc018_2101;
const IOCTL_ID_VALID: libc::c_ulong = 0x4008_2102;
const IOCTL_ADDFD: libc::c_ulong = 0x4018_2103;
const IOCTL_SET_FLAGS: libc::c_ulong = 0x4008_2104;
const SYNC_WAKE_UP: libc::c_ulong = 1;
const RESPONSE_CONTINUE: u32 = 1;
const ADDFD_SETFD: u32 = 1;
const ADDFD_SEND: u32 = 2;

/// Installs the filter on the calling thread and answers its listener.
pub(crate) fn install_filter(instructions: &[Instruction]) -> io::Result<OwnedFd> {
    let program = Program {
        length: u16::try_from(instructions.len())
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
        instructions: instructions.as_ptr(),
    };
    // SAFETY: the program and its instructions live across the call; the kernel copies them.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SET_MODE_FILTER,
            FLAG_NEW_LISTENER,
            &program,
        )
    };
    let fd = check(RawFd::try_from(fd).unwrap_or(-1))?;
    // SAFETY: just created.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The notification descriptor of a filter.
#[derive(Debug)]
pub(crate) struct Listener(OwnedFd);

impl Listener {
    /// Takes the descriptor over and asks for synchronous wake-ups, where the kernel has them (6.6): the caller and we
    /// take turns, so waking on the same processor is right.
    pub(crate) fn new(fd: OwnedFd) -> Listener {
        // SAFETY: the argument is a plain number.
        unsafe { libc::ioctl(fd.as_raw_fd(), IOCTL_SET_FLAGS, SYNC_WAKE_UP) };
        Listener(fd)
    }

    /// Waits for the next notification; `None` when its caller is already gone, or no program is left.
    ///
    /// Blocking here rather than in epoll is what makes the wake-up synchronous: the kernel then runs us on the
    /// caller's processor, which saves some 20 us where processors idle deeply.
    pub(crate) fn receive(&self) -> io::Result<Option<Notification>> {
        let mut notification = Notification::default();
        // SAFETY: the kernel fills in one `seccomp_notif`, which must be zeroed before.
        let answer = unsafe { libc::ioctl(self.0.as_raw_fd(), IOCTL_RECV, &mut notification) };
        match check(answer) {
            Ok(_) => Ok(Some(notification)),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a process that the filter binds is left.
    pub(crate) fn has_programs(&self) -> bool {
        super::poll_now(std::os::fd::AsFd::as_fd(&self.0), 0) & libc::POLLHUP == 0
    }

    fn send(&self, response: &Response) -> io::Result<()> {
        // SAFETY: one `seccomp_notif_resp` that lives across the call.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), IOCTL_SEND, response) })?;
        Ok(())
    }

    /// Ends the call with a value.
    pub(crate) fn answer(&self, id: u64, value: i64) -> io::Result<()> {
        self.send(&Response {
            id,
            value,
            error: 0,
            flags: 0,
        })
    }

    /// Ends the call with an errno.
    pub(crate) fn fail(&self, id: u64, errno: i32) -> io::Result<()> {
        self.send(&Response {
            id,
            value: 0,
            error: -errno,
            flags: 0,
        })
    }

    /// Lets the kernel carry the call out as it is.
    pub(crate) fn proceed(&self, id: u64) -> io::Result<()> {
        self.send(&Response {
            id,
            value: 0,
            error: 0,
            flags: RESPONSE_CONTINUE,
        })
    }

    /// Ends the call with a new descriptor for `file`, in one step.
    pub(crate) fn answer_with_file(
        &self,
        id: u64,
        file: BorrowedFd<'_>,
        close_on_exec: bool,
    ) -> io::Result<()> {
        self.add(id, file, ADDFD_SEND, 0, close_on_exec)?;
        Ok(())
    }

    /// Puts `file` into the caller's table and answers its number there; the call stays open.
    pub(crate) fn add_file(
        &self,
        id: u64,
        file: BorrowedFd<'_>,
        close_on_exec: bool,
    ) -> io::Result<i32> {
        self.add(id, file, 0, 0, close_on_exec)
    }

    /// Puts `file` into the caller's table over the descriptor `target`; the call stays open.
    pub(crate) fn replace_file(
        &self,
        id: u64,
        file: BorrowedFd<'_>,
        target: u32,
        close_on_exec: bool,
    ) -> io::Result<()> {
        self.add(id, file, ADDFD_SETFD, target, close_on_exec)?;
        Ok(())
    }

    fn add(
        &self,
        id: u64,
        file: BorrowedFd<'_>,
        flags: u32,
        target: u32,
        close_on_exec: bool,
    ) -> io::Result<i32> {
        let source = u32::try_from(file.as_raw_fd())
            .map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
        let target_flags = if close_on_exec {
            libc::O_CLOEXEC.unsigned_abs()
        } else {
            0
        };
        let request = AddDescriptor {
            id,
            flags,
            source,
            target,
            target_flags,
        };
        // SAFETY: one `seccomp_notif_addfd` that lives across the call.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), IOCTL_ADDFD, &request) })
    }

    /// Whether the caller still waits for the answer.
    pub(crate) fn is_waiting(&self, id: u64) -> bool {
        // SAFETY: one number that lives across the call.
        unsafe { libc::ioctl(self.0.as_raw_fd(), IOCTL_ID_VALID, &id) == 0 }
    }
}

impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0)
    }
}
