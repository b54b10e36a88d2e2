//! Numbers by the names that Linux's header files give them.

use sockeye_core::{Errno, options};

/// What is no socket option: those are in the core's own table.
#[rustfmt::skip]
const NAMES: &[(&str, i64)] = &[
    ("AF_UNSPEC", 0), ("AF_UNIX", 1), ("AF_INET", 2), ("AF_INET6", 10),
    ("PF_INET", 2), ("PF_INET6", 10),
    ("SOCK_STREAM", 1), ("SOCK_DGRAM", 2), ("SOCK_RAW", 3), ("SOCK_SEQPACKET", 5),
    ("SOCK_NONBLOCK", 0o4000), ("SOCK_CLOEXEC", 0o2_000_000),
    ("IPPROTO_IP", 0), ("IPPROTO_ICMP", 1), ("IPPROTO_TCP", 6), ("IPPROTO_UDP", 17),
    ("IPPROTO_IPV6", 41), ("IPPROTO_ICMPV6", 58), ("IPPROTO_UDPLITE", 136), ("IPPROTO_RAW", 255),
    ("SOL_SOCKET", 1), ("SOL_IP", 0), ("SOL_TCP", 6), ("SOL_UDP", 17), ("SOL_IPV6", 41),
    ("SOL_RAW", 255), ("SOL_UDPLITE", 136), ("SOL_ICMPV6", 58),
    ("SHUT_RD", 0), ("SHUT_WR", 1), ("SHUT_RDWR", 2),
    ("MSG_OOB", 1), ("MSG_PEEK", 2), ("MSG_DONTROUTE", 4), ("MSG_CTRUNC", 8), ("MSG_TRUNC", 0x20),
    ("MSG_DONTWAIT", 0x40), ("MSG_EOR", 0x80), ("MSG_WAITALL", 0x100), ("MSG_CONFIRM", 0x800),
    ("MSG_ERRQUEUE", 0x2000), ("MSG_NOSIGNAL", 0x4000), ("MSG_MORE", 0x8000),
    ("MSG_WAITFORONE", 0x1_0000), ("MSG_ZEROCOPY", 0x0400_0000), ("MSG_FASTOPEN", 0x2000_0000),
    ("MSG_CMSG_CLOEXEC", 0x4000_0000),
    ("F_GETFL", 3), ("F_SETFL", 4), ("F_GETFD", 1), ("F_SETFD", 2), ("FD_CLOEXEC", 1),
    ("O_RDONLY", 0), ("O_WRONLY", 1), ("O_RDWR", 2), ("O_NONBLOCK", 0o4000), ("O_CLOEXEC", 0o2_000_000),
    ("SPLICE_F_MOVE", 1), ("SPLICE_F_NONBLOCK", 2), ("SPLICE_F_MORE", 4), ("SPLICE_F_GIFT", 8),
    ("FIONREAD", 0x541b), ("SIOCINQ", 0x541b), ("SIOCOUTQ", 0x5411), ("TIOCOUTQ", 0x5411),
    ("SIOCOUTQNSD", 0x894b), ("SIOCATMARK", 0x8905),
    ("POLLIN", 1), ("POLLPRI", 2), ("POLLOUT", 4), ("POLLERR", 8), ("POLLHUP", 0x10), ("POLLNVAL", 0x20),
    ("POLLRDNORM", 0x40), ("POLLRDBAND", 0x80), ("POLLWRNORM", 0x100), ("POLLWRBAND", 0x200),
    ("POLLRDHUP", 0x2000),
    ("EPOLLIN", 1), ("EPOLLPRI", 2), ("EPOLLOUT", 4), ("EPOLLERR", 8), ("EPOLLHUP", 0x10),
    ("EPOLLRDNORM", 0x40), ("EPOLLRDBAND", 0x80), ("EPOLLWRNORM", 0x100), ("EPOLLWRBAND", 0x200),
    ("EPOLLRDHUP", 0x2000), ("EPOLLEXCLUSIVE", 1 << 28), ("EPOLLONESHOT", 1 << 30), ("EPOLLET", 1 << 31),
    ("EPOLL_CTL_ADD", 1), ("EPOLL_CTL_DEL", 2), ("EPOLL_CTL_MOD", 3), ("EPOLL_CLOEXEC", 0o2_000_000),
    ("TCP_ESTABLISHED", 1), ("TCP_SYN_SENT", 2), ("TCP_SYN_RECV", 3), ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5), ("TCP_TIME_WAIT", 6), ("TCP_CLOSE", 7), ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9), ("TCP_LISTEN", 10), ("TCP_CLOSING", 11),
    ("TCP_CA_Open", 0), ("TCP_CA_Disorder", 1), ("TCP_CA_CWR", 2), ("TCP_CA_Recovery", 3), ("TCP_CA_Loss", 4),
    ("TCPI_OPT_TIMESTAMPS", 1), ("TCPI_OPT_SACK", 2), ("TCPI_OPT_WSCALE", 4), ("TCPI_OPT_ECN", 8),
    ("TCPI_OPT_ECN_SEEN", 16), ("TCPI_OPT_SYN_DATA", 32),
    ("SCM_TIMESTAMP", 29), ("SCM_TIMESTAMPNS", 35), ("SCM_TIMESTAMPING", 37),
    ("SCM_TIMESTAMPING_OPT_STATS", 54), ("SCM_TS_OPT_ID", 81),
    ("SCM_TSTAMP_SND", 0), ("SCM_TSTAMP_SCHED", 1), ("SCM_TSTAMP_ACK", 2),
    ("SOF_TIMESTAMPING_TX_HARDWARE", 1), ("SOF_TIMESTAMPING_TX_SOFTWARE", 1 << 1),
    ("SOF_TIMESTAMPING_RX_HARDWARE", 1 << 2), ("SOF_TIMESTAMPING_RX_SOFTWARE", 1 << 3),
    ("SOF_TIMESTAMPING_SOFTWARE", 1 << 4), ("SOF_TIMESTAMPING_SYS_HARDWARE", 1 << 5),
    ("SOF_TIMESTAMPING_RAW_HARDWARE", 1 << 6), ("SOF_TIMESTAMPING_OPT_ID", 1 << 7),
    ("SOF_TIMESTAMPING_TX_SCHED", 1 << 8), ("SOF_TIMESTAMPING_TX_ACK", 1 << 9),
    ("SOF_TIMESTAMPING_OPT_CMSG", 1 << 10), ("SOF_TIMESTAMPING_OPT_TSONLY", 1 << 11),
    ("SOF_TIMESTAMPING_OPT_STATS", 1 << 12), ("SOF_TIMESTAMPING_OPT_PKTINFO", 1 << 13),
    ("SOF_TIMESTAMPING_OPT_TX_SWHW", 1 << 14), ("SOF_TIMESTAMPING_BIND_PHC", 1 << 15),
    ("SOF_TIMESTAMPING_OPT_ID_TCP", 1 << 16), ("SOF_TIMESTAMPING_OPT_RX_FILTER", 1 << 17),
    ("SOF_TIMESTAMPING_TX_COMPLETION", 1 << 18), ("SO_EE_ORIGIN_TIMESTAMPING", 4),
    ("SO_EE_ORIGIN_NONE", 0), ("SO_EE_ORIGIN_LOCAL", 1), ("SO_EE_ORIGIN_ICMP", 2),
    ("SO_EE_ORIGIN_ICMP6", 3), ("SO_EE_ORIGIN_ZEROCOPY", 5), ("SO_EE_CODE_ZEROCOPY_COPIED", 1),
    ("ICMP_ECHOREPLY", 0), ("ICMP_DEST_UNREACH", 3), ("ICMP_TIME_EXCEEDED", 11),
    ("IP_PMTUDISC_DONT", 0), ("IP_PMTUDISC_WANT", 1), ("IP_PMTUDISC_DO", 2), ("IP_PMTUDISC_PROBE", 3),
    ("IP_PMTUDISC_INTERFACE", 4), ("IP_PMTUDISC_OMIT", 5),
    ("IPV6_PMTUDISC_DONT", 0), ("IPV6_PMTUDISC_WANT", 1), ("IPV6_PMTUDISC_DO", 2), ("IPV6_PMTUDISC_PROBE", 3),
    ("TCP_CM_INQ", 36), ("INADDR_ANY", 0), ("INADDR_LOOPBACK", 0x7f00_0001),
    ("SO_RCVTIMEO", 20), ("SO_SNDTIMEO", 21),
    ("NULL", 0),
];

