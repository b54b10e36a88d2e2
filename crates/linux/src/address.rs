//! `struct sockaddr` and its kin.
//!
//! The order of checks is the kernel's: first the length that the socket's domain demands (EINVAL), then the family
//! (EAFNOSUPPORT); both are told by the socket, for most calls look at something else before.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use sockeye_core::{Errno, SocketAddress, SocketType, UnixAddress};

use crate::number::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, AF_UNSPEC};

/// `sizeof(struct sockaddr_storage)`: the longest address a call may pass.
pub const STORAGE_SIZE: usize = 128;
/// `sizeof(struct sockaddr_in)`.
pub const IN_SIZE: usize = 16;
/// `sizeof(struct sockaddr_in6)`.
pub const IN6_SIZE: usize = 28;
/// The length of a `sockaddr_in6` before RFC 2553 gave it a scope; the kernel still takes it.
pub const IN6_SIZE_RFC2133: usize = 24;
/// `sizeof(struct sockaddr_un)`.
pub const UN_SIZE: usize = 110;

/// What an address argument is for: the checks differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `bind`.
    Bind,
    /// `connect`.
    Connect,
    /// `sendto` and `sendmsg`.
    Send,
}

/// Reads the address that a call on a socket of `domain` and `kind` passes. One that makes no sense is answered by the
/// socket when it comes to look at it: [`SocketAddress::Malformed`].
///
/// # Errors
/// EINVAL for a length that no call takes, whatever the socket.
pub fn decode(
    domain: u16,
    kind: SocketType,
    bytes: &[u8],
    purpose: Purpose,
) -> Result<SocketAddress, Errno> {
    // move_addr_to_kernel; inet_stream_connect and its kin must see a family before anything else.
    let is_too_short = purpose == Purpose::Connect && bytes.len() < size_of::<u16>();
    if bytes.len() > STORAGE_SIZE || is_too_short {
        return Err(Errno::EINVAL);
    }
    let read = match (domain, kind) {
        (AF_INET, _) => decode_v4(kind, bytes, purpose),
        (AF_INET6, SocketType::Raw) => decode_raw_v6(bytes, purpose),
        (AF_INET6, _) => decode_v6(kind, bytes, purpose),
        (AF_NETLINK, _) => decode_netlink(bytes, purpose),
        _ => decode_unix(bytes, purpose),
    };
    Ok(read.unwrap_or_else(SocketAddress::Malformed))
}

fn family(bytes: &[u8]) -> Result<u16, Errno> {
    match bytes {
        [first, second, ..] => Ok(u16::from_ne_bytes([*first, *second])),
        _ => Err(Errno::EINVAL),
    }
}

