//! The options of the cases, by name.

use libc::{
    IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, SOL_NETLINK, SOL_SOCKET,
};

use crate::world::Opt;

macro_rules! options {
    ($($group:ident: $level:expr => { $($name:ident = $number:expr),* $(,)? })*) => {
        $($(#[allow(dead_code, reason = "some are used by the table only")]
        pub(crate) const $name: Opt = Opt { name: stringify!($name), level: $level, number: $number };)*)*
        $(/// The options of one level.
        pub(crate) const $group: &[Opt] = &[$($name),*];)*
        /// Every option of the table.
        #[must_use]
        pub fn names() -> Vec<&'static str> {
            let all = [$($group),*].concat();
            all.iter().map(|option| option.name).chain(STRUCTURES.iter().copied()).collect()
        }
    };
}

options! {
    NETLINK: SOL_NETLINK => {
        NETLINK_ADD_MEMBERSHIP = 1,
        NETLINK_DROP_MEMBERSHIP = 2,
        NETLINK_BROADCAST_ERROR = 4,
        NETLINK_NO_ENOBUFS = 5,
        NETLINK_LIST_MEMBERSHIPS = 9,
        NETLINK_CAP_ACK = 10,
        NETLINK_EXT_ACK = 11,
        NETLINK_GET_STRICT_CHK = 12,
    }
    SOCKET: SOL_SOCKET => {
        SO_DEBUG = libc::SO_DEBUG,
        SO_REUSEADDR = libc::SO_REUSEADDR,
        SO_TYPE = libc::SO_TYPE,
        SO_ERROR = libc::SO_ERROR,
        SO_DONTROUTE = libc::SO_DONTROUTE,
        SO_BROADCAST = libc::SO_BROADCAST,
        SO_SNDBUF = libc::SO_SNDBUF,
        SO_RCVBUF = libc::SO_RCVBUF,
        SO_SNDBUFFORCE = libc::SO_SNDBUFFORCE,
        SO_RCVBUFFORCE = libc::SO_RCVBUFFORCE,
        SO_KEEPALIVE = libc::SO_KEEPALIVE,
        SO_OOBINLINE = libc::SO_OOBINLINE,
        SO_PRIORITY = libc::SO_PRIORITY,
        SO_LINGER = libc::SO_LINGER,
        SO_REUSEPORT = libc::SO_REUSEPORT,
        SO_PASSCRED = libc::SO_PASSCRED,
        SO_RCVLOWAT = libc::SO_RCVLOWAT,
        SO_SNDLOWAT = libc::SO_SNDLOWAT,
        SO_RCVTIMEO = libc::SO_RCVTIMEO,
        SO_SNDTIMEO = libc::SO_SNDTIMEO,
        SO_ACCEPTCONN = libc::SO_ACCEPTCONN,
        SO_PROTOCOL = libc::SO_PROTOCOL,
        SO_DOMAIN = libc::SO_DOMAIN,
        SO_TIMESTAMP = libc::SO_TIMESTAMP,
        SO_TIMESTAMPNS = libc::SO_TIMESTAMPNS,
        SO_MARK = libc::SO_MARK,
        SO_RXQ_OVFL = libc::SO_RXQ_OVFL,
        SO_PEEK_OFF = libc::SO_PEEK_OFF,
        SO_BUSY_POLL = libc::SO_BUSY_POLL,
        SO_INCOMING_CPU = libc::SO_INCOMING_CPU,
        SO_PEERCRED = libc::SO_PEERCRED,
        SO_PASSSEC = libc::SO_PASSSEC,
        SO_NO_CHECK = 11,
        SO_BINDTODEVICE = libc::SO_BINDTODEVICE,
        SO_ZEROCOPY = libc::SO_ZEROCOPY,
        SO_BSDCOMPAT = 14,
        SO_MEMINFO = 55,
        SO_INCOMING_NAPI_ID = 56,
        SO_RCVTIMEO_NEW = 66,
        SO_SNDTIMEO_NEW = 67,
        SO_PEERNAME = 28,
        SO_PEERSEC = 31,
        SO_TIMESTAMPING = 37,
        SO_TIMESTAMP_NEW = 63,
        SO_TIMESTAMPNS_NEW = 64,
        SO_TIMESTAMPING_NEW = 65,
        SO_WIFI_STATUS = 41,
        SO_NOFCS = 43,
        SO_LOCK_FILTER = 44,
        SO_SELECT_ERR_QUEUE = 45,
        SO_MAX_PACING_RATE = 47,
        SO_BPF_EXTENSIONS = 48,
        SO_PEERGROUPS = 59,
        SO_BINDTOIFINDEX = 62,
        SO_PREFER_BUSY_POLL = 69,
        SO_BUSY_POLL_BUDGET = 70,
        SO_BUF_LOCK = 72,
        SO_RESERVE_MEM = 73,
        SO_TXREHASH = 74,
        SO_RCVMARK = 75,
        SO_PASSPIDFD = 76,
        SO_PEERPIDFD = 77,
        SO_RCVPRIORITY = 82,
        SO_PASSRIGHTS = 83,
        SO_DETACH_FILTER = 27,
        SO_ATTACH_FILTER = 26,
    }
    TCP: IPPROTO_TCP => {
        TCP_NODELAY = libc::TCP_NODELAY,
        TCP_MAXSEG = libc::TCP_MAXSEG,
        TCP_CORK = libc::TCP_CORK,
        TCP_KEEPIDLE = libc::TCP_KEEPIDLE,
        TCP_KEEPINTVL = libc::TCP_KEEPINTVL,
        TCP_KEEPCNT = libc::TCP_KEEPCNT,
        TCP_SYNCNT = libc::TCP_SYNCNT,
        TCP_LINGER2 = libc::TCP_LINGER2,
        TCP_DEFER_ACCEPT = libc::TCP_DEFER_ACCEPT,
        TCP_WINDOW_CLAMP = libc::TCP_WINDOW_CLAMP,
        TCP_QUICKACK = libc::TCP_QUICKACK,
        TCP_USER_TIMEOUT = libc::TCP_USER_TIMEOUT,
        TCP_FASTOPEN = libc::TCP_FASTOPEN,
        TCP_FASTOPEN_CONNECT = libc::TCP_FASTOPEN_CONNECT,
        TCP_NOTSENT_LOWAT = libc::TCP_NOTSENT_LOWAT,
        TCP_MD5SIG = 14,
        TCP_THIN_LINEAR_TIMEOUTS = 16,
        TCP_THIN_DUPACK = 17,
        TCP_REPAIR = 19,
        TCP_REPAIR_QUEUE = 20,
        TCP_QUEUE_SEQ = 21,
        TCP_REPAIR_OPTIONS = 22,
        TCP_TIMESTAMP = 24,
        TCP_SAVE_SYN = 27,
        TCP_SAVED_SYN = 28,
        TCP_REPAIR_WINDOW = 29,
        TCP_ULP = 31,
        TCP_MD5SIG_EXT = 32,
        TCP_FASTOPEN_KEY = 33,
        TCP_FASTOPEN_NO_COOKIE = 34,
        TCP_ZEROCOPY_RECEIVE = 35,
        TCP_INQ = 36,
        TCP_TX_DELAY = 37,
        TCP_AO_ADD_KEY = 38,
        TCP_AO_DEL_KEY = 39,
        TCP_AO_INFO = 40,
        TCP_AO_GET_KEYS = 41,
        TCP_AO_REPAIR = 42,
        TCP_IS_MPTCP = 43,
        TCP_RTO_MAX_MS = 44,
        TCP_RTO_MIN_US = 45,
        TCP_DELACK_MAX_US = 46,
    }
    UDP: IPPROTO_UDP => {
        UDP_CORK = libc::UDP_CORK,
        UDP_SEGMENT = libc::UDP_SEGMENT,
        UDP_GRO = libc::UDP_GRO,
        UDP_ENCAP = 100,
        UDP_NO_CHECK6_TX = 101,
        UDP_NO_CHECK6_RX = 102,
    }
    UDPLITE: IPPROTO_UDPLITE => {
        UDPLITE_SEND_CSCOV = 10,
        UDPLITE_RECV_CSCOV = 11,
    }
    IP: IPPROTO_IP => {
        IP_TOS = libc::IP_TOS,
        IP_TTL = libc::IP_TTL,
        IP_HDRINCL = libc::IP_HDRINCL,
        IP_RECVOPTS = libc::IP_RECVOPTS,
        IP_PKTINFO = libc::IP_PKTINFO,
        IP_MTU_DISCOVER = libc::IP_MTU_DISCOVER,
        IP_RECVERR = libc::IP_RECVERR,
        IP_RECVTTL = libc::IP_RECVTTL,
        IP_RECVTOS = libc::IP_RECVTOS,
        IP_FREEBIND = libc::IP_FREEBIND,
        IP_TRANSPARENT = libc::IP_TRANSPARENT,
        IP_MULTICAST_TTL = libc::IP_MULTICAST_TTL,
        IP_MULTICAST_LOOP = libc::IP_MULTICAST_LOOP,
        IP_RECVORIGDSTADDR = libc::IP_RECVORIGDSTADDR,
        IP_BIND_ADDRESS_NO_PORT = libc::IP_BIND_ADDRESS_NO_PORT,
        IP_OPTIONS = libc::IP_OPTIONS,
        IP_MTU = libc::IP_MTU,
        IP_ROUTER_ALERT = 5,
        IP_PKTOPTIONS = 9,
        IP_RETOPTS = 7,
        IP_PASSSEC = 18,
        IP_MINTTL = 21,
        IP_NODEFRAG = 22,
        IP_CHECKSUM = 23,
        IP_RECVFRAGSIZE = 25,
        IP_RECVERR_RFC4884 = 26,
        IP_MULTICAST_IF = 32,
        IP_MULTICAST_ALL = 49,
        IP_UNICAST_IF = 50,
        IP_LOCAL_PORT_RANGE = 51,
        IP_PROTOCOL = 52,
    }
    IPV6: IPPROTO_IPV6 => {
        IPV6_UNICAST_HOPS = libc::IPV6_UNICAST_HOPS,
        IPV6_MULTICAST_HOPS = libc::IPV6_MULTICAST_HOPS,
        IPV6_MULTICAST_LOOP = libc::IPV6_MULTICAST_LOOP,
        IPV6_MTU_DISCOVER = libc::IPV6_MTU_DISCOVER,
        IPV6_RECVERR = libc::IPV6_RECVERR,
        IPV6_V6ONLY = libc::IPV6_V6ONLY,
        IPV6_RECVPKTINFO = libc::IPV6_RECVPKTINFO,
        IPV6_RECVHOPLIMIT = libc::IPV6_RECVHOPLIMIT,
        IPV6_RECVTCLASS = libc::IPV6_RECVTCLASS,
        IPV6_TCLASS = libc::IPV6_TCLASS,
        IPV6_FREEBIND = libc::IPV6_FREEBIND,
        IPV6_MTU = libc::IPV6_MTU,
        IPV6_DONTFRAG = libc::IPV6_DONTFRAG,
        IPV6_CHECKSUM = 7,
        IPV6_2292PKTOPTIONS = 6,
        IPV6_FLOWINFO = 11,
        IPV6_MULTICAST_IF = 17,
        IPV6_MULTICAST_ALL = 29,
        IPV6_RECVERR_RFC4884 = 31,
        IPV6_FLOWINFO_SEND = 33,
        IPV6_HDRINCL = 36,
        IPV6_RECVHOPOPTS = 53,
        IPV6_RECVRTHDR = 56,
        IPV6_RECVDSTOPTS = 58,
        IPV6_RECVPATHMTU = 60,
        IPV6_PATHMTU = 61,
        IPV6_AUTOFLOWLABEL = 70,
        IPV6_ADDR_PREFERENCES = 72,
        IPV6_MINHOPCOUNT = 73,
        IPV6_RECVORIGDSTADDR = 74,
        IPV6_TRANSPARENT = 75,
        IPV6_UNICAST_IF = 76,
        IPV6_RECVFRAGSIZE = 77,
    }
}

