//! Starting a run: three processes, of which the last is the program.
//!
//! *Guardian* -> *supervisor* -> *program*. The guardian is what the user started: it passes signals on and, should the
//! supervisor die, kills everything below, so that nothing is left hanging on a network that nobody serves. The
//! supervisor holds the filter's listener and the host. Both are subreapers, so that no descendant gets out of reach,
//! and all three are in one process group, so that the terminal treats them as one job.

mod guardian;
mod program;
mod streams;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

pub use guardian::run;
use sockeye_link::impair::Netem;

use crate::publish::Publication;

/// How connections between two sockets of the run's host travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// The two programs' files become one kernel pair and the supervisor leaves the path.
    #[default]
    Direct,
    /// Every byte goes through Sockeye's own TCP/IP.
    Stack,
}

/// What to run and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The program and its arguments; never empty.
    pub command: Vec<OsString>,
    /// How local connections travel. A capture and impairments make it [`Loopback::Stack`].
    pub loopback: Loopback,
    /// Ports of the machine that lead to ports of the run.
    pub publish: Vec<Publication>,
    /// Where to write a capture of the host's packets.
    pub capture: Option<PathBuf>,
    /// What happens to the host's packets on their way.
    pub netem: Option<Netem>,
    /// What `sockeye ss` calls this run; the program's name where not given.
    pub name: Option<String>,
}

/// Our own failure, as opposed to the program's.
pub const FAILED: i32 = 125;

/// What a launched program needs from the supervisor.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The program's first process.
    pub(crate) pid: i32,
    /// The notification descriptor of its filter.
    pub(crate) listener: OwnedFd,
    /// Closed when the program has been executed; carries the errno when it could not be.
    pub(crate) outcome: OwnedFd,
    /// One byte lets the program go on to its exec.
    pub(crate) go: OwnedFd,
}

pub(crate) use program::launch;

/// Signals that are passed on to the program's first process.
pub(crate) const FORWARDED: [i32; 9] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGALRM,
    libc::SIGCONT,
];
