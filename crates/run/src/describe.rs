//! Sockets in iproute2's words.

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

/// The words of `ss -m`.
pub(crate) fn memory(summary: &SocketSummary) -> String {
    format!(
        "skmem:(r{},rb{},t{},tb{},f0,w{},o0,bl0,d{})",
        summary.recv_q,
        summary.receive_buffer,
        summary.send_q,
        summary.send_buffer,
        summary.memory,
        summary.drops
    )
}

/// The words of `ss -i`. Of a connection whose data travels elsewhere only its path is known.
pub(crate) fn info(info: &sockeye_tcp::Info, is_joined: bool) -> Vec<String> {
    let millis = |time: core::time::Duration| format!("{:.3}", time.as_secs_f64() * 1000.0);
    let mut words = Vec::new();
    if is_joined {
        for (name, value) in [
            ("mss", info.snd_mss),
            ("pmtu", info.pmtu),
            ("rcvmss", info.rcv_mss),
            ("advmss", info.advmss),
        ] {
            words.push(format!("{name}:{value}"));
        }
        words.insert(0, "joined".to_owned());
        return words;
    }
    if info.timestamps {
        words.push("ts".to_owned());
    }
    if info.sack {
        words.push("sack".to_owned());
    }
    words.push(info.congestion.to_owned());
    if let Some((ours, theirs)) = info.window_scale {
        words.push(format!("wscale:{theirs},{ours}"));
    }
    words.push(format!("rto:{}", info.rto.as_millis()));
    words.push(format!("rtt:{}/{}", millis(info.rtt), millis(info.rttvar)));
    if !info.ato.is_zero() {
        words.push(format!("ato:{}", info.ato.as_millis()));
    }
    words.push(format!("mss:{}", info.snd_mss));
    words.push(format!("pmtu:{}", info.pmtu));
    words.push(format!("rcvmss:{}", info.rcv_mss));
    words.push(format!("advmss:{}", info.advmss));
    words.push(format!("cwnd:{}", info.snd_cwnd));
    if info.snd_ssthresh < 0x7fff_ffff {
        words.push(format!("ssthresh:{}", info.snd_ssthresh));
    }
    for (name, value) in [
        ("bytes_sent", info.bytes_sent),
        ("bytes_retrans", info.bytes_retrans),
        ("bytes_acked", info.bytes_acked),
        ("bytes_received", info.bytes_received),
        ("segs_out", info.segs_out.into()),
        ("segs_in", info.segs_in.into()),
        ("data_segs_out", info.data_segs_out.into()),
        ("data_segs_in", info.data_segs_in.into()),
    ] {
        if value > 0 {
            words.push(format!("{name}:{value}"));
        }
    }
    words.push(format!("lastsnd:{}", info.last_data_sent.as_millis()));
    words.push(format!("lastrcv:{}", info.last_data_recv.as_millis()));
    words.push(format!("lastack:{}", info.last_ack_recv.as_millis()));
    for (name, value) in [
        ("unacked", info.unacked),
        ("retrans", info.total_retrans),
        ("lost", info.lost),
        ("sacked", info.sacked),
        ("notsent", info.notsent_bytes),
    ] {
        if value > 0 {
            words.push(format!("{name}:{value}"));
        }
    }
    words.push(format!("rcv_space:{}", info.rcv_space));
    words.push(format!("rcv_ssthresh:{}", info.rcv_ssthresh));
    words.push(format!("minrtt:{}", millis(info.min_rtt)));
    words.push(format!("snd_wnd:{}", info.snd_wnd));
    words
}
