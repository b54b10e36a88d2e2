//! Linux's `struct tcp_info` (`include/uapi/linux/tcp.h`).

use core::time::Duration;

use sockeye_tcp::{BbrInfo, Info};

/// Its length in Linux 6.18. From `tcpi_received_ce` on it is about accurate ECN, which is never spoken: zero.
pub(super) const LENGTH: usize = 280;

/// Fields one after the other, as C lays them out.
struct Writer {
    bytes: [u8; LENGTH],
    at: usize,
}

impl Writer {
    fn put(&mut self, value: &[u8]) {
        let end = self.at + value.len();
        if let Some(place) = self.bytes.get_mut(self.at..end) {
            place.copy_from_slice(value);
        }
        self.at = end;
    }

    fn u8s(&mut self, values: &[u8]) {
        self.put(values);
    }

    fn u32s(&mut self, values: &[u32]) {
        for value in values {
            self.put(&value.to_ne_bytes());
        }
    }

    fn u64s(&mut self, values: &[u64]) {
        for value in values {
            self.put(&value.to_ne_bytes());
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

const OPTION_TIMESTAMPS: u8 = 1;
const OPTION_SACK: u8 = 2;
const OPTION_WINDOW_SCALE: u8 = 4;
const OPTION_ECN: u8 = 8;
const OPTION_ECN_SEEN: u8 = 16;
const OPTION_SYN_DATA: u8 = 32;

/// The structure of a connection.
pub(crate) fn encode(info: &Info) -> [u8; LENGTH] {
    let mut out = Writer {
        bytes: [0; LENGTH],
        at: 0,
    };
    let option = |is_on: bool, bit: u8| if is_on { bit } else { 0 };
    let options = option(info.timestamps, OPTION_TIMESTAMPS)
        | option(info.sack, OPTION_SACK)
        | option(info.window_scale.is_some(), OPTION_WINDOW_SCALE)
        | option(info.ecn, OPTION_ECN)
        | option(info.ecn_seen, OPTION_ECN_SEEN)
        | option(info.syn_data, OPTION_SYN_DATA);
    let (send_scale, receive_scale) = info.window_scale.unwrap_or((0, 0));
    // Two bit fields of four bits: the first one is the low half on a little-endian machine.
    let scales = (send_scale & 0xf) | (receive_scale << 4);
    // The bit fields behind the scales: one bit, and two of tcpi_fastopen_client_fail.
    let flags = u8::from(info.delivery_rate_app_limited) | (info.fastopen_client_fail & 3) << 1;
    out.u8s(&[
        info.state.number(),
        info.ca_state,
        info.retransmits,
        info.probes,
        info.backoff,
        options,
        scales,
        flags,
    ]);
    out.u32s(&[
        micros(info.rto),
        micros(info.ato),
        info.snd_mss,
        info.rcv_mss,
    ]);
    // The last is tcpi_fackets, which is 0 since Linux 4.15.
    out.u32s(&[info.unacked, info.sacked, info.lost, info.retrans, 0]);
    // tcpi_last_ack_sent is never filled in.
    out.u32s(&[
        millis(info.last_data_sent),
        0,
        millis(info.last_data_recv),
        millis(info.last_ack_recv),
    ]);
    out.u32s(&[
        info.pmtu,
        info.rcv_ssthresh,
        micros(info.rtt),
        micros(info.rttvar),
        info.snd_ssthresh,
    ]);
    out.u32s(&[
        info.snd_cwnd,
        info.advmss,
        info.reordering,
        micros(info.rcv_rtt),
        info.rcv_space,
        info.total_retrans,
    ]);
    out.u64s(&[
        info.pacing_rate,
        info.max_pacing_rate,
        info.bytes_acked,
        info.bytes_received,
    ]);
    out.u32s(&[
        info.segs_out,
        info.segs_in,
        info.notsent_bytes,
        micros(info.min_rtt),
    ]);
    out.u32s(&[info.data_segs_in, info.data_segs_out]);
    out.u64s(&[
        info.delivery_rate,
        whole_micros(info.busy_time),
        whole_micros(info.rwnd_limited),
        whole_micros(info.sndbuf_limited),
    ]);
    out.u32s(&[info.delivered, info.delivered_ce]);
    out.u64s(&[info.bytes_sent, info.bytes_retrans]);
    out.u32s(&[
        info.dsack_dups,
        info.reord_seen,
        info.rcv_ooopack,
        info.snd_wnd,
        info.rcv_wnd,
        info.rehash,
    ]);
    out.put(&info.total_rto.to_ne_bytes());
    out.put(&info.total_rto_recoveries.to_ne_bytes());
    out.u32s(&[millis(info.total_rto_time)]);
    out.bytes
}

/// `struct tcp_bbr_info`, as `TCP_CC_INFO` tells it.
pub(crate) fn encode_bbr(info: &BbrInfo) -> [u8; 20] {
    let mut told = [0; 20];
    let [low, high] = [info.bw, info.bw >> 32].map(|half| half & u64::from(u32::MAX));
    let words = [
        u32::try_from(low).unwrap_or(0),
        u32::try_from(high).unwrap_or(0),
        info.min_rtt,
        info.pacing_gain,
        info.cwnd_gain,
    ];
    for (place, word) in told.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    told
}
