//! Hosts and hostile wires in virtual time.
//!
//! A [`World`] is two hosts joined by a wire that loses, delays, reorders, duplicates and corrupts as it is told to, by a
//! seed. [`Flow`]s are programs on it: a client and a server that send each other bytes which both can recompute. The
//! tests ask that every byte arrives once and in order, that every connection ends and leaves nothing behind, that
//! nothing stands still, and that the same seed gives the same bytes.
//!
//! Frames cross the wire as bytes: what arrives is parsed again and its checksums are not taken on trust.

mod end;
mod flow;
mod goodput;
mod patience;
mod plan;
mod random;
mod router;
mod scenario;
mod setup;
mod story;
mod world;

pub use flow::Flow;
pub use goodput::table as goodput_table;
pub use plan::{Family, Habits, Leave, Plan, Rest, Setting};
pub use random::Random;
pub use router::Router;
pub use scenario::Scenario;
pub use setup::{Carriage, Outage, Setup};
pub use world::{Run, Side, Stall, World};

/// Runs the scenario of a seed.
///
/// # Errors
/// What is wrong with it, with the command that shows it again.
pub fn check_seed(seed: u64) -> Result<Run, String> {
    let scenario = Scenario::of_seed(seed);
    let result = std::panic::catch_unwind(|| scenario.run(false));
    let what = match result {
        Ok(Ok(run)) => return Ok(run),
        Ok(Err(stall)) => stall.to_string(),
        Err(_) => "it panicked".to_owned(),
    };
    let command = format!("cargo run -p sockeye-worlds -- --seed {seed}");
    Err(format!("{command}: {what}\n{scenario}"))
}

/// Every frame of a seed's scenario as a line; of one that fails its report has the last ones.
#[must_use]
pub fn story_of_seed(seed: u64) -> Option<String> {
    let run = Scenario::of_seed(seed).play(true).ok()?;
    let lines = run
        .frames
        .iter()
        .map(|(time, side, packet)| story::line(*time, *side, packet));
    Some(lines.collect::<Vec<_>>().join("\n"))
}
