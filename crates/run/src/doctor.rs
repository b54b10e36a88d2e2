//! What this machine lacks, and what then does not work.

use std::fs;
use std::os::fd::AsFd;

use crate::filter::{self, Kind};
use crate::sys;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found, and if it is not good, what does not work and what to do.
    pub detail: String,
    /// Without it no program can be run.
    pub fatal: bool,
}

/// Looks at everything that `sockeye run` needs.
pub fn examine() -> Vec<Finding> {
    vec![
        kernel(),
        architecture(),
        notification(),
        memory_access(),
        subreaper(),
        unix_buffers(),
        descriptors(),
        control(),
        abstract_names(),
    ]
}

fn finding(subject: &'static str, good: bool, fatal: bool, detail: impl Into<String>) -> Finding {
    Finding {
        subject,
        good,
        fatal,
        detail: detail.into(),
    }
}

fn abstract_names() -> Finding {
    let fenced = sys::can_fence_names();
    finding(
        "abstract unix names",
        fenced,
        false,
        if fenced {
            "fenced off by Landlock"
        } else {
            "without Landlock's scopes (Linux 6.12) a program of several threads that means harm can reach the machine's"
        },
    )
}

fn release() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = text
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|word| word.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn kernel() -> Finding {
    let (major, minor) = release();
    let version = format!("Linux {major}.{minor}");
    if (major, minor) < (5, 14) {
        finding(
            "kernel",
            false,
            true,
            format!("{version}: 5.14 is needed for answering a call with a descriptor in one step"),
        )
    } else if (major, minor) < (5, 15) {
        finding(
            "kernel",
            false,
            false,
            format!("{version}: before 5.15 urgent data (MSG_OOB) does not work"),
        )
    } else if (major, minor) < (6, 6) {
        finding(
            "kernel",
            true,
            false,
            format!("{version}; before 6.6 each trapped call costs some 20 us more"),
        )
    } else {
        finding("kernel", true, false, version)
    }
}

fn architecture() -> Finding {
    let known = cfg!(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ));
    finding(
        "architecture",
        known,
        true,
        if known {
            std::env::consts::ARCH
        } else {
            "no filter exists for it"
        },
    )
}

fn notification() -> Finding {
    let subject = "seccomp user notification";
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    if !actions
        .split_ascii_whitespace()
        .any(|action| action == "user_notif")
    {
        return finding(
            subject,
            false,
            true,
            "the kernel has none (CONFIG_SECCOMP_FILTER)",
        );
    }
    // A filter chain has one listener at most; whoever confines us may hold it.
    match try_filter() {
        0 => finding(subject, true, true, "available"),
        libc::EBUSY => finding(
            subject,
            false,
            true,
            "another supervisor holds the one listener there can be (EBUSY): run outside of it",
        ),
        errno => finding(
            subject,
            false,
            true,
            format!(
                "a filter can't be installed: {}",
                std::io::Error::from_raw_os_error(errno)
            ),
        ),
    }
}

/// Installs the filter in a child; answers 0 or an errno.
fn try_filter() -> i32 {
    let (user, _) = sys::own_ids();
    let instructions = filter::instructions(Kind {
        reaches_undumpable: user == 0,
    });
    // SAFETY: the child only makes system calls and ends at once.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return sys::errno_of(&std::io::Error::last_os_error());
    }
    if pid == 0 {
        let code =
            match sys::set_no_new_privileges().and_then(|()| sys::install_filter(&instructions)) {
                Ok(_) => 0,
                Err(error) => sys::errno_of(&error),
            };
        // SAFETY: ends the child.
        unsafe { libc::_exit(code) };
    }
    match sys::wait_for(pid) {
        Some(ended) => ended.code(),
        None => libc::ECHILD,
    }
}

fn memory_access() -> Finding {
    let subject = "access to the program";
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let (user, _) = sys::own_ids();
    match scope.trim() {
        "3" => finding(
            subject,
            false,
            true,
            "kernel.yama.ptrace_scope is 3: nobody may look into another process",
        ),
        "2" if user != 0 => finding(
            subject,
            false,
            true,
            "kernel.yama.ptrace_scope is 2: only root may look into its children",
        ),
        _ => finding(
            subject,
            true,
            true,
            "a supervisor may look into its children",
        ),
    }
}

fn subreaper() -> Finding {
    let children = fs::exists("/proc/self/task").unwrap_or(false)
        && fs::read_to_string(format!("/proc/self/task/{}/children", sys::own_pid())).is_ok();
    let detail = if children {
        "descendants can be found and ended"
    } else {
        "/proc/PID/task/TID/children is missing (CONFIG_PROC_CHILDREN): what outlives the first process is not ended"
    };
    finding("descendants", children, false, detail)
}

fn unix_buffers() -> Finding {
    let subject = "queue sizes";
    let limit: u64 = fs::read_to_string("/proc/sys/net/core/wmem_max")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(212_992);
    let (user, _) = sys::own_ids();
    if limit >= 1 << 20 || user == 0 {
        finding(
            subject,
            true,
            false,
            format!("net.core.wmem_max is {limit}"),
        )
    } else {
        finding(
            subject,
            false,
            false,
            format!(
                "net.core.wmem_max is {limit}: bulk transfers run at about half speed; 2097152 is enough"
            ),
        )
    }
}

fn descriptors() -> Finding {
    let limit = sys::raise_file_limit();
    let detail = format!(
        "up to {limit} open files: about {limit} connections through the supervisor at once"
    );
    finding("descriptors", limit >= 4096, false, detail)
}

fn control() -> Finding {
    match crate::control::directory() {
        Ok(path) => {
            let usable = std::os::unix::net::UnixDatagram::unbound()
                .is_ok_and(|socket| socket.as_fd().try_clone_to_owned().is_ok());
            finding(
                "control directory",
                usable,
                false,
                path.display().to_string(),
            )
        }
        Err(error) => finding(
            "control directory",
            false,
            false,
            format!("`sockeye ss` and `ps` find no runs: {error:#}"),
        ),
    }
}
