//! What `TCP_INFO` tells.
use core::time::Duration;

use crate::congestion::INFINITE;
use crate::send::flight::DUP_THRESH;
use crate::send::rtt::RTO_INITIAL;
use crate::settings::INITIAL_WINDOW;
use crate::{BbrInfo, State};

/// `TCP_MSS_DEFAULT`
const MSS_DEFAULT: u32 = 536;

/// The fields of Linux's `struct tcp_info`, and what `ss -i` shows besides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of struct tcp_info")]
pub struct Info {
    pub state: State,
    /// 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    pub ca_state: u8,
    pub retransmits: u8,
    pub probes: u8,
    pub backoff: u8,
    pub timestamps: bool,
    pub sack: bool,
    /// Explicit congestion notification was agreed on, and a segment came that was marked as capable of it.
    pub ecn: bool,
    pub ecn_seen: bool,
    /// Data of the SYN was taken, by the peer or from it.
    pub syn_data: bool,
    pub fastopen_client_fail: u8,
    /// Ours and the peer's window scale, if negotiated: (`snd_wscale`, `rcv_wscale`).
    pub window_scale: Option<(u8, u8)>,
    pub rto: Duration,
    pub ato: Duration,
    pub snd_mss: u32,
    pub rcv_mss: u32,
    pub unacked: u32,
    pub sacked: u32,
    pub lost: u32,
    pub retrans: u32,
    pub last_data_sent: Duration,
    pub last_data_recv: Duration,
    pub last_ack_recv: Duration,
    /// Of a connection, which knows no IP: without the IP header.
    pub pmtu: u32,
    pub rcv_ssthresh: u32,
    pub rtt: Duration,
    pub rttvar: Duration,
    pub snd_ssthresh: u32,
    pub snd_cwnd: u32,
    pub advmss: u32,
    pub reordering: u32,
    pub reord_seen: u32,
    pub rcv_rtt: Duration,
    pub rcv_space: u32,
    pub total_retrans: u32,
    pub bytes_acked: u64,
    pub bytes_received: u64,
    pub segs_out: u32,
    pub segs_in: u32,
    pub notsent_bytes: u32,
    pub min_rtt: Duration,
    pub data_segs_in: u32,
    pub data_segs_out: u32,
    pub delivered: u32,
    pub delivered_ce: u32,
    pub bytes_sent: u64,
    pub bytes_retrans: u64,
    pub dsack_dups: u32,
    pub rcv_ooopack: u32,
    pub snd_wnd: u32,
    pub rcv_wnd: u32,
    /// How often a timeout was a reason to look for another path.
    pub rehash: u32,
    pub total_rto: u16,
    pub total_rto_recoveries: u16,
    pub total_rto_time: Duration,
    /// In bytes a second, as the next three; `u64::MAX` is no bound.
    pub pacing_rate: u64,
    pub max_pacing_rate: u64,
    pub delivery_rate: u64,
    pub delivery_rate_app_limited: bool,
    pub busy_time: Duration,
    pub rwnd_limited: Duration,
    pub sndbuf_limited: Duration,
    /// The connection waits between its segments.
    pub is_paced: bool,
    /// What BBR knows (`TCP_CC_INFO`), if that is the algorithm.
    pub bbr: Option<BbrInfo>,
    /// The application is what limits the rate now.
    pub is_app_limited: bool,
    /// Name of the congestion control (`cubic`, `reno`).
    pub congestion: &'static str,
    /// Bytes in the send queue, sent or not (`SIOCOUTQ`).
    pub send_queue: usize,
    /// Bytes in the receive queue.
    pub receive_queue: usize,
    /// Bytes received out of order.
    pub out_of_order: usize,
}

impl Info {
    /// `tcpi_min_rtt` before the first sample.
    pub const MIN_RTT_UNKNOWN: Duration = Duration::from_micros(u32::MAX as u64);
    /// `tcpi_rttvar` before the first sample: a quarter of the first timeout.
    pub const RTTVAR_UNKNOWN: Duration = Duration::from_millis(250);

    /// A listener: of its own are the connections that wait, and how many may.
    pub fn of_listener(waiting: u32, backlog: u32) -> Info {
        let zero = Duration::ZERO;
        Info {
            state: State::Listen,
            unacked: waiting,
            sacked: backlog,
            rto: zero,
            rttvar: zero,
            snd_mss: 0,
            snd_ssthresh: 0,
            min_rtt: zero,
            ..Info::of_new(zero)
        }
    }

    /// A socket that never had a connection (`tcp_init_sock`), `age` after the host began.
    pub fn of_new(age: Duration) -> Info {
        Info {
            rto: RTO_INITIAL,
            rttvar: Info::RTTVAR_UNKNOWN,
            rcv_mss: 0,
            advmss: 0,
            snd_cwnd: INITIAL_WINDOW,
            reordering: DUP_THRESH,
            min_rtt: Info::MIN_RTT_UNKNOWN,
            last_data_sent: age,
            last_data_recv: age,
            last_ack_recv: age,
            ..Info::of_path(State::Closed, MSS_DEFAULT, 0)
        }
    }

    /// What is known of a connection whose data this stack does not carry: its state and its path.
    pub fn of_path(state: State, mss: u32, pmtu: u32) -> Info {
        let zero = Duration::ZERO;
        Info {
            state,
            ca_state: 0,
            retransmits: 0,
            probes: 0,
            backoff: 0,
            timestamps: false,
            sack: false,
            ecn: false,
            ecn_seen: false,
            syn_data: false,
            fastopen_client_fail: 0,
            window_scale: None,
            rto: zero,
            ato: zero,
            snd_mss: mss,
            rcv_mss: mss,
            unacked: 0,
            sacked: 0,
            lost: 0,
            retrans: 0,
            last_data_sent: zero,
            last_data_recv: zero,
            last_ack_recv: zero,
            pmtu,
            rcv_ssthresh: 0,
            rtt: zero,
            rttvar: zero,
            snd_ssthresh: INFINITE,
            snd_cwnd: 0,
            advmss: mss,
            reordering: 0,
            reord_seen: 0,
            rcv_rtt: zero,
            rcv_space: 0,
            total_retrans: 0,
            bytes_acked: 0,
            bytes_received: 0,
            segs_out: 0,
            segs_in: 0,
            notsent_bytes: 0,
            min_rtt: zero,
            data_segs_in: 0,
            data_segs_out: 0,
            delivered: 0,
            delivered_ce: 0,
            bytes_sent: 0,
            bytes_retrans: 0,
            dsack_dups: 0,
            rcv_ooopack: 0,
            snd_wnd: 0,
            rcv_wnd: 0,
            rehash: 0,
            total_rto: 0,
            total_rto_recoveries: 0,
            total_rto_time: zero,
            pacing_rate: u64::MAX,
            max_pacing_rate: u64::MAX,
            delivery_rate: 0,
            delivery_rate_app_limited: false,
            busy_time: zero,
            rwnd_limited: zero,
            sndbuf_limited: zero,
            is_paced: false,
            bbr: None,
            is_app_limited: false,
            congestion: "cubic",
            send_queue: 0,
            receive_queue: 0,
            out_of_order: 0,
        }
    }
}
