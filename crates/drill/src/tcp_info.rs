//! The members of `struct tcp_info`, by name.

/// Name, offset and width. A width of 0 marks bit fields.
#[rustfmt::skip]
const MEMBERS: &[(&str, usize, usize)] = &[
    ("tcpi_state", 0, 1), ("tcpi_ca_state", 1, 1), ("tcpi_retransmits", 2, 1), ("tcpi_probes", 3, 1),
    ("tcpi_backoff", 4, 1), ("tcpi_options", 5, 1), ("tcpi_snd_wscale", 6, 0), ("tcpi_rcv_wscale", 6, 0),
    ("tcpi_delivery_rate_app_limited", 7, 0), ("tcpi_fastopen_client_fail", 7, 0),
    ("tcpi_rto", 8, 4), ("tcpi_ato", 12, 4), ("tcpi_snd_mss", 16, 4), ("tcpi_rcv_mss", 20, 4),
    ("tcpi_unacked", 24, 4), ("tcpi_sacked", 28, 4), ("tcpi_lost", 32, 4), ("tcpi_retrans", 36, 4),
    ("tcpi_fackets", 40, 4), ("tcpi_last_data_sent", 44, 4), ("tcpi_last_ack_sent", 48, 4),
    ("tcpi_last_data_recv", 52, 4), ("tcpi_last_ack_recv", 56, 4), ("tcpi_pmtu", 60, 4),
    ("tcpi_rcv_ssthresh", 64, 4), ("tcpi_rtt", 68, 4), ("tcpi_rttvar", 72, 4), ("tcpi_snd_ssthresh", 76, 4),
    ("tcpi_snd_cwnd", 80, 4), ("tcpi_advmss", 84, 4), ("tcpi_reordering", 88, 4), ("tcpi_rcv_rtt", 92, 4),
    ("tcpi_rcv_space", 96, 4), ("tcpi_total_retrans", 100, 4), ("tcpi_pacing_rate", 104, 8),
    ("tcpi_max_pacing_rate", 112, 8), ("tcpi_bytes_acked", 120, 8), ("tcpi_bytes_received", 128, 8),
    ("tcpi_segs_out", 136, 4), ("tcpi_segs_in", 140, 4), ("tcpi_notsent_bytes", 144, 4),
    ("tcpi_min_rtt", 148, 4), ("tcpi_data_segs_in", 152, 4), ("tcpi_data_segs_out", 156, 4),
    ("tcpi_delivery_rate", 160, 8), ("tcpi_busy_time", 168, 8), ("tcpi_rwnd_limited", 176, 8),
    ("tcpi_sndbuf_limited", 184, 8), ("tcpi_delivered", 192, 4), ("tcpi_delivered_ce", 196, 4),
    ("tcpi_bytes_sent", 200, 8), ("tcpi_bytes_retrans", 208, 8), ("tcpi_dsack_dups", 216, 4),
    ("tcpi_reord_seen", 220, 4), ("tcpi_rcv_ooopack", 224, 4), ("tcpi_snd_wnd", 228, 4),
    ("tcpi_rcv_wnd", 232, 4), ("tcpi_rehash", 236, 4), ("tcpi_total_rto", 240, 2),
    ("tcpi_total_rto_recoveries", 242, 2), ("tcpi_total_rto_time", 244, 4),
    ("tcpi_received_ce", 248, 4),
];

/// The value of a member, if the structure reaches so far.
pub(crate) fn member(info: &[u8], name: &str) -> Option<i128> {
    // Packetdrill knows some under their name without the prefix's middle.
    let name = match name {
        "tcpi_cwnd" => "tcpi_snd_cwnd",
        "tcpi_ssthresh" => "tcpi_snd_ssthresh",
        name => name,
    };
    let (_, offset, width) = MEMBERS.iter().find(|(known, ..)| *known == name)?;
    // Bit fields: the scales are halves of their byte.
    match name {
        "tcpi_delivery_rate_app_limited" => return Some(i128::from(info.get(*offset)? & 1)),
        "tcpi_fastopen_client_fail" => return Some(i128::from(info.get(*offset)? >> 1 & 3)),
        _ => {}
    }
    if *width == 0 {
        let both = info.get(*offset)?;
        let is_send = name == "tcpi_snd_wscale";
        return Some(i128::from(if is_send { both & 0xf } else { both >> 4 }));
    }
    let bytes = info.get(*offset..offset + width)?;
    let value = bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| (sum << 8) | i128::from(*byte));
    Some(value)
}

/// The words of `SO_MEMINFO`.
const MEMORY: [&str; 9] = [
    "RMEM_ALLOC",
    "RCVBUF",
    "WMEM_ALLOC",
    "SNDBUF",
    "FWD_ALLOC",
    "WMEM_QUEUED",
    "OPTMEM",
    "BACKLOG",
    "DROPS",
];

/// A word of `SO_MEMINFO` by its name.
pub(crate) fn memory(words: &[u8], name: &str) -> Option<i128> {
    let name = name.strip_prefix("SK_MEMINFO_")?;
    let at = MEMORY.iter().position(|known| *known == name)?;
    let word = words.get(at * 4..at * 4 + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(word).into())
}
