//! Figures beside the kernel and smoltcp, measured in one interleaved run.
//!
//! `cargo run --release -p sockeye-bench -- [--quick] [--json] [NAME...]`
//!
//! Each row runs ours and the other side in turn, several short bursts each, so that what else the machine does falls
//! on both. A row is judged by the median of the ratios of neighbouring bursts; the spread printed beside it is the
//! middle half of those ratios. What a row compares and which goal it has is in [`catalogue`].

mod affinity;
mod catalogue;
mod clock;
mod counting;
mod in_process;
mod kernel;
mod programs;
mod report;
mod row;
mod smoltcp;
mod tun;

use std::process::ExitCode;

use clap::Parser;

use crate::row::{Outcome, Plan, Row};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// The command line.
#[derive(Parser)]
#[command(
    name = "sockeye-bench",
    about = "Measures Sockeye beside the kernel and smoltcp in one interleaved run",
    after_help = catalogue::help()
)]
struct Arguments {
    /// Fewer and shorter bursts: a glance, not a figure to quote
    #[arg(long)]
    quick: bool,
    /// Print an array of {name, ours, theirs, ratio, goal, met} instead of the table
    #[arg(long)]
    json: bool,
    /// The rows to measure: whole names or beginnings of them; without any, all
    names: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let rows = match catalogue::select(&arguments.names) {
        Ok(rows) => rows,
        Err(message) => {
            eprintln!("sockeye-bench: {message}");
            return ExitCode::from(2);
        }
    };
    let plan = if arguments.quick {
        Plan::quick()
    } else {
        Plan::full()
    };
    let mut measured: Vec<(&Row, Outcome)> = Vec::new();
    if !arguments.json {
        report::print_machine();
        report::print_head();
    }
    for row in rows {
        eprintln!("measuring {} ...", row.name);
        let outcome =
            (row.measure)(&plan).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if !arguments.json {
            report::print_row(row, &outcome);
        }
        measured.push((row, outcome));
    }
    if arguments.json {
        report::print_json(&measured);
    } else {
        report::print_notes(&measured);
    }
    // A goal that is missed is a figure, not a failure of the measuring; a row that broke is one.
    if measured
        .iter()
        .any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
