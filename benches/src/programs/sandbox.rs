//! Where a script runs: its own network natively, its own directory, and a limit on its time.

use std::io::{self, Read};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::clock::{Stopwatch, pause};
use crate::kernel;

/// Whether a native script can have a network namespace of its own.
fn is_root() -> bool {
    // SAFETY: takes no argument and can't fail.
    unsafe { libc::geteuid() == 0 }
}

/// What the native arm's sockets were.
pub(crate) fn describe() -> String {
    if is_root() {
        "native: kernel loopback in a network namespace of its own, cubic".to_owned()
    } else {
        format!(
            "native: the host's own loopback, {} (a namespace of its own needs root)",
            kernel::default_congestion_control()
        )
    }
}

/// A port that the script may use: fixed where the network is its own in both arms, else one that is free now.
pub(crate) fn port() -> Result<u16> {
    if is_root() {
        return Ok(7321);
    }
    let probe = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(probe.local_addr()?.port())
}

/// What makes the namespace usable: loopback up, and cubic for what connects over it.
///
/// The congestion control comes from the route because the namespace's own default may only be set to the algorithms
/// that the system allows to everyone, which cubic need not be one of.
const PRELUDE: &str = r#"
ip link set lo up &&
for address in 127.0.0.0/8 127.0.0.1; do
    ip route replace local $address dev lo table local proto kernel scope host src 127.0.0.1 congctl lock cubic || exit 1
done &&
exec sh -c "$0"
"#;

/// What a native script needs beside its own programs.
pub(crate) fn programs() -> &'static [&'static str] {
    if is_root() { &["sh", "ip"] } else { &["sh"] }
}

/// The command that runs a script natively: in a network namespace of its own if we are root.
pub(crate) fn native(script: &str) -> Command {
    let mut command = Command::new("sh");
    if !is_root() {
        command.args(["-c", script]);
        return command;
    }
    command.args(["-c", PRELUDE, script]);
    // SAFETY: `enter_namespace` makes one system call, which is all that is allowed between fork and exec.
    unsafe {
        command.pre_exec(enter_namespace);
    }
    command
}

/// Between fork and exec: no allocation, only a system call.
fn enter_namespace() -> io::Result<()> {
    // SAFETY: a plain system call without pointers.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A directory that is gone when the burst is over.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "sockeye-bench-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A file left behind in the temporary directory changes no figure.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a script left.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    stderr: String,
}

impl Output {
    /// The end of what it said on standard error.
    pub(crate) fn stderr_tail(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }
}

/// Runs the command in a process group of its own; at the limit the whole group is killed.
pub(crate) fn output(mut command: Command, limit: Duration) -> Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let stdout = gather(child.stdout.take());
    let stderr = gather(child.stderr.take());
    let watch = Stopwatch::start();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if watch.elapsed() > limit {
            kill_group(child.id());
            child.wait()?;
            bail!("not finished after {limit:?}");
        }
        pause(Duration::from_millis(10));
    };
    // What the script may have left running must not run beside the next burst, nor hold our pipes.
    kill_group(child.id());
    let text = |thread: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&thread.join().unwrap_or_default()).into_owned()
    };
    Ok(Output {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

fn gather(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn kill_group(leader: u32) {
    if let Ok(group) = libc::pid_t::try_from(leader) {
        // SAFETY: a plain system call. The group is that of a child we made; a group that is gone answers ESRCH.
        unsafe {
            libc::kill(-group, libc::SIGKILL);
        }
    }
}
