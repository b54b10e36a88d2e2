//! What the files of `/proc/net` would say of the host.

use std::fmt::Write;
use std::net::IpAddr;

use sockeye_core::{Domain, Host, SocketSummary, SocketType};

/// The states of `/proc/net/tcp`, by the names of `ss`.
const STATES: [(&str, u8); 12] = [
    ("ESTAB", 1),
    ("SYN-SENT", 2),
    ("SYN-RECV", 3),
    ("FIN-WAIT-1", 4),
    ("FIN-WAIT-2", 5),
    ("TIME-WAIT", 6),
    ("UNCONN", 7),
    ("CLOSE-WAIT", 8),
    ("LAST-ACK", 9),
    ("LISTEN", 10),
    ("CLOSING", 11),
    ("NEW-SYN-RECV", 12),
];

/// A table by the name of its file.
pub(super) fn read(host: &Host, path: &str) -> Result<String, String> {
    let domain = match path {
        "/proc/net/tcp" => Domain::Inet,
        "/proc/net/tcp6" => Domain::Inet6,
        _ => return Err(format!("there is no `{path}` here")),
    };
    let mut text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n".to_owned();
    let sockets = host.snapshot().sockets;
    let of_table = |socket: &&SocketSummary| {
        // A socket that is neither bound nor connected is in no table.
        socket.kind == SocketType::Stream && socket.domain == domain && socket.local.is_some()
    };
    for (at, socket) in sockets.iter().filter(of_table).enumerate() {
        line(&mut text, at, socket);
    }
    Ok(text)
}

fn line(text: &mut String, at: usize, socket: &SocketSummary) {
    let is_v6 = socket.domain == Domain::Inet6;
    let state = STATES.iter().find(|(name, _)| *name == socket.state);
    let state = state.map_or(7, |(_, number)| *number);
    // A listener's backlog is told by `ss` alone.
    let (unsent, unread) = match state {
        10 => (0, socket.recv_q),
        _ => (socket.send_q, socket.recv_q),
    };
    let address = |address: &Option<sockeye_core::SocketAddress>| {
        let address = address.as_ref().and_then(|address| address.ip());
        hexadecimal(address, is_v6)
    };
    let (local, peer) = (address(&socket.local), address(&socket.peer));
    let _written = writeln!(
        text,
        "{at:4}: {local} {peer} {state:02X} {unsent:08X}:{unread:08X} 00:00000000 00000000 {:5}        0 {}",
        socket.credentials.uid, socket.cookie
    );
}

/// The address in words of the machine, as the kernel prints it, and the port.
fn hexadecimal(address: Option<(IpAddr, u16)>, is_v6: bool) -> String {
    let ip = match address.map(|(ip, _)| ip) {
        Some(IpAddr::V4(ip)) if is_v6 => ip.to_ipv6_mapped().octets().to_vec(),
        Some(IpAddr::V4(ip)) => ip.octets().to_vec(),
        Some(IpAddr::V6(ip)) => ip.octets().to_vec(),
        None => vec![0; if is_v6 { 16 } else { 4 }],
    };
    let words = ip
        .chunks_exact(4)
        .filter_map(|word| Some(u32::from_ne_bytes(word.try_into().ok()?)));
    let ip: String = words.map(|word| format!("{word:08X}")).collect();
    format!("{ip}:{:04X}", address.map_or(0, |(_, port)| port))
}
