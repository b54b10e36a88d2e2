//! Where runs can be found: a directory of the user with one socket for each run.
//!
//! Whoever connects gets the run's report as one JSON document and the end of file. The directory is the user's alone,
//! which is all the protection there is and all that is needed.

use std::fs::{self, DirBuilder};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sockeye_core::Instant;

use crate::event_loop::Source;
use crate::launch::Options;
use crate::processes::complete;
use crate::report::Run;
use crate::supervisor::Supervisor;
use crate::sys;

/// The run's side.
#[derive(Debug, Default)]
pub(crate) struct Control {
    listener: Option<UnixListener>,
    path: Option<PathBuf>,
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) began: Option<Instant>,
    clients: Vec<Option<Client>>,
}

/// A report on its way.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    left: Vec<u8>,
}

/// How many askers are served at once.
const MOST_CLIENTS: usize = 16;

/// The user's directory of runs.
pub(crate) fn directory() -> anyhow::Result<PathBuf> {
    let (uid, _) = sys::own_ids();
    let base = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| {
            // A sudo'ed shell may carry somebody else's.
            fs::metadata(path).is_ok_and(|metadata| metadata.uid() == uid)
        });
    let path = match base {
        Some(base) => base.join("sockeye"),
        None => PathBuf::from(format!("/tmp/sockeye-{uid}")),
    };
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let metadata = fs::symlink_metadata(&path)?;
            if !metadata.is_dir() || metadata.uid() != uid || metadata.mode() & 0o077 != 0 {
                bail!("{} is not a directory of this user's alone", path.display());
            }
        }
        Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
    Ok(path)
}

impl Supervisor {
    /// Opens the control socket. A run that can't be looked at is still a run.
    pub(crate) fn open_control(&mut self, options: &Options) {
        let command: Vec<String> = options
            .command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let program = command.first().map_or("", String::as_str);
        let base = Path::new(program)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        self.control.name = options.name.clone().or(base).unwrap_or_default();
        self.control.command = command;
        self.control.began = Some(self.now);
        let opened = directory().and_then(|directory| {
            let path = directory.join(format!("{}.sock", self.pid));
            // Left by a process of the same number that was killed.
            let _stale = fs::remove_file(&path);
            let listener = UnixListener::bind(&path)?;
            listener.set_nonblocking(true)?;
            self.watch(listener.as_fd(), sys::IN, Source::Control)?;
            Ok((listener, path))
        });
        match opened {
            Ok((listener, path)) => {
                self.control.listener = Some(listener);
                self.control.path = Some(path);
            }
            Err(error) => tracing::warn!("`sockeye ss` can't see this run: {error:#}"),
        }
    }

    pub(crate) fn close_control(&mut self) {
        if let Some(path) = self.control.path.take() {
            let _gone = fs::remove_file(path);
        }
    }

    pub(crate) fn control_event(&mut self) {
        let Some(listener) = &self.control.listener else {
            return;
        };
        let Ok((stream, _)) = listener.accept() else {
            return;
        };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        self.take_census();
        let report = self.report();
        let Ok(left) = serde_json::to_vec(&report) else {
            return;
        };
        let index = match self.control.clients.iter().position(Option::is_none) {
            Some(index) => index,
            None if self.control.clients.len() < MOST_CLIENTS => {
                self.control.clients.push(None);
                self.control.clients.len() - 1
            }
            None => return,
        };
        let source = Source::Client(u32::try_from(index).unwrap_or(u32::MAX));
        if self.watch(stream.as_fd(), sys::OUT, source).is_ok() {
            self.control.clients[index] = Some(Client { stream, left });
        }
    }

    pub(crate) fn client_event(&mut self, index: u32) {
        let Some(entry) = self.control.clients.get_mut(index as usize) else {
            return;
        };
        let Some(client) = entry else { return };
        match client.stream.write(&client.left) {
            Ok(written) => {
                client.left.drain(..written);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
            Err(_) => client.left.clear(),
        }
        if client.left.is_empty() {
            *entry = None;
        }
    }
}

/// The reports of this user's runs; of those called `name`, or with that process, if one is given.
///
/// # Errors
/// When the directory of runs can't be used, or no run is called so.
pub fn runs(name: Option<&str>) -> anyhow::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(directory()?)?.flatten() {
        let path = entry.path();
        let Ok(mut stream) = UnixStream::connect(&path) else {
            // Whoever listened here was killed.
            let _stale = fs::remove_file(&path);
            continue;
        };
        let mut text = Vec::new();
        if stream.read_to_end(&mut text).is_err() {
            continue;
        }
        let Ok(mut run) = serde_json::from_slice::<Run>(&text) else {
            continue;
        };
        let wanted = name.is_none_or(|name| {
            run.name == name || run.pid.to_string() == name || run.supervisor.to_string() == name
        });
        if wanted {
            complete(&mut run);
            runs.push(run);
        }
    }
    if let (Some(name), true) = (name, runs.is_empty()) {
        bail!(
            "no run of this user is called `{name}`, nor has this process id; `sockeye ps` lists the runs"
        );
    }
    runs.sort_by_key(|run| run.supervisor);
    Ok(runs)
}
