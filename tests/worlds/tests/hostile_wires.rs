//! Every byte arrives once and in order, and every connection ends, whatever the wire does.

use sockeye_worlds::{Family, Flow, Plan, Random, World};

/// The wires, in `tc netem`'s words.
const WIRES: [&str; 15] = [
    "delay 10ms",
    "delay 5ms 4ms",
    "delay 10ms loss 2%",
    "delay 10ms loss 10%",
    "delay 10ms reorder 25%",
    "delay 10ms duplicate 10%",
    "delay 10ms corrupt 3%",
    "delay 8ms 6ms loss 5% duplicate 5% corrupt 1% reorder 10%",
    // Bursts of one packet or two: a burst lasts until packets come, and a connection that closes has few to send.
    "delay 10ms loss gemodel 2% 80%",
    "delay 10ms loss state 2% 70% 20% 50% 1%",
    "delay 10ms 3ms distribution normal",
    "delay 10ms 5ms 30% distribution pareto loss 1%",
    "delay 10ms rate 20mbit codel",
    "delay 10ms rate 20mbit fq_codel target 2ms interval 30ms",
    "delay 10ms rate 20mbit red limit 100kb",
];

fn plans(seed: u64, flows: u16, most: usize) -> Vec<Flow> {
    let mut random = Random::new(seed);
    (0..flows)
        .map(|flow| Flow::new(Plan::random(&mut random, 8000 + flow, most)))
        .collect()
}

fn run(seed: u64, wire: &str, mtu: usize, flows: u16, most: usize) {
    if let Err(stall) = World::new(seed, wire, mtu).run(plans(seed, flows, most)) {
        panic!("seed {seed}, {wire}, mtu {mtu}: {stall}");
    }
}

#[test]
fn one_connection_over_each_wire() {
    for wire in WIRES {
        for seed in 0..400 {
            run(seed, wire, 1500, 1, 60_000);
        }
    }
}

#[test]
fn several_connections_at_once() {
    for wire in WIRES {
        for seed in 1000..1060 {
            run(seed, wire, 1500, 6, 30_000);
        }
    }
}

#[test]
fn small_and_large_packets() {
    for mtu in [1280, 9000, 65_535] {
        for seed in 2000..2060 {
            run(seed, WIRES[7], mtu, 2, 80_000);
        }
    }
}

#[test]
fn a_narrow_wire_with_a_short_queue() {
    for seed in 3000..3040 {
        run(seed, "delay 20ms rate 10mbit limit 10", 1500, 2, 200_000);
    }
}

#[test]
fn a_large_transfer_each_way_at_once() {
    for family in [Family::V4, Family::V6] {
        let plan = Plan {
            family,
            port: 8080,
            request: 1_000_000,
            response: 700_000,
            in_turns: false,
            piece: 30_000,
            ..Plan::default()
        };
        let run = World::new(7, "delay 5ms loss 1%", 1500).run(vec![Flow::new(plan)]);
        assert!(
            run.is_ok(),
            "{}",
            run.err().map(|stall| stall.to_string()).unwrap_or_default()
        );
    }
}
