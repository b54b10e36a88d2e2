//! What the fuzz targets do, as plain functions.
//!
//! [`host_receive`] reads bytes as a sequence of actions (frames from outside, passing time, socket calls), applies them to a
//! [`Host`](sockeye_core::Host) and checks what must hold for any of them: no panic, no work without end, only well-formed
//! packets, and nothing left when every socket is closed and time has passed.
//!
//! [`two_endpoints`] reads them as what two hosts, their programs and a hostile wire between them do.
//!
//! The corpus runs under `cargo test` (see `tests/corpus.rs`). `cargo run -p sockeye-fuzz --example seeds` writes the seeds;
//! `cargo run --release -p sockeye-fuzz --example mutate -- ROUNDS [SEED]` fuzzes without libFuzzer.

pub mod action;
mod pair;
pub mod seeds;
mod world;

pub use pair::{PairOutcome, two_endpoints};
pub use world::Outcome;

/// Longer inputs are cut: what needs more than this to go wrong is not found by chance.
pub const MAX_INPUT: usize = 1 << 16;

/// Applies the actions that `data` encodes to a host, panicking if something is wrong with it.
pub fn host_receive(data: &[u8]) -> Outcome {
    let data = data.get(..MAX_INPUT).unwrap_or(data);
    let mut world = world::World::new();
    for action in action::decode(data) {
        world.apply(&action);
    }
    world.finish()
}
