//! What a stamp tells of its connection: `TCP_NLA_*` (`tcp_get_timestamping_opt_stats`).

use alloc::vec::Vec;
use core::time::Duration;

use sockeye_tcp::Info;

use crate::Instant;

fn put(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn short_micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The attributes in Linux's order. `sent` is when the packet went, `unsent` is how much of what just went counts as not sent,
/// `hops` what is left of the time to live of what acknowledged it.
pub(super) fn encode(info: &Info, sent: Instant, unsent: u32, hops: Option<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let queued = u32::try_from(info.send_queue).unwrap_or(u32::MAX);
    let long = |out: &mut Vec<u8>, kind, value: u64| put(out, kind, &value.to_ne_bytes());
    let word = |out: &mut Vec<u8>, kind, value: u32| put(out, kind, &value.to_ne_bytes());
    long(&mut out, 1, micros(info.busy_time));
    long(&mut out, 2, micros(info.rwnd_limited));
    long(&mut out, 3, micros(info.sndbuf_limited));
    long(&mut out, 4, info.data_segs_out.into());
    long(&mut out, 5, info.total_retrans.into());
    long(&mut out, 6, info.pacing_rate);
    long(&mut out, 7, info.delivery_rate);
    word(&mut out, 8, info.snd_cwnd);
    word(&mut out, 9, info.reordering);
    word(&mut out, 10, short_micros(info.min_rtt));
    put(&mut out, 11, &[info.retransmits]);
    put(&mut out, 12, &[u8::from(info.delivery_rate_app_limited)]);
    word(&mut out, 15, info.snd_ssthresh);
    word(&mut out, 16, info.delivered);
    word(&mut out, 17, info.delivered_ce);
    word(&mut out, 13, queued);
    put(&mut out, 14, &[info.ca_state]);
    long(&mut out, 18, info.bytes_sent);
    long(&mut out, 19, info.bytes_retrans);
    word(&mut out, 20, info.dsack_dups);
    word(&mut out, 21, info.reord_seen);
    word(&mut out, 22, short_micros(info.rtt));
    put(
        &mut out,
        23,
        &u16::try_from(info.rehash).unwrap_or(u16::MAX).to_ne_bytes(),
    );
    word(&mut out, 24, info.notsent_bytes.saturating_add(unsent));
    long(
        &mut out,
        25,
        (sent - Instant::ZERO)
            .as_nanos()
            .try_into()
            .unwrap_or(u64::MAX),
    );
    if let Some(hops) = hops {
        put(&mut out, 26, &[hops]);
    }
    word(&mut out, 27, info.rehash);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_are_as_long_as_linux_s() {
        let info = Info::of_listener(0, 0);
        assert_eq!(encode(&info, Instant::ZERO, 0, None).len(), 248);
        assert_eq!(encode(&info, Instant::ZERO, 0, Some(64)).len(), 256);
    }
}
