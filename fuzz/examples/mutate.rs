//! Fuzzes without libFuzzer, blindly: `mutate ROUNDS [SEED]` splices and damages the seeds and runs the result.
//!
//! When a round panics, its input is in `fuzz/artifacts/` already.
use std::path::Path;

use sockeye_fuzz::action::{Action, decode, encode};
use sockeye_fuzz::{host_receive, seeds};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        arguments
            .next()
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(default)
    };
    let (rounds, seed) = (number(1000), number(1));
    let artifacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
    std::fs::create_dir_all(&artifacts)?;
    let seeds: Vec<Vec<Action>> = seeds::all().into_iter().map(|(_, seed)| seed).collect();
    for round in 0..rounds {
        let mut random = Random(seed.wrapping_mul(0x1_0000_0000).wrapping_add(round));
        let input = mutated(&seeds, &mut random);
        let file = artifacts.join(format!("mutate-{seed}-{round}"));
        std::fs::write(&file, &input)?;
        host_receive(&input);
        std::fs::remove_file(&file)?;
    }
    println!("{rounds} rounds survived");
    Ok(())
}

fn mutated(seeds: &[Vec<Action>], random: &mut Random) -> Vec<u8> {
    let mut actions: Vec<Action> = Vec::new();
    // Several seeds interleaved, mostly in order.
    for _ in 0..=random.below(3) {
        let Some(seed) = seeds.get(random.below(seeds.len())) else {
            continue;
        };
        let mut at = random.below(actions.len() + 1);
        for action in seed {
            if random.below(12) == 0 {
                continue;
            }
            for _ in 0..=usize::from(random.below(12) == 0) {
                actions.insert(at.min(actions.len()), action.clone());
                at += 1 + random.below(2);
            }
        }
    }
    let mut bytes = encode(&actions);
    for _ in 0..random.below(10) {
        let at = random.below(bytes.len());
        let value = random.next().to_le_bytes()[0];
        match (random.below(8), bytes.get_mut(at)) {
            (0, _) => bytes.insert(at.min(bytes.len()), value),
            (1, Some(_)) => drop(bytes.remove(at)),
            (2, Some(byte)) => *byte = value,
            (3, Some(byte)) => *byte = byte.wrapping_add(1),
            (4, Some(byte)) => *byte = byte.wrapping_sub(1),
            (_, Some(byte)) => *byte ^= 1 << (value % 8),
            (_, None) => {}
        }
    }
    // What comes out is what it decodes to, so that damage does not only shift what follows.
    let actions: Vec<Action> = decode(&bytes).collect();
    encode(&actions)
}
