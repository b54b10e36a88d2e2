//! Runs as many seeds as you like: `cargo run --release -p sockeye-worlds -- --seeds 5000 [--from N]`, or one of them with all
//! that is known about it: `-- --seed N`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use sockeye_worlds::{Scenario, check_seed};

const USAGE: &str = "worlds --seeds COUNT [--from SEED], or worlds --seed SEED";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut from, mut count, mut one) = (0, 1000, None);
    while let Some(word) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (word.as_str(), value) {
            ("--seeds", Some(value)) => count = value,
            ("--from", Some(value)) => from = value,
            ("--seed", Some(value)) => one = Some(value),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    if let Some(seed) = one {
        println!("{}", Scenario::of_seed(seed));
        if let Some(story) = sockeye_worlds::story_of_seed(seed) {
            println!("{story}");
        }
        return match check_seed(seed) {
            Ok(run) => {
                let (ended, stillness) = (run.ended, run.stillness);
                let again = run.retransmissions;
                println!(
                    "ended at {ended:?}; {stillness:?} was the longest rest; {again} segments were sent again"
                );
                ExitCode::SUCCESS
            }
            Err(failure) => {
                println!("{failure}");
                ExitCode::FAILURE
            }
        };
    }
    let (next, failures) = (AtomicU64::new(from), AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        break;
                    }
                    if let Err(failure) = check_seed(seed) {
                        failures.fetch_add(1, Ordering::Relaxed);
                        let first = failure.lines().next().unwrap_or_default();
                        println!("{first}");
                    }
                }
            });
        }
    });
    let failures = failures.into_inner();
    println!("{count} seeds from {from}: {failures} failed");
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
