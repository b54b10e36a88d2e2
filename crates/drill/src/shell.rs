//! The commands between back quotes: the few that settle how TCP behaves. No shell ever runs.

use crate::failure::{Failure, Outcome, Place};

/// What a command comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A system-wide setting, as `net.ipv4.tcp_sack`, and its value.
    Set(String, String),
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
}

/// What `defaults.sh` of the public scripts says.
const DEFAULTS: [(&str, &str); 21] = [
    ("net.ipv4.tcp_rmem", "4096 540000 15728640"),
    ("net.ipv4.tcp_wmem", "4096 262144 4194304"),
    ("net.ipv4.tcp_timestamps", "1"),
    ("net.ipv4.tcp_syn_retries", "5"),
    ("net.ipv4.tcp_synack_retries", "5"),
    ("net.ipv4.tcp_frto", "2"),
    ("net.ipv4.tcp_sack", "1"),
    ("net.ipv4.tcp_dsack", "1"),
    ("net.ipv4.tcp_reordering", "3"),
    ("net.ipv4.tcp_congestion_control", "cubic"),
    ("net.ipv4.tcp_slow_start_after_idle", "0"),
    ("net.ipv4.tcp_early_retrans", "4"),
    ("net.ipv4.tcp_recovery", "1"),
    ("net.ipv4.tcp_tso_win_divisor", "3"),
    ("net.ipv4.tcp_ecn", "0"),
    ("net.ipv4.tcp_pacing_ss_ratio", "200"),
    ("net.ipv4.tcp_pacing_ca_ratio", "120"),
    ("net.ipv4.tcp_notsent_lowat", "4294967295"),
    ("net.ipv4.tcp_fastopen", "3"),
    (
        "net.ipv4.tcp_fastopen_key",
        "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4",
    ),
    ("net.ipv4.tcp_syncookies", "1"),
];

/// Whether a setting is one of those that `defaults.sh` makes with this value.
pub(crate) fn is_default(name: &str, value: &str) -> bool {
    DEFAULTS.contains(&(name, value))
}

/// The commands of one pair of back quotes.
pub(crate) fn commands(text: &str, start: Place) -> Outcome<Vec<Command>> {
    let mut commands = Vec::new();
    let mut lines = text.split('\n').enumerate();
    while let Some((at, line)) = lines.next() {
        let mut column = if at == 0 { start.column + 1 } else { 1 };
        let line_number = start.line + u32::try_from(at).unwrap_or(0);
        let mut line = line.split('#').next().unwrap_or_default().to_owned();
        // A line that ends with a backslash goes on with the next.
        while let Some(begun) = line.strip_suffix('\\') {
            let next = lines.next().map_or("", |(_, next)| next);
            line = format!("{begun} {}", next.split('#').next().unwrap_or_default());
        }
        for part in line.split(';') {
            let indent = part.len() - part.trim_start().len();
            let place = Place {
                line: line_number,
                column: column + u32::try_from(indent).unwrap_or(0),
            };
            column += u32::try_from(part.len() + 1).unwrap_or(0);
            command(part.trim(), place, &mut commands)?;
        }
    }
    Ok(commands)
}

fn command(line: &str, place: Place, out: &mut Vec<Command>) -> Outcome<()> {
    let words = words(line, place)?;
    let mut words = words.iter().map(String::as_str);
    let Some(program) = words.next() else {
        return Ok(());
    };
    let rest: Vec<&str> = words
        .take_while(|word| !word.starts_with('>') && !word.starts_with("2>"))
        .collect();
    match program.rsplit('/').next().unwrap_or(program) {
        "defaults.sh" => {
            let settings = DEFAULTS.iter();
            out.extend(
                settings.map(|(name, value)| Command::Set((*name).to_owned(), (*value).to_owned())),
            );
        }
        "sysctl" | "set_sysctls.py" => {
            for word in rest.iter().filter(|word| !word.starts_with('-')) {
                let Some((name, value)) = word.split_once('=') else {
                    return Err(unknown(place, word));
                };
                let name = name.trim_start_matches("/proc/sys/").replace('/', ".");
                out.push(Command::Set(name, value.to_owned()));
            }
        }
        "echo" => {
            // `echo 1 > /proc/sys/net/ipv4/tcp_sack`
            let Some((_, file)) = line.split_once('>') else {
                return Err(unknown(place, "echo"));
            };
            let Some(name) = file.trim().strip_prefix("/proc/sys/") else {
                return Err(unknown(place, file.trim()));
            };
            out.push(Command::Set(name.replace('/', "."), rest.join(" ")));
        }
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
        // Nothing is remembered of earlier connections, and the interface is a plain queue; what fq does to a flow that
        // is not paced is the same.
        "ip" if rest.starts_with(&["tcp_metrics", "flush"]) => {}
        "tc" if matches!(rest.last(), Some(&("pfifo" | "fq"))) => {}
        // The machine ends with the script.
        name if name.starts_with("sysctl_restore_") => {}
        "true" => {}
        "nstat" => out.push(counters(line).ok_or_else(|| unknown(place, line))?),
        _ => return Err(unknown(place, program)),
    }
    Ok(())
}

