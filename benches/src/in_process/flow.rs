//! One flow in 64 KiB writes: the writer fills the connection, the reader drains it. Counted in Gbit/s that arrived.

use std::io;

use anyhow::{Result, ensure};

use super::ours::Ours;
use super::wired::Wired;
use super::{End, Pair};
use crate::affinity::Pinned;
use crate::clock::Stopwatch;
use crate::kernel::KernelPair;
use crate::row::{Outcome, Plan, Samples};
use crate::smoltcp::{SmoltcpPair, Sums};

const WRITE: usize = 64 * 1024;
const LARGE_MTU: usize = 65_535;
const ETHERNET_MTU: usize = 1500;

pub(crate) fn measure(plan: &Plan) -> Result<Outcome> {
    let _pinned = Pinned::to_one_cpu()?;
    let mut kernel = KernelPair::new()?;
    let mut ours = Ours::pair()?;
    let samples = Samples::interleaved(
        plan,
        || gigabits_per_second(plan, &mut ours),
        || gigabits_per_second(plan, &mut kernel),
    )?;
    Ok(Outcome::Measured(
        samples.with_note("kernel: one thread, cubic"),
    ))
}

/// Our loopback beside smoltcp's, each with the largest packets it knows.
pub(crate) fn measure_smoltcp(plan: &Plan) -> Result<Outcome> {
    let _pinned = Pinned::to_one_cpu()?;
    let mut smoltcp = SmoltcpPair::new(LARGE_MTU, Sums::Nobody, 0)?;
    let mut ours = Ours::pair()?;
    let samples = Samples::interleaved(
        plan,
        || gigabits_per_second(plan, &mut ours),
        || gigabits_per_second(plan, &mut smoltcp),
    )?;
    Ok(Outcome::Measured(samples.with_note(
        "smoltcp 0.14, MTU 65535, nobody sums; ours: super-segments over its loopback",
    )))
}

/// Segments of 1,500 bytes that both ends sum, beside smoltcp's, with other sockets about.
pub(crate) fn measure_1500(plan: &Plan, idle: usize) -> Result<Outcome> {
    let _pinned = Pinned::to_one_cpu()?;
    let mut smoltcp = SmoltcpPair::new(ETHERNET_MTU, Sums::Both, idle)?;
    let mut ours = Wired::new(ETHERNET_MTU, idle)?;
    let samples = Samples::interleaved(
        plan,
        || gigabits_per_second(plan, &mut ours),
        || gigabits_per_second(plan, &mut smoltcp),
    )?;
    Ok(Outcome::Measured(samples.with_note(
        "smoltcp 0.14, its loopback; ours: two hosts on a wire",
    )))
}

fn gigabits_per_second(plan: &Plan, pair: &mut impl Pair) -> Result<f64> {
    let data = vec![0x5a_u8; WRITE];
    let mut buffer = vec![0_u8; WRITE];
    let mut arrived: u64 = 0;
    let watch = Stopwatch::start();
    while watch.elapsed() < plan.burst {
        // Nothing may arrive in a round: the kernel leaves it to a thread of its own when the machine is busy.
        arrived += fill_and_drain(pair, &data, &mut buffer)?;
    }
    ensure!(arrived > 0, "the flow stands still");
    #[allow(clippy::cast_precision_loss)] // a figure, not an amount
    let bits = arrived as f64 * 8.0;
    Ok(bits / watch.elapsed().as_secs_f64() / 1e9)
}

fn fill_and_drain(pair: &mut impl Pair, data: &[u8], buffer: &mut [u8]) -> io::Result<u64> {
    pair.tick();
    while pair.write(End::Client, data)? > 0 {}
    let mut arrived = 0;
    loop {
        match pair.read(End::Server, buffer)? {
            0 => return Ok(arrived),
            got => arrived += got as u64,
        }
    }
}
