//! Processes: their memory, their files, their end.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{check, check_size};

/// `PIDFD_THREAD` of Linux 6.9.
const PIDFD_THREAD: libc::c_uint = libc::O_EXCL as libc::c_uint;

/// A handle on the thread `tid`, or on its process where the kernel knows no thread handles.
pub(crate) fn open_thread(tid: i32) -> io::Result<OwnedFd> {
    match pidfd_open(tid, PIDFD_THREAD) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => pidfd_open(tid, 0),
        answer => answer,
    }
}

/// `pidfd_open(2)`.
pub(crate) fn pidfd_open(pid: i32, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
    new_file(answer)
}

/// A duplicate of another process's descriptor.
pub(crate) fn pidfd_getfd(pidfd: BorrowedFd<'_>, fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) };
    new_file(answer)
}

/// The descriptor that a system call without a wrapper has just made.
fn new_file(answer: libc::c_long) -> io::Result<OwnedFd> {
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = RawFd::try_from(answer).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: just created, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A span of another process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) address: u64,
    pub(crate) length: usize,
}

fn remote(spans: &[Span]) -> Vec<libc::iovec> {
    spans
        .iter()
        .map(|span| libc::iovec {
            // An address that doesn't fit is nobody's memory: EFAULT.
            iov_base: usize::try_from(span.address).unwrap_or(usize::MAX) as *mut libc::c_void,
            iov_len: span.length,
        })
        .collect()
}

/// Reads from another process; a short count says how far the memory was readable.
pub(crate) fn read_memory(pid: i32, spans: &[Span], buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = remote(spans);
    // SAFETY: the local span is `buffer`; the remote spans are only looked at by the kernel in the other process.
    check_size(unsafe {
        libc::process_vm_readv(
            pid,
            &local,
            1,
            remote.as_ptr(),
            remote.len() as libc::c_ulong,
            0,
        )
    })
}

/// Writes into another process; a short count says how far the memory was writable.
pub(crate) fn write_memory(pid: i32, spans: &[Span], data: &[u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    };
    let remote = remote(spans);
    // SAFETY: the local span is `data`, which the call only reads.
    check_size(unsafe {
        libc::process_vm_writev(
            pid,
            &local,
            1,
            remote.as_ptr(),
            remote.len() as libc::c_ulong,
            0,
        )
    })
}

/// Asks the scheduler for short slices: whoever has one is put before others when it wakes up (EEVDF, Linux 6.12), so that a
/// trapped call waits less on a busy machine. Older kernels take no notice or refuse; either is as good as not asking.
pub(crate) fn take_short_slices(slice: std::time::Duration) {
    /// `struct sched_attr` of linux/sched/types.h, as far as `SCHED_ATTR_SIZE_VER0`.
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let attributes = Attributes {
        size: 48,
        policy: libc::SCHED_OTHER.cast_unsigned(),
        flags: 0,
        // SAFETY: only asks for a number.
        nice: unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) },
        priority: 0,
        runtime: u64::try_from(slice.as_nanos()).unwrap_or(0),
        deadline: 0,
        period: 0,
    };
    // SAFETY: `attributes` lives across the call, which only reads it.
    let answer = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if answer != 0 {
        tracing::debug!("the scheduler's own slices: {}", io::Error::last_os_error());
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Signalled(i32),
}

impl Ended {
    /// The exit code a shell would show.
    pub(crate) fn code(self) -> i32 {
        match self {
            Ended::Exited(code) => code,
            Ended::Signalled(signal) => 128 + signal,
        }
    }
}

/// Reaps one child that has ended, if any: `Ok(None)` when none has, an error when there is no child.
pub(crate) fn reap(block: bool) -> io::Result<Option<(i32, Ended)>> {
    loop {
        let mut status = 0;
        // SAFETY: `status` lives across the call.
        let pid = unsafe {
            libc::waitpid(
                -1,
                &mut status,
                if block { 0 } else { libc::WNOHANG } | libc::__WALL,
            )
        };
        if pid < 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() == Some(libc::EINTR) {
                continue;
            }
            return Err(error);
        }
        if pid == 0 {
            return Ok(None);
        }
        if libc::WIFEXITED(status) {
            return Ok(Some((pid, Ended::Exited(libc::WEXITSTATUS(status)))));
        }
        if libc::WIFSIGNALED(status) {
            return Ok(Some((pid, Ended::Signalled(libc::WTERMSIG(status)))));
        }
    }
}

/// Sends a signal; a process that is gone is no error.
pub(crate) fn signal(pid: i32, signal: i32) {
    // SAFETY: no pointers.
    unsafe { libc::kill(pid, signal) };
}

fn prctl(operation: libc::c_int, argument: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the operations used here take no pointers.
    check(unsafe { libc::prctl(operation, argument, 0, 0, 0) })?;
    Ok(())
}

/// Orphaned descendants become our children.
pub(crate) fn become_subreaper() -> io::Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// Others of the same user may neither trace us nor look into our memory and files.
pub(crate) fn become_undumpable() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0)
}

