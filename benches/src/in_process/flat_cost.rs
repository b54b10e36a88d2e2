//! What a packet costs with 100,000 open connections, beside what it costs with one: ping-pong over one of them while the
//! others are open, each with a keepalive timer. Counted in nanoseconds per segment received.

use anyhow::{Result, ensure};

use super::ours::Ours;
use super::ping_pong::round_trip;
use crate::affinity::Pinned;
use crate::clock::Stopwatch;
use crate::row::{Outcome, Plan, Samples};

const CONNECTIONS: usize = 100_000;
const BATCH: u32 = 256;

pub(crate) fn measure(plan: &Plan) -> Result<Outcome> {
    let _pinned = Pinned::to_one_cpu()?;
    let mut many = Ours::new();
    many.open(CONNECTIONS)?;
    many.rest();
    let mut one = Ours::pair()?;
    one.rest();
    let samples = Samples::interleaved(
        plan,
        || nanoseconds_per_packet(plan, &mut many),
        || nanoseconds_per_packet(plan, &mut one),
    )?;
    Ok(Outcome::Measured(samples.with_note(
        "ours: with 100,000 connections, both ends in one host; theirs: ours with 1",
    )))
}

fn nanoseconds_per_packet(plan: &Plan, ours: &mut Ours) -> Result<f64> {
    let before = ours.segments();
    let watch = Stopwatch::start();
    while watch.elapsed() < plan.burst {
        for _ in 0..BATCH {
            let complete = round_trip(ours)?;
            ensure!(complete, "a byte did not arrive");
        }
    }
    let spent = watch.elapsed().as_secs_f64() * 1e9;
    let segments = ours.segments() - before;
    ensure!(segments > 0, "no segment was counted");
    #[allow(clippy::cast_precision_loss)] // a figure, not an amount
    Ok(spent / segments as f64)
}
