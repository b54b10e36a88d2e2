//! What a host and a socket decide about a connection.
//!
//! [`Settings`] is fixed when the connection is opened; the defaults are those of a current Linux.
//! [`SocketOptions`] may change at any time through [`crate::Connection::options_mut`].
use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use crate::congestion::Algorithm;
use crate::ecn::EcnPolicy;
use crate::{Rules, Seq};

/// `TCP_INIT_CWND` (RFC 6928 2)
pub(crate) const INITIAL_WINDOW: u32 = 10;

/// What is fixed when a connection is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Initial send sequence number (RFC 6528 says how to choose it).
    pub isn: Seq,
    /// Added to the millisecond clock for TSval (RFC 7323 7.1).
    pub timestamp_offset: u32,
    /// What the SYN echoes: the last timestamp of a connection in TIME-WAIT that this one takes the place of, else 0.
    pub recent_timestamp: u32,
    /// The MSS to advertise: the interface's MTU less the IP and TCP headers without options.
    pub local_mss: u16,
    /// What the path carries in one segment, if something else is known of it than [`Settings::local_mss`] says.
    pub path_mss: Option<u16>,
    /// The MSS of a peer that names none: 536 over IPv4, 1220 over IPv6 (RFC 9293 3.7.1).
    pub default_mss: u16,
    /// The longest payload of one [`crate::OutgoingSegment`]; more than one MSS makes super-segments.
    pub max_super_segment: usize,
    /// Packets that one may always have, however slow the path is (`tcp_min_tso_segs`).
    pub min_super_segment: u16,
    /// `SO_RCVBUF` as `getsockopt` tells it (`tcp_rmem[1]`). As in Linux half of it is for data.
    pub receive_buffer: usize,
    /// Autotuning may grow the receive buffer up to this (`tcp_rmem[2]`). No more than `receive_buffer` switches
    /// autotuning off (a set `SO_RCVBUF`, `tcp_moderate_rcvbuf` off).
    pub receive_buffer_max: usize,
    /// The window scale is chosen for a buffer that a program may still set (`tcp_rmem[2]`, `rmem_max`).
    pub window_scale_for: usize,
    /// `SO_SNDBUF` as `getsockopt` tells it (`tcp_wmem[1]`).
    pub send_buffer: usize,
    /// The send buffer grows with the congestion window up to this (`tcp_wmem[2]`).
    pub send_buffer_max: usize,
    /// Initial congestion window in segments (RFC 6928).
    pub initial_window: u32,
    /// Offer or accept window scaling (`tcp_window_scaling`).
    pub window_scaling: bool,
    /// Offer or accept timestamps (`tcp_timestamps`).
    pub timestamps: bool,
    /// Offer or accept SACK (`tcp_sack`).
    pub sack: bool,
    /// Report duplicates by SACK (RFC 2883, `tcp_dsack`).
    pub dsack: bool,
    /// Retransmissions of a SYN with growing intervals (`tcp_syn_retries`).
    pub syn_retries: u8,
    /// Retransmissions of a SYN at the initial interval before those (`tcp_syn_linear_timeouts`).
    pub syn_linear_timeouts: u8,
    /// Retransmissions of a SYN-ACK (`tcp_synack_retries`).
    pub synack_retries: u8,
    /// Timeouts after which the path is suspected (`tcp_retries1`).
    pub retries1: u8,
    /// Timeouts after which the connection is given up (`tcp_retries2`).
    pub retries2: u8,
    /// The same when the application is gone (`tcp_orphan_retries`; 0 means 8).
    pub orphan_retries: u8,
    /// The least round trip is that of so many seconds (`tcp_min_rtt_wlen`).
    pub min_rtt_window: u32,
    /// The window may shrink when memory does (`tcp_shrink_window`).
    pub shrink_window: bool,
    /// How long an orphan stays in FIN-WAIT-2 (`tcp_fin_timeout`).
    pub fin_timeout: Duration,
    /// Start slowly again after an idle time (`tcp_slow_start_after_idle`).
    pub slow_start_after_idle: bool,
    /// Explicit congestion notification (`tcp_ecn`).
    pub ecn: EcnPolicy,
    /// How much of the window leaves in a round trip of a connection that paces, in percent: in slow start and after it
    /// (`tcp_pacing_ss_ratio`, `tcp_pacing_ca_ratio`).
    pub pacing_ratios: (u16, u16),
    /// The least time between two answers to segments that are not acceptable, in ms (`tcp_invalid_ratelimit`).
    pub invalid_interval: u16,
    /// RFC 1337: a reset does not end TIME-WAIT (`tcp_rfc1337`).
    pub rfc1337: bool,
    /// 3 or 4: probe the tail for losses (`tcp_early_retrans`).
    pub early_retransmit: u8,
    /// Bits: 2 keeps the reordering window at its least, 4 takes no count of duplicates for the end of it (`tcp_recovery`).
    pub recovery: u8,
    /// See whether a timeout was spurious (RFC 5682, `tcp_frto`).
    pub frto: bool,
    /// Packets that may overtake another before that is taken for lost (`tcp_reordering`).
    pub reordering: u8,
    /// To how many that may grow (`tcp_max_reordering`).
    pub max_reordering: u16,
    /// The first timeouts of thin streams do not back off (`tcp_thin_linear_timeouts`).
    pub thin_linear_timeouts: bool,
    /// With few segments out the timeout counts from the earliest of them, not from the last acknowledgment (RFC 7765).
    pub rto_restart: bool,
    /// The urgent pointer names the urgent byte (`tcp_stdurg`).
    pub standard_urgent: bool,
    /// So many answers make a ping-pong (`tcp_pingpong_thresh`).
    pub ping_pong_threshold: u8,
    /// How acknowledgments beyond a gap are put together.
    pub compression: Compression,
    /// The path's MTU.
    pub path: PathRules,
    /// Congestion control.
    pub congestion: Algorithm,
    /// `TCP_QUICKACK` is off from the beginning: acknowledge as in a ping-pong.
    pub ping_pong: bool,
    /// Shared with other connections as far as they say the same as these settings; see [`crate::KnownRules::share`].
    pub rules: Rules,
    /// The socket's options at open.
    pub options: SocketOptions,
}

