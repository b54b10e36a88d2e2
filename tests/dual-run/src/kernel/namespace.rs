//! A network namespace for the current thread.

use std::fs;
use std::mem::size_of;

/// How far the privilege goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// Everywhere.
    Whole,
    /// In a user namespace. A few options ask for more.
    Inside,
}

/// Lets this process make network namespaces: as it is, or in a user namespace of its own, where it is root. To be called
/// before there is a second thread.
///
/// # Errors
/// Why it may not.
pub fn acquire_privilege() -> Result<Privilege, String> {
    if may_administer() {
        return Ok(Privilege::Whole);
    }
    // SAFETY: no pointers.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    // SAFETY: no pointers; fails when there are other threads.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
        let error = std::io::Error::last_os_error();
        return Err(format!("no user namespace: {error}"));
    }
    for (file, content) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ] {
        fs::write(file, content).map_err(|error| format!("{file}: {error}"))?;
    }
    if may_administer() {
        Ok(Privilege::Inside)
    } else {
        Err("a user namespace without privilege".to_owned())
    }
}

/// Whether this process has `CAP_SYS_ADMIN`.
fn may_administer() -> bool {
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|word| u64::from_str_radix(word.trim(), 16).ok());
    bits.is_some_and(|bits| bits & CAP_SYS_ADMIN != 0)
}

/// Puts the current thread, which should be one of its own, on one CPU and into a new network namespace with the loopback
/// interface up. No packet of it can leave.
///
/// # Errors
/// Why there is no namespace.
pub fn isolate() -> Result<(), String> {
    stay_on_this_cpu();
    // SAFETY: no pointers; only the calling thread's namespace changes.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        let error = std::io::Error::last_os_error();
        return Err(format!("no network namespace: {error}"));
    }
    if !raise_loopback() {
        return Err("the loopback interface does not come up".to_owned());
    }
    crate::sysctl::prepare();
    super::stamping::keep();
    Ok(())
}

fn stay_on_this_cpu() {
    // SAFETY: no pointers.
    let Ok(cpu) = usize::try_from(unsafe { libc::sched_getcpu() }) else {
        return;
    };
    // SAFETY: all zeroes is the empty set, and `cpu` is below the set's size on the machines we know.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// `ip link set lo up`.
fn raise_loopback() -> bool {
    // SAFETY: all zeroes is a valid request; the name fits; the flags field is the one these requests use; the
    // descriptor is closed before it is forgotten.
    unsafe {
        let file = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = libc::c_char::from_ne_bytes([*from]);
        }
        let mut raised = libc::ioctl(file, libc::SIOCGIFFLAGS, &raw mut request) == 0;
        request.ifr_ifru.ifru_flags |= libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
        raised = raised && libc::ioctl(file, libc::SIOCSIFFLAGS, &raw const request) == 0;
        libc::close(file);
        raised
    }
}
