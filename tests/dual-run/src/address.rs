//! Socket addresses as the cases write them, and as the bytes of a `sockaddr`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// A socket address in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `sockaddr_in` or `sockaddr_in6`.
    Inet {
        /// The address.
        ip: IpAddr,
        /// The port.
        port: u16,
        /// `sin6_scope_id`; 0 for IPv4.
        scope: u32,
    },
    /// `sockaddr_un` of length 2.
    Unnamed,
    /// `sockaddr_un` that starts with a zero byte.
    Abstract(Vec<u8>),
    /// `sockaddr_un` with a name below the case's directory.
    Path(String),
    /// `AF_UNSPEC`, 16 bytes.
    Unspecified,
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
    /// A null pointer.
    Null,
    /// Length 0 came back: no address at all.
    Nothing,
}

impl Address {
    /// An internet address.
    #[must_use]
    pub fn inet(ip: impl Into<IpAddr>, port: u16) -> Self {
        Self::Inet {
            ip: ip.into(),
            port,
            scope: 0,
        }
    }

    /// The `sockaddr`; `None` for a null pointer. Paths are below `directory`.
    #[must_use]
    pub fn encode(&self, directory: &Path) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Inet {
                ip: IpAddr::V4(ip),
                port,
                ..
            } => {
                bytes.extend(family(libc::AF_INET));
                bytes.extend(port.to_be_bytes());
                bytes.extend(ip.octets());
                bytes.extend([0; 8]);
            }
            Self::Inet {
                ip: IpAddr::V6(ip),
                port,
                scope,
            } => {
                bytes.extend(family(libc::AF_INET6));
                bytes.extend(port.to_be_bytes());
                bytes.extend([0; 4]);
                bytes.extend(ip.octets());
                bytes.extend(scope.to_ne_bytes());
            }
            Self::Unnamed => bytes.extend(family(libc::AF_UNIX)),
            Self::Abstract(name) => {
                bytes.extend(family(libc::AF_UNIX));
                bytes.push(0);
                bytes.extend(name);
            }
            Self::Path(name) => {
                bytes.extend(family(libc::AF_UNIX));
                bytes.extend(directory.join(name).as_os_str().as_encoded_bytes());
                bytes.push(0);
            }
            Self::Unspecified => bytes.extend([0; 16]),
            Self::Raw(raw) => bytes.clone_from(raw),
            Self::Null => return None,
            Self::Nothing => {}
        }
        Some(bytes)
    }

    /// The inverse of [`Address::encode`] for what a kernel answers.
    #[must_use]
    pub fn decode(bytes: &[u8], directory: &Path) -> Self {
        if bytes.is_empty() {
            return Self::Nothing;
        }
        let Some(family) = bytes
            .get(..2)
            .and_then(|b| b.try_into().ok())
            .map(u16::from_ne_bytes)
        else {
            return Self::Raw(bytes.to_vec());
        };
        let port = |b: &[u8]| u16::from_be_bytes([b[2], b[3]]);
        match i32::from(family) {
            libc::AF_INET if bytes.len() == 16 => Self::inet(
                Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]),
                port(bytes),
            ),
            libc::AF_INET6 if bytes.len() == 28 => {
                let octets: [u8; 16] = bytes[8..24].try_into().unwrap_or_default();
                let scope = u32::from_ne_bytes(bytes[24..28].try_into().unwrap_or_default());
                Self::Inet {
                    ip: Ipv6Addr::from(octets).into(),
                    port: port(bytes),
                    scope,
                }
            }
            libc::AF_UNIX if bytes.len() == 2 => Self::Unnamed,
            libc::AF_UNIX if bytes[2] == 0 => Self::Abstract(bytes[3..].to_vec()),
            libc::AF_UNIX => {
                let path = String::from_utf8_lossy(&bytes[2..])
                    .trim_end_matches('\0')
                    .to_owned();
                let inside = path
                    .strip_prefix(&format!("{}/", directory.display()))
                    .map(str::to_owned);
                Self::Path(inside.unwrap_or(path))
            }
            _ => Self::Raw(bytes.to_vec()),
        }
    }
}

/// `sa_family` for a family constant.
fn family(constant: i32) -> [u8; 2] {
    u16::try_from(constant).unwrap_or_default().to_ne_bytes()
}
