//! The same seed gives the same bytes.

use sockeye_worlds::{Flow, Plan, Random, Run, World};

fn run(seed: u64) -> Run {
    let mut random = Random::new(seed);
    let flows = (0..4)
        .map(|flow| Flow::new(Plan::random(&mut random, 9000 + flow, 40_000)))
        .collect();
    let mut world = World::new(
        seed,
        "delay 8ms 6ms loss 5% duplicate 5% corrupt 1% reorder 10%",
        1500,
    );
    world.keeps_frames = true;
    world
        .run(flows)
        .unwrap_or_else(|stall| panic!("seed {seed}: {stall}"))
}

#[test]
fn the_same_seed_twice_is_byte_identical() {
    for seed in 0..6 {
        let (first, second) = (run(seed), run(seed));
        assert!(!first.frames.is_empty());
        assert!(first == second, "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_run() {
    assert!(run(1) != run(2));
}
