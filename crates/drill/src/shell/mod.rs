//! The commands between back quotes: the few that settle how TCP and the machine around it behave. No shell ever runs.

mod defaults;
mod machine;
mod nstat;
mod words;

use crate::failure::{Failure, Outcome, Place};
use crate::system::Change;
use defaults::DEFAULTS;
pub(crate) use defaults::{has_default, is_default};

/// What a command comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A system-wide setting, as `net.ipv4.tcp_sack`, and its value.
    Set(String, String),
    /// `sysctl -e`: the same if there is such a setting.
    SetIfKnown(String, String),
    /// What the machine around the stack becomes.
    Change(Change),
    /// Whether super-segments may leave.
    Segmentation(bool),
    /// `nstat`: the counters are counted from here.
    Counters,
    /// `nstat | grep NAME`: this counter must have grown since the last `nstat`.
    Grown {
        /// The counter.
        name: String,
        /// `| grep " N "`: by so much.
        by: Option<u64>,
        /// Without `-s`: the counters are counted from here.
        restarts: bool,
    },
    /// `grep WORD FILE | grep WORD`: a line of these files has every pattern, or has it not where the flag stands.
    Listed {
        files: Vec<String>,
        patterns: Vec<(bool, String)>,
    },
    /// `a || b`: the second where the machine has not what the first sets.
    Either(Vec<Command>, Vec<Command>),
}

/// The commands of one pair of back quotes.
pub(crate) fn commands(text: &str, start: Place) -> Outcome<Vec<Command>> {
    let mut commands = Vec::new();
    let mut lines = text.split('\n').enumerate();
    while let Some((at, line)) = lines.next() {
        let column = if at == 0 { start.column + 1 } else { 1 };
        let line_number = start.line + u32::try_from(at).unwrap_or(0);
        let mut line = line.split('#').next().unwrap_or_default().to_owned();
        // A line that ends with a backslash goes on with the next.
        while let Some(begun) = line.strip_suffix('\\') {
            let next = lines.next().map_or("", |(_, next)| next);
            line = format!("{begun} {}", next.split('#').next().unwrap_or_default());
        }
        for (indent, part) in words::parts(&line, ";") {
            let blanks = indent + part.len() - part.trim_start().len();
            let place = Place {
                line: line_number,
                column: column + u32::try_from(blanks).unwrap_or(0),
            };
            alternatives(part.trim(), place, &mut commands)?;
        }
    }
    Ok(commands)
}

/// `a || b`
fn alternatives(line: &str, place: Place, out: &mut Vec<Command>) -> Outcome<()> {
    let mut parts = words::parts(line, "||").into_iter().rev();
    let mut last = Vec::new();
    if let Some((_, part)) = parts.next() {
        command(part.trim(), place, &mut last)?;
    }
    for (_, part) in parts {
        let mut first = Vec::new();
        command(part.trim(), place, &mut first)?;
        // What else is asked of a machine can't fail halfway.
        if !first.iter().all(|c| matches!(c, Command::Set(..))) {
            return Err(unknown(place, part.trim()));
        }
        last = vec![Command::Either(first, last)];
    }
    out.extend(last);
    Ok(())
}

fn command(line: &str, place: Place, out: &mut Vec<Command>) -> Outcome<()> {
    let words = words::words(line, place)?;
    let mut words = words.iter().map(String::as_str);
    let Some(program) = words.next() else {
        return Ok(());
    };
    let rest: Vec<&str> = words
        .take_while(|word| !words::is_redirection(word))
        .collect();
    let known = |found: Option<Command>| found.ok_or_else(|| unknown(place, line));
    match program.rsplit('/').next().unwrap_or(program) {
        "defaults.sh" => {
            let settings = DEFAULTS.iter();
            out.extend(
                settings.map(|(name, value)| Command::Set((*name).to_owned(), (*value).to_owned())),
            );
            if program.starts_with("../../") {
                let (name, value) = defaults::FURTHER_UP;
                out.push(Command::Set(name.to_owned(), value.to_owned()));
            }
            out.push(Command::Change(Change::ForgetPeers));
        }
        "sysctl" | "set_sysctls.py" => {
            let is_lenient = rest.contains(&"-e");
            for word in rest.iter().filter(|word| !word.starts_with('-')) {
                let Some((name, value)) = word.split_once('=') else {
                    return Err(unknown(place, word));
                };
                let name = name.trim_start_matches("/proc/sys/").replace('/', ".");
                let make = if is_lenient {
                    Command::SetIfKnown
                } else {
                    Command::Set
                };
                out.push(make(name, value.to_owned()));
            }
        }
        "echo" => out.push(Command::Set(echoed(line, place)?, rest.join(" "))),
        "ethtool" => match rest.as_slice() {
            ["-K", _device, features @ ..] => {
                for pair in features.chunks(2) {
                    match pair {
                        ["tso" | "gso", "off"] => out.push(Command::Segmentation(false)),
                        ["tso" | "gso", "on"] => out.push(Command::Segmentation(true)),
                        // What comes in is never put together here.
                        ["gro" | "lro", "off"] => {}
                        _ => return Err(unknown(place, &pair.join(" "))),
                    }
                }
            }
            _ => return Err(unknown(place, "ethtool")),
        },
        "ip" if rest.starts_with(&["tcp_metrics", "flush"]) => {
            out.push(Command::Change(Change::ForgetPeers));
        }
        "ip" => out.push(known(machine::route(&rest))?),
        "tc" => out.push(known(machine::traffic_control(&rest))?),
        "rm" => {
            let removed = machine::remove(&rest);
            out.extend(removed.ok_or_else(|| unknown(place, line))?);
        }
        "dd" => out.push(known(machine::copy(&rest))?),
        "grep" => out.push(known(machine::search(line, place)?)?),
        // The machine ends with the script.
        name if name.starts_with("sysctl_restore_") => {}
        "true" | ":" => {}
        "nstat" => out.push(known(nstat::counters(line))?),
        _ => return Err(unknown(place, program)),
    }
    Ok(())
}

/// The setting of `echo 1 > /proc/sys/net/ipv4/tcp_sack`; those of a module have its name before theirs.
fn echoed(line: &str, place: Place) -> Outcome<String> {
    let Some((_, file)) = line.split_once('>') else {
        return Err(unknown(place, "echo"));
    };
    let file = file.trim();
    let module = file
        .strip_prefix("/sys/module/")
        .map(|name| name.replacen("/parameters/", "/", 1));
    let name = module.or_else(|| file.strip_prefix("/proc/sys/").map(str::to_owned));
    let name = name.ok_or_else(|| unknown(place, file))?;
    Ok(name.replace('/', "."))
}

fn unknown(place: Place, word: &str) -> Failure {
    let what = format!(
        "the command `{word}` is not understood: only settings of TCP and of the machine around it are"
    );
    Failure::new(place, what)
}

#[cfg(test)]
mod tests;
