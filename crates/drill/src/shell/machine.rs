//! Commands for the machine around the stack: files, the interface's queue, routes, and tables that are searched.

use std::net::IpAddr;
use std::str::FromStr;

use sockeye_core::RouteMetrics;

use super::words::parts;
use super::{Command, words};
use crate::failure::{Outcome, Place};
use crate::system::{Change, Queue, RouteChange};

/// A file of `dd` is not longer.
const LONGEST_FILE: usize = 1 << 24;

/// `rm -f FILE...`
pub(super) fn remove(arguments: &[&str]) -> Option<Vec<Command>> {
    let (options, files): (Vec<&str>, Vec<&str>) =
        arguments.iter().partition(|word| word.starts_with('-'));
    let is_known = options.iter().all(|option| *option == "-f");
    let remove = |path: &&str| {
        Command::Change(Change::File {
            path: (*path).to_owned(),
            content: None,
        })
    };
    (is_known && !files.is_empty()).then(|| files.iter().map(remove).collect())
}

/// `dd bs=1 count=5 if=/dev/zero of=FILE status=none`
pub(super) fn copy(arguments: &[&str]) -> Option<Command> {
    let (mut size, mut count, mut from, mut to) = (512, None, None, None);
    for argument in arguments {
        match argument.split_once('=')? {
            ("bs", value) => size = value.parse().ok()?,
            ("count", value) => count = Some(value.parse::<usize>().ok()?),
            ("if", value) => from = Some(value),
            ("of", value) => to = Some(value),
            ("status", _) => {}
            _ => return None,
        }
    }
    let length = count?.checked_mul(size)?;
    if from? != "/dev/zero" || length > LONGEST_FILE {
        return None;
    }
    Some(Command::Change(Change::File {
        path: to?.to_owned(),
        content: Some(vec![0; length]),
    }))
}

/// `tc qdisc replace dev tun0 root pfifo limit 10`
pub(super) fn traffic_control(arguments: &[&str]) -> Option<Command> {
    let ["qdisc", verb, "dev", _device, "root", rest @ ..] = arguments else {
        return None;
    };
    let queue = match (*verb, rest) {
        ("del" | "delete", []) => Queue::Default,
        ("add" | "replace" | "change", ["pfifo" | "pfifo_fast" | "noqueue"]) => Queue::Default,
        ("add" | "replace" | "change", ["pfifo", "limit", limit]) => {
            Queue::Limited(limit.parse().ok()?)
        }
        ("add" | "replace" | "change", ["fq"]) => Queue::Fair,
        _ => return None,
    };
    Some(Command::Change(Change::Queue(queue)))
}

/// `ip route add 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11`
pub(super) fn route(arguments: &[&str]) -> Option<Command> {
    let arguments = match arguments {
        ["-4" | "-6", rest @ ..] => rest,
        all => all,
    };
    let ["route", verb, destination, rest @ ..] = arguments else {
        return None;
    };
    let is_removal = match *verb {
        "add" | "change" | "replace" => false,
        "del" | "delete" => true,
        _ => return None,
    };
    let (address, length) = match destination.split_once('/') {
        Some((address, length)) => (address, Some(length.parse().ok()?)),
        None => (*destination, None),
    };
    let address = IpAddr::from_str(address).ok()?;
    let whole = if address.is_ipv6() { 128 } else { 32 };
    let mut change = RouteChange {
        destination: (address, length.unwrap_or(whole)),
        gateway: None,
        metrics: RouteMetrics::default(),
        is_removal,
    };
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let mut number = || words.next()?.parse::<u32>().ok();
        match *word {
            "via" => change.gateway = Some(words.next()?.parse().ok()?),
            "dev" => {
                words.next()?;
            }
            "advmss" => change.metrics.advertised_mss = Some(words.next()?.parse().ok()?),
            "initcwnd" => change.metrics.initial_window = Some(number()?),
            "mtu" => {
                let first = words.next()?;
                change.metrics.is_mtu_locked = *first == "lock";
                let value = if *first == "lock" {
                    words.next()?
                } else {
                    first
                };
                change.metrics.mtu = Some(value.parse().ok()?);
            }
            _ => return None,
        }
    }
    Some(Command::Change(Change::Route(change)))
}

/// `grep " 0A " /proc/net/tcp /proc/net/tcp6 | grep ":1F90"`: that a table has a line with all of it.
pub(super) fn search(line: &str, place: Place) -> Outcome<Option<Command>> {
    let (mut files, mut patterns) = (Vec::new(), Vec::new());
    for (at, (_, stage)) in parts(line, "|").into_iter().enumerate() {
        let stage = words::words(stage, place)?;
        let mut stage = stage
            .iter()
            .map(String::as_str)
            .take_while(|word| !words::is_redirection(word));
        if stage.next() != Some("grep") {
            return Ok(None);
        }
        let mut is_inverted = false;
        let mut rest = Vec::new();
        for word in stage {
            match word {
                "-v" => is_inverted = true,
                "-q" => {}
                _ if word.starts_with('-') => return Ok(None),
                _ => rest.push(word),
            }
        }
        let Some((pattern, named)) = rest.split_first() else {
            return Ok(None);
        };
        // What a regular expression would read otherwise than as it stands.
        if pattern.contains(['.', '*', '[', ']', '^', '$', '\\']) || named.is_empty() != (at > 0) {
            return Ok(None);
        }
        patterns.push((is_inverted, (*pattern).to_owned()));
        files.extend(named.iter().map(|file| (*file).to_owned()));
    }
    Ok(Some(Command::Listed { files, patterns }))
}
