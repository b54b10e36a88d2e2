//! System-wide settings by their names.

use std::time::Duration;

use sockeye_core::config::Timestamps;
use sockeye_core::{CongestionControl, FastOpenKeys, MinDefaultMax, Sysctl};

use crate::shell;

/// Why a setting can't be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The stack has no such setting.
    Unknown,
    /// It has, but not for this value.
    Value,
}

/// Makes a setting.
pub(crate) fn apply(sysctl: &mut Sysctl, name: &str, value: &str) -> Result<(), Refusal> {
    let value = value.trim();
    match name.trim_start_matches("net.") {
        "core.somaxconn" => number(value, &mut sysctl.somaxconn),
        "core.rmem_default" => number(value, &mut sysctl.rmem_default),
        "core.rmem_max" => number(value, &mut sysctl.rmem_max),
        "core.wmem_default" => number(value, &mut sysctl.wmem_default),
        "core.wmem_max" => number(value, &mut sysctl.wmem_max),
        "core.optmem_max" => number(value, &mut sysctl.optmem_max),
        "ipv4.ip_default_ttl" => number(value, &mut sysctl.ip_default_ttl),
        "ipv4.icmp_echo_ignore_all" => flag(value, &mut sysctl.icmp_echo_ignore_all),
        "ipv4.icmp_msgs_per_sec" => number(value, &mut sysctl.icmp_msgs_per_sec),
        "ipv4.icmp_msgs_burst" => number(value, &mut sysctl.icmp_msgs_burst),
        "ipv4.tcp_rmem" => triple(value, &mut sysctl.tcp_rmem),
        "ipv4.tcp_wmem" => triple(value, &mut sysctl.tcp_wmem),
        "ipv4.tcp_mtu_probing" => number(value, &mut sysctl.tcp_path.probing),
        "ipv4.tcp_base_mss" => number(value, &mut sysctl.tcp_path.base),
        "ipv4.tcp_mtu_probe_floor" => number(value, &mut sysctl.tcp_path.floor),
        "ipv4.tcp_min_snd_mss" => number(value, &mut sysctl.tcp_path.least),
        "ipv4.tcp_probe_threshold" => number(value, &mut sysctl.tcp_path.threshold),
        "ipv4.tcp_probe_interval" => number(value, &mut sysctl.tcp_path.interval),
        "ipv4.route.min_pmtu" => number(value, &mut sysctl.min_pmtu),
        "ipv4.route.mtu_expires" => seconds(value, &mut sysctl.mtu_expires),
        "ipv4.tcp_moderate_rcvbuf" => flag(value, &mut sysctl.tcp_moderate_rcvbuf),
        "ipv4.tcp_notsent_lowat" => number(value, &mut sysctl.tcp_notsent_lowat),
        "ipv4.tcp_syn_retries" => within(value, 1..=127, &mut sysctl.tcp_syn_retries),
        "ipv4.tcp_syn_linear_timeouts" => {
            within(value, 0..=127, &mut sysctl.tcp_syn_linear_timeouts)
        }
        "ipv4.tcp_rto_min_us" => {
            let mut micros = 0u32;
            within(value, 1..=u32::MAX / 2, &mut micros)?;
            sysctl.tcp_rto_min = Duration::from_micros(micros.into());
            Ok(())
        }
        "ipv4.tcp_rto_max_ms" => {
            let mut time = 0u32;
            within(value, 1000..=120_000, &mut time)?;
            sysctl.tcp_rto_max = Duration::from_millis(time.into());
            Ok(())
        }
        "ipv4.tcp_synack_retries" => number(value, &mut sysctl.tcp_synack_retries),
        "ipv4.tcp_retries1" => number(value, &mut sysctl.tcp_retries1),
        "ipv4.tcp_retries2" => number(value, &mut sysctl.tcp_retries2),
        "ipv4.tcp_orphan_retries" => number(value, &mut sysctl.tcp_orphan_retries),
        "ipv4.tcp_min_rtt_wlen" => within(value, 0..=86_400, &mut sysctl.tcp_min_rtt_wlen),
        "ipv4.tcp_shrink_window" => flag(value, &mut sysctl.tcp_shrink_window),
        // Since Linux 6.6 it is there and means nothing.
        "ipv4.tcp_adv_win_scale" => within(value, -31..=31, &mut 0i8),
        "ipv4.tcp_max_syn_backlog" => number(value, &mut sysctl.tcp_max_syn_backlog),
        "ipv4.tcp_syncookies" => number(value, &mut sysctl.tcp_syncookies),
        "ipv4.tcp_abort_on_overflow" => flag(value, &mut sysctl.tcp_abort_on_overflow),
        "ipv4.tcp_fin_timeout" => seconds(value, &mut sysctl.tcp_fin_timeout),
        "ipv4.tcp_max_tw_buckets" => number(value, &mut sysctl.tcp_max_tw_buckets),
        "ipv4.tcp_keepalive_time" => seconds(value, &mut sysctl.tcp_keepalive_time),
        "ipv4.tcp_keepalive_intvl" => seconds(value, &mut sysctl.tcp_keepalive_intvl),
        "ipv4.tcp_keepalive_probes" => number(value, &mut sysctl.tcp_keepalive_probes),
        "ipv4.tcp_timestamps" => {
            sysctl.tcp_timestamps = match value {
                "0" => Timestamps::Off,
                "1" => Timestamps::Offset,
                "2" => Timestamps::Plain,
                _ => return Err(Refusal::Value),
            };
            Ok(())
        }
        "ipv4.tcp_challenge_ack_limit" => {
            let mut limit = 0u32;
            number(value, &mut limit)?;
            sysctl.tcp_challenge_ack_limit = (limit < i32::MAX.unsigned_abs()).then_some(limit);
            Ok(())
        }
        "ipv4.tcp_invalid_ratelimit" => millis(value, &mut sysctl.tcp_invalid_ratelimit),
        "ipv4.tcp_rfc1337" => flag(value, &mut sysctl.tcp_rfc1337),
        "ipv4.tcp_tw_reuse" => number(value, &mut sysctl.tcp_tw_reuse),
        "ipv4.tcp_tw_reuse_delay" => millis(value, &mut sysctl.tcp_tw_reuse_delay),
        "ipv4.tcp_window_scaling" => flag(value, &mut sysctl.tcp_window_scaling),
        "ipv4.tcp_fastopen" => {
            let digits = value.strip_prefix("0x");
            sysctl.tcp_fastopen = match digits {
                Some(digits) => u32::from_str_radix(digits, 16).map_err(|_| Refusal::Value)?,
                None => value.parse().map_err(|_| Refusal::Value)?,
            };
            Ok(())
        }
        "ipv4.tcp_fastopen_key" => {
            let keys = FastOpenKeys::from_text(value);
            sysctl.tcp_fastopen_key = Some(keys.ok_or(Refusal::Value)?);
            Ok(())
        }
        "ipv4.tcp_fastopen_blackhole_timeout_sec" => {
            seconds(value, &mut sysctl.tcp_fastopen_blackhole_timeout)
        }
        // What is above 2 is accurate ECN (RFC 9768).
        "ipv4.tcp_ecn" if matches!(value, "0" | "1" | "2") => number(value, &mut sysctl.tcp_ecn),
        "ipv4.tcp_ecn_fallback" => flag(value, &mut sysctl.tcp_ecn_fallback),
        "ipv4.tcp_sack" => flag(value, &mut sysctl.tcp_sack),
        "ipv4.tcp_slow_start_after_idle" => flag(value, &mut sysctl.tcp_slow_start_after_idle),
        "ipv4.tcp_pacing_ss_ratio" => ratio(value, &mut sysctl.tcp_pacing_ss_ratio),
        "ipv4.tcp_pacing_ca_ratio" => ratio(value, &mut sysctl.tcp_pacing_ca_ratio),
        "ipv4.tcp_congestion_control" => {
            let known = CongestionControl::from_name(value);
            sysctl.tcp_congestion_control = known.ok_or(Refusal::Value)?;
            Ok(())
        }
        "ipv4.tcp_dsack" => flag(value, &mut sysctl.tcp_dsack),
        "ipv4.tcp_early_retrans" => number(value, &mut sysctl.tcp_early_retrans),
        "ipv4.tcp_recovery" => number(value, &mut sysctl.tcp_recovery),
        "ipv4.tcp_frto" => number(value, &mut sysctl.tcp_frto),
        "ipv4.tcp_reordering" => number(value, &mut sysctl.tcp_reordering),
        "ipv4.tcp_max_reordering" => number(value, &mut sysctl.tcp_max_reordering),
        "ipv4.tcp_thin_linear_timeouts" => flag(value, &mut sysctl.tcp_thin_linear_timeouts),
        "core.txrehash" => flag(value, &mut sysctl.txrehash),
        "ipv6.auto_flowlabels" => within(value, 0..=3, &mut sysctl.auto_flowlabels),
        "ipv4.tcp_stdurg" => flag(value, &mut sysctl.tcp_stdurg),
        "ipv4.tcp_reflect_tos" => flag(value, &mut sysctl.tcp_reflect_tos),
        "ipv4.tcp_pingpong_thresh" => within(value, 1..=255, &mut sysctl.tcp_pingpong_thresh),
        "ipv4.tcp_comp_sack_nr" => number(value, &mut sysctl.tcp_comp_sack_nr),
        "ipv4.tcp_comp_sack_delay_ns" => nanos(value, &mut sysctl.tcp_comp_sack_delay),
        "ipv4.tcp_comp_sack_slack_ns" => nanos(value, &mut sysctl.tcp_comp_sack_slack),
        "ipv4.tcp_min_tso_segs" => within(value, 1..=u16::MAX, &mut sysctl.tcp_min_tso_segs),
        // How long super-segments are: what they are cut into on the wire is the same.
        "ipv4.tcp_tso_win_divisor" | "ipv4.tcp_tso_rtt_log" => {
            value.parse::<u32>().map(|_| ()).map_err(|_| Refusal::Value)
        }
        // What the public scripts set as a matter of course, and the stack has no setting for: it does as it does.
        _ if shell::is_default(name, value) => Ok(()),
        _ => fixed(name, value),
    }
}

