//! `sockeye ps`: the user's runs.

use crate::arguments::Ps;
use crate::output::print;
use crate::ss::table::Table;

/// Prints them.
pub(crate) fn run(options: &Ps) -> anyhow::Result<()> {
    let runs = sockeye_run::runs(None)?;
    if options.json {
        return print(format_args!("{}\n", serde_json::to_string_pretty(&runs)?));
    }
    let mut table = Table::new(&[
        "NAME", "PID", "AGE", "SOCKETS", "LOOPBACK", "PORTS", "COMMAND",
    ]);
    for run in runs {
        table.row(vec![
            run.name,
            run.pid.to_string(),
            age(run.seconds),
            run.sockets.len().to_string(),
            run.loopback,
            if run.published.is_empty() {
                "-".into()
            } else {
                run.published.join(", ")
            },
            run.command.join(" "),
        ]);
    }
    print(table)
}

/// Seconds as `ps` prints elapsed time: `[[days-]hours:]minutes:seconds`.
fn age(seconds: u64) -> String {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    match (hours / 24, hours % 24) {
        (0, 0) => format!("{minutes:02}:{seconds:02}"),
        (0, hours) => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        (days, hours) => format!("{days}-{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_written_as_ps_writes_elapsed_time() {
        assert_eq!(age(7), "00:07");
        assert_eq!(age(3_600), "01:00:00");
        assert_eq!(age(2 * 86_400 + 61), "2-00:01:01");
    }
}
