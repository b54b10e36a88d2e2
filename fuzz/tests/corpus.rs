//! The corpus of each fuzz target, run without a fuzzer.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sockeye_fuzz::action::{decode, encode};
use sockeye_fuzz::{host_receive, seeds, two_endpoints};

fn corpus() -> PathBuf {
    corpus_of("host_receive")
}

fn corpus_of(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

fn inputs() -> Vec<(String, Vec<u8>)> {
    inputs_of("host_receive")
}

fn inputs_of(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut inputs: Vec<_> = std::fs::read_dir(corpus_of(target))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty());
    inputs
}

#[test]
fn every_input_is_survived_and_has_one_outcome() {
    for (name, input) in inputs() {
        let first = host_receive(&input);
        assert_eq!(first, host_receive(&input), "{name}");
    }
}

#[test]
fn two_endpoints_survive_every_input_with_one_outcome() {
    let mut received = 0;
    for (name, input) in inputs_of("two_endpoints") {
        let first = two_endpoints(&input);
        assert_eq!(first, two_endpoints(&input), "{name}");
        received += first.received;
    }
    // The corpus is about connections through which data comes.
    assert!(received > 100_000, "{received} bytes");
}

#[test]
fn every_prefix_of_a_seed_is_survived() {
    for (_, actions) in seeds::all() {
        for length in 0..actions.len() {
            host_receive(&encode(&actions[..length]));
        }
    }
}

#[test]
fn the_seeds_are_in_the_corpus() {
    for (name, actions) in seeds::all() {
        let bytes = encode(&actions);
        assert_eq!(decode(&bytes).collect::<Vec<_>>(), actions, "{name}");
        let file = std::fs::read(corpus().join(name)).unwrap_or_default();
        assert!(file == bytes, "{name} is not what `--example seeds` writes");
    }
}

#[test]
fn the_seeds_reach_what_they_are_about() {
    for (name, actions) in seeds::all() {
        let outcome = host_receive(&encode(&actions));
        let expected = seeds::expectation(name);
        assert!(outcome.packets >= expected.packets, "{name}: {outcome:?}");
        assert!(outcome.flows >= expected.flows, "{name}: {outcome:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        host_receive(&bytes);
    }

    #[test]
    fn two_endpoints_survive_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        two_endpoints(&bytes);
    }

    #[test]
    fn damaged_seeds_are_survived(
        seed: prop::sample::Index,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let seeds = seeds::all();
        let mut bytes = encode(&seed.get(&seeds).1);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        host_receive(&bytes);
    }

    #[test]
    fn what_was_decoded_encodes_to_itself(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let actions: Vec<_> = decode(&bytes).collect();
        prop_assert_eq!(decode(&encode(&actions)).collect::<Vec<_>>(), actions);
    }
}
