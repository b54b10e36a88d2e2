//! A part of the space of impairments, settings and habits, at one world a seed. `SOCKEYE_WORLDS=20000` makes it more, and
//! `cargo run --release -p sockeye-worlds -- --seeds COUNT` is faster.

use sockeye_worlds::{Scenario, check_seed};

fn count() -> u64 {
    let count = std::env::var("SOCKEYE_WORLDS").ok();
    count.map_or(12_000, |count| {
        count.parse().expect("SOCKEYE_WORLDS is a number of seeds")
    })
}

/// One of four parts, so that they run on several processors.
fn quarter(part: u64) {
    let failures: Vec<String> = (0..count())
        .filter(|seed| seed % 4 == part)
        .filter_map(|seed| check_seed(seed).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} failures; the first one:\n{}",
        failures.len(),
        failures[0]
    );
}

#[test]
fn every_byte_arrives_and_every_connection_ends_0() {
    quarter(0);
}

#[test]
fn every_byte_arrives_and_every_connection_ends_1() {
    quarter(1);
}

#[test]
fn every_byte_arrives_and_every_connection_ends_2() {
    quarter(2);
}

#[test]
fn every_byte_arrives_and_every_connection_ends_3() {
    quarter(3);
}

#[test]
fn any_seed_twice_is_byte_identical() {
    for seed in (0..count() / 20).map(|seed| seed * 7919) {
        let scenario = Scenario::of_seed(seed);
        let (first, second) = (scenario.run(true), scenario.run(true));
        assert!(
            first.is_ok() && first.ok() == second.ok(),
            "cargo run -p sockeye-worlds -- --seed {seed}"
        );
    }
}
