//! The kinds of sockets that have an option.

use crate::socket::Socket;
use crate::{Domain, SocketType};

bitflags::bitflags! {
    /// The sockets an option is valid for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Scope: u16 {
        /// TCP over AF_INET.
        const TCP4 = 1;
        /// TCP over AF_INET6.
        const TCP6 = 1 << 1;
        /// UDP over AF_INET.
        const UDP4 = 1 << 2;
        /// UDP over AF_INET6.
        const UDP6 = 1 << 3;
        /// Raw over AF_INET.
        const RAW4 = 1 << 4;
        /// Raw over AF_INET6.
        const RAW6 = 1 << 5;
        /// ICMP echo.
        const PING4 = 1 << 6;
        /// ICMPv6 echo.
        const PING6 = 1 << 7;
        /// AF_UNIX of any type.
        const UNIX = 1 << 8;
        /// AF_NETLINK.
        const NETLINK = 1 << 9;
        /// All TCP.
        const TCP = Self::TCP4.bits() | Self::TCP6.bits();
        /// All UDP.
        const UDP = Self::UDP4.bits() | Self::UDP6.bits();
        /// AF_INET6 sockets.
        const V6 = Self::TCP6.bits() | Self::UDP6.bits() | Self::RAW6.bits() | Self::PING6.bits();
        /// AF_INET6 sockets that keep datagrams.
        const DATAGRAM6 = Self::UDP6.bits() | Self::RAW6.bits() | Self::PING6.bits();
        /// What has IPPROTO_IP options: all internet sockets but raw IPv6.
        const IP = Self::TCP.bits() | Self::UDP.bits() | Self::RAW4.bits() | Self::PING4.bits() | Self::PING6.bits();
        /// The same, without TCP.
        const IP_DATAGRAM = Self::UDP.bits() | Self::RAW4.bits() | Self::PING4.bits() | Self::PING6.bits();
        /// All internet sockets.
        const INET = Self::IP.bits() | Self::RAW6.bits();
        /// Every socket.
        const ALL = Self::INET.bits() | Self::UNIX.bits() | Self::NETLINK.bits();
    }
}

impl Scope {
    pub(super) fn of(socket: &Socket) -> Self {
        match (socket.domain, socket.kind, socket.protocol) {
            (Domain::Unix, ..) => Self::UNIX,
            (Domain::Netlink, ..) => Self::NETLINK,
            (Domain::Inet, SocketType::Stream, _) => Self::TCP4,
            (Domain::Inet6, SocketType::Stream, _) => Self::TCP6,
            (Domain::Inet, SocketType::Raw, _) => Self::RAW4,
            (Domain::Inet6, SocketType::Raw, _) => Self::RAW6,
            (Domain::Inet, _, 1) => Self::PING4,
            (Domain::Inet6, _, 58) => Self::PING6,
            (Domain::Inet, ..) => Self::UDP4,
            (Domain::Inet6, ..) => Self::UDP6,
        }
    }
}
