//! Every script over every family that it is for, against Sockeye in virtual time.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use sockeye_drill::{Drill, Failure};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let scripts = match sockeye_scripts::all() {
        Ok(scripts) => scripts,
        Err(error) => {
            eprintln!("the scripts can't be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for script in scripts {
        let text = std::fs::read_to_string(&script.file).unwrap_or_default();
        let file = script.file.display().to_string();
        let shown = {
            let text = text.clone();
            move |failure: &Failure| Failed::from(failure.show(&file, &text))
        };
        let families = Drill::read(&text).map(|drill| (drill.families(), drill));
        match families {
            Err(failure) => trials.push(Trial::test(script.name, move || Err(shown(&failure)))),
            Ok((families, drill)) => {
                for family in families {
                    let (drill, shown) = (drill.clone(), shown.clone());
                    let name = format!("{}::{}", script.name, family.name());
                    trials.push(Trial::test(name, move || {
                        drill
                            .run(family)
                            .map(|_| ())
                            .map_err(|failure| shown(&failure))
                    }));
                }
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
