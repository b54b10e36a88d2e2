//! Names of `AF_UNIX` sockets.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;

use sockeye_core::{SocketAddress, UnixAddress};

use crate::address::invalid;

/// What a name holds at most (`sun_path`): with its closing zero for a path, without its leading zero if abstract.
const MAX_NAME: usize = 107;

/// The name of an `AF_UNIX` socket, as `std::os::unix::net::SocketAddr`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UnixSocketAddr {
    name: UnixAddress,
}

impl UnixSocketAddr {
    /// The name of a socket in the file system.
    pub fn from_pathname(path: impl AsRef<Path>) -> io::Result<Self> {
        let bytes = path.as_ref().as_os_str().as_encoded_bytes();
        if bytes.contains(&0) {
            return Err(invalid(
                "paths must not contain interior null bytes".to_owned(),
            ));
        }
        if bytes.len() > MAX_NAME {
            return Err(invalid("path must be shorter than SUN_LEN".to_owned()));
        }
        let name = match bytes {
            [] => UnixAddress::Unnamed,
            bytes => UnixAddress::Path(bytes.into()),
        };
        Ok(Self { name })
    }

    /// A name that is no path.
    pub fn from_abstract_name(name: impl AsRef<[u8]>) -> io::Result<Self> {
        let bytes = name.as_ref();
        if bytes.len() > MAX_NAME {
            return Err(invalid(
                "abstract socket name must be shorter than SUN_LEN".to_owned(),
            ));
        }
        Ok(Self {
            name: UnixAddress::Abstract(bytes.into()),
        })
    }

    pub(super) fn from_core(address: SocketAddress) -> io::Result<Self> {
        match address {
            SocketAddress::Unix(name) => Ok(Self { name }),
            other => Err(invalid(format!(
                "{other} is not a name of an AF_UNIX socket"
            ))),
        }
    }

    pub(super) fn to_core(&self) -> SocketAddress {
        SocketAddress::Unix(self.name.clone())
    }

    /// Whether the socket has no name.
    pub fn is_unnamed(&self) -> bool {
        self.name == UnixAddress::Unnamed
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        match &self.name {
            UnixAddress::Path(bytes) => os_str(bytes).map(Path::new),
            UnixAddress::Unnamed | UnixAddress::Abstract(_) => None,
        }
    }

    /// The name, if it is no path.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match &self.name {
            UnixAddress::Abstract(name) => Some(name),
            UnixAddress::Unnamed | UnixAddress::Path(_) => None,
        }
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // elsewhere a name need not be a path
fn os_str(bytes: &[u8]) -> Option<&OsStr> {
    Some(std::os::unix::ffi::OsStrExt::from_bytes(bytes))
}

#[cfg(not(unix))]
fn os_str(bytes: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(bytes).ok().map(OsStr::new)
}

impl fmt::Debug for UnixSocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            UnixAddress::Unnamed => f.write_str("(unnamed)"),
            UnixAddress::Abstract(name) => write!(f, "\"{}\" (abstract)", name.escape_ascii()),
            UnixAddress::Path(path) => write!(f, "\"{}\" (pathname)", path.escape_ascii()),
        }
    }
}
