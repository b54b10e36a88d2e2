//! The suite's `main`: real programs and CPython's own suites, each under `sockeye run` and natively.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Arguments;
use sockeye_programs::{cpython, keeper, scenario, stage::Stage};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|word| word == keeper::ARGUMENT).is_some() {
        return match keeper::main(words) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", keeper::ARGUMENT);
                ExitCode::FAILURE
            }
        };
    }
    let mut arguments = Arguments::from_args();
    // Most scenarios load a core or two by themselves, and CPython's wait most of the time; more side by side would only
    // make deadlines meaningless.
    arguments.test_threads.get_or_insert(3);
    let stage = match Stage::new() {
        Ok(stage) => Arc::new(stage),
        Err(error) => {
            eprintln!("laying out the stage: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = cpython::trials(&stage);
    trials.extend(scenario::trials(&stage));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // `Conclusion::exit` would not run destructors, and the stage is a folder to be removed.
    drop(stage);
    conclusion.exit_code()
}
