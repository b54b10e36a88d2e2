//! Counters under the names of `/proc/net/snmp`, `/proc/net/snmp6` and `/proc/net/netstat`.

use sockeye_wire::{Ecn, Version};

macro_rules! counters {
    ($($field:ident: $name:literal,)*) => {
        /// What the host has counted since it was made.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $(#[doc = concat!("`", $name, "`")] pub $field: u64,)*
        }

        impl Counters {
            /// All counters with their Linux names.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($name, self.$field),)*].into_iter()
            }

            /// The counter with this Linux name.
            pub fn get(&self, name: &str) -> Option<u64> {
                self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
            }
        }
    };
}

counters! {
    ip_in_receives: "IpInReceives",
    ip_in_hdr_errors: "IpInHdrErrors",
    ip_in_addr_errors: "IpInAddrErrors",
    ip_in_unknown_protos: "IpInUnknownProtos",
    ip_in_discards: "IpInDiscards",
    ip_in_delivers: "IpInDelivers",
    ip_out_requests: "IpOutRequests",
    ip_out_discards: "IpOutDiscards",
    ip_out_no_routes: "IpOutNoRoutes",
    ip_reasm_timeout: "IpReasmTimeout",
    ip_reasm_reqds: "IpReasmReqds",
    ip_reasm_oks: "IpReasmOKs",
    ip_reasm_fails: "IpReasmFails",
    ip_frag_oks: "IpFragOKs",
    ip_frag_fails: "IpFragFails",
    ip_frag_creates: "IpFragCreates",
    ip_ext_in_truncated_pkts: "IpExtInTruncatedPkts",
    ip_ext_in_no_ect_pkts: "IpExtInNoECTPkts",
    ip_ext_in_ect1_pkts: "IpExtInECT1Pkts",
    ip_ext_in_ect0_pkts: "IpExtInECT0Pkts",
    ip_ext_in_ce_pkts: "IpExtInCEPkts",
    ip6_in_receives: "Ip6InReceives",
    ip6_in_hdr_errors: "Ip6InHdrErrors",
    ip6_in_addr_errors: "Ip6InAddrErrors",
    ip6_in_unknown_protos: "Ip6InUnknownProtos",
    ip6_in_discards: "Ip6InDiscards",
    ip6_in_delivers: "Ip6InDelivers",
    ip6_out_requests: "Ip6OutRequests",
    ip6_out_discards: "Ip6OutDiscards",
    ip6_out_no_routes: "Ip6OutNoRoutes",
    ip6_reasm_timeout: "Ip6ReasmTimeout",
    ip6_reasm_reqds: "Ip6ReasmReqds",
    ip6_reasm_oks: "Ip6ReasmOKs",
    ip6_reasm_fails: "Ip6ReasmFails",
    ip6_frag_oks: "Ip6FragOKs",
    ip6_frag_fails: "Ip6FragFails",
    ip6_frag_creates: "Ip6FragCreates",
    ip6_in_no_ect_pkts: "Ip6InNoECTPkts",
    ip6_in_ect1_pkts: "Ip6InECT1Pkts",
    ip6_in_ect0_pkts: "Ip6InECT0Pkts",
    ip6_in_ce_pkts: "Ip6InCEPkts",
    icmp_in_msgs: "IcmpInMsgs",
    icmp_in_errors: "IcmpInErrors",
    icmp_in_csum_errors: "IcmpInCsumErrors",
    icmp_in_dest_unreachs: "IcmpInDestUnreachs",
    icmp_in_echos: "IcmpInEchos",
    icmp_in_echo_reps: "IcmpInEchoReps",
    icmp_out_msgs: "IcmpOutMsgs",
    icmp_out_errors: "IcmpOutErrors",
    icmp_out_rate_limit_host: "IcmpOutRateLimitHost",
    icmp_out_dest_unreachs: "IcmpOutDestUnreachs",
    icmp_out_echo_reps: "IcmpOutEchoReps",
    icmp6_in_msgs: "Icmp6InMsgs",
    icmp6_in_errors: "Icmp6InErrors",
    icmp6_in_csum_errors: "Icmp6InCsumErrors",
    icmp6_in_dest_unreachs: "Icmp6InDestUnreachs",
    icmp6_in_echos: "Icmp6InEchos",
    icmp6_in_echo_replies: "Icmp6InEchoReplies",
    icmp6_out_msgs: "Icmp6OutMsgs",
    icmp6_out_errors: "Icmp6OutErrors",
    icmp6_out_rate_limit_host: "Icmp6OutRateLimitHost",
    icmp6_out_dest_unreachs: "Icmp6OutDestUnreachs",
    icmp6_out_echo_replies: "Icmp6OutEchoReplies",
    tcp_active_opens: "TcpActiveOpens",
    tcp_passive_opens: "TcpPassiveOpens",
    tcp_attempt_fails: "TcpAttemptFails",
    tcp_estab_resets: "TcpEstabResets",
    tcp_in_segs: "TcpInSegs",
    tcp_out_segs: "TcpOutSegs",
    tcp_retrans_segs: "TcpRetransSegs",
    tcp_in_errs: "TcpInErrs",
    tcp_out_rsts: "TcpOutRsts",
    tcp_in_csum_errors: "TcpInCsumErrors",
    tcp_ext_syncookies_sent: "TcpExtSyncookiesSent",
    tcp_ext_syncookies_recv: "TcpExtSyncookiesRecv",
    tcp_ext_syncookies_failed: "TcpExtSyncookiesFailed",
    tcp_ext_listen_overflows: "TcpExtListenOverflows",
    tcp_ext_listen_drops: "TcpExtListenDrops",
    tcp_ext_tw: "TcpExtTW",
    tcp_ext_tw_recycled: "TcpExtTWRecycled",
    tcp_ext_tw_killed: "TcpExtTWKilled",
    tcp_ext_paws_active: "TcpExtPAWSActive",
    tcp_ext_paws_estab: "TcpExtPAWSEstab",
    tcp_ext_paws_old_ack: "TcpExtPAWSOldAck",
    tcp_ext_paws_timewait: "TcpExtPAWSTimewait",
    tcp_ext_tsecr_rejected: "TcpExtTSEcrRejected",
    tcp_ext_beyond_window: "TcpExtBeyondWindow",
    tcp_ext_out_of_window_icmps: "TcpExtOutOfWindowIcmps",
    tcp_ext_embryonic_rsts: "TcpExtEmbryonicRsts",
    tcp_ext_tcp_challenge_ack: "TcpExtTCPChallengeACK",
    tcp_ext_tcp_syn_challenge: "TcpExtTCPSYNChallenge",
    tcp_ext_tcp_ack_skipped_syn_recv: "TcpExtTCPACKSkippedSynRecv",
    tcp_ext_tcp_ack_skipped_paws: "TcpExtTCPACKSkippedPAWS",
    tcp_ext_tcp_ack_skipped_seq: "TcpExtTCPACKSkippedSeq",
    tcp_ext_tcp_ack_skipped_fin_wait_2: "TcpExtTCPACKSkippedFinWait2",
    tcp_ext_tcp_ack_skipped_time_wait: "TcpExtTCPACKSkippedTimeWait",
    tcp_ext_tcp_ack_skipped_challenge: "TcpExtTCPACKSkippedChallenge",
    tcp_ext_delayed_ack_lost: "TcpExtDelayedACKLost",
    tcp_ext_tcp_ofo_queue: "TcpExtTCPOFOQueue",
    tcp_ext_tcp_ofo_drop: "TcpExtTCPOFODrop",
    tcp_ext_tcp_rcv_q_drop: "TcpExtTCPRcvQDrop",
    tcp_ext_tcp_zero_window_drop: "TcpExtTCPZeroWindowDrop",
    tcp_ext_tcp_keep_alive: "TcpExtTCPKeepAlive",
    tcp_ext_tcp_win_probe: "TcpExtTCPWinProbe",
    tcp_ext_tcp_abort_on_linger: "TcpExtTCPAbortOnLinger",
    tcp_ext_tcp_time_wait_overflow: "TcpExtTCPTimeWaitOverflow",
    tcp_ext_tcp_abort_on_close: "TcpExtTCPAbortOnClose",
    tcp_ext_tcp_abort_on_data: "TcpExtTCPAbortOnData",
    tcp_ext_tcp_req_qfull_do_cookies: "TcpExtTCPReqQFullDoCookies",
    tcp_ext_tcp_req_qfull_drop: "TcpExtTCPReqQFullDrop",
    tcp_ext_tcp_backlog_drop: "TcpExtTCPBacklogDrop",
    tcp_ext_tcp_abort_on_timeout: "TcpExtTCPAbortOnTimeout",
    tcp_ext_tcp_defer_accept_drop: "TcpExtTCPDeferAcceptDrop",
    tcp_ext_tcp_orig_data_sent: "TcpExtTCPOrigDataSent",
    tcp_ext_tcp_timeouts: "TcpExtTCPTimeouts",
    tcp_ext_delayed_acks: "TcpExtDelayedACKs",
    udp_in_datagrams: "UdpInDatagrams",
    udp_no_ports: "UdpNoPorts",
    udp_in_errors: "UdpInErrors",
    udp_out_datagrams: "UdpOutDatagrams",
    udp_rcvbuf_errors: "UdpRcvbufErrors",
    udp_sndbuf_errors: "UdpSndbufErrors",
    udp_in_csum_errors: "UdpInCsumErrors",
    udp6_in_datagrams: "Udp6InDatagrams",
    udp6_no_ports: "Udp6NoPorts",
    udp6_in_errors: "Udp6InErrors",
    udp6_out_datagrams: "Udp6OutDatagrams",
    udp6_rcvbuf_errors: "Udp6RcvbufErrors",
    udp6_sndbuf_errors: "Udp6SndbufErrors",
    udp6_in_csum_errors: "Udp6InCsumErrors",
    udp_lite_in_datagrams: "UdpLiteInDatagrams",
    udp_lite_no_ports: "UdpLiteNoPorts",
    udp_lite_in_errors: "UdpLiteInErrors",
    udp_lite_out_datagrams: "UdpLiteOutDatagrams",
    udp_lite_rcvbuf_errors: "UdpLiteRcvbufErrors",
    udp_lite_sndbuf_errors: "UdpLiteSndbufErrors",
    udp_lite_in_csum_errors: "UdpLiteInCsumErrors",
    udp_lite6_in_datagrams: "UdpLite6InDatagrams",
    udp_lite6_no_ports: "UdpLite6NoPorts",
    udp_lite6_in_errors: "UdpLite6InErrors",
    udp_lite6_out_datagrams: "UdpLite6OutDatagrams",
    udp_lite6_rcvbuf_errors: "UdpLite6RcvbufErrors",
    udp_lite6_sndbuf_errors: "UdpLite6SndbufErrors",
    udp_lite6_in_csum_errors: "UdpLite6InCsumErrors",
}

impl Counters {
    /// A packet came with these bits, or what was put together from so many.
    pub(crate) fn count_ecn(&mut self, version: Version, ecn: Ecn, packets: u64) {
        let counter = match (version, ecn) {
            (Version::V4, Ecn::NotCapable) => &mut self.ip_ext_in_no_ect_pkts,
            (Version::V4, Ecn::Capable1) => &mut self.ip_ext_in_ect1_pkts,
            (Version::V4, Ecn::Capable0) => &mut self.ip_ext_in_ect0_pkts,
            (Version::V4, Ecn::Congestion) => &mut self.ip_ext_in_ce_pkts,
            (Version::V6, Ecn::NotCapable) => &mut self.ip6_in_no_ect_pkts,
            (Version::V6, Ecn::Capable1) => &mut self.ip6_in_ect1_pkts,
            (Version::V6, Ecn::Capable0) => &mut self.ip6_in_ect0_pkts,
            (Version::V6, Ecn::Congestion) => &mut self.ip6_in_ce_pkts,
        };
        *counter += packets;
    }
}
