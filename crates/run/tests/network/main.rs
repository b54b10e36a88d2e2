//! Small programs on a run's network, in both ways over the loopback.
//!
//! This executable is all three: the test, which starts itself as a run of itself, as the program inside. A program that
//! finds something wrong panics, and its run ends with the code of that.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "real programs, which say by a panic what went wrong"
)]

mod calls;
mod datagrams;
mod diag;
mod interrupted;
mod names;
mod processes;
mod streams;

use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use sockeye_run::{Loopback, Options};

/// Says what a process of this executable is: `run` or `program`.
const ROLE: &str = "SOCKEYE_TEST_ROLE";
const WAYS: [(&str, Loopback); 2] = [("direct", Loopback::Direct), ("stack", Loopback::Stack)];

/// Generous: reaching it means that something hangs.
const DEADLINE: Duration = Duration::from_secs(60);

type Program = (&'static str, fn());

fn programs() -> impl Iterator<Item = Program> {
    [
        streams::PROGRAMS,
        datagrams::PROGRAMS,
        diag::PROGRAMS,
        interrupted::PROGRAMS,
        names::PROGRAMS,
        processes::PROGRAMS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match (std::env::var(ROLE).as_deref(), words.as_slice()) {
        (Ok("run"), [_, name, way]) => run(name, way),
        (Ok("program"), [_, name]) => {
            let (_, program) = programs()
                .chain([processes::EXECUTED])
                .find(|(known, _)| known == name)
                .expect("the test knows its programs");
            // Ends the program, and with it the run, should it wait for something that does not come.
            calls::alarm(30);
            program();
            ExitCode::SUCCESS
        }
        _ => test(),
    }
}

/// A run must begin in a process of one thread: this one.
fn run(name: &str, way: &str) -> ExitCode {
    let loopback = WAYS
        .iter()
        .find(|(known, _)| *known == way)
        .map(|(_, loopback)| *loopback)
        .expect("one of the two ways");
    let executable = std::env::current_exe().expect("this executable has a path");
    let options = Options {
        command: vec![
            "/usr/bin/env".into(),
            format!("{ROLE}=program").into(),
            executable.into(),
            name.into(),
        ],
        loopback,
        name: Some(format!("test-{name}-{way}")),
        ..Options::default()
    };
    ExitCode::from(u8::try_from(sockeye_run::run(options)).unwrap_or(u8::MAX))
}

fn test() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each run has several processes; more at once only take turns.
    arguments.test_threads.get_or_insert(4);
    let lacking: Option<String> = sockeye_run::examine()
        .into_iter()
        .find(|finding| finding.fatal && !finding.good)
        .map(|finding| format!("{}: {}", finding.subject, finding.detail));
    let required = std::env::var_os("SOCKEYE_REQUIRE_ALL").is_some_and(|value| value == "1");
    let trials = programs()
        .flat_map(|(name, _)| WAYS.map(|(way, _)| (name, way)))
        .map(|(name, way)| {
            let title = format!("{name}::{way}");
            match lacking.clone() {
                None => Trial::test(title, move || end_well(name, way)),
                Some(reason) => Trial::test(title, {
                    let reason = reason.clone();
                    move || Err(reason.into())
                })
                .with_kind(reason)
                .with_ignored_flag(!required),
            }
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn end_well(name: &str, way: &str) -> Result<(), Failed> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([name, way])
        .env(ROLE, "run")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut said = child.stderr.take().ok_or("no pipe")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _end = said.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if began.elapsed() > DEADLINE {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = reader.join().unwrap_or_default();
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("the run ended with {status}\n{text}").into()),
        None => Err(format!("the run did not end\n{text}").into()),
    }
}
