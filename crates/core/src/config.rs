//! What a host is made from, and Linux's system-wide settings with Linux's names and defaults.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub use crate::ip::routes::IpCidr;
pub use crate::tcp::MemoryMarks;
pub use sockeye_tcp::PathRules;

/// How packets to own addresses travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Loopback {
    /// Inside the host, within the call that sent them.
    #[default]
    Internal,
    /// Out by `transmit(InterfaceId::LOOPBACK)`; the embedder captures or impairs them and gives them back by `receive`.
    External,
}

/// How a host is made.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Seeds all randomness of the host and keys its hashes.
    pub seed: u64,
    /// The host's name, for logs.
    pub hostname: String,
    /// Addresses of the first external interface, `eth0`, which is made if there are any.
    pub addresses: Vec<IpCidr>,
    /// How loopback works.
    pub loopback: Loopback,
    /// System-wide settings.
    pub sysctl: Sysctl,
    /// Added to the host's time to get the time since the Unix epoch, for timestamps that programs see.
    pub epoch: Duration,
}

/// What lies beneath an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Medium {
    /// IP packets without a link-layer header (TUN).
    #[default]
    Ip,
}

/// What a device does itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OffloadCapabilities {
    /// It fills in transport checksums: frames may leave with `Partial`.
    pub checksum: bool,
    /// The largest super-segment it takes whole, 0 if none.
    pub segmentation: usize,
}

/// A network interface to add.
#[derive(Clone, Debug)]
pub struct InterfaceConfig {
    /// Its name, as in `eth0`.
    pub name: String,
    /// The longest IP packet it carries.
    pub mtu: usize,
    /// Its addresses; each makes its network reachable.
    pub addresses: Vec<IpCidr>,
    /// What lies beneath.
    pub medium: Medium,
    /// What the device does itself.
    pub offload: OffloadCapabilities,
}

/// Minimum, default and maximum, as in `tcp_rmem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinDefaultMax {
    /// Never less.
    pub min: usize,
    /// To begin with.
    pub default: usize,
    /// Never more.
    pub max: usize,
}

/// `tcp_timestamps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// 0: no timestamps.
    Off,
    /// 1: with a secret offset for each destination.
    Offset,
    /// 2: as the clock is.
    Plain,
}

