//! Addresses as the calls take them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use sockeye_core::{Domain, IpCidr, SocketAddress};

/// What a socket can be bound or connected to: as `std`'s trait of this name, but without asking any name server.
///
/// Names are numbers, or `localhost`, which is `127.0.0.1` and then `::1` (RFC 6761 6.3).
pub trait ToSocketAddrs {
    /// The addresses, in the order in which they are tried.
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>>;
}

impl ToSocketAddrs for SocketAddr {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![*self])
    }
}

impl ToSocketAddrs for SocketAddrV4 {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![(*self).into()])
    }
}

impl ToSocketAddrs for SocketAddrV6 {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![(*self).into()])
    }
}

impl ToSocketAddrs for (IpAddr, u16) {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![(*self).into()])
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![(*self).into()])
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![(*self).into()])
    }
}

impl ToSocketAddrs for [SocketAddr] {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.to_vec())
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.to_vec())
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        let (name, port) = *self;
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        if name.eq_ignore_ascii_case("localhost") {
            return Ok(vec![
                (Ipv4Addr::LOCALHOST, port).into(),
                (Ipv6Addr::LOCALHOST, port).into(),
            ]);
        }
        Err(invalid(format!(
            "{name:?} is not an address; names other than localhost are not looked up"
        )))
    }
}

impl ToSocketAddrs for (String, u16) {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

impl ToSocketAddrs for str {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return Ok(vec![address]);
        }
        let parts = self
            .rsplit_once(':')
            .and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?)));
        match parts {
            Some(parts) => parts.to_socket_addrs(),
            None => Err(invalid(format!("{self:?} is not of the form address:port"))),
        }
    }
}

impl ToSocketAddrs for String {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.as_str().to_socket_addrs()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        (**self).to_socket_addrs()
    }
}

/// Tries `attempt` with each address until one succeeds; the last error otherwise, as `std` does.
pub(crate) fn each_address<T>(
    addresses: impl ToSocketAddrs,
    mut attempt: impl FnMut(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses.to_socket_addrs()? {
        match attempt(&address) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| invalid("could not resolve to any addresses".to_owned())))
}

/// The family of an address.
pub(crate) fn domain(address: &SocketAddr) -> Domain {
    match address {
        SocketAddr::V4(_) => Domain::Inet,
        SocketAddr::V6(_) => Domain::Inet6,
    }
}

/// The internet address that an internet socket has.
pub(crate) fn to_std(address: SocketAddress) -> io::Result<SocketAddr> {
    match address {
        SocketAddress::V4(address) => Ok(address.into()),
        SocketAddress::V6(address) => Ok(address.into()),
        SocketAddress::Unix(_)
        | SocketAddress::Netlink { .. }
        | SocketAddress::Unspecified
        | SocketAddress::Malformed(_) => Err(invalid("not an internet address".to_owned())),
    }
}

/// An address with its prefix length, as in `10.0.0.1/24`.
pub(crate) fn parse_cidr(text: &str) -> io::Result<IpCidr> {
    let parts = text
        .split_once('/')
        .and_then(|(address, length)| Some((address.parse().ok()?, length.parse().ok()?)));
    parts
        .and_then(|(address, length): (IpAddr, u8)| IpCidr::new(address, length))
        .ok_or_else(|| invalid(format!("{text:?} is not of the form address/prefix")))
}

pub(crate) fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::ToSocketAddrs;

    #[test]
    fn numbers_and_localhost_are_addresses() {
        assert_eq!(
            "[::1]:80".to_socket_addrs().unwrap(),
            ["[::1]:80".parse().unwrap()]
        );
        assert_eq!(
            ("::1", 80).to_socket_addrs().unwrap(),
            ["[::1]:80".parse().unwrap()]
        );
        let both = "localhost:7".to_socket_addrs().unwrap();
        assert_eq!(
            both,
            ["127.0.0.1:7".parse().unwrap(), "[::1]:7".parse().unwrap()]
        );
    }

    #[test]
    fn other_names_are_refused_not_looked_up() {
        for text in ["example.org:80", "127.0.0.1", "localhost:65536", "", ":"] {
            let error = text.to_socket_addrs().unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{text:?}");
        }
    }
}
