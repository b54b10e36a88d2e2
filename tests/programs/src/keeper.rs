//! The keeper: a process of its own that runs one command, waits for it until a deadline, and leaves nothing of it behind.
//!
//! It is this same executable, started again with [`ARGUMENT`]. It makes itself the reaper of every orphan below it, so
//! a daemon that has left its session and process group is still found, named in the report and killed. Because each
//! run has a keeper of its own, runs side by side can't be mistaken for each other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

/// First argument of the executable when it is to be a keeper: then the seconds, the report's path and the command.
pub const ARGUMENT: &str = "--keeper";

/// How long the processes below a command may take to go away once it has ended.
const GRACE: Duration = Duration::from_secs(3);

/// How often the keeper looks.
const TICK: Duration = Duration::from_millis(5);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The wait status as the kernel gave it; `None` if the deadline passed first.
    pub status: Option<i32>,
    /// The processes that were running when the deadline passed, or that were left when the command had ended.
    pub left: Vec<String>,
}

impl Report {
    /// The exit code as a shell tells it; `None` after the deadline.
    pub fn code(&self) -> Option<i32> {
        let status = ExitStatus::from_raw(self.status?);
        status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
    }
}

/// What a command is to be run with, besides itself.
#[derive(Debug)]
pub struct Job<'a> {
    /// The program and its arguments.
    pub command: &'a [String],
    /// The folder that it runs in, and that its `stdout`, `stderr` and `report` are written to.
    pub folder: &'a Path,
    /// Where those three files go.
    pub output: &'a Path,
    /// The whole environment.
    pub environment: &'a BTreeMap<String, String>,
    /// After this it is killed with all that it started.
    pub deadline: Duration,
}

/// Runs a job under a keeper and gives its report.
pub fn run(job: &Job<'_>) -> io::Result<Report> {
    let report_path = job.output.join("report");
    // Not its path: a build may have replaced the file meanwhile.
    let status = Command::new("/proc/self/exe")
        .arg(ARGUMENT)
        .arg(job.deadline.as_secs().to_string())
        .arg(&report_path)
        .args(job.command)
        .current_dir(job.folder)
        .env_clear()
        .envs(job.environment)
        .stdin(Stdio::null())
        .stdout(File::create(job.output.join("stdout"))?)
        .stderr(File::create(job.output.join("stderr"))?)
        .process_group(0)
        .status()?;
    let report = std::fs::read_to_string(&report_path)
        .map_err(|error| io::Error::other(format!("the keeper ended with {status}: {error}")))?;
    serde_json::from_str(&report).map_err(io::Error::other)
}

/// The keeper's own `main`: `arguments` are those after [`ARGUMENT`].
pub fn main(mut arguments: impl Iterator<Item = String>) -> io::Result<()> {
    // A suite that is stopped takes its runs along.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut next = || {
        arguments
            .next()
            .ok_or_else(|| io::Error::other("the keeper needs SECONDS REPORT COMMAND"))
    };
    let seconds: u64 = next()?.parse().map_err(io::Error::other)?;
    let report_path = PathBuf::from(next()?);
    let program = next()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;

    let child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .spawn()?;
    let child = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("a child without a process id"))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let status = wait_for(child, end)?;
    let left = match status {
        None => below_self(),
        Some(_) => leftovers()?,
    };
    kill_all()?;
    let report = serde_json::to_string(&Report { status, left })?;
    std::fs::write(report_path, report)
}

/// Reaps until `child` has ended; `None` once `end` has passed.
fn wait_for(child: Pid, end: Instant) -> io::Result<Option<i32>> {
    while Instant::now() < end {
        match reap()? {
            Reaped::One(pid, status) if pid == child => return Ok(Some(status)),
            Reaped::One(..) => {}
            Reaped::NoneYet => std::thread::sleep(TICK),
            Reaped::NoChildren => return Err(io::Error::other("the command's end was missed")),
        }
    }
    Ok(None)
}

/// What is still there a while after the command has ended.
fn leftovers() -> io::Result<Vec<String>> {
    let end = Instant::now() + GRACE;
    loop {
        while let Reaped::One(..) = reap()? {}
        let left = below_self();
        if left.is_empty() || Instant::now() >= end {
            return Ok(left);
        }
        std::thread::sleep(TICK);
    }
}

fn kill_all() -> io::Result<()> {
    loop {
        for process in processes_below(rustix::process::getpid()) {
            // It may have gone in the meantime, which is as good.
            let _ = rustix::process::kill_process(process.pid, Signal::KILL);
        }
        loop {
            match reap()? {
                Reaped::One(..) => {}
                Reaped::NoneYet => break,
                Reaped::NoChildren => return Ok(()),
            }
        }
        std::thread::sleep(TICK);
    }
}

enum Reaped {
    One(Pid, i32),
    NoneYet,
    NoChildren,
}

fn reap() -> io::Result<Reaped> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => return Ok(Reaped::One(pid, status.as_raw())),
            Ok(None) => return Ok(Reaped::NoneYet),
            Err(rustix::io::Errno::CHILD) => return Ok(Reaped::NoChildren),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

struct Process {
    pid: Pid,
    parent: i32,
    state: char,
    name: String,
}

/// The running processes below this one, as lines for people. Dead ones that wait to be reaped don't count.
fn below_self() -> Vec<String> {
    processes_below(rustix::process::getpid())
        .iter()
        .filter(|process| process.state != 'Z')
        .map(|process| {
            let number = process.pid.as_raw_nonzero();
            let read = |name: &str| {
                std::fs::read_to_string(format!("/proc/{number}/{name}")).unwrap_or_default()
            };
            let command = read("cmdline").replace('\0', " ");
            let call = read("syscall");
            format!(
                "{number} {} {} [{}] in call {}",
                process.state,
                process.name,
                command.trim(),
                call.split(' ').next().unwrap_or_default().trim()
            )
        })
        .collect()
}

fn processes_below(root: Pid) -> Vec<Process> {
    let mut all: Vec<Process> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| read_process(&entry.path()))
        .collect();
    let mut found = Vec::new();
    let mut parents = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        let (children, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|process| process.parent == parent);
        parents.extend(
            children
                .iter()
                .map(|child| child.pid.as_raw_nonzero().get()),
        );
        found.extend(children);
        all = others;
    }
    found
}

/// `pid (name) state parent ...`; the name may hold blanks and parentheses (proc_pid_stat(5)).
fn read_process(folder: &Path) -> Option<Process> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    Some(Process {
        pid: Pid::from_raw(pid)?,
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        name: before.split_once('(')?.1.to_owned(),
    })
}
