//! Every combination of our stack and the kernel's, over wires of every kind. What the kernel's offloads do is here and in
//! `device`; `bulk` has all that can be combined.

// As in the library: the kernel's time is the machine's.
#![allow(clippy::disallowed_methods)]

use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use sockeye_interop::{Exchange, Family, Path, Who};
use sockeye_programs::need::Need;
use sockeye_programs::scenario::trial;

mod bulk;
mod device;
mod features;

/// What a TUN in a namespace takes.
const NEEDS: [Need; 3] = [Need::Root, Need::Path("/dev/net/tun"), Need::Program("ip")];

const COMBINATIONS: [(&str, [Who; 2]); 3] = [
    ("ours-to-kernel", [Who::Ours, Who::Kernel]),
    ("kernel-to-ours", [Who::Kernel, Who::Ours]),
    // The path itself, without our stack.
    ("kernel-to-kernel", [Who::Kernel, Who::Kernel]),
];

/// The wires: their name, what they do, and how many bytes go each way.
const WIRES: [(&str, &str, usize); 7] = [
    ("ideal", "", 8 << 20),
    ("delay", "delay 10ms limit 10000", 4 << 20),
    ("loss", "delay 2ms loss 1% limit 10000", 1 << 20),
    (
        "bursts",
        "delay 2ms loss gemodel 0.3% 40% limit 10000",
        1 << 20,
    ),
    (
        "jitter",
        "delay 5ms 2ms distribution normal reorder 5% duplicate 1% limit 10000",
        1 << 20,
    ),
    ("corrupt", "delay 1ms corrupt 0.5% limit 10000", 1 << 20),
    ("bottleneck", "rate 50mbit delay 5ms fq_codel", 2 << 20),
];

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of their time they wait for a wire.
    arguments.test_threads.get_or_insert(24);
    let mut trials = Vec::new();
    for (pair, who) in COMBINATIONS {
        for (wire, netem, bytes) in WIRES {
            for (mode, has_offload) in [("mtu1500", false), ("offload", true)] {
                for family in [Family::V4, Family::V6] {
                    let name = format!("{pair}::{wire}::{mode}::{family:?}");
                    let exchange = Exchange {
                        family,
                        request: bytes,
                        response: bytes / 2,
                        deadline: Duration::from_secs(60),
                        congestion: None,
                    };
                    trials.push(trial(name, &NEEDS, move || {
                        both_ways(who, has_offload, netem, &exchange)
                    }));
                }
            }
        }
    }
    trials.extend(bulk::trials());
    trials.extend(features::trials());
    for (name, body) in device::TRIALS {
        trials.push(trial(format!("tun::{name}"), &NEEDS, move || {
            // A namespace is its thread's; the suite's threads are used again.
            std::thread::spawn(body)
                .join()
                .unwrap_or_else(|_| Err("the thread panicked".into()))
        }));
    }
    trials.push(Trial::test("ours-to-ours::loss", || {
        let exchange = Exchange {
            family: Family::V6,
            request: 1 << 20,
            response: 1 << 20,
            deadline: Duration::from_secs(60),
            congestion: None,
        };
        both_ways(
            [Who::Ours; 2],
            true,
            "delay 2ms loss 1% limit 10000",
            &exchange,
        )
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn both_ways(
    who: [Who; 2],
    has_offload: bool,
    netem: &str,
    exchange: &Exchange,
) -> Result<(), Failed> {
    let mut path = Path::new(who, 1500, has_offload, netem, 1)?;
    let (reports, _) = path.run(exchange)?;
    exchange.check(&reports)?;
    for (traffic, who) in path.traffic.iter().zip(who) {
        // What was asked for is what was tested.
        let is_as_asked = if has_offload {
            traffic.super_segments > 0
        } else {
            traffic.super_segments == 0 && traffic.longest <= 1500
        };
        if !is_as_asked {
            return Err(format!("{who:?} sent {traffic:?}").into());
        }
    }
    Ok(())
}