/// System-wide settings under Linux's names (`net.core.*`, `net.ipv4.*`, `net.ipv6.*`, `net.unix.*`).
#[derive(Clone, Debug)]
pub struct Sysctl {
    /// `net.core.somaxconn`.
    pub somaxconn: u32,
    /// `net.core.rmem_default`, `rmem_max`.
    pub rmem_default: usize,
    /// The largest `SO_RCVBUF`.
    pub rmem_max: usize,
    /// `net.core.wmem_default`.
    pub wmem_default: usize,
    /// The largest `SO_SNDBUF`.
    pub wmem_max: usize,
    /// `net.core.optmem_max`.
    pub optmem_max: usize,
    /// `net.ipv4.ip_local_port_range`.
    pub ip_local_port_range: (u16, u16),
    /// `net.ipv4.ip_unprivileged_port_start`.
    pub ip_unprivileged_port_start: u16,
    /// `net.ipv4.ip_default_ttl`.
    pub ip_default_ttl: u8,
    /// `net.ipv6.conf.all.hop_limit`.
    pub ipv6_hop_limit: u8,
    /// `net.ipv4.ip_nonlocal_bind`.
    pub ip_nonlocal_bind: bool,
    /// `net.ipv6.bindv6only`.
    pub bindv6only: bool,
    /// `net.ipv4.ping_group_range`.
    pub ping_group_range: (u32, u32),
    /// `net.ipv4.ipfrag_time`.
    pub ipfrag_time: Duration,
    /// `net.ipv6.ip6frag_time`.
    pub ip6frag_time: Duration,
    /// `net.ipv4.ipfrag_high_thresh`, in bytes.
    pub ipfrag_high_thresh: usize,
    /// `net.ipv4.icmp_echo_ignore_all`.
    pub icmp_echo_ignore_all: bool,
    /// `net.ipv4.icmp_msgs_per_sec`.
    pub icmp_msgs_per_sec: u32,
    /// `net.ipv4.icmp_msgs_burst`.
    pub icmp_msgs_burst: u32,
    /// `net.ipv4.tcp_rmem`.
    pub tcp_rmem: MinDefaultMax,
    /// `net.ipv4.tcp_wmem`.
    pub tcp_wmem: MinDefaultMax,
    /// `net.ipv4.tcp_mtu_probing`, `tcp_base_mss`, `tcp_mtu_probe_floor`, `tcp_min_snd_mss`, `tcp_probe_threshold` and
    /// `tcp_probe_interval`.
    pub tcp_path: PathRules,
    /// `net.ipv4.route.min_pmtu`: smaller MTUs that ICMP tells are not believed, and packets may be cut on their way then.
    pub min_pmtu: usize,
    /// `net.ipv4.route.mtu_expires`: how long ICMP is believed.
    pub mtu_expires: Duration,
    /// `net.ipv4.tcp_mem`, in pages of 4 KiB.
    pub tcp_mem: MemoryMarks,
    /// `net.ipv4.tcp_max_orphans`
    pub tcp_max_orphans: usize,
    /// `net.ipv4.tcp_moderate_rcvbuf`: receive buffers grow with what comes in a round trip.
    pub tcp_moderate_rcvbuf: bool,
    /// `net.ipv4.tcp_notsent_lowat`: `TCP_NOTSENT_LOWAT` of sockets that have none; `u32::MAX` is none.
    pub tcp_notsent_lowat: u32,
    /// `net.ipv4.tcp_syn_retries`.
    pub tcp_syn_retries: u8,
    /// `net.ipv4.tcp_syn_linear_timeouts`: so many SYNs are sent again before the interval grows.
    pub tcp_syn_linear_timeouts: u8,
    /// `net.ipv4.tcp_rto_min_us`: `TCP_RTO_MIN_US` of sockets that have none.
    pub tcp_rto_min: Duration,
    /// `net.ipv4.tcp_rto_max_ms`: `TCP_RTO_MAX_MS` of sockets that have none.
    pub tcp_rto_max: Duration,
    /// `net.ipv4.tcp_synack_retries`.
    pub tcp_synack_retries: u8,
    /// `net.ipv4.tcp_retries1`.
    pub tcp_retries1: u8,
    /// `net.ipv4.tcp_orphan_retries`: 0 means 8.
    pub tcp_orphan_retries: u8,
    /// `net.ipv4.tcp_min_rtt_wlen`, in seconds.
    pub tcp_min_rtt_wlen: u32,
    /// `net.ipv4.tcp_shrink_window`.
    pub tcp_shrink_window: bool,
    /// `net.ipv4.tcp_retries2`.
    pub tcp_retries2: u8,
    /// `net.ipv4.tcp_max_syn_backlog`.
    pub tcp_max_syn_backlog: u32,
    /// `net.ipv4.tcp_syncookies`: 0 never, 1 when the request queue is full, 2 always.
    pub tcp_syncookies: u8,
    /// `net.ipv4.tcp_abort_on_overflow`.
    pub tcp_abort_on_overflow: bool,
    /// `net.ipv4.tcp_fin_timeout`.
    pub tcp_fin_timeout: Duration,
    /// `net.ipv4.tcp_max_tw_buckets`.
    pub tcp_max_tw_buckets: usize,
    /// `net.ipv4.tcp_keepalive_time`.
    pub tcp_keepalive_time: Duration,
    /// `net.ipv4.tcp_keepalive_intvl`.
    pub tcp_keepalive_intvl: Duration,
    /// `net.ipv4.tcp_keepalive_probes`.
    pub tcp_keepalive_probes: u8,
    /// `net.ipv4.tcp_timestamps`.
    pub tcp_timestamps: Timestamps,
    /// `net.ipv4.tcp_challenge_ack_limit`: of all connections in a second; `None`, Linux's default, is no limit.
    pub tcp_challenge_ack_limit: Option<u32>,
    /// `net.ipv4.tcp_invalid_ratelimit`: the least time between two answers of a connection to invalid segments.
    pub tcp_invalid_ratelimit: Duration,
    /// `net.ipv4.tcp_rfc1337`.
    pub tcp_rfc1337: bool,
    /// `net.ipv4.tcp_tw_reuse`: whether `connect` takes over a TIME-WAIT; 0 never, 1 always, 2 on loopback.
    pub tcp_tw_reuse: u8,
    /// `net.ipv4.tcp_tw_reuse_delay`: not before it has lasted so long.
    pub tcp_tw_reuse_delay: Duration,
    /// `net.ipv4.tcp_window_scaling`.
    pub tcp_window_scaling: bool,
    /// `net.ipv4.tcp_sack`.
    pub tcp_sack: bool,
    /// `net.ipv4.tcp_congestion_control`: what new sockets begin with.
    pub tcp_congestion_control: sockeye_tcp::Algorithm,
    /// `net.ipv4.tcp_slow_start_after_idle`.
    pub tcp_slow_start_after_idle: bool,
    /// `net.ipv4.tcp_fastopen`: 1 for clients, 2 for servers, and Linux's other bits.
    pub tcp_fastopen: u32,
    /// `net.ipv4.tcp_fastopen_key`; without, the host makes one of its seed.
    pub tcp_fastopen_key: Option<crate::FastOpenKeys>,
    /// `net.ipv4.tcp_fastopen_blackhole_timeout_sec`: how long clients do without when connections die of it, 0 for not
    /// at all.
    pub tcp_fastopen_blackhole_timeout: Duration,
    /// `net.ipv4.tcp_ecn`: 0 never, 1 offered and taken, 2 taken if the peer offers it.
    pub tcp_ecn: u8,
    /// `net.ipv4.tcp_ecn_fallback`: a SYN that is sent again does not offer it.
    pub tcp_ecn_fallback: bool,
    /// `net.ipv4.tcp_pacing_ss_ratio`, in percent.
    pub tcp_pacing_ss_ratio: u16,
    /// `net.ipv4.tcp_min_tso_segs`: packets that a super-segment may always have.
    pub tcp_min_tso_segs: u16,
    /// `net.ipv4.tcp_pacing_ca_ratio`, in percent.
    pub tcp_pacing_ca_ratio: u16,
    /// `net.ipv4.tcp_dsack`.
    pub tcp_dsack: bool,
    /// `net.ipv4.tcp_early_retrans`: 3 and 4 probe the tail for losses (RFC 8985 7).
    pub tcp_early_retrans: u8,
    /// `net.ipv4.tcp_recovery`: bits for RACK, of which 1 is always on; 2 keeps the reordering window at its least, 4
    /// takes no count of duplicates for the end of it.
    pub tcp_recovery: u8,
    /// `net.ipv4.tcp_frto`: not 0 sees whether a timeout was spurious (RFC 5682).
    pub tcp_frto: u8,
    /// `net.ipv4.tcp_reordering`.
    pub tcp_reordering: u8,
    /// `net.ipv4.tcp_max_reordering`.
    pub tcp_max_reordering: u16,
    /// `net.ipv4.tcp_thin_linear_timeouts`.
    pub tcp_thin_linear_timeouts: bool,
    /// RFC 7765: with few segments out the retransmission timeout counts from when the earliest was sent. Linux has no such setting:
    /// there the probe of RFC 8985 7.2 comes first, where both ends have SACK.
    pub tcp_rto_restart: bool,
    /// `net.core.txrehash`: after a timeout a connection looks for another path.
    pub txrehash: bool,
    /// `net.ipv6.auto_flowlabels`: 0 none, 1 unless the socket does not want one, 2 if it does, 3 always.
    pub auto_flowlabels: u8,
    /// `net.ipv4.tcp_stdurg`: the urgent pointer names the urgent byte, not the one behind it (RFC 1122 4.2.2.4).
    pub tcp_stdurg: bool,
    /// `net.ipv4.tcp_reflect_tos`: an accepted connection has the type of service of its SYN.
    pub tcp_reflect_tos: bool,
    /// `net.ipv4.tcp_pingpong_thresh`: so many answers make a ping-pong, which acknowledges late.
    pub tcp_pingpong_thresh: u8,
    /// `net.ipv4.tcp_comp_sack_nr`: so many acknowledgments beyond a gap wait for each other at most, 0 for none.
    pub tcp_comp_sack_nr: u8,
    /// `net.ipv4.tcp_comp_sack_delay_ns`: for so long at most.
    pub tcp_comp_sack_delay: Duration,
    /// `net.ipv4.tcp_comp_sack_slack_ns`: and so much longer.
    pub tcp_comp_sack_slack: Duration,
    /// `net.unix.max_dgram_qlen`.
    pub unix_max_dgram_qlen: usize,
}

