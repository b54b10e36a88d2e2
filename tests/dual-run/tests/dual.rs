//! Every case on both arms. `SOCKEYE_DUAL_TRACE=1` prints the kernel's trace of the chosen cases instead.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use sockeye_core::options::{Entry, Standing, entries};
use sockeye_dual_run::kernel::{self, Privilege};
use sockeye_dual_run::known::Known;
use sockeye_dual_run::runner::{Case, compare, on_kernel};
use sockeye_dual_run::{cases, random};

fn main() -> ExitCode {
    let privilege = kernel::acquire_privilege();
    let arguments = Arguments::from_args();
    let known = match Known::load() {
        Ok(known) => known,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let all = cases::all();
    if std::env::var_os("SOCKEYE_DUAL_TRACE").is_some() {
        print_traces(&arguments, &all);
        return ExitCode::SUCCESS;
    }
    let mut trials: Vec<Trial> = Vec::new();
    for case in all {
        let known = known.clone();
        trials.push(Trial::test(case.name.clone(), move || {
            compare(&case, &known).map_err(Failed::from)
        }));
    }
    trials.extend(random::trials(&known));
    trials.push(Trial::test(
        "options::table::every_option_has_a_case",
        every_option_has_a_case,
    ));
    let trials = trials
        .into_iter()
        .map(|trial| match &privilege {
            Ok(Privilege::Whole) => trial,
            Ok(Privilege::Inside)
                if !WITH_WHOLE_PRIVILEGE
                    .iter()
                    .any(|name| trial.name().ends_with(name)) =>
            {
                trial
            }
            Ok(Privilege::Inside) => missing(&trial, "needs root outside any user namespace"),
            Err(why) => missing(
                &trial,
                &format!("needs a network namespace of its own: {why}"),
            ),
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Options whose values are no ints, with cases of their own; and one whose value is another in every run.
const OTHERWISE: [&str; 6] = [
    "TCP_INFO",
    "TCP_CC_INFO",
    "TCP_CONGESTION",
    "ICMP_FILTER",
    "ICMPV6_FILTER",
    "SO_COOKIE",
];

fn every_option_has_a_case() -> Result<(), Failed> {
    let cases = cases::option_names();
    let has_case = |entry: &&Entry| {
        let is_refused = matches!(entry.standing, Standing::Refused(..));
        is_refused || cases.contains(&entry.label) || OTHERWISE.contains(&entry.label)
    };
    let missing = entries().filter(|entry| !has_case(entry));
    let missing: Vec<&str> = missing.map(|entry| entry.label).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failed::from(format!("no case for {missing:?}")))
    }
}

/// The options that ask for a capability outside any user namespace.
const WITH_WHOLE_PRIVILEGE: [&str; 4] = [
    "option_SO_DEBUG",
    "option_SO_SNDBUFFORCE",
    "option_SO_RCVBUFFORCE",
    "option_SO_PREFER_BUSY_POLL",
];

/// A case that can't run: ignored with the reason, or failed if everything is required.
fn missing(trial: &Trial, reason: &str) -> Trial {
    let is_required = std::env::var_os("SOCKEYE_REQUIRE_ALL").is_some_and(|value| value == "1");
    let reason = reason.to_owned();
    Trial::test(format!("{} [{reason}]", trial.name()), move || {
        Err(Failed::from(reason))
    })
    .with_ignored_flag(!is_required)
}

fn print_traces(arguments: &Arguments, all: &[Case]) {
    for case in all {
        let filter = arguments.filter.as_ref();
        if filter.is_none_or(|filter| case.name.contains(filter.as_str())) {
            println!("== {}", case.name);
            for line in on_kernel(case.flavor, &case.body) {
                println!("   {line}");
            }
        }
    }
}