/// Whether there is a setting of this name.
pub(crate) fn is_known(name: &str) -> bool {
    apply(&mut Sysctl::default(), name, "0") != Err(Refusal::Unknown) || shell::has_default(name)
}

/// Settings that the stack follows without having them: only their one value.
fn fixed(name: &str, value: &str) -> Result<(), Refusal> {
    let known = [
        ("net.ipv4.tcp_no_metrics_save", "1"),
        ("net.ipv4.tcp_fack", "0"),
        // Both of its ways to leave slow start.
        ("tcp_cubic.hystart_detect", "3"),
    ];
    let entry = known.iter().find(|(known, _)| *known == name);
    match entry {
        Some((_, only)) if *only == value => Ok(()),
        Some(_) => Err(Refusal::Value),
        None => Err(Refusal::Unknown),
    }
}

fn number<T: std::str::FromStr>(text: &str, place: &mut T) -> Result<(), Refusal> {
    *place = text.parse().map_err(|_| Refusal::Value)?;
    Ok(())
}

fn within<T: std::str::FromStr + PartialOrd>(
    text: &str,
    range: std::ops::RangeInclusive<T>,
    place: &mut T,
) -> Result<(), Refusal> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    *place = value.ok_or(Refusal::Value)?;
    Ok(())
}

