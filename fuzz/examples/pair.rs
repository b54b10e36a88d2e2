//! Fuzzes two hosts and the wire between them without libFuzzer: `pair ROUNDS [SEED]`. What reaches something new (more frames,
//! more bytes received, than any input of its length) is kept and mutated on; a round that panics leaves its input in
//! `fuzz/artifacts/`, and `KEEP=1` puts what was kept into the corpus.
use std::collections::BTreeMap;
use std::path::Path;

use sockeye_fuzz::two_endpoints;

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

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let artifacts = root.join("artifacts");
    std::fs::create_dir_all(&artifacts)?;
    let mut random = Random(seed);
    // One input for each order of magnitude of frames and of bytes received.
    let mut kept: BTreeMap<(u32, u32, u8), Vec<u8>> = BTreeMap::new();
    for round in 0..rounds {
        let inputs: Vec<&Vec<u8>> = kept.values().collect();
        let mut input = match inputs.get(random.below(inputs.len() + 2)) {
            Some(input) => (*input).clone(),
            None => (0..random.below(400)).map(|_| random.byte()).collect(),
        };
        for _ in 0..random.below(12) {
            let at = random.below(input.len() + 1).min(input.len());
            match (random.below(5), input.get_mut(at)) {
                (0, Some(byte)) => *byte = random.byte(),
                (1, Some(byte)) => *byte ^= 1 << random.below(8),
                (2, Some(_)) => drop(input.remove(at)),
                (3, _) => input.insert(at, random.byte()),
                _ => {
                    let from = random.below(input.len() + 1);
                    let piece: Vec<u8> = input
                        .iter()
                        .skip(from)
                        .take(random.below(40))
                        .copied()
                        .collect();
                    input.splice(at..at, piece);
                }
            }
        }
        input.truncate(1500);
        let file = artifacts.join(format!("pair-{seed}"));
        std::fs::write(&file, &input)?;
        let outcome = two_endpoints(&input);
        let size = |count: usize| usize::BITS - count.leading_zeros();
        let key = (
            size(outcome.frames),
            size(outcome.received),
            input.first().copied().unwrap_or(0) & 3,
        );
        let shorter = kept.get(&key).is_none_or(|known| known.len() > input.len());
        if shorter || random.below(50) == 0 {
            kept.insert(key, input);
        }
        if round % 20_000 == 0 {
            println!("{round} rounds, {} kept", kept.len());
        }
    }
    std::fs::remove_file(artifacts.join(format!("pair-{seed}")))?;
    if std::env::var_os("KEEP").is_some() {
        let corpus = root.join("corpus/two_endpoints");
        std::fs::create_dir_all(&corpus)?;
        for ((frames, received, settings), input) in &kept {
            std::fs::write(
                corpus.join(format!("reached-{frames}-{received}-{settings}")),
                input,
            )?;
        }
    }
    println!("{rounds} rounds survived");
    Ok(())
}
