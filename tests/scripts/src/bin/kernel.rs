//! `cargo run -p sockeye-scripts --bin kernel -- FILE.pkt...`: plays scripts against this machine's kernel.
//!
//! Each runs in a network namespace of its own, in real time; `TOLERANCE` in the environment says how far from its time
//! something may happen, in milliseconds, `FAMILY` (as in `--ip_version`) over which addresses to play alone. Ends with failure if a script does not hold.

use std::process::ExitCode;
use std::thread;

use sockeye_drill::{Drill, Family};
use sockeye_scripts::kernel::Kernel;

fn main() -> ExitCode {
    if let Err(why) = sockeye_dual_run::kernel::acquire_privilege() {
        eprintln!("no network namespaces: {why}");
        return ExitCode::FAILURE;
    }
    let mut code = ExitCode::SUCCESS;
    for file in std::env::args().skip(1) {
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{file}: {error}");
                code = ExitCode::FAILURE;
                continue;
            }
        };
        let families = Drill::read(&text).map(|drill| drill.families());
        match families {
            Err(failure) => {
                eprintln!("{}", failure.show(&file, &text));
                code = ExitCode::FAILURE;
            }
            Ok(families) => {
                let only = std::env::var("FAMILY").ok();
                let is_chosen =
                    |family: &Family| only.as_ref().is_none_or(|only| only == family.name());
                for family in families.into_iter().filter(is_chosen) {
                    if let Err(why) = play(&file, &text, family) {
                        eprintln!("{why} [{}]", family.name());
                        code = ExitCode::FAILURE;
                    }
                }
            }
        }
    }
    code
}

fn play(file: &str, text: &str, family: Family) -> Result<(), String> {
    let show = |failure: sockeye_drill::Failure| failure.show(file, text);
    let run = || {
        // A thread, because the namespace is the thread's.
        sockeye_dual_run::kernel::isolate()?;
        let drill = Drill::read(text).map_err(show)?;
        let mut setup = drill.setup(family).map_err(show)?;
        let tolerance = std::env::var("TOLERANCE")
            .ok()
            .and_then(|text| text.parse().ok());
        setup.tolerance = setup.tolerance.max(tolerance.unwrap_or(15) * 1000);
        let mut kernel = Kernel::new(&setup)?;
        let printed = drill.run_on(&setup, &mut kernel).map_err(show)?;
        for line in printed {
            println!("{line}");
        }
        Ok(())
    };
    thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(format!("{file}: the player panicked")))
}
