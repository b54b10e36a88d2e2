//! Rows over TUN: our stack, or another, sends one TCP flow to the kernel's in a network namespace of its own.

mod goodput;
mod ours;
mod receiver;
mod smoltcp;
mod veth;

use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::time::Duration;

use anyhow::Result;
use sockeye::link::device::TunFeatures;

pub(crate) use goodput::{Load, fairness, measure as goodput};

use crate::clock::Stopwatch;
use crate::row::{Outcome, Plan, Samples};
use receiver::Receiver;

const WRITE: usize = 64 * 1024;

/// Something that sends.
trait Sender {
    /// Sends what can be sent now, and takes what has come; whether anything moved.
    fn turn(&mut self, data: &[u8]) -> Result<bool>;

    /// Waits until there is something to do, at most so long.
    fn wait(&self, most: Duration);
}

/// What a row needs, as a reason if it is missing.
fn missing() -> Option<String> {
    use sockeye_interop::need::{Need, missing};
    missing(&[Need::Root, Need::Path("/dev/net/tun"), Need::Program("ip")])
}

/// Through super-segments and their header, to the kernel over a veth pair.
pub(crate) fn offload(plan: &Plan) -> Result<Outcome> {
    if let Some(reason) = missing() {
        return Ok(Outcome::Skipped(reason));
    }
    let (receiver, tun) = Receiver::behind_tun(TunFeatures::ALL)?;
    let mut ours = ours::Ours::new(tun, None)?;
    let veth = veth::Veth::new()?;
    let samples = Samples::interleaved(
        plan,
        || flow(plan, &mut ours, &receiver),
        || veth.flow(plan),
    )?;
    Ok(Outcome::Measured(samples.with_note(
        "our thread to the kernel's; the kernel: a thread on each side of a veth pair, cubic",
    )))
}

/// With packets of 1500 bytes that we cut and sum, to smoltcp on the same TUN.
pub(crate) fn plain(plan: &Plan) -> Result<Outcome> {
    if let Some(reason) = missing() {
        return Ok(Outcome::Skipped(reason));
    }
    let (receiver, tun) = Receiver::behind_tun(TunFeatures::NONE)?;
    // Both have the same to send from: what is under way stays in the caches.
    let mut ours = ours::Ours::new(tun, Some(smoltcp::BUFFER))?;
    let (other_receiver, tun) = Receiver::behind_tun(TunFeatures::NONE)?;
    let mut theirs = smoltcp::Smoltcp::new(&tun)?;
    let samples = Samples::interleaved(
        plan,
        || flow(plan, &mut ours, &receiver),
        || flow(plan, &mut theirs, &other_receiver),
    )?;
    Ok(Outcome::Measured(samples.with_note(
        "each on a TUN of its own, one thread, to a thread of the kernel's that reads",
    )))
}

/// Gbit/s that arrive.
fn flow(plan: &Plan, sender: &mut impl Sender, receiver: &Receiver) -> Result<f64> {
    let data = vec![0x5a_u8; WRITE];
    let before = receiver.received();
    let watch = Stopwatch::start();
    while watch.elapsed() < plan.burst {
        if !sender.turn(&data)? {
            sender.wait(Duration::from_millis(5));
        }
    }
    Ok(gigabits(receiver.received() - before, watch.elapsed()))
}

fn gigabits(bytes: u64, time: Duration) -> f64 {
    #[allow(clippy::cast_precision_loss)] // a figure, not an amount
    let bits = bytes as f64 * 8.0;
    bits / time.as_secs_f64() / 1e9
}

/// Waits for a file to be readable.
fn wait(file: BorrowedFd<'_>, most: Duration) {
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = libc::timespec {
        tv_sec: 0,
        tv_nsec: most.subsec_nanos().into(),
    };
    // SAFETY: one file, and both pointers outlive the call.
    unsafe {
        libc::ppoll(&raw mut poll, 1, &raw const timeout, std::ptr::null());
    }
}