macro_rules! structures {
    ($($name:ident = $level:expr, $number:expr;)*) => {
        $(pub(crate) const $name: Opt = Opt { name: stringify!($name), level: $level, number: $number };)*
        const STRUCTURES: &[&str] = &[$(stringify!($name)),*];
    };
}

// Those that take structures have cases of their own.
structures! {
    IP_ADD_MEMBERSHIP = IPPROTO_IP, 35;
    IP_DROP_MEMBERSHIP = IPPROTO_IP, 36;
    IP_UNBLOCK_SOURCE = IPPROTO_IP, 37;
    IP_BLOCK_SOURCE = IPPROTO_IP, 38;
    IP_ADD_SOURCE_MEMBERSHIP = IPPROTO_IP, 39;
    IP_DROP_SOURCE_MEMBERSHIP = IPPROTO_IP, 40;
    IP_MSFILTER = IPPROTO_IP, 41;
    MCAST_JOIN_GROUP = IPPROTO_IP, 42;
    MCAST_BLOCK_SOURCE = IPPROTO_IP, 43;
    MCAST_UNBLOCK_SOURCE = IPPROTO_IP, 44;
    MCAST_LEAVE_GROUP = IPPROTO_IP, 45;
    MCAST_JOIN_SOURCE_GROUP = IPPROTO_IP, 46;
    MCAST_LEAVE_SOURCE_GROUP = IPPROTO_IP, 47;
    MCAST_MSFILTER = IPPROTO_IP, 48;
    IPV6_ADD_MEMBERSHIP = IPPROTO_IPV6, 20;
    IPV6_DROP_MEMBERSHIP = IPPROTO_IPV6, 21;
}

/// The congestion control by name.
pub(crate) const TCP_CONGESTION: Opt = Opt {
    name: "TCP_CONGESTION",
    level: IPPROTO_TCP,
    number: libc::TCP_CONGESTION,
};
/// The `tcp_cc_info` union: what the algorithm knows.
pub(crate) const TCP_CC_INFO: Opt = Opt {
    name: "TCP_CC_INFO",
    level: IPPROTO_TCP,
    number: 26,
};
/// The `tcp_info` structure.
pub(crate) const TCP_INFO: Opt = Opt {
    name: "TCP_INFO",
    level: IPPROTO_TCP,
    number: libc::TCP_INFO,
};
