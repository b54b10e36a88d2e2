//! Where runs can be found: a directory of the user with one socket for each run.
//!
//! Whoever connects says in one line of JSON what it wants, and gets the answer as one JSON document and the end of file. The
//! directory is the user's alone, which is all the protection there is and all that is needed.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sockeye_core::Instant;
use sockeye_link::impair::Netem;

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

/// What a run can be asked for.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    /// Its report.
    Report,
    /// To shape its network by these words from now on; the answer is what is wrong, if anything is.
    Netem(String),
}

/// Somebody who asks, or an answer on its way.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    asked: Vec<u8>,
    /// The answer, once there is one.
    left: Option<Vec<u8>>,
}

/// The longest request.
const LONGEST_REQUEST: usize = 4096;

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
        let index = match self.control.clients.iter().position(Option::is_none) {
            Some(index) => index,
            None if self.control.clients.len() < MOST_CLIENTS => {
                self.control.clients.push(None);
                self.control.clients.len() - 1
            }
            None => return,
        };
        let source = Source::Client(u32::try_from(index).unwrap_or(u32::MAX));
        if self.watch(stream.as_fd(), sys::IN, source).is_ok() {
            self.control.clients[index] = Some(Client {
                stream,
                asked: Vec::new(),
                left: None,
            });
        }
    }

    pub(crate) fn client_event(&mut self, index: u32) {
        let place = index as usize;
        let Some(Some(mut client)) = self.control.clients.get_mut(place).map(Option::take) else {
            return;
        };
        let goes_on = match client.left.take() {
            None => self.hear(&mut client, Source::Client(index)),
            Some(left) => client.answer(left),
        };
        if goes_on && let Some(entry) = self.control.clients.get_mut(place) {
            *entry = Some(client);
        }
    }

    /// Reads what a client asks for; with the whole of it there is an answer. False if there is no more to do for it.
    fn hear(&mut self, client: &mut Client, source: Source) -> bool {
        let mut buffer = [0; 512];
        match client.stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) => client
                .asked
                .extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
        let Some(end) = client.asked.iter().position(|&byte| byte == b'\n') else {
            return client.asked.len() <= LONGEST_REQUEST;
        };
        client.asked.truncate(end);
        let answer = match serde_json::from_slice(&client.asked) {
            Ok(Request::Report) => {
                self.take_census();
                serde_json::to_vec(&self.report())
            }
            Ok(Request::Netem(words)) => serde_json::to_vec(&self.change_netem(&words).err()),
            // Not one of ours.
            Err(_) => return false,
        };
        client.left = answer.ok();
        client.left.is_some()
            && self
                .epoll
                .modify(client.stream.as_fd(), sys::OUT, source.token())
                .is_ok()
    }

    /// Shapes the network by other words, for packets sent from now on.
    fn change_netem(&mut self, words: &str) -> Result<(), String> {
        let netem: Netem = words.parse().map_err(|error| format!("{error}"))?;
        match &mut self.wire {
            Some(wire) => {
                wire.change(&netem, self.now);
                Ok(())
            }
            None => Err(
                "its connections are joined without a wire; a run whose network is to be shaped is started \
                 with --netem, if only with --netem \"delay 0ms\""
                    .into(),
            ),
        }
    }
}

impl Client {
    /// Writes of the answer what can be written. False when all is said.
    fn answer(&mut self, mut left: Vec<u8>) -> bool {
        match self.stream.write(&left) {
            Ok(written) => {
                left.drain(..written);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        let goes_on = !left.is_empty();
        self.left = Some(left);
        goes_on
    }
}

/// Asks the run at `path`. An error of the connection means that nobody answers there.
fn ask<T: serde::de::DeserializeOwned>(path: &Path, request: &Request) -> anyhow::Result<T> {
    let mut stream = UnixStream::connect(path)?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The reports of this user's runs; of those called `name`, or with that process, if one is given.
///
/// # Errors
/// When the directory of runs can't be used, or no run is called so.
pub fn runs(name: Option<&str>) -> anyhow::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(directory()?)?.flatten() {
        let path = entry.path();
        let mut run: Run = match ask(&path, &Request::Report) {
            Ok(run) => run,
            Err(error) => {
                let error = error.downcast_ref().map(std::io::Error::kind);
                if error == Some(ErrorKind::ConnectionRefused) {
                    // Whoever listened here was killed.
                    let _stale = fs::remove_file(&path);
                }
                continue;
            }
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

/// Shapes the network of the run called `name`, or with that process, by the words of `tc netem` from now on.
///
/// # Errors
/// When there is no such run or more than one, the words are not understood, or the run has no wire to shape.
pub fn shape(name: &str, words: &str) -> anyhow::Result<()> {
    let runs = runs(Some(name))?;
    let [run] = runs.as_slice() else {
        bail!(
            "{} runs are called `{name}`; name one by its process id",
            runs.len()
        );
    };
    let path = directory()?.join(format!("{}.sock", run.supervisor));
    let refused: Option<String> = ask(&path, &Request::Netem(words.to_owned()))?;
    match refused {
        None => Ok(()),
        Some(reason) => bail!("the run `{}` can't be shaped: {reason}", run.name),
    }
}