/// The number of a name.
pub(crate) fn number(name: &str) -> Option<i64> {
    let own = NAMES.iter().find(|(known, _)| *known == name);
    own.map(|(_, number)| *number)
        .or_else(|| {
            let mut entries = options::entries();
            let entry = entries.find(|entry| entry.label == name)?;
            Some(entry.name.into())
        })
        .or_else(|| errno(name).map(i64::from))
}

/// The number of an error's name.
pub(crate) fn errno(name: &str) -> Option<i32> {
    let name = if name == "EWOULDBLOCK" {
        "EAGAIN"
    } else {
        name
    };
    (1..=133).find(|number| Errno::from_number(*number).is_some_and(|e| e.to_string() == name))
}

/// The name of an error's number.
pub(crate) fn errno_name(number: i32) -> String {
    Errno::from_number(number).map_or_else(|| format!("errno {number}"), |errno| errno.to_string())
}

/// `POLL*` bits by their names.
pub(crate) fn poll_names(bits: u32, prefix: &str) -> String {
    let known = [
        (1, "IN"),
        (2, "PRI"),
        (4, "OUT"),
        (8, "ERR"),
        (0x10, "HUP"),
        (0x20, "NVAL"),
        (0x40, "RDNORM"),
        (0x80, "RDBAND"),
        (0x100, "WRNORM"),
        (0x200, "WRBAND"),
        (0x2000, "RDHUP"),
    ];
    let names: Vec<String> = known
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| format!("{prefix}{name}"))
        .collect();
    if names.is_empty() {
        bits.to_string()
    } else {
        names.join("|")
    }
}