/// Percent, a thousand at most.
fn ratio(text: &str, place: &mut u16) -> Result<(), Refusal> {
    *place = text
        .parse()
        .ok()
        .filter(|ratio| *ratio <= 1000)
        .ok_or(Refusal::Value)?;
    Ok(())
}

fn flag(text: &str, place: &mut bool) -> Result<(), Refusal> {
    *place = match text {
        "0" => false,
        "1" | "2" => true,
        _ => return Err(Refusal::Value),
    };
    Ok(())
}

fn seconds(text: &str, place: &mut Duration) -> Result<(), Refusal> {
    *place = Duration::from_secs(text.parse().map_err(|_| Refusal::Value)?);
    Ok(())
}

fn millis(text: &str, place: &mut Duration) -> Result<(), Refusal> {
    *place = Duration::from_millis(text.parse().map_err(|_| Refusal::Value)?);
    Ok(())
}

fn nanos(text: &str, place: &mut Duration) -> Result<(), Refusal> {
    *place = Duration::from_nanos(text.parse().map_err(|_| Refusal::Value)?);
    Ok(())
}

fn triple(text: &str, place: &mut MinDefaultMax) -> Result<(), Refusal> {
    let numbers: Result<Vec<usize>, _> = text.split_whitespace().map(str::parse).collect();
    match numbers.as_deref() {
        Ok([min, default, max]) => {
            *place = MinDefaultMax {
                min: *min,
                default: *default,
                max: *max,
            };
            Ok(())
        }
        _ => Err(Refusal::Value),
    }
}