/// How acknowledgments of what came beyond a gap are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// So many at most, 0 for none (`tcp_comp_sack_nr`).
    pub most: u8,
    /// For so long at most (`tcp_comp_sack_delay_ns`).
    pub delay: Duration,
    /// How much later it may be (`tcp_comp_sack_slack_ns`). Linux's timer comes at the end of that, unless it is awake anyway.
    pub slack: Duration,
}

impl Default for Compression {
    fn default() -> Compression {
        Compression {
            most: 44,
            delay: Duration::from_millis(1),
            slack: Duration::from_micros(100),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            isn: Seq::new(0),
            timestamp_offset: 0,
            recent_timestamp: 0,
            local_mss: 1460,
            path_mss: None,
            default_mss: 536,
            max_super_segment: 65_535,
            min_super_segment: 2,
            receive_buffer: 131_072,
            receive_buffer_max: 6 << 20,
            window_scale_for: 6 << 20,
            send_buffer: 16_384,
            send_buffer_max: 4 << 20,
            initial_window: INITIAL_WINDOW,
            window_scaling: true,
            timestamps: true,
            sack: true,
            dsack: true,
            syn_retries: 6,
            syn_linear_timeouts: 4,
            synack_retries: 5,
            retries1: 3,
            retries2: 15,
            orphan_retries: 0,
            min_rtt_window: 300,
            shrink_window: false,
            fin_timeout: Duration::from_secs(60),
            slow_start_after_idle: true,
            ecn: EcnPolicy::default(),
            pacing_ratios: (200, 120),
            invalid_interval: 500,
            rfc1337: false,
            compression: Compression::default(),
            path: PathRules::default(),
            early_retransmit: 3,
            recovery: 1,
            frto: true,
            reordering: 3,
            max_reordering: 300,
            thin_linear_timeouts: false,
            rto_restart: false,
            standard_urgent: false,
            ping_pong_threshold: 1,
            congestion: Algorithm::Cubic,
            ping_pong: false,
            rules: Rules::default(),
            options: SocketOptions::default(),
        }
    }
}

