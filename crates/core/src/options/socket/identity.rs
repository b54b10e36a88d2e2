//! What a socket is: read only.

use super::{ALL, Entry, L, int, refused};
use crate::Errno;
use crate::options::OptionValue;
use crate::options::table::{Access, Target, Value, is_listening, read_only, read_only_bytes};

pub(super) const TYPE: Entry = int(3, "SO_TYPE", |t| Ok(t.socket()?.kind.number()), read_only);
pub(super) const ERROR: Entry = int(4, "SO_ERROR", take_error, read_only).own();
pub(super) const ACCEPTS_CONNECTIONS: Entry = int(
    30,
    "SO_ACCEPTCONN",
    |t| Ok(i32::from(is_listening(t.socket()?))),
    read_only,
)
.own();
pub(super) const PROTOCOL: Entry = int(
    38,
    "SO_PROTOCOL",
    |t| Ok(i32::from(t.socket()?.protocol)),
    read_only,
);
pub(super) const DOMAIN: Entry = int(
    39,
    "SO_DOMAIN",
    |t| Ok(t.socket()?.domain.number()),
    read_only,
);
pub(super) const COOKIE: Entry = Entry::new(
    L,
    57,
    "SO_COOKIE",
    ALL,
    Access::Bytes(cookie, read_only_bytes),
)
.typed(Value::U64)
.own();
pub(super) const NAMESPACE_COOKIE: Entry = refused(
    71,
    "SO_NETNS_COOKIE",
    Errno::ENOPROTOOPT,
    "a host is its own namespace",
);

fn take_error(t: &mut Target<'_>) -> Result<i32, Errno> {
    let error = t.socket_mut()?.error.take();
    // What is known and was no reason to fail, too (`sk_err_soft`).
    let error = error.or_else(|| crate::tcp::take_soft_error(t.host, t.id));
    Ok(error.map_or(0, |errno| i32::from(errno as u16)))
}

fn cookie(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    if length < 8 {
        return Err(Errno::EINVAL);
    }
    Ok(OptionValue::from_slice(&t.socket()?.cookie.to_ne_bytes()))
}