/// What `nstat` is asked for: to count from here, or what one counter has grown by.
fn counters(line: &str) -> Option<Command> {
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

fn unknown(place: Place, word: &str) -> Failure {
    let what = format!("the command `{word}` is not understood: only settings of TCP are");
    Failure::new(place, what)
}

/// The words of a line, without their quotes, and with what `$((...))` comes to.
fn words(line: &str, place: Place) -> Outcome<Vec<String>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix("$((") {
            let Some((sum, behind)) = inner.split_once("))") else {
                return Err(unknown(place, rest));
            };
            let factors: Result<Vec<u64>, _> = sum.split('*').map(|n| n.trim().parse()).collect();
            let product = factors
                .ok()
                .and_then(|f| f.into_iter().try_fold(1u64, u64::checked_mul));
            let product = product.ok_or_else(|| unknown(place, sum))?;
            word.push_str(&product.to_string());
            rest = behind;
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.push(c),
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, None) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Outcome<Vec<Command>> {
        commands(text, Place { line: 3, column: 1 })
    }

    fn set(name: &str, value: &str) -> Command {
        Command::Set(name.to_owned(), value.to_owned())
    }

    #[test]
    fn settings_are_read_in_each_of_their_forms() {
        let text = "sysctl -q net.ipv4.tcp_rmem=\"4096 $((2*1024)) 6\" net.ipv4.tcp_sack=0\n\
            ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_sack=1 # no\n\
            echo 2 > /proc/sys/net/ipv4/tcp_syncookies; ethtool -K tun0 tso off";
        assert_eq!(
            read(text),
            Ok(vec![
                set("net.ipv4.tcp_rmem", "4096 2048 6"),
                set("net.ipv4.tcp_sack", "0"),
                set("net.ipv4.tcp_sack", "1"),
                set("net.ipv4.tcp_syncookies", "2"),
                Command::Segmentation(false),
            ])
        );
        assert_eq!(
            read("../common/defaults.sh").map(|c| c.len()),
            Ok(DEFAULTS.len())
        );
    }

    #[test]
    fn a_line_that_ends_with_a_backslash_goes_on() {
        let text =
            "set_sysctls.py /proc/sys/net/ipv4/tcp_sack=1 \\\n  /proc/sys/net/ipv4/tcp_dsack=0";
        let both = vec![
            set("net.ipv4.tcp_sack", "1"),
            set("net.ipv4.tcp_dsack", "0"),
        ];
        assert_eq!(read(text), Ok(both));
        let failure =
            read(&format!("{text}\nrm x")).expect_err("the last line is no command known");
        assert_eq!(failure.place.line, 5);
    }

    #[test]
    fn nstat_is_asked_in_few_ways() {
        let grown = |by, restarts| {
            let name = "TcpExtBeyondWindow".to_owned();
            Some(vec![Command::Grown { name, by, restarts }])
        };
        let read = |text: &str| read(text).ok();
        assert_eq!(read("nstat -n"), Some(vec![Command::Counters]));
        assert_eq!(read("nstat | grep TcpExtBeyondWindow"), grown(None, true));
        let asked = read("nstat | grep TcpExtBeyondWindow | grep -q \" 3 \"");
        assert_eq!(asked, grown(Some(3), true));
        let asked = read("nstat -s | grep TcpExtBeyondWindow| grep -q \" 3 \"");
        assert_eq!(asked, grown(Some(3), false));
        for other in [
            "nstat -x",
            "nstat -n | grep A",
            "nstat | grep A | grep B",
            "nstat | grep A | grep 1 | grep 1",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn any_other_command_is_an_error_with_its_place() {
        let failure = read("true\n  rm -rf x").expect_err("no shell");
        assert_eq!(failure.place, Place { line: 4, column: 3 });
        assert!(failure.what.contains("`rm`"));
    }
}
