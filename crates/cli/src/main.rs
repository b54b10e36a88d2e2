//! The `sockeye` command.

mod arguments;
mod doctor;
mod drill;
mod output;
mod ps;
mod ss;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no failures.
            let code = if error.use_stderr() {
                sockeye_run::FAILED
            } else {
                0
            };
            let _printed = error.print();
            return exit(code);
        }
    };
    if let Some(level) = std::env::var_os("SOCKEYE_LOG") {
        let level = level
            .to_string_lossy()
            .parse()
            .unwrap_or(tracing_subscriber::filter::LevelFilter::INFO);
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .init();
    }
    match arguments.command {
        Command::Run(run) => exit(sockeye_run::run((*run).into())),
        Command::Ss(ss) => report(ss::run(&ss)),
        Command::Ps(ps) => report(ps::run(&ps)),
        Command::Netem(netem) => report(sockeye_run::shape(&netem.name, &netem.words)),
        Command::Drill(arguments) => exit(i32::from(!drill::run(&arguments))),
        Command::Doctor => match doctor::run() {
            Ok(able) => exit(i32::from(!able)),
            Err(error) => report(Err(error)),
        },
    }
}

fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sockeye: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