impl Settings {
    /// The receive buffer does not grow.
    pub(crate) fn fixes_receive_buffer(&self) -> bool {
        self.receive_buffer_max <= self.receive_buffer
    }

    /// The send buffer does not grow.
    pub(crate) fn fixes_send_buffer(&self) -> bool {
        self.send_buffer_max <= self.send_buffer
    }
}

/// Of the settings what loss detection goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LossRules {
    flags: u8,
    pub(crate) reordering: u8,
    pub(crate) max_reordering: u16,
}

impl LossRules {
    pub(crate) const TAIL_PROBES: u8 = 1;
    pub(crate) const RACK_STATIC_REO_WND: u8 = 2;
    pub(crate) const RACK_NO_DUPTHRESH: u8 = 4;
    pub(crate) const FRTO: u8 = 8;
    pub(crate) const THIN: u8 = 16;
    pub(crate) const RESTART: u8 = 32;

    pub(crate) fn new(settings: &Settings) -> LossRules {
        let flags = [
            (
                Self::TAIL_PROBES,
                matches!(settings.early_retransmit, 3 | 4),
            ),
            (Self::RACK_STATIC_REO_WND, settings.recovery & 2 != 0),
            (Self::RACK_NO_DUPTHRESH, settings.recovery & 4 != 0),
            (Self::FRTO, settings.frto),
            (Self::THIN, settings.thin_linear_timeouts),
            (Self::RESTART, settings.rto_restart),
        ];
        LossRules {
            flags: flags
                .into_iter()
                .filter(|(_, is_on)| *is_on)
                .fold(0, |all, (flag, _)| all | flag),
            reordering: settings.reordering.max(1),
            max_reordering: settings.max_reordering,
        }
    }

    pub(crate) fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// How the path's MTU is looked for (RFC 4821), and what is believed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathRules {
    /// `tcp_mtu_probing`: 0 not at all, 1 when nothing gets through, 2 always.
    pub probing: u8,
    /// `tcp_base_mss`: where the search begins.
    pub base: u16,
    /// `tcp_mtu_probe_floor`: no shorter, however little gets through.
    pub floor: u16,
    /// `tcp_min_snd_mss`: no shorter whatever is told, options included.
    pub least: u16,
    /// `tcp_probe_threshold`: the search ends when what is left of it is less.
    pub threshold: u16,
    /// `tcp_probe_interval`: after so many seconds it begins anew.
    pub interval: u32,
}

impl Default for PathRules {
    fn default() -> Self {
        PathRules {
            probing: 0,
            base: 1024,
            floor: 48,
            least: 48,
            threshold: 8,
            interval: 600,
        }
    }
}

/// What a socket's owner may change at any time: the switches, and by [`Deref`] what is in [`Tuning`].
///
/// Programs set the switches on nearly every connection and the rest on few, so the rest costs nothing while it has the
/// default values.
#[derive(Clone, Debug, Default)]
pub struct SocketOptions {
    /// `TCP_NODELAY`: no Nagle.
    pub nodelay: bool,
    /// `TCP_CORK`: only full segments.
    pub cork: bool,
    /// `SO_KEEPALIVE`.
    pub keepalive: bool,
    /// `SO_OOBINLINE`: urgent data stays in the stream.
    pub oob_inline: bool,
    /// `SO_TXREHASH` is off: a timeout is no reason to look for another path.
    pub keeps_path: bool,
    tuning: Option<Box<Tuning>>,
}

