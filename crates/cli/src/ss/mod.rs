//! `sockeye ss`: the sockets of a run, with iproute2's columns and keys.

mod services;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use sockeye_run::report::{EndReport, MemoryReport, NetId, SocketReport, TcpReport};

use crate::arguments::Ss;
use services::Services;
use table::Table;

pub(crate) fn run(arguments: &Ss) -> anyhow::Result<()> {
    let mut sockets = sockeye_run::control::sockets(arguments.name.as_deref())?;
    sockets.retain(|socket| is_wanted(arguments, socket));
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&sockets)?);
        return Ok(());
    }
    let services = if arguments.numeric { Services::none() } else { Services::load() };
    print!("{}", table(arguments, &sockets, &services));
    Ok(())
}

/// As `ss`: without a kind all kinds; without `-a` or `-l` only what is connected.
fn is_wanted(arguments: &Ss, socket: &SocketReport) -> bool {
    let any_kind = !(arguments.tcp || arguments.udp || arguments.unix || arguments.raw);
    let kind = match socket.netid {
        NetId::Tcp => arguments.tcp,
        NetId::Udp => arguments.udp,
        NetId::Raw | NetId::Icmp | NetId::Icmp6 => arguments.raw,
        NetId::UnixStream | NetId::UnixDatagram | NetId::UnixSeqpacket => arguments.unix,
    };
    let listening = matches!(socket.state.as_str(), "LISTEN" | "UNCONN");
    (any_kind || kind) && (arguments.all || listening == arguments.listening)
}

fn table(arguments: &Ss, sockets: &[SocketReport], services: &Services) -> Table {
    // ss leaves the first column away when it would say the same in each row.
    let kinds = [arguments.tcp, arguments.udp, arguments.raw, arguments.unix];
    let with_netid = arguments.unix || kinds.iter().filter(|kind| **kind).count() != 1;
    let mut header = vec!["Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Process"];
    if !with_netid {
        header.remove(0);
    }
    let local = header.len() - 3;
    let mut table = Table::new(&header).align_right(local);
    for socket in sockets {
        let mut cells = vec![
            socket.netid.as_str().to_owned(),
            socket.state.clone(),
            socket.recv_q.to_string(),
            socket.send_q.to_string(),
            end(&socket.local, socket.netid, services),
            end(&socket.peer, socket.netid, services),
            if arguments.processes { users(socket) } else { String::new() },
        ];
        if !with_netid {
            cells.remove(0);
        }
        table.row_with(cells, details(arguments, socket));
    }
    if arguments.no_header { table.without_header() } else { table }
}

fn end(end: &EndReport, netid: NetId, services: &Services) -> String {
    match end {
        EndReport::Inet { address, port } => {
            let port = match port {
                0 => "*".to_owned(),
                port => services.name(netid, *port).map_or_else(|| port.to_string(), str::to_owned),
            };
            if address.is_ipv6() { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
        }
        EndReport::Unix { name, inode } => {
            let name = if name.is_empty() { "*" } else { name };
            format!("{name} {inode}")
        }
    }
}

fn users(socket: &SocketReport) -> String {
    if socket.holders.is_empty() {
        return String::new();
    }
    let holders: Vec<String> = socket
        .holders
        .iter()
        .map(|holder| format!("(\"{}\",pid={},fd={})", holder.program, holder.pid, holder.fd))
        .collect();
    format!("users:({})", holders.join(","))
}

/// What `-m` and `-i` add: on lines of their own, as `ss` does.
fn details(arguments: &Ss, socket: &SocketReport) -> String {
    let mut parts = Vec::new();
    if arguments.memory && let Some(memory) = &socket.memory {
        parts.push(skmem(memory));
    }
    if arguments.info && let Some(tcp) = &socket.tcp {
        parts.push(info(tcp));
    }
    if arguments.info && socket.joined {
        parts.push("joined".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!("\n\t {}", parts.join(" ")) }
}

fn skmem(memory: &MemoryReport) -> String {
    let MemoryReport { rmem_alloc, rcv_buf, wmem_alloc, snd_buf, drops } = memory;
    format!("skmem:(r{rmem_alloc},rb{rcv_buf},t{wmem_alloc},tb{snd_buf},f0,w{wmem_alloc},o0,bl0,d{drops})")
}

fn info(tcp: &TcpReport) -> String {
    let mut text = format!(
        "{} wscale:{},{} rto:{} rtt:{}/{} mss:{} pmtu:{} cwnd:{}",
        tcp.congestion, tcp.wscale.0, tcp.wscale.1, tcp.rto_ms, tcp.rtt_ms, tcp.rttvar_ms, tcp.mss, tcp.pmtu, tcp.cwnd
    );
    // Writing into a String cannot fail.
    if let Some(ssthresh) = tcp.ssthresh {
        let _ = write!(text, " ssthresh:{ssthresh}");
    }
    let _ = write!(text, " bytes_sent:{}", tcp.bytes_sent);
    if tcp.bytes_retrans > 0 {
        let _ = write!(text, " bytes_retrans:{}", tcp.bytes_retrans);
    }
    let _ = write!(
        text,
        " bytes_acked:{} bytes_received:{} segs_out:{} segs_in:{}",
        tcp.bytes_acked, tcp.bytes_received, tcp.segs_out, tcp.segs_in
    );
    if tcp.retrans.1 > 0 {
        let _ = write!(text, " retrans:{}/{}", tcp.retrans.0, tcp.retrans.1);
    }
    let _ = write!(text, " rcv_space:{}", tcp.rcv_space);
    text
}
