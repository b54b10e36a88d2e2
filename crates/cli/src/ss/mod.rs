//! `sockeye ss`: the sockets of runs, with iproute2's columns and keys.

mod rates;
mod services;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use sockeye_run::report::{Process, Run, Socket};

use crate::arguments::Ss;
use crate::output::print;
use services::Services;
use table::Table;

/// Prints them.
pub(crate) fn run(options: &Ss) -> anyhow::Result<()> {
    let mut runs = sockeye_run::runs(options.name.as_deref())?;
    for run in &mut runs {
        run.sockets.retain(|socket| is_wanted(options, socket));
    }
    if options.json {
        return print(format_args!("{}\n", serde_json::to_string_pretty(&runs)?));
    }
    let services = if options.numeric {
        Services::none()
    } else {
        Services::load()
    };
    print(table(options, &runs, &services))
}

/// As `ss`: without a kind all kinds; without `-a` or `-l` only what is connected.
fn is_wanted(options: &Ss, socket: &Socket) -> bool {
    let kind = match socket.netid.as_str() {
        "tcp" => options.tcp,
        "udp" | "udplite" => options.udp,
        name if name.starts_with("u_") => options.unix,
        _ => false,
    };
    let any_kind = !(options.tcp || options.udp || options.unix);
    let is_idle = matches!(socket.state.as_str(), "LISTEN" | "UNCONN");
    (any_kind || kind)
        && if options.listening {
            is_idle
        } else {
            options.all || !is_idle
        }
}

fn table(options: &Ss, runs: &[Run], services: &Services) -> Table {
    // As in ss, the first column goes when it would say the same in each row; AF_UNIX has three kinds.
    let kinds = [options.tcp, options.udp];
    let with_netid = options.unix || kinds.iter().filter(|kind| **kind).count() != 1;
    let first = usize::from(!with_netid);
    let header = [
        "Netid",
        "State",
        "Recv-Q",
        "Send-Q",
        "Local Address:Port",
        "Peer Address:Port",
        "Process",
    ];
    let mut table = Table::new(&header[first..]);
    for run in runs {
        for socket in &run.sockets {
            let cells = [
                socket.netid.clone(),
                socket.state.clone(),
                socket.recv_q.to_string(),
                socket.send_q.to_string(),
                services.named(&socket.netid, &socket.local),
                services.named(&socket.netid, &socket.peer),
                last_column(options, socket, (runs.len() > 1).then_some(run)),
            ];
            table.row_with(cells[first..].to_vec(), details(options, socket));
        }
    }
    table
}

fn last_column(options: &Ss, socket: &Socket, run: Option<&Run>) -> String {
    let mut words = Vec::new();
    let users = socket.processes.iter().map(|process| {
        let Process { name, pid, fd } = process;
        format!("(\"{name}\",pid={pid},fd={fd})")
    });
    let users: Vec<String> = users.collect();
    if options.processes && !users.is_empty() {
        words.push(format!("users:({})", users.join(",")));
    }
    if options.options {
        words.extend(socket.timer.clone());
    }
    if options.extended {
        // `ss` names no owner that is root.
        words.extend((socket.uid != 0).then(|| format!("uid:{}", socket.uid)));
        words.push(format!("sk:{:x}", socket.cookie));
        if !socket.netid.starts_with("u_") {
            words.push("<->".to_owned());
        }
    }
    words.extend(run.map(|run| format!("run:{}", run.name)));
    words.join(" ")
}

/// What `-m` and `-i` add: on a line of its own, as `ss` does.
fn details(options: &Ss, socket: &Socket) -> String {
    let mut words = Vec::new();
    if options.memory {
        words.push(socket.memory.clone());
    }
    if options.info {
        let rate = |word: &String| {
            if options.numeric {
                word.clone()
            } else {
                rates::shortened(word)
            }
        };
        words.extend(socket.info.iter().map(rate));
    }
    if words.is_empty() {
        String::new()
    } else {
        format!("\n\t {}", words.join(" "))
    }
}