impl Default for Sysctl {
    fn default() -> Self {
        Self {
            somaxconn: 4096,
            rmem_default: 212_992,
            rmem_max: 4 << 20,
            wmem_default: 212_992,
            wmem_max: 4 << 20,
            optmem_max: 131_072,
            ip_local_port_range: (32_768, 60_999),
            ip_unprivileged_port_start: 1024,
            ip_default_ttl: 64,
            ipv6_hop_limit: 64,
            ip_nonlocal_bind: false,
            bindv6only: false,
            // Linux's own default is the empty range 1 0; every current distribution opens it.
            ping_group_range: (0, i32::MAX.cast_unsigned()),
            ipfrag_time: Duration::from_secs(30),
            ip6frag_time: Duration::from_secs(60),
            ipfrag_high_thresh: 4 << 20,
            icmp_echo_ignore_all: false,
            icmp_msgs_per_sec: 1000,
            icmp_msgs_burst: 50,
            tcp_rmem: MinDefaultMax {
                min: 4096,
                default: 131_072,
                max: 32 << 20,
            },
            tcp_wmem: MinDefaultMax {
                min: 4096,
                default: 16_384,
                // Linux's is 4 MiB, which a path of 200 ms empties at 160 Mbit/s.
                max: 64 << 20,
            },
            tcp_path: PathRules::default(),
            min_pmtu: 552,
            mtu_expires: Duration::from_secs(600),
            // Linux's for 8 GiB of memory.
            tcp_mem: MemoryMarks {
                low: 98_304,
                pressure: 131_072,
                high: 196_608,
            },
            tcp_max_orphans: 131_072,
            tcp_moderate_rcvbuf: true,
            tcp_notsent_lowat: u32::MAX,
            tcp_syn_retries: 6,
            tcp_syn_linear_timeouts: 4,
            tcp_rto_min: sockeye_tcp::Tuning::DEFAULT.rto_min,
            tcp_rto_max: sockeye_tcp::Tuning::DEFAULT.rto_max,
            tcp_synack_retries: 5,
            tcp_retries1: 3,
            tcp_orphan_retries: 0,
            tcp_min_rtt_wlen: 300,
            tcp_shrink_window: false,
            tcp_retries2: 15,
            tcp_max_syn_backlog: 4096,
            tcp_syncookies: 1,
            tcp_abort_on_overflow: false,
            tcp_fin_timeout: Duration::from_secs(60),
            tcp_max_tw_buckets: 262_144,
            tcp_keepalive_time: Duration::from_secs(7200),
            tcp_keepalive_intvl: Duration::from_secs(75),
            tcp_keepalive_probes: 9,
            tcp_timestamps: Timestamps::Offset,
            tcp_challenge_ack_limit: None,
            tcp_invalid_ratelimit: Duration::from_millis(500),
            tcp_rfc1337: false,
            tcp_tw_reuse: 2,
            tcp_tw_reuse_delay: Duration::from_secs(1),
            tcp_window_scaling: true,
            tcp_sack: true,
            tcp_congestion_control: sockeye_tcp::Algorithm::Cubic,
            tcp_slow_start_after_idle: true,
            tcp_fastopen: 1,
            tcp_fastopen_key: None,
            tcp_fastopen_blackhole_timeout: Duration::ZERO,
            tcp_ecn: 2,
            tcp_ecn_fallback: true,
            tcp_pacing_ss_ratio: 200,
            tcp_min_tso_segs: 2,
            tcp_pacing_ca_ratio: 120,
            tcp_dsack: true,
            tcp_early_retrans: 3,
            tcp_recovery: 1,
            tcp_frto: 2,
            tcp_reordering: 3,
            tcp_max_reordering: 300,
            tcp_thin_linear_timeouts: false,
            tcp_rto_restart: false,
            txrehash: true,
            auto_flowlabels: 1,
            tcp_stdurg: false,
            tcp_reflect_tos: false,
            tcp_pingpong_thresh: 1,
            tcp_comp_sack_nr: 44,
            tcp_comp_sack_delay: Duration::from_millis(1),
            tcp_comp_sack_slack: Duration::from_micros(100),
            unix_max_dgram_qlen: 512,
        }
    }
}
