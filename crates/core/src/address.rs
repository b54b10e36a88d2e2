//! Socket addresses, address families and socket types.

use alloc::boxed::Box;
use core::fmt;
use core::net::{IpAddr, SocketAddrV4, SocketAddrV6};

use crate::Errno;

/// A protocol family that the host serves, with Linux's `AF_` number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Domain {
    /// `AF_UNIX`.
    Unix = 1,
    /// `AF_INET`.
    Inet = 2,
    /// `AF_INET6`.
    Inet6 = 10,
    /// `AF_NETLINK`.
    Netlink = 16,
}

impl Domain {
    /// The family with this number.
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Unix,
            2 => Self::Inet,
            10 => Self::Inet6,
            16 => Self::Netlink,
            _ => return None,
        })
    }

    /// The `AF_` number.
    pub const fn number(self) -> i32 {
        self as i32
    }
}

/// A socket type that the host serves, with Linux's `SOCK_` number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SocketType {
    /// `SOCK_STREAM`.
    Stream = 1,
    /// `SOCK_DGRAM`.
    Datagram = 2,
    /// `SOCK_RAW`.
    Raw = 3,
    /// `SOCK_SEQPACKET`.
    SeqPacket = 5,
}

impl SocketType {
    /// The type with this number.
    pub const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Stream,
            2 => Self::Datagram,
            3 => Self::Raw,
            5 => Self::SeqPacket,
            _ => return None,
        })
    }

    /// The `SOCK_` number.
    pub const fn number(self) -> i32 {
        self as i32
    }
}

/// The name of an `AF_UNIX` socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum UnixAddress {
    /// No name.
    #[default]
    Unnamed,
    /// A name in the abstract namespace: what follows the leading zero byte, at most 107 bytes.
    Abstract(Box<[u8]>),
    /// A path, without the closing zero byte.
    Path(Box<[u8]>),
}

/// An address as the socket calls take and give it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketAddress {
    /// `sockaddr_in`.
    V4(SocketAddrV4),
    /// `sockaddr_in6`.
    V6(SocketAddrV6),
    /// `sockaddr_un`.
    Unix(UnixAddress),
    /// `sockaddr_nl`.
    Netlink {
        /// `nl_pid`: 0 is the kernel.
        port: u32,
        /// `nl_groups`: multicast groups, the first in the lowest bit.
        groups: u32,
    },
    /// `AF_UNSPEC`: dissolves an association in `connect`.
    Unspecified,
    /// One that the socket can't have meant: too short, or of a family that it does not know. The call that comes to look
    /// at it answers this; many answer something else before.
    Malformed(Errno),
}

impl SocketAddress {
    /// An internet address.
    pub fn new(address: IpAddr, port: u16) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(SocketAddrV4::new(address, port)),
            IpAddr::V6(address) => Self::V6(SocketAddrV6::new(address, port, 0, 0)),
        }
    }

    /// Address and port, if it is an internet address.
    pub fn ip(&self) -> Option<(IpAddr, u16)> {
        match self {
            Self::V4(address) => Some(((*address.ip()).into(), address.port())),
            Self::V6(address) => Some(((*address.ip()).into(), address.port())),
            Self::Unix(_) | Self::Netlink { .. } | Self::Unspecified | Self::Malformed(_) => None,
        }
    }
}

impl From<core::net::SocketAddr> for SocketAddress {
    fn from(address: core::net::SocketAddr) -> Self {
        match address {
            core::net::SocketAddr::V4(address) => Self::V4(address),
            core::net::SocketAddr::V6(address) => Self::V6(address),
        }
    }
}

impl From<SocketAddrV4> for SocketAddress {
    fn from(address: SocketAddrV4) -> Self {
        Self::V4(address)
    }
}

impl From<SocketAddrV6> for SocketAddress {
    fn from(address: SocketAddrV6) -> Self {
        Self::V6(address)
    }
}

impl From<UnixAddress> for SocketAddress {
    fn from(address: UnixAddress) -> Self {
        Self::Unix(address)
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Netlink { port, groups } => write!(f, "{port}:{groups:#x}"),
            Self::Unix(UnixAddress::Unnamed) => f.write_str("*"),
            Self::Unix(UnixAddress::Abstract(name)) => {
                write!(f, "@{}", alloc::string::String::from_utf8_lossy(name))
            }
            Self::Unix(UnixAddress::Path(path)) => {
                f.write_str(&alloc::string::String::from_utf8_lossy(path))
            }
            Self::Unspecified => f.write_str("unspecified"),
            Self::Malformed(_) => f.write_str("malformed"),
        }
    }
}

/// `::ffff:a.b.c.d` as the IPv4 address it stands for; any other address as it is.
pub(crate) fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// How a socket of `domain` sees an address: AF_INET6 sockets see IPv4 peers as mapped addresses.
pub(crate) fn as_seen_by(
    domain: Domain,
    address: IpAddr,
    port: u16,
    scope_id: u32,
) -> SocketAddress {
    match (domain, address) {
        (Domain::Inet6, IpAddr::V4(address)) => {
            SocketAddrV6::new(address.to_ipv6_mapped(), port, 0, 0).into()
        }
        (_, IpAddr::V6(address)) => SocketAddrV6::new(address, port, 0, scope_id).into(),
        (_, IpAddr::V4(address)) => SocketAddrV4::new(address, port).into(),
    }
}
