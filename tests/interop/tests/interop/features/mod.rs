//! One feature at a time between us and the kernel. Each is asked of both: of our end with the kernel's as the other, and of the
//! kernel's with ours, as client and as server, over IPv4 and IPv6, a TUN and a veth pair.
//!
//! That it was really there is told by counters, by `TCP_INFO` and by the packets on the wire.

use libtest_mimic::Trial;
use sockeye_interop::{Family, Lab, Medium, Packet, Plan, Setting, Verdict, Who};
use sockeye_programs::scenario::trial;

use crate::NEEDS;

mod attacks;
mod closing;
mod ecn;
mod fast_open;
mod handshake;
mod losses;
mod options;
mod path_mtu;
mod sending;
mod unreachable;
mod urgent;
mod waiting;
mod windows;

type Body = fn(&mut Lab, Who) -> Result<(), String>;

/// One of them.
#[derive(Clone, Copy)]
struct Feature {
    name: &'static str,
    /// What the end that is asked is told, and what the other is.
    here: &'static [Setting],
    there: &'static [Setting],
    body: Body,
}

impl Feature {
    /// With the settings that both have.
    const fn new(name: &'static str, body: Body) -> Self {
        Feature::told(name, &[], &[], body)
    }

    const fn told(
        name: &'static str,
        here: &'static [Setting],
        there: &'static [Setting],
        body: Body,
    ) -> Self {
        Feature {
            name,
            here,
            there,
            body,
        }
    }
}

/// `tcpi_state`
const ESTABLISHED: u8 = 1;
const FIN_WAIT_2: u8 = 5;
const CLOSED: u8 = 7;
const CLOSE_WAIT: u8 = 8;
const CLOSING: u8 = 11;

pub(crate) fn trials() -> Vec<Trial> {
    let features = [
        options::FEATURES,
        handshake::FEATURES,
        fast_open::FEATURES,
        losses::FEATURES,
        ecn::FEATURES,
        windows::FEATURES,
        sending::FEATURES,
        waiting::FEATURES,
        path_mtu::FEATURES,
        unreachable::FEATURES,
        urgent::FEATURES,
        closing::FEATURES,
        attacks::FEATURES,
    ];
    let mut trials = Vec::new();
    for feature in features.into_iter().flatten() {
        for here in [Who::Ours, Who::Kernel] {
            for client in [Who::Ours, Who::Kernel] {
                // Each combination of the two over both media.
                for (family, medium) in match here == client {
                    true => [(Family::V4, Medium::Tun), (Family::V6, Medium::Veth)],
                    false => [(Family::V4, Medium::Veth), (Family::V6, Medium::Tun)],
                } {
                    let name = format!(
                        "feature::{}::of-{here:?}::client-{client:?}::{family:?}::{medium:?}",
                        feature.name
                    );
                    let (ours, kernel) = match here {
                        Who::Ours => (feature.here, feature.there),
                        Who::Kernel => (feature.there, feature.here),
                    };
                    let plan = Plan {
                        family,
                        client,
                        medium,
                        netem: "delay 1ms limit 10000",
                        ours,
                        kernel,
                    };
                    trials.push(trial(name, &NEEDS, move || {
                        (feature.body)(&mut Lab::new(plan)?, here)?;
                        Ok(())
                    }));
                }
            }
        }
    }
    trials
}

/// An error unless both are the same.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} and not {expected:?}"))
    }
}

/// An error unless it is so.
fn sure(is_so: bool, what: impl Into<String>) -> Result<(), String> {
    is_so.then_some(()).ok_or_else(|| what.into())
}

/// So many bytes, no two lines of which are alike.
fn numbered(length: usize) -> Vec<u8> {
    (0_u64..)
        .flat_map(|line| {
            (line ^ 0x5555_5555)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .to_be_bytes()
        })
        .take(length)
        .collect()
}

/// Something happens to the packet of an end that first carries its `which`th piece of data (from 0), the first so many times that
/// it comes.
fn to_piece(
    from: Who,
    which: usize,
    times: usize,
    verdict: fn(&Packet) -> Verdict,
) -> impl FnMut(&Packet) -> Verdict {
    let mut starts: Vec<u32> = Vec::new();
    let mut done = 0;
    move |packet| {
        if packet.from != from || !packet.has_data() {
            return Verdict::Pass;
        }
        let start = packet.header.sequence;
        if !starts.contains(&start) {
            starts.push(start);
        }
        if starts.get(which) == Some(&start) && done < times {
            done += 1;
            verdict(packet)
        } else {
            Verdict::Pass
        }
    }
}
