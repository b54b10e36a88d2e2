//! Under which user and on whose sockets a script runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::keeper::{self, Job, Report};
use crate::need::{self, Account, Need};
use crate::stage::Stage;

/// Who runs the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum User {
    /// Root.
    Root,
    /// An ordinary user without any privilege: the named account, or the suite's own user if that is not root.
    Ordinary(&'static str),
}

impl User {
    /// What the machine must have for it.
    pub fn needs(self) -> Vec<Need> {
        match self {
            User::Root => vec![Need::Root],
            User::Ordinary(name) if need::is_root() => vec![Need::Account(name)],
            User::Ordinary(_) => Vec::new(),
        }
    }

    /// The account to change to; `None` to stay what the suite is.
    fn account(self) -> Option<Account> {
        match self {
            User::Ordinary(name) if need::is_root() => need::account(name),
            _ => None,
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            User::Root => "root",
            User::Ordinary(_) => "user",
        })
    }
}

/// What `--loopback` is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loopback {
    /// Local connections are joined directly.
    Direct,
    /// Local connections go through the TCP.
    Stack,
}

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loopback::Direct => "direct",
            Loopback::Stack => "stack",
        })
    }
}

/// Where the script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// On the kernel's sockets, in a network namespace with the addresses of a run.
    Native,
    /// Inside `sockeye run`. If root runs the suite, in a network namespace whose loopback is down: whatever
    /// passes there can't have touched a socket of the kernel's network.
    Inside(Loopback),
    /// On the host's side, in a network namespace with a loopback of its own; the script starts `sockeye` itself.
    Outside(Loopback),
}

/// A script's end and what it printed.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub report: Report,
    /// Standard output, with the folder's own name taken out.
    pub stdout: String,
    /// The last part of standard error.
    pub stderr: String,
    /// The last lines of the logs that the script left in its folder, for the report of a failure.
    pub logs: String,
}

/// Runs `script` (a path inside the stage, with its arguments) and gives what it did.
pub fn run(
    stage: &Stage,
    arm: Arm,
    user: User,
    script: &[String],
    deadline: Duration,
) -> Result<Outcome> {
    let account = user.account();
    let work = stage.folder_for(account)?;
    let output = stage.folder_for(None)?;
    let command = command_line(stage, arm, account, script)?;
    let report = keeper::run(&Job {
        command: &command,
        folder: work.path(),
        output: output.path(),
        environment: &environment(stage, arm, work.path()),
        deadline,
    })
    .context("running the script")?;
    let read = |name: &str| -> Result<String> {
        let bytes = std::fs::read(output.path().join(name))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.replace(&*work.path().to_string_lossy(), "FOLDER"))
    };
    Ok(Outcome {
        report,
        stdout: read("stdout")?,
        stderr: last_lines(&read("stderr")?, 40),
        logs: read_logs(work.path()),
    })
}

fn command_line(
    stage: &Stage,
    arm: Arm,
    account: Option<Account>,
    script: &[String],
) -> Result<Vec<String>> {
    let mut line: Vec<String> = Vec::new();
    let mut push = |words: &[&str]| line.extend(words.iter().map(|&word| word.to_owned()));
    let netns = stage.path().join("scenarios/netns.sh");
    let netns = netns.to_str().context("a stage that is not UTF-8")?;
    let up = if matches!(arm, Arm::Inside(_)) {
        "down"
    } else {
        "up"
    };
    // Whoever started the suite may ignore signals (`nohup`), which a shell can't take back.
    push(&["env", "--default-signal"]);
    if need::is_root() {
        push(&["unshare", "--net", "bash", netns, up]);
    } else if !matches!(arm, Arm::Inside(_)) {
        push(&["unshare", "--user", "--map-current-user", "--keep-caps"]);
        push(&["--net", "bash", netns, up]);
    }
    if let Some(account) = account {
        push(&["setpriv", "--clear-groups"]);
        push(&[&format!("--reuid={}", account.user)]);
        push(&[&format!("--regid={}", account.group)]);
        push(&["--inh-caps=-all", "--bounding-set=-all"]);
    }
    if let Arm::Inside(loopback) = arm {
        let sockeye = stage.sockeye()?.to_str().context("not UTF-8")?;
        push(&[sockeye, "run", "--loopback", &loopback.to_string(), "--"]);
    }
    push(&["bash"]);
    line.extend_from_slice(script);
    Ok(line)
}

fn environment(stage: &Stage, arm: Arm, work: &Path) -> BTreeMap<String, String> {
    let work = work.to_string_lossy().into_owned();
    let mut environment: BTreeMap<String, String> = [
        ("PATH", need::SEARCH_PATH.to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("HOME", work.clone()),
        ("TMPDIR", work.clone()),
        ("XDG_RUNTIME_DIR", work),
        ("STAGE", stage.path().to_string_lossy().into_owned()),
        ("RUST_BACKTRACE", "1".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Arm::Outside(loopback) = arm {
        environment.insert("LOOPBACK".to_owned(), loopback.to_string());
    }
    environment
}

fn read_logs(work: &Path) -> String {
    let mut logs = String::new();
    let mut files: Vec<_> = std::fs::read_dir(work)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    files.sort();
    for file in files {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        logs.push_str(&format!("--- {name}\n{}", last_lines(&text, 8)));
    }
    logs
}

/// The end of a text that may be very long.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    lines[from..]
        .iter()
        .map(|line| line.chars().take(400).chain(['\n']).collect::<String>())
        .collect()
}
