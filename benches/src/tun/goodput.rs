//! What arrives over a path that delays and loses, ours and the kernel's over the same one.

use std::time::Duration;

use anyhow::{Result, anyhow};
use sockeye_interop::{Exchange, Family, Path, Shared, Who};

use crate::row::{Outcome, Plan, Samples};

/// What a row sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Bytes of a connection.
    pub(crate) bytes: usize,
    /// Connections at once, each over a path of its own with losses of its own.
    pub(crate) paths: u64,
    /// `TCP_CONGESTION`
    pub(crate) congestion: &'static str,
}

/// Mbit/s of what is sent to the kernel, connecting included. What a connection loses first decides more than what it does about
/// it, so that a burst is several connections; each pair of bursts has losses of its own, the same for both.
pub(crate) fn measure(plan: &Plan, (delay, loss): (&str, &str), load: Load) -> Result<Outcome> {
    if let Some(reason) = super::missing() {
        return Ok(Outcome::Skipped(reason));
    }
    let netem = format!("{delay} {loss}");
    let exchange = Exchange {
        family: Family::V4,
        request: load.bytes / usize::try_from(plan.divisor)?,
        response: 0,
        deadline: Duration::from_secs(120),
        congestion: Some(load.congestion),
    };
    let one = |client: Who, seed: u64| -> Result<Duration, String> {
        let mut path = Path::new([client, Who::Kernel], 1500, false, &netem, seed)?;
        Ok(path.run(&exchange)?.1)
    };
    let once = |client: Who, seed: &mut u64| -> Result<f64> {
        let seeds = *seed..*seed + load.paths;
        *seed += load.paths;
        let took: Duration = std::thread::scope(|scope| {
            let one = &one;
            let runs: Vec<_> = seeds
                .map(|seed| scope.spawn(move || one(client, seed)))
                .collect();
            let took = runs.into_iter().map(|run| match run.join() {
                Ok(took) => took.map_err(|error| anyhow!(error)),
                Err(_) => Err(anyhow!("a path panicked")),
            });
            took.sum::<Result<Duration>>()
        })?;
        #[allow(clippy::cast_precision_loss)] // a figure, not an amount
        let bits = exchange.request as f64 * 8.0 * load.paths as f64;
        Ok(bits / took.as_secs_f64() / 1e6)
    };
    let (mut ours, mut theirs) = (0, 0);
    let samples = Samples::interleaved(
        plan,
        || once(Who::Ours, &mut ours),
        || once(Who::Kernel, &mut theirs),
    )?;
    Ok(Outcome::Measured(samples.with_note(format!(
        "{netem} each way, packets of 1500 bytes, {}; bursts of {} fresh connections, each over a path of its own",
        load.congestion, load.paths
    ))))
}

/// Jain's index of one flow of ours beside one of the kernel's through one wire, both with this algorithm: 1 if each gets
/// half, a half if one gets all. Beside it the index of two of the kernel's.
pub(crate) fn fairness(plan: &Plan, netem: &str, congestion: &'static str) -> Result<Outcome> {
    if let Some(reason) = super::missing() {
        return Ok(Outcome::Skipped(reason));
    }
    let time = Duration::from_secs(20) / plan.divisor;
    let share = |first: Who, seed: u64| -> Result<f64> {
        let mut path =
            Shared::new([first, Who::Kernel], netem, seed).map_err(|error| anyhow!(error))?;
        let through = path
            .run(congestion, time / 4, time)
            .map_err(|error| anyhow!(error))?;
        #[allow(clippy::cast_precision_loss)] // a figure, not an amount
        let [first, second] = through.map(|bytes| bytes as f64);
        Ok(first / (first + second))
    };
    let mut samples = Samples::default();
    let mut shares = Vec::new();
    for seed in 0..u64::try_from(plan.bursts.min(5))? {
        let ours = share(Who::Ours, seed)?;
        samples.ours.push(jain(ours));
        samples.theirs.push(jain(share(Who::Kernel, seed)?));
        shares.push(format!("{ours:.2}"));
    }
    Ok(Outcome::Measured(samples.with_note(format!(
        "{netem} each way, packets of 1500 bytes, {congestion}; the kernel: two flows of its own; our share of the wire: {}",
        shares.join(", ")
    ))))
}

/// The index of two of which one has this share.
fn jain(share: f64) -> f64 {
    1.0 / (2.0 * (share.powi(2) + (1.0 - share).powi(2)))
}
