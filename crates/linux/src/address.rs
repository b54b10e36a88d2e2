//! `struct sockaddr` and its kin.
//!
//! The order of checks is the kernel's: first the length that the socket's domain demands (EINVAL), then the family,
//! which is left to the socket where it depends on the call (EAFNOSUPPORT).

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use sockeye_core::{Errno, SocketAddress, UnixAddress};

use crate::number::{AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC};

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

/// Reads the address that a call on a socket of `domain` passes.
///
/// # Errors
/// EINVAL for a length the domain does not take, EAFNOSUPPORT for a family that no socket has.
pub fn decode(domain: u16, bytes: &[u8], purpose: Purpose) -> Result<SocketAddress, Errno> {
    if bytes.len() > STORAGE_SIZE {
        return Err(Errno::EINVAL);
    }
    let family = match bytes {
        [first, second, ..] => u16::from_ne_bytes([*first, *second]),
        _ => return Err(Errno::EINVAL),
    };
    // AF_UNSPEC dissolves a connection whatever its length.
    if family == AF_UNSPEC && purpose == Purpose::Connect {
        return Ok(SocketAddress::Unspecified);
    }
    let least = match domain {
        AF_INET => IN_SIZE,
        // An IPv6 socket may send to, and connect to, an IPv4 address of its own length.
        AF_INET6 if family == AF_INET && purpose != Purpose::Bind => IN_SIZE,
        // udpv6_sendmsg takes AF_UNSPEC for no address at all.
        AF_INET6 if family == AF_UNSPEC && purpose == Purpose::Send => 2,
        AF_INET6 => IN6_SIZE_RFC2133,
        _ => 2,
    };
    if bytes.len() < least {
        return Err(Errno::EINVAL);
    }
    match family {
        AF_INET if domain == AF_INET6 && purpose == Purpose::Bind => Err(Errno::EAFNOSUPPORT),
        AF_INET => internet(bytes).ok_or(Errno::EINVAL),
        // A shorter one can't get here on an IPv6 socket, and any other answers EAFNOSUPPORT whatever is in it.
        AF_INET6 if bytes.len() < IN6_SIZE_RFC2133 => Err(Errno::EAFNOSUPPORT),
        AF_INET6 => internet6(bytes).ok_or(Errno::EINVAL),
        AF_UNIX if domain == AF_UNIX => unix(bytes),
        // bind(2) of old programs: the family left zero means AF_INET if the address is the wildcard.
        AF_UNSPEC if domain == AF_INET && purpose == Purpose::Bind => match internet(bytes) {
            Some(SocketAddress::V4(address)) if address.ip().is_unspecified() => {
                Ok(SocketAddress::V4(address))
            }
            _ => Err(Errno::EAFNOSUPPORT),
        },
        // udp(7): sending to AF_UNSPEC is sending to AF_INET.
        AF_UNSPEC if domain == AF_INET && purpose == Purpose::Send => {
            internet(bytes).ok_or(Errno::EINVAL)
        }
        AF_UNSPEC if domain == AF_INET6 && purpose == Purpose::Bind => Err(Errno::EAFNOSUPPORT),
        AF_UNSPEC => Ok(SocketAddress::Unspecified),
        _ if domain == AF_INET6 && purpose == Purpose::Send => Err(Errno::EINVAL),
        _ => Err(Errno::EAFNOSUPPORT),
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
        SocketAddress::Unspecified => bytes.extend_from_slice(&AF_UNSPEC.to_ne_bytes()),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> SocketAddress {
        SocketAddress::V4(text.parse().unwrap())
    }

    fn v6(text: &str) -> SocketAddress {
        SocketAddress::V6(text.parse().unwrap())
    }

    #[test]
    fn addresses_survive_the_round_trip() {
        for (domain, address) in [
            (AF_INET, v4("192.0.2.7:8080")),
            (AF_INET6, v6("[fd00::7]:443")),
            (
                AF_UNIX,
                SocketAddress::Unix(UnixAddress::Abstract(b"a\0b".as_slice().into())),
            ),
            (
                AF_UNIX,
                SocketAddress::Unix(UnixAddress::Path(b"/run/x".as_slice().into())),
            ),
            (AF_UNIX, SocketAddress::Unix(UnixAddress::Unnamed)),
        ] {
            assert_eq!(
                decode(domain, &encode(&address), Purpose::Bind).unwrap(),
                address
            );
        }
    }

    #[test]
    fn the_length_is_checked_before_the_family() {
        let long = encode(&v6("[::1]:1"));
        let short = encode(&v4("127.0.0.1:1"));
        assert_eq!(
            decode(AF_INET, &short[..15], Purpose::Connect),
            Err(Errno::EINVAL)
        );
        assert_eq!(decode(AF_INET6, &short, Purpose::Bind), Err(Errno::EINVAL));
        assert_eq!(
            decode(AF_INET6, &short, Purpose::Send),
            Ok(v4("127.0.0.1:1"))
        );
        assert_eq!(
            decode(AF_INET6, &long[..24], Purpose::Bind),
            Ok(v6("[::1]:1"))
        );
        assert_eq!(
            decode(AF_INET6, &long[..23], Purpose::Bind),
            Err(Errno::EINVAL)
        );
        assert_eq!(decode(AF_INET, &[1], Purpose::Connect), Err(Errno::EINVAL));
        assert_eq!(
            decode(AF_INET, &[0; 129], Purpose::Connect),
            Err(Errno::EINVAL)
        );
    }

    #[test]
    fn a_zero_family_means_what_the_call_makes_of_it() {
        let zero = [0; 16];
        assert_eq!(decode(AF_INET, &zero, Purpose::Bind), Ok(v4("0.0.0.0:0")));
        assert_eq!(
            decode(AF_INET, &zero, Purpose::Connect),
            Ok(SocketAddress::Unspecified)
        );
        assert_eq!(
            decode(AF_INET, &zero[..2], Purpose::Connect),
            Ok(SocketAddress::Unspecified)
        );
        let mut named = zero;
        named[4] = 127;
        assert_eq!(
            decode(AF_INET, &named, Purpose::Bind),
            Err(Errno::EAFNOSUPPORT)
        );
    }

    #[test]
    fn unknown_families_are_refused() {
        let mut bytes = [0; 28];
        bytes[0] = 99;
        assert_eq!(
            decode(AF_INET, &bytes, Purpose::Bind),
            Err(Errno::EAFNOSUPPORT)
        );
        assert_eq!(
            decode(AF_INET6, &bytes, Purpose::Connect),
            Err(Errno::EAFNOSUPPORT)
        );
    }
}
