//! Printing: the table for people, the array for programs.

use serde::Serialize;

use crate::kernel;
use crate::row::{Goal, Outcome, Row, Rule};

/// The machine, without which no figure means anything.
pub(crate) fn print_machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("model name")?
                .split_once(':')
                .map(|(_, name)| name.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown CPU".to_owned());
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!(
        "{cpus} x {cpu}, Linux {}; the kernel's side uses cubic (this system's default: {})",
        read("/proc/sys/kernel/osrelease").trim(),
        kernel::default_congestion_control()
    );
    println!();
}

pub(crate) fn print_head() {
    println!("| row | ours | theirs | unit | ratio | middle half | goal | met |");
    println!("|---|---:|---:|---|---:|---|---|---|");
}

pub(crate) fn print_row(row: &Row, outcome: &Outcome) {
    let goal = describe_goal(row);
    match outcome {
        Outcome::Measured(samples) => {
            let Some(figures) = samples.figures(row.rule) else {
                println!(
                    "| {} | - | - | {} | - | - | {goal} | nothing measured |",
                    row.name, row.unit
                );
                return;
            };
            let suffix = match row.rule {
                Rule::Ratio => String::new(),
                Rule::Difference | Rule::Ours => format!(" {}", row.unit),
            };
            println!(
                "| {} | {} | {} | {} | {}{suffix} | {} to {} | {goal} | {} |",
                row.name,
                short(figures.ours),
                figures.theirs.map_or_else(|| "-".to_owned(), short),
                row.unit,
                short(figures.ratio),
                short(figures.spread.0),
                short(figures.spread.1),
                if row.goal.met(figures.ratio) {
                    "yes"
                } else {
                    "no"
                }
            );
        }
        Outcome::Skipped(reason) => println!(
            "| {} | - | - | {} | - | - | {goal} | skipped: {reason} |",
            row.name, row.unit
        ),
        Outcome::Failed(reason) => println!(
            "| {} | - | - | {} | - | - | {goal} | failed: {reason} |",
            row.name, row.unit
        ),
    }
}

/// What each row is, and what its other side was.
pub(crate) fn print_notes(measured: &[(&Row, Outcome)]) {
    println!();
    for (row, outcome) in measured {
        let note = match outcome {
            Outcome::Measured(samples) if !samples.note.is_empty() => {
                format!(" ({})", samples.note)
            }
            _ => String::new(),
        };
        println!("- {}: {}{note}", row.name, row.about);
    }
}

fn describe_goal(row: &Row) -> String {
    let unit = match row.rule {
        Rule::Ratio => "",
        Rule::Difference | Rule::Ours => row.unit,
    };
    match row.goal {
        Goal::AtLeast(value) => format!("at least {} {unit}", short(value)),
        Goal::AtMost(value) => format!("at most {} {unit}", short(value)),
    }
    .trim_end()
    .to_owned()
}

/// Three significant digits, whole above a hundred.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[derive(Serialize)]
struct JsonRow<'a> {
    name: &'a str,
    ours: Option<f64>,
    theirs: Option<f64>,
    ratio: Option<f64>,
    goal: Option<f64>,
    met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a str>,
}

impl<'a> JsonRow<'a> {
    fn new(row: &'a Row, outcome: &'a Outcome) -> Self {
        let figures = match outcome {
            Outcome::Measured(samples) => samples.figures(row.rule),
            Outcome::Skipped(_) | Outcome::Failed(_) => None,
        };
        Self {
            name: row.name,
            ours: figures.map(|figures| figures.ours),
            theirs: figures.and_then(|figures| figures.theirs),
            ratio: figures.map(|figures| figures.ratio),
            goal: Some(row.goal.value()),
            met: figures.map(|figures| row.goal.met(figures.ratio)),
            skipped: match outcome {
                Outcome::Skipped(reason) => Some(reason),
                Outcome::Measured(_) | Outcome::Failed(_) => None,
            },
            failed: match outcome {
                Outcome::Failed(reason) => Some(reason),
                Outcome::Measured(_) | Outcome::Skipped(_) => None,
            },
        }
    }
}

pub(crate) fn print_json(measured: &[(&Row, Outcome)]) {
    let rows: Vec<JsonRow<'_>> = measured
        .iter()
        .map(|(row, outcome)| JsonRow::new(row, outcome))
        .collect();
    match serde_json::to_string_pretty(&rows) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("sockeye-bench: {error}"),
    }
}
