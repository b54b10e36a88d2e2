//! What `sockeye run -- true` costs over `true`. Counted in milliseconds.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use super::{missing, sockeye_command};
use crate::clock::Stopwatch;
use crate::row::{Outcome, Plan, Samples};

/// Starts in one burst: one alone is too noisy.
const STARTS: u32 = 10;

pub(crate) fn measure(plan: &Plan) -> Result<Outcome> {
    if let Some(reason) = missing(&["true"]) {
        return Ok(Outcome::Skipped(reason));
    }
    let sockeye = sockeye_command()?;
    let samples = Samples::interleaved(
        plan,
        || {
            let mut command = Command::new(&sockeye);
            command.args(["run", "--", "true"]);
            milliseconds(command)
        },
        || milliseconds(Command::new("true")),
    )?;
    Ok(Outcome::Measured(samples))
}

fn milliseconds(mut command: Command) -> Result<f64> {
    command.stdin(Stdio::null());
    let watch = Stopwatch::start();
    for _ in 0..STARTS {
        let status = command.status()?;
        if !status.success() {
            bail!("{command:?} ended with {status}");
        }
    }
    Ok(watch.elapsed().as_secs_f64() * 1e3 / f64::from(STARTS))
}
