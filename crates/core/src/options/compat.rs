//! `docs/compat.md`: the table of options for people.

use alloc::string::String;
use core::fmt::Write;

use super::table::{Scope, Standing, TABLE_LEVELS, Value, entries};

const KINDS: [(&str, Scope, Scope); 6] = [
    ("TCP", Scope::TCP4, Scope::TCP6),
    ("UDP", Scope::UDP4, Scope::UDP6),
    ("raw", Scope::RAW4, Scope::RAW6),
    ("ping", Scope::PING4, Scope::PING6),
    ("unix", Scope::UNIX, Scope::UNIX),
    ("netlink", Scope::NETLINK, Scope::NETLINK),
];

fn sockets(scope: Scope) -> String {
    if scope == Scope::ALL {
        return "all".into();
    }
    let mut text = String::new();
    for (name, v4, v6) in KINDS {
        let suffix = match (scope.contains(v4), scope.contains(v6)) {
            (false, false) => continue,
            (true, true) => "",
            (true, false) => "/4",
            (false, true) => "/6",
        };
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push_str(suffix);
    }
    text
}

fn type_of(value: Value) -> &'static str {
    match value {
        Value::Bool => "bool",
        Value::Int => "int",
        Value::Linger => "struct linger",
        Value::Timeval => "struct timeval",
        Value::Ucred => "struct ucred",
        Value::U64 => "uint64_t",
        Value::Text => "char[]",
        Value::Bytes => "struct",
    }
}

/// The page. It is generated: a test compares the file with it, and writes it when `UPDATE` is set.
pub fn page() -> String {
    let mut page = String::from(
        "# Socket options\n\n\
         Generated from the option table of `sockeye-core` (`UPDATE=1 cargo test -p sockeye-core compat` writes it).\n\n\
         - *effective*: does what Linux does.\n\
         - *partly effective*: the same, but for what is said; there it is recorded.\n\
         - *recorded*: keeps its value for `getsockopt`; nothing else follows from it, for the reason given.\n\
         - *refused*: answers the error given, for the reason given.\n\n\
         `/4` and `/6` mean that only the IPv4 or the IPv6 socket has the option. An option that is *inherited* has its\n\
         listener's value on an accepted socket. Any other option is answered with `ENOPROTOOPT`.\n\
         UDP-Lite sockets have UDP's options. Those of `IPPROTO_UDPLITE` can be set on them only.\n",
    );
    for (level, label) in TABLE_LEVELS {
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "\n## {label}\n\n| option | type | sockets | inherited | standing | why |\n|---|---|---|---|---|---|\n"
        );
        for entry in entries().filter(|entry| entry.level == level) {
            let (standing, why) = match entry.standing {
                Standing::Effective => (String::from("effective"), ""),
                Standing::Partly(but) => (String::from("partly effective"), but),
                Standing::Recorded(why) => (String::from("recorded"), why),
                Standing::Refused(errno, why) => (alloc::format!("refused: `{errno}`"), why),
            };
            let inherited = match (entry.standing, entry.is_inherited) {
                (Standing::Refused(..), _) => "-",
                (_, true) => "yes",
                (_, false) => "no",
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {inherited} | {standing} | {why} |",
                entry.label,
                type_of(entry.value),
                sockets(entry.scope),
            );
        }
    }
    page
}
