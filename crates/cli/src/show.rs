//! What the commands print.

use std::io::Write;

use sockeye_run::report::{Run, Socket};

use crate::arguments::{Ps, Ss};

/// `sockeye ss`: iproute2's columns.
pub(crate) fn sockets(options: &Ss) -> anyhow::Result<()> {
    let mut runs = sockeye_run::runs(options.name.as_deref())?;
    for run in &mut runs {
        run.sockets.retain(|socket| wanted(options, socket));
    }
    let mut out = std::io::stdout().lock();
    if options.json {
        serde_json::to_writer_pretty(&mut out, &runs)?;
        writeln!(out)?;
        return Ok(());
    }
    // As in ss, the column goes when one kind alone is asked for.
    let kinds = [options.tcp, options.udp, options.unix]
        .iter()
        .filter(|kind| **kind)
        .count();
    let netid = kinds != 1;
    let several = runs.len() > 1;
    let mut rows = vec![header(netid)];
    let mut notes = vec![Vec::new()];
    for run in &runs {
        for socket in &run.sockets {
            rows.push(row(socket, netid, options, several.then_some(run)));
            let mut note = Vec::new();
            if options.memory {
                note.push(socket.memory.clone());
            }
            if options.info {
                note.extend(socket.info.iter().cloned());
            }
            notes.push(note);
        }
    }
    let columns = rows[0].len();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(String::len)
                .max()
                .unwrap_or(0)
        })
        .collect();
    for (row, note) in rows.iter().zip(&notes) {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            let width = widths.get(index).copied().unwrap_or(0);
            line.push_str(&format!("{cell:width$} "));
        }
        writeln!(out, "{}", line.trim_end())?;
        if !note.is_empty() {
            writeln!(out, "\t {}", note.join(" "))?;
        }
    }
    Ok(())
}

fn wanted(options: &Ss, socket: &Socket) -> bool {
    let kind = match socket.netid.as_str() {
        "tcp" => options.tcp,
        "udp" => options.udp,
        name if name.starts_with("u_") => options.unix,
        _ => false,
    };
    let any = options.tcp || options.udp || options.unix;
    let idle = socket.state == "LISTEN" || socket.state == "UNCONN";
    (kind || !any)
        && if options.listening {
            idle
        } else {
            options.all || !idle
        }
}

fn header(netid: bool) -> Vec<String> {
    let mut names = vec![
        "State",
        "Recv-Q",
        "Send-Q",
        "Local Address:Port",
        "Peer Address:Port",
        "Process",
    ];
    if netid {
        names.insert(0, "Netid");
    }
    names.into_iter().map(str::to_owned).collect()
}

fn row(socket: &Socket, netid: bool, options: &Ss, run: Option<&Run>) -> Vec<String> {
    let mut cells = Vec::new();
    if netid {
        cells.push(socket.netid.clone());
    }
    cells.extend([
        socket.state.clone(),
        socket.recv_q.to_string(),
        socket.send_q.to_string(),
        socket.local.clone(),
        socket.peer.clone(),
    ]);
    let mut last = Vec::new();
    if let (true, Some(process)) = (options.processes, &socket.process) {
        last.push(format!(
            "users:((\"{}\",pid={},fd={}))",
            process.name, process.pid, process.fd
        ));
    }
    if let Some(timer) = &socket.timer {
        last.push(timer.clone());
    }
    if let Some(run) = run {
        last.push(format!("run:{}", run.name));
    }
    cells.push(last.join(" "));
    cells
}

/// `sockeye ps`.
pub(crate) fn processes(options: &Ps) -> anyhow::Result<()> {
    let runs = sockeye_run::runs(None)?;
    let mut out = std::io::stdout().lock();
    if options.json {
        serde_json::to_writer_pretty(&mut out, &runs)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{:<16} {:>8} {:>8} {:>8} {:<8} {:<30} COMMAND",
        "NAME", "PID", "AGE", "SOCKETS", "LOOPBACK", "PORTS"
    )?;
    for run in runs {
        let ports = if run.published.is_empty() {
            "-".to_owned()
        } else {
            run.published.join(", ")
        };
        writeln!(
            out,
            "{:<16} {:>8} {:>7}s {:>8} {:<8} {:<30} {}",
            run.name,
            run.pid,
            run.seconds,
            run.sockets.len(),
            run.loopback,
            ports,
            run.command.join(" ")
        )?;
    }
    Ok(())
}

/// `sockeye doctor`; answers whether programs can be run.
pub(crate) fn doctor() -> bool {
    let mut able = true;
    for finding in sockeye_run::examine() {
        let mark = match (finding.good, finding.fatal) {
            (true, _) => "ok  ",
            (false, false) => "warn",
            (false, true) => "FAIL",
        };
        println!("{mark}  {}: {}", finding.subject, finding.detail);
        able &= finding.good || !finding.fatal;
    }
    println!(
        "note  a program that installs a seccomp listener of its own gets EBUSY; AF_NETLINK, AF_PACKET and io_uring are refused"
    );
    able
}
