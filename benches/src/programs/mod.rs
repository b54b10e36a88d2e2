//! Rows that run other people's programs: the same script natively and under `sockeye run`.
//!
//! Natively means in a network namespace of its own whose sockets use cubic, when we are root; else on the host's own
//! loopback, and the row's note says so. Both arms start the server anew for each burst, so neither inherits anything
//! from the burst before.

pub(crate) mod iperf3;
pub(crate) mod nginx;
pub(crate) mod redis;
mod sandbox;
pub(crate) mod startup;

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::row::{Outcome, Plan, Samples};

/// How a burst may end at the latest; a burst takes a few seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// How connections between programs of one run travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loopback {
    /// Joined directly: the supervisor leaves the path.
    Direct,
    /// Through Sockeye's TCP.
    Stack,
}

impl Loopback {
    fn flag(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Stack => "stack",
        }
    }
}

/// A shell script that starts a server, waits for it, measures with a client and prints what the client found.
pub(crate) struct Workload {
    /// What it needs on the path.
    pub(crate) programs: &'static [&'static str],
    /// The script; it finds a free port in `$PORT`, an empty directory of its own in `$DIR`.
    pub(crate) script: &'static str,
    /// What a script that counts instead of timing is to count, in `$COUNT`, before the plan's divisor.
    pub(crate) count: u32,
    /// Reads the figure from what the script printed.
    pub(crate) figure: fn(&str) -> Result<f64>,
}

impl Workload {
    /// Measures the workload under `sockeye run` and natively.
    pub(crate) fn measure(&self, plan: &Plan, loopback: Loopback) -> Result<Outcome> {
        if let Some(reason) = missing(self.programs).or_else(|| missing(sandbox::programs())) {
            return Ok(Outcome::Skipped(reason));
        }
        let sockeye = sockeye_command()?;
        let samples = Samples::interleaved(
            plan,
            || {
                let mut command = Command::new(&sockeye);
                command.args([
                    "run",
                    "--loopback",
                    loopback.flag(),
                    "--",
                    "sh",
                    "-c",
                    self.script,
                ]);
                self.burst(plan, command).context("under sockeye run")
            },
            || {
                self.burst(plan, sandbox::native(self.script))
                    .context("natively")
            },
        )?;
        Ok(Outcome::Measured(samples.with_note(sandbox::describe())))
    }

    fn burst(&self, plan: &Plan, mut command: Command) -> Result<f64> {
        let directory = sandbox::Directory::new()?;
        command
            .env("DIR", directory.path())
            .env("PORT", sandbox::port()?.to_string())
            .env(
                "SECONDS_OF_BURST",
                plan.burst.as_secs_f64().ceil().to_string(),
            )
            .env("COUNT", (self.count / plan.divisor).to_string());
        let output = sandbox::output(command, LIMIT)?;
        if !output.status.success() {
            bail!(
                "the script ended with {}: {}",
                output.status,
                output.stderr_tail()
            );
        }
        (self.figure)(&output.stdout).with_context(|| {
            format!(
                "what the script printed is not understood: {:?} {}",
                output.stdout,
                output.stderr_tail()
            )
        })
    }
}

/// Why a row that needs these programs can't be measured here, if it can't.
fn missing(programs: &[&str]) -> Option<String> {
    let absent: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| find(program).is_none())
        .collect();
    (!absent.is_empty()).then(|| format!("not installed: {}", absent.join(", ")))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// The `sockeye` command, built beside this program if it is not there or not current: once, so that every row measures
/// the same one.
fn sockeye_command() -> Result<PathBuf> {
    static COMMAND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(command) = COMMAND.get() {
        return Ok(command.clone());
    }
    let command = build_sockeye()?;
    Ok(COMMAND.get_or_init(|| command).clone())
}

fn build_sockeye() -> Result<PathBuf> {
    // target/<profile>/sockeye-bench: the command is always measured in its release build.
    let own = std::env::current_exe().context("our own path")?;
    let target = own
        .parent()
        .and_then(std::path::Path::parent)
        .context("this program is not in a target directory")?;
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--release",
            "--quiet",
            "-p",
            "sockeye-cli",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cargo, to build the sockeye command")?;
    if !status.success() {
        bail!("cargo build --release -p sockeye-cli ended with {status}");
    }
    let command = target.join("release").join("sockeye");
    if !command.is_file() {
        bail!("cargo built no {}", command.display());
    }
    Ok(command)
}