/// The options of a connection that have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// `TCP_KEEPCNT`.
    pub keep_count: u8,
    /// `TCP_KEEPIDLE`.
    pub keep_idle: Duration,
    /// `TCP_KEEPINTVL`.
    pub keep_interval: Duration,
    /// `TCP_USER_TIMEOUT`.
    pub user_timeout: Option<Duration>,
    /// `TCP_LINGER2`.
    pub linger2: Linger2,
    /// `TCP_MAXSEG`: an upper bound of the MSS, advertised and used. Effective before the handshake.
    pub max_segment: Option<u16>,
    /// `TCP_WINDOW_CLAMP`: an upper bound of the advertised window.
    pub window_clamp: Option<u32>,
    /// `TCP_NOTSENT_LOWAT`: not writable while so many bytes are unsent.
    pub unsent_low_water: Option<u32>,
    /// `SO_RCVLOWAT`.
    pub receive_low_water: u32,
    /// `TCP_DEFER_ACCEPT` of the listener, in timeouts of the SYN-ACK: until then a bare acknowledgment completes no
    /// handshake. Of a socket that connects: its first acknowledgment waits for data.
    pub defer_accept: u8,
    /// `TCP_THIN_LINEAR_TIMEOUTS`: the first timeouts of a thin stream do not back off.
    pub thin_linear_timeouts: bool,
    /// `TCP_RTO_MIN_US`.
    pub rto_min: Duration,
    /// `TCP_RTO_MAX_MS`.
    pub rto_max: Duration,
    /// `TCP_DELACK_MAX_US`.
    pub delayed_ack_max: Duration,
    /// `SO_MAX_PACING_RATE`, in bytes a second; `u64::MAX` is no limit.
    pub max_pacing_rate: u64,
}

impl Tuning {
    /// What a new socket has.
    pub const DEFAULT: Tuning = Tuning {
        keep_count: 9,
        keep_idle: Duration::from_secs(7200),
        keep_interval: Duration::from_secs(75),
        user_timeout: None,
        linger2: Linger2::Default,
        max_segment: None,
        window_clamp: None,
        unsent_low_water: None,
        receive_low_water: 1,
        defer_accept: 0,
        thin_linear_timeouts: false,
        rto_min: Duration::from_millis(200),
        rto_max: Duration::from_secs(120),
        delayed_ack_max: Duration::from_millis(200),
        max_pacing_rate: u64::MAX,
    };
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning::DEFAULT
    }
}

impl From<Tuning> for SocketOptions {
    /// All switches off.
    fn from(tuning: Tuning) -> SocketOptions {
        SocketOptions {
            tuning: (tuning != Tuning::DEFAULT).then(|| Box::new(tuning)),
            ..SocketOptions::default()
        }
    }
}

impl SocketOptions {
    /// Heap memory owned, in bytes.
    pub(crate) fn heap(&self) -> usize {
        self.tuning.as_ref().map_or(0, |_| size_of::<Tuning>())
    }
}

impl PartialEq for SocketOptions {
    fn eq(&self, other: &SocketOptions) -> bool {
        let switches = |options: &SocketOptions| {
            [
                options.nodelay,
                options.cork,
                options.keepalive,
                options.oob_inline,
                options.keeps_path,
            ]
        };
        // A box with the default values says the same as none.
        switches(self) == switches(other) && **self == **other
    }
}

impl Eq for SocketOptions {}

impl Deref for SocketOptions {
    type Target = Tuning;

    fn deref(&self) -> &Tuning {
        static DEFAULT: Tuning = Tuning::DEFAULT;
        self.tuning.as_deref().unwrap_or(&DEFAULT)
    }
}

impl DerefMut for SocketOptions {
    fn deref_mut(&mut self) -> &mut Tuning {
        self.tuning.get_or_insert_default()
    }
}

/// `TCP_LINGER2`: how long an orphan stays in FIN-WAIT-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Linger2 {
    /// As `tcp_fin_timeout` says.
    #[default]
    Default,
    /// Not at all: the connection is reset (a negative value).
    None,
    /// So many seconds.
    Seconds(u32),
}
