//! One byte there and one byte back, in turn. Counted in microseconds per round trip.

use std::io;

use anyhow::{Result, ensure};

use super::ours::Ours;
use super::{End, Pair};
use crate::affinity::Pinned;
use crate::clock::Stopwatch;
use crate::kernel::KernelPair;
use crate::row::{Outcome, Plan, Samples};

/// Round trips between two looks at the clock.
const BATCH: u32 = 256;

pub(crate) fn measure(plan: &Plan) -> Result<Outcome> {
    let _pinned = Pinned::to_one_cpu()?;
    let mut kernel = KernelPair::new()?;
    let mut ours = Ours::pair()?;
    let samples = Samples::interleaved(
        plan,
        || microseconds(plan, &mut ours),
        || microseconds(plan, &mut kernel),
    )?;
    Ok(Outcome::Measured(
        samples.with_note("kernel: one thread, cubic"),
    ))
}

/// The time of one round trip.
pub(super) fn microseconds(plan: &Plan, pair: &mut impl Pair) -> Result<f64> {
    let mut trips = 0.0;
    let watch = Stopwatch::start();
    while watch.elapsed() < plan.burst {
        for _ in 0..BATCH {
            let complete = round_trip(pair)?;
            ensure!(complete, "a byte did not arrive");
        }
        trips += f64::from(BATCH);
    }
    Ok(watch.elapsed().as_secs_f64() * 1e6 / trips)
}

/// Whether all four steps moved their byte.
pub(super) fn round_trip(pair: &mut impl Pair) -> io::Result<bool> {
    pair.tick();
    let mut byte = [0];
    let moved = pair.write(End::Client, b"x")?
        + pair.read(End::Server, &mut byte)?
        + pair.write(End::Server, &byte)?
        + pair.read(End::Client, &mut byte)?;
    Ok(moved == 4)
}