/// This process and its descendants can't gain privileges by exec any more.
pub(crate) fn set_no_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// The name `ps` shows.
pub(crate) fn set_name(name: &std::ffi::CStr) {
    // SAFETY: a terminated string that lives across the call.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// The direct children of a process.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    let mut children = Vec::new();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return children;
    };
    for task in tasks.flatten() {
        if let Ok(text) = std::fs::read_to_string(task.path().join("children")) {
            children.extend(
                text.split_ascii_whitespace()
                    .filter_map(|word| word.parse::<i32>().ok()),
            );
        }
    }
    children
}

/// Kills every descendant of this process and reaps until none is left. Descendants that are orphaned meanwhile become
/// children of this process, which must be a subreaper.
pub(crate) fn kill_descendants(spare: Option<i32>) {
    let me = own_pid();
    // Each round kills what it sees; a process that forks faster than it is killed is seen by a later round.
    for round in 0..10_000_u32 {
        let mut queue = children_of(me);
        queue.retain(|pid| Some(*pid) != spare);
        let mut seen = 0;
        while let Some(pid) = queue.pop() {
            queue.extend(children_of(pid));
            signal(pid, libc::SIGKILL);
            seen += 1;
        }
        loop {
            match reap(false) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        if seen == 0 && spare.is_some() {
            return;
        }
        pause(std::time::Duration::from_micros(if round < 20 {
            200
        } else {
            5_000
        }));
    }
}

/// Sleeps without a clock of its own.
pub(crate) fn pause(time: std::time::Duration) {
    let time = libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    };
    // SAFETY: `time` lives across the call.
    unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
}

/// This process's id.
pub(crate) fn own_pid() -> i32 {
    // SAFETY: no arguments, can't fail.
    unsafe { libc::getpid() }
}

/// This process's effective user and group.
pub(crate) fn own_ids() -> (u32, u32) {
    // SAFETY: no arguments, can't fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// The effective user and group of a thread. `/proc/TID` belongs to them as long as the process is dumpable; its status
/// file says it always.
pub(crate) fn ids_of(tid: i32) -> Option<(u32, u32)> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let effective = |field: &str| -> Option<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    Some((effective("Uid:")?, effective("Gid:")?))
}

/// The process of a thread.
pub(crate) fn process_of(tid: i32) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

/// Who owns `/proc/TID`: the effective user and group, if the process is dumpable. Ten times cheaper than [`ids_of`].
pub(crate) fn owner_of(tid: i32) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(format!("/proc/{tid}")).ok()?;
    Some((metadata.uid(), metadata.gid()))
}

/// When a process began, in clock ticks since the machine did.
pub(crate) fn beginning_of(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; behind it the state is field 3 and the beginning field 22.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Whether a descriptor of another process is close-on-exec.
pub(crate) fn closes_on_exec(tid: i32, fd: i32) -> bool {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{tid}/fdinfo/{fd}")) else {
        return false;
    };
    text.lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & libc::O_CLOEXEC != 0)
}

/// Looks for a socket of one of our descendants by its cookie.
pub(crate) fn find_socket(cookie: u64) -> Option<OwnedFd> {
    let mut queue = children_of(own_pid());
    while let Some(pid) = queue.pop() {
        queue.extend(children_of(pid));
        let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        let Ok(process) = pidfd_open(pid, 0) else {
            continue;
        };
        for entry in entries.flatten() {
            if !std::fs::read_link(entry.path()).is_ok_and(|target| {
                target
                    .as_os_str()
                    .as_encoded_bytes()
                    .starts_with(b"socket:")
            }) {
                continue;
            }
            let Some(fd) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let Ok(file) = pidfd_getfd(std::os::fd::AsFd::as_fd(&process), fd) else {
                continue;
            };
            if super::socket_cookie(std::os::fd::AsFd::as_fd(&file))
                .is_ok_and(|found| found == cookie)
            {
                return Some(file);
            }
        }
    }
    None
}

/// `getrandom(2)`.
pub(crate) fn random(buffer: &mut [u8]) -> io::Result<()> {
    // SAFETY: the buffer is as long as said; requests this small are answered whole.
    check_size(unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) })?;
    Ok(())
}

/// Waits for one child.
pub(crate) fn wait_for(pid: i32) -> Option<Ended> {
    let mut status = 0;
    loop {
        // SAFETY: `status` lives across the call.
        let answer = unsafe { libc::waitpid(pid, &mut status, 0) };
        if answer == pid {
            return Some(if libc::WIFSIGNALED(status) {
                Ended::Signalled(libc::WTERMSIG(status))
            } else {
                Ended::Exited(libc::WEXITSTATUS(status))
            });
        }
        if sys_errno() != libc::EINTR {
            return None;
        }
    }
}

fn sys_errno() -> i32 {
    super::errno_of(&io::Error::last_os_error())
}
