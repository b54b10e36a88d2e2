//! Sockets in iproute2's words.

mod tcp;

pub(crate) use tcp::{info, timer};

use sockeye_core::{Domain, SocketAddress, SocketSummary, SocketType};

/// The `Netid` column.
pub(crate) fn netid(summary: &SocketSummary) -> String {
    match (summary.domain, summary.kind, summary.protocol) {
        (Domain::Unix, SocketType::Stream, _) => "u_str",
        (Domain::Unix, SocketType::SeqPacket, _) => "u_seq",
        (Domain::Unix, _, _) => "u_dgr",
        (Domain::Netlink, ..) => "nl",
        (_, SocketType::Stream, _) => "tcp",
        (_, SocketType::Datagram, 17) => "udp",
        (_, SocketType::Datagram, 136) => "udplite",
        (_, SocketType::Datagram, 1) => "icmp",
        (_, SocketType::Datagram, 58) => "icmp6",
        (_, SocketType::Raw, _) => "raw",
        (_, SocketType::SeqPacket, _) => "sctp",
        (_, SocketType::Datagram, _) => "udp",
    }
    .to_owned()
}

/// The `Local Address:Port` column. `device` is the interface that the socket is bound to.
pub(crate) fn local(summary: &SocketSummary, device: Option<&str>) -> String {
    let text = address(summary.local.as_ref(), summary);
    match (device, text.rsplit_once(':')) {
        (Some(device), Some((host, port))) => format!("{host}%{device}:{port}"),
        _ => text,
    }
}

/// The `Peer Address:Port` column.
pub(crate) fn peer(summary: &SocketSummary) -> String {
    address(summary.peer.as_ref(), summary)
}

/// `Address:Port`, with `*` for what is not fixed.
fn address(address: Option<&SocketAddress>, summary: &SocketSummary) -> String {
    let port = |port: u16| {
        if port == 0 {
            "*".to_owned()
        } else {
            port.to_string()
        }
    };
    // `::` of a socket that is for IPv4 too is any address at all. A bind to one address ends that.
    let any6 = if is_dual_stack(summary) { "*" } else { "[::]" };
    match address {
        Some(SocketAddress::V4(address)) => format!("{}:{}", address.ip(), port(address.port())),
        Some(SocketAddress::V6(address)) if address.ip().is_unspecified() => {
            format!("{any6}:{}", port(address.port()))
        }
        Some(SocketAddress::V6(address)) => format!("[{}]:{}", address.ip(), port(address.port())),
        Some(other @ (SocketAddress::Unix(_) | SocketAddress::Netlink { .. })) => other.to_string(),
        Some(SocketAddress::Unspecified | SocketAddress::Malformed(_)) | None => {
            match summary.domain {
                Domain::Inet => "0.0.0.0:*".to_owned(),
                Domain::Inet6 => format!("{any6}:*"),
                Domain::Unix | Domain::Netlink => "*".to_owned(),
            }
        }
    }
}

fn is_dual_stack(summary: &SocketSummary) -> bool {
    let is_bound_to_one = match &summary.local {
        Some(SocketAddress::V6(local)) => !local.ip().is_unspecified(),
        _ => false,
    };
    summary.domain == Domain::Inet6 && !summary.is_v6_only && !is_bound_to_one
}

/// The words of `ss -m`, from those of `SO_MEMINFO`.
pub(crate) fn memory(words: &[u32]) -> String {
    const NAMES: [&str; 9] = ["r", "rb", "t", "tb", "f", "w", "o", "bl", "d"];
    let words = words.iter().copied().chain(std::iter::repeat(0));
    let named = NAMES.iter().zip(words);
    let words: Vec<String> = named.map(|(name, word)| format!("{name}{word}")).collect();
    format!("skmem:({})", words.join(","))
}
