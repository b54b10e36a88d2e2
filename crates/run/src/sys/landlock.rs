//! Landlock's scope: abstract AF_UNIX names of the machine are out of reach (Linux 6.12).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// `struct landlock_ruleset_attr`
#[repr(C)]
struct Attributes {
    files: u64,
    network: u64,
    scoped: u64,
}

const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
const CREATE_RULESET_VERSION: u32 = 1;
/// The version that has scopes.
const SCOPES: i64 = 6;

/// Whether this kernel can fence abstract names off.
pub(crate) fn can_fence_names() -> bool {
    // SAFETY: no pointers: the version is asked.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<Attributes>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    version >= SCOPES
}

/// From now on this thread and its children reach only abstract names that they made themselves. It must have given up new
/// privileges or be privileged.
pub(crate) fn fence_names() -> io::Result<()> {
    let attributes = Attributes {
        files: 0,
        network: 0,
        scoped: SCOPE_ABSTRACT_UNIX_SOCKET,
    };
    // SAFETY: the attributes live across the call and are as long as said.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &attributes,
            size_of::<Attributes>(),
            0,
        )
    };
    let fd = RawFd::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just created.
    let ruleset = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: no pointers.
    let answer = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
