//! `nstat`, which tells what was counted.

use super::Command;

/// What `nstat` is asked for: to count from here, or what one counter has grown by.
pub(super) fn counters(line: &str) -> Option<Command> {
    // Where its words go doesn't matter.
    let line = line.split('>').next().unwrap_or_default();
    let mut stages = line.split('|').map(str::trim);
    let first = stages.next()?;
    let Some(name) = stages.next() else {
        return matches!(first, "nstat" | "nstat -n").then_some(Command::Counters);
    };
    let restarts = match first {
        "nstat" => true,
        "nstat -s" => false,
        _ => return None,
    };
    let name = name.strip_prefix("grep ")?.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    is_name.then_some(())?;
    let by = match stages.next() {
        None => None,
        Some(value) => {
            let value = value.strip_prefix("grep ")?.trim().trim_start_matches("-q");
            Some(value.trim().trim_matches('"').trim().parse().ok()?)
        }
    };
    stages.next().is_none().then(|| Command::Grown {
        name: name.to_owned(),
        by,
        restarts,
    })
}