fn decode_v4(kind: SocketType, bytes: &[u8], purpose: Purpose) -> Result<SocketAddress, Errno> {
    let family = family(bytes)?;
    // AF_UNSPEC dissolves a connection whatever its length.
    if (family, purpose) == (AF_UNSPEC, Purpose::Connect) {
        return Ok(SocketAddress::Unspecified);
    }
    // A stream looks at an address only to connect first (`tcp_sendmsg_fastopen`).
    if (family, purpose, kind) == (AF_UNSPEC, Purpose::Send, SocketType::Stream) {
        return Ok(SocketAddress::Unspecified);
    }
    if bytes.len() < IN_SIZE {
        return Err(Errno::EINVAL);
    }
    match (family, purpose, internet(bytes).ok_or(Errno::EINVAL)?) {
        (AF_INET, _, address) => Ok(address),
        // raw_bind does not look at the family.
        (_, Purpose::Bind, address) if kind == SocketType::Raw => Ok(address),
        // bind(2) of old programs: the family left zero means AF_INET if the address is the wildcard.
        (AF_UNSPEC, Purpose::Bind, SocketAddress::V4(address)) if address.ip().is_unspecified() => {
            Ok(SocketAddress::V4(address))
        }
        // udp(7): sending to AF_UNSPEC is sending to AF_INET.
        (AF_UNSPEC, Purpose::Send, address) => Ok(address),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

fn decode_v6(kind: SocketType, bytes: &[u8], purpose: Purpose) -> Result<SocketAddress, Errno> {
    let is_whole_v4 = bytes.len() >= IN_SIZE;
    match (family(bytes)?, purpose) {
        // Dissolves a connection; udpv6_sendmsg takes it for no address at all.
        (AF_UNSPEC, Purpose::Connect | Purpose::Send) => Ok(SocketAddress::Unspecified),
        // A socket that keeps datagrams may send to, and connect to, an IPv4 address of its own length.
        (AF_INET, Purpose::Send | Purpose::Connect)
            if is_whole_v4 && kind == SocketType::Datagram =>
        {
            internet(bytes).ok_or(Errno::EINVAL)
        }
        // udp_sendmsg, which is asked then, looks at other things before the length. It refuses port 0 at the same place.
        (AF_INET, Purpose::Send) if kind == SocketType::Datagram => {
            let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
            Ok(SocketAddress::V4(nowhere))
        }
        _ if bytes.len() < IN6_SIZE_RFC2133 => Err(Errno::EINVAL),
        (AF_INET6, _) => internet6(bytes).ok_or(Errno::EINVAL),
        (_, Purpose::Send) => Err(Errno::EINVAL),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// `rawv6_bind`, `ip6_datagram_connect_v6_only`, `rawv6_sendmsg`: raw sockets of IPv6 know nothing of IPv4.
fn decode_raw_v6(bytes: &[u8], purpose: Purpose) -> Result<SocketAddress, Errno> {
    let is_whole = bytes.len() >= IN6_SIZE_RFC2133;
    match (family(bytes)?, purpose) {
        (AF_UNSPEC, Purpose::Connect) => Ok(SocketAddress::Unspecified),
        (AF_INET6, _) | (AF_UNSPEC, Purpose::Send) if is_whole => {
            internet6(bytes).ok_or(Errno::EINVAL)
        }
        (AF_INET6, _) | (_, Purpose::Bind) => Err(Errno::EINVAL),
        (_, Purpose::Send) if !is_whole => Err(Errno::EINVAL),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

fn decode_unix(bytes: &[u8], purpose: Purpose) -> Result<SocketAddress, Errno> {
    match (family(bytes)?, purpose) {
        (AF_UNIX, _) => unix(bytes),
        (AF_UNSPEC, Purpose::Connect) => Ok(SocketAddress::Unspecified),
        // unix_validate_addr
        _ => Err(Errno::EINVAL),
    }
}

fn internet(bytes: &[u8]) -> Option<SocketAddress> {
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    Some(SocketAddress::V4(SocketAddrV4::new(
        Ipv4Addr::from(octets),
        port,
    )))
}

fn internet6(bytes: &[u8]) -> Option<SocketAddress> {
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let flow = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
    let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
    let scope = bytes
        .get(24..28)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_ne_bytes);
    Some(SocketAddress::V6(SocketAddrV6::new(
        Ipv6Addr::from(octets),
        port,
        flow,
        scope,
    )))
}

/// `netlink_bind`, `netlink_connect`, `netlink_sendmsg`: the length comes before the family.
fn decode_netlink(bytes: &[u8], purpose: Purpose) -> Result<SocketAddress, Errno> {
    let word = |at: usize| {
        let bytes = bytes
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_ne_bytes).ok_or(Errno::EINVAL)
    };
    match (family(bytes)?, purpose) {
        (AF_UNSPEC, Purpose::Connect) => Ok(SocketAddress::Unspecified),
        (AF_NETLINK, _) => Ok(SocketAddress::Netlink {
            port: word(4)?,
            groups: word(8)?,
        }),
        _ => Err(Errno::EINVAL),
    }
}

fn unix(bytes: &[u8]) -> Result<SocketAddress, Errno> {
    if bytes.len() > UN_SIZE {
        return Err(Errno::EINVAL);
    }
    let name = bytes.get(2..).unwrap_or_default();
    Ok(SocketAddress::Unix(match name {
        [] => UnixAddress::Unnamed,
        [0, rest @ ..] => UnixAddress::Abstract(rest.into()),
        path => {
            let end = path
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(path.len());
            UnixAddress::Path(path.get(..end).unwrap_or_default().into())
        }
    }))
}

/// An address as `getsockname` and its kin hand it out, whole; the caller's buffer cuts it.
pub fn encode(address: &SocketAddress) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(IN6_SIZE);
    match address {
        SocketAddress::V4(address) => {
            bytes.extend_from_slice(&AF_INET.to_ne_bytes());
            bytes.extend_from_slice(&address.port().to_be_bytes());
            bytes.extend_from_slice(&address.ip().octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        SocketAddress::V6(address) => {
            bytes.extend_from_slice(&AF_INET6.to_ne_bytes());
            bytes.extend_from_slice(&address.port().to_be_bytes());
            bytes.extend_from_slice(&address.flowinfo().to_be_bytes());
            bytes.extend_from_slice(&address.ip().octets());
            bytes.extend_from_slice(&address.scope_id().to_ne_bytes());
        }
        SocketAddress::Unix(name) => {
            bytes.extend_from_slice(&AF_UNIX.to_ne_bytes());
            match name {
                UnixAddress::Unnamed => {}
                UnixAddress::Abstract(name) => {
                    bytes.push(0);
                    bytes.extend_from_slice(name);
                }
                UnixAddress::Path(path) => {
                    bytes.extend_from_slice(path);
                    bytes.push(0);
                }
            }
        }
        SocketAddress::Netlink { port, groups } => {
            bytes.extend_from_slice(&AF_NETLINK.to_ne_bytes());
            bytes.extend_from_slice(&[0; 2]);
            bytes.extend_from_slice(&port.to_ne_bytes());
            bytes.extend_from_slice(&groups.to_ne_bytes());
        }
        SocketAddress::Unspecified | SocketAddress::Malformed(_) => {
            bytes.extend_from_slice(&AF_UNSPEC.to_ne_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
