//! The table's shape, and dispatch by it.

pub(super) use super::scope::Scope;
use super::{OptionValue, Switches, ip, ipv6, netlink, socket, tcp, udp_raw};
use crate::socket::{Endpoint, Socket};
use crate::{Domain, Errno, Host, Instant, SocketId};

/// What comes of setting an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does what Linux does.
    Effective,
    /// It does what Linux does, but for this, where it keeps its value and nothing follows from it.
    Partly(&'static str),
    /// It keeps its value for `getsockopt`, and nothing follows from it, for this reason.
    Recorded(&'static str),
    /// It is answered with this error, for this reason.
    Refused(Errno, &'static str),
}

/// The options' levels with their names, in the table's order.
pub const TABLE_LEVELS: [(i32, &str); 9] = [
    (SOL_SOCKET, "SOL_SOCKET"),
    (IPPROTO_IP, "IPPROTO_IP"),
    (IPPROTO_IPV6, "IPPROTO_IPV6"),
    (IPPROTO_TCP, "IPPROTO_TCP"),
    (IPPROTO_UDP, "IPPROTO_UDP"),
    (IPPROTO_UDPLITE, "IPPROTO_UDPLITE"),
    (IPPROTO_RAW, "SOL_RAW"),
    (IPPROTO_ICMPV6, "IPPROTO_ICMPV6"),
    (SOL_NETLINK, "SOL_NETLINK"),
];

pub(super) const SOL_SOCKET: i32 = 1;
pub(super) const IPPROTO_IP: i32 = 0;
pub(super) const IPPROTO_TCP: i32 = 6;
pub(super) const IPPROTO_UDP: i32 = 17;
pub(super) const IPPROTO_UDPLITE: i32 = 136;
pub(super) const IPPROTO_IPV6: i32 = 41;
pub(super) const IPPROTO_ICMPV6: i32 = 58;
pub(super) const IPPROTO_RAW: i32 = 255;
pub(super) const SOL_NETLINK: i32 = 270;

/// The C type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// `int`, 0 or 1.
    Bool,
    /// `int`.
    Int,
    /// `struct linger`.
    Linger,
    /// `struct timeval`.
    Timeval,
    /// `struct ucred`.
    Ucred,
    /// `uint64_t`.
    U64,
    /// Characters.
    Text,
    /// Any other structure.
    Bytes,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// `SOL_SOCKET`, `IPPROTO_...`
    pub level: i32,
    /// The option's number.
    pub name: i32,
    /// The option's name.
    pub label: &'static str,
    /// Its type.
    pub value: Value,
    /// For which sockets it is.
    pub scope: Scope,
    /// An accepted TCP socket has its listener's value.
    pub is_inherited: bool,
    /// For which it can be set, where that differs.
    pub(super) settable: Scope,
    /// What comes of it.
    pub standing: Standing,
    pub(super) access: Access,
    /// What sockets out of scope answer.
    pub(super) elsewhere: Errno,
}

/// A socket whose option is asked for or set.
pub(super) struct Target<'a> {
    pub(super) host: &'a mut Host,
    pub(super) id: SocketId,
    pub(super) now: Instant,
}

impl Target<'_> {
    pub(super) fn socket(&self) -> Result<&Socket, Errno> {
        self.host.get(self.id)
    }

    pub(super) fn socket_mut(&mut self) -> Result<&mut Socket, Errno> {
        self.host.get_mut(self.id)
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.socket()
            .is_ok_and(|socket| Scope::TCP.contains(Scope::of(socket)))
    }

    /// `CAP_NET_ADMIN` and its kind: the host knows users, not capabilities.
    pub(super) fn is_privileged(&self) -> bool {
        self.socket()
            .is_ok_and(|socket| socket.credentials().uid == 0)
    }
}

pub(super) type GetInt = fn(&mut Target<'_>) -> Result<i32, Errno>;
pub(super) type SetInt = fn(&mut Target<'_>, i32) -> Result<(), Errno>;
pub(super) type GetBytes = fn(&mut Target<'_>, usize) -> Result<OptionValue, Errno>;
pub(super) type SetBytes = fn(&mut Target<'_>, &[u8]) -> Result<(), Errno>;

/// Where an option's value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    Switch(Switches),
    Int(GetInt, SetInt),
    Bytes(GetBytes, SetBytes),
    /// In the socket's table of recorded values: default, least, most.
    Kept(i32, i32, i32),
    Absent,
}

/// `setsockopt` of an option that can only be read, `getsockopt` of one that can only be set.
pub(super) fn read_only(_target: &mut Target<'_>, _value: i32) -> Result<(), Errno> {
    Err(Errno::ENOPROTOOPT)
}

pub(super) fn read_only_bytes(_target: &mut Target<'_>, _value: &[u8]) -> Result<(), Errno> {
    Err(Errno::ENOPROTOOPT)
}

pub(super) fn write_only(_target: &mut Target<'_>) -> Result<i32, Errno> {
    Err(Errno::ENOPROTOOPT)
}

impl Entry {
    pub(super) const fn new(
        level: i32,
        name: i32,
        label: &'static str,
        scope: Scope,
        access: Access,
    ) -> Self {
        let value = match access {
            Access::Switch(_) => Value::Bool,
            Access::Kept(_, 0, 1) => Value::Bool,
            _ => Value::Int,
        };
        Self {
            level,
            name,
            label,
            value,
            scope,
            is_inherited: true,
            settable: scope,
            standing: Standing::Effective,
            access,
            elsewhere: if level == SOL_SOCKET {
                Errno::EOPNOTSUPP
            } else {
                Errno::ENOPROTOOPT
            },
        }
    }

    pub(super) const fn recorded(
        level: i32,
        name: i32,
        label: &'static str,
        scope: Scope,
        (default, least, most): (i32, i32, i32),
        why: &'static str,
    ) -> Self {
        let entry = Self::new(
            level,
            name,
            label,
            scope,
            Access::Kept(default, least, most),
        );
        Self {
            standing: Standing::Recorded(why),
            ..entry
        }
    }

    pub(super) const fn refused(
        level: i32,
        name: i32,
        label: &'static str,
        scope: Scope,
        errno: Errno,
        why: &'static str,
    ) -> Self {
        let entry = Self::new(level, name, label, scope, Access::Absent);
        Self {
            standing: Standing::Refused(errno, why),
            ..entry
        }
    }

    pub(super) const fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    pub(super) const fn typed(self, value: Value) -> Self {
        Self { value, ..self }
    }

    pub(super) const fn partly(self, but: &'static str) -> Self {
        Self {
            standing: Standing::Partly(but),
            ..self
        }
    }

    pub(super) const fn why(self, why: &'static str) -> Self {
        Self {
            standing: Standing::Recorded(why),
            ..self
        }
    }

    pub(super) const fn settable(self, settable: Scope) -> Self {
        Self { settable, ..self }
    }

    pub(super) const fn own(self) -> Self {
        Self {
            is_inherited: false,
            ..self
        }
    }
}

fn level_table(level: i32) -> &'static [Entry] {
    match level {
        SOL_SOCKET => socket::TABLE,
        IPPROTO_IP => ip::TABLE,
        IPPROTO_IPV6 => ipv6::TABLE,
        IPPROTO_TCP => tcp::TABLE,
        IPPROTO_UDP | IPPROTO_UDPLITE | IPPROTO_RAW | IPPROTO_ICMPV6 => udp_raw::TABLE,
        SOL_NETLINK => netlink::TABLE,
        _ => &[],
    }
}

/// The whole table.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLE_LEVELS.iter().flat_map(|(level, _)| {
        level_table(*level)
            .iter()
            .filter(move |entry| entry.level == *level)
    })
}

/// Which levels a socket has at all; the answer for another one differs between `get` and `set`.
fn has_level(socket: &Socket, level: i32) -> bool {
    let scope = Scope::of(socket);
    match level {
        SOL_SOCKET => true,
        IPPROTO_IP => Scope::IP.contains(scope),
        IPPROTO_IPV6 => Scope::V6.contains(scope),
        IPPROTO_TCP => Scope::TCP.contains(scope),
        IPPROTO_UDP | IPPROTO_UDPLITE => Scope::UDP.contains(scope),
        IPPROTO_RAW => (Scope::RAW4 | Scope::RAW6).contains(scope),
        IPPROTO_ICMPV6 => scope == Scope::RAW6,
        SOL_NETLINK => scope == Scope::NETLINK,
        _ => false,
    }
}

fn is_udp(level: i32) -> bool {
    matches!(level, IPPROTO_UDP | IPPROTO_UDPLITE)
}

fn find(
    socket: &Socket,
    level: i32,
    name: i32,
    scope_of: fn(&Entry) -> Scope,
) -> Result<&'static Entry, Errno> {
    let scope = Scope::of(socket);
    // `udp_setsockopt` does not tell its two levels apart.
    let has_level = |of: i32| of == level || (is_udp(of) && is_udp(level));
    let entry = level_table(level)
        .iter()
        .find(|entry| has_level(entry.level) && entry.name == name);
    let entry = entry.ok_or(Errno::ENOPROTOOPT)?;
    if scope_of(entry).contains(scope) {
        Ok(entry)
    } else {
        Err(entry.elsewhere)
    }
}

/// `setsockopt(2)`
pub(crate) fn set(
    host: &mut Host,
    id: SocketId,
    level: i32,
    name: i32,
    value: &[u8],
    now: Instant,
) -> Result<(), Errno> {
    let socket = host.get(id)?;
    if !has_level(socket, level) {
        return Err(if socket.domain == Domain::Unix {
            Errno::EOPNOTSUPP
        } else {
            Errno::ENOPROTOOPT
        });
    }
    // Lengths are judged before names: `sk_setsockopt`, `do_tcp_setsockopt`, `udp_lib_setsockopt`.
    let entry = find(socket, level, name, |entry| entry.settable);
    let takes_bytes = entry.is_ok_and(|entry| matches!(entry.access, Access::Bytes(..)));
    let takes_ints = is_udp(level) || matches!(level, SOL_SOCKET | IPPROTO_TCP);
    if takes_ints && value.len() < 4 && !takes_bytes {
        return Err(Errno::EINVAL);
    }
    let entry = entry?;
    let level = entry.level;
    if level == IPPROTO_IP && value.is_empty() && ip::NEEDS_A_BYTE.contains(&name) {
        return Err(Errno::EINVAL);
    }
    let mut target = Target { host, id, now };
    match entry.access {
        Access::Absent => {
            return match entry.standing {
                // What has nothing to tell can't be set in the first place.
                Standing::Refused(Errno::ENOTCONN | Errno::ENODATA, _) => Err(Errno::ENOPROTOOPT),
                Standing::Refused(errno, _) => Err(errno),
                _ => Err(Errno::ENOPROTOOPT),
            };
        }
        Access::Bytes(_, set) => set(&mut target, value)?,
        Access::Int(_, set) => {
            let value = int_of((level, name), value)?;
            set(&mut target, value)?;
        }
        Access::Switch(switch) => {
            let value = int_of((level, name), value)?;
            target
                .socket_mut()?
                .options
                .switches
                .set(switch, value != 0);
        }
        Access::Kept(default, least, most) => {
            let value = int_of((level, name), value)?;
            let value = if (least, most) == (0, 1) {
                i32::from(value != 0)
            } else {
                value
            };
            if value < least || value > most {
                return Err(Errno::EINVAL);
            }
            let options = &mut target.socket_mut()?.options;
            if options.recorded(level, name).unwrap_or(default) != value {
                options.record(level, name, value);
            }
        }
    }
    if target.is_tcp() {
        crate::tcp::options_changed(target.host, id, now);
        if let Access::Switch(switch) = entry.access {
            crate::tcp::switch_set(target.host, id, switch);
        }
    } else {
        crate::datagram::options_changed(target.host, id);
    }
    Ok(())
}

/// An integer as each level reads it.
fn int_of((level, name): (i32, i32), value: &[u8]) -> Result<i32, Errno> {
    if let Some(four) = value.first_chunk() {
        return Ok(i32::from_ne_bytes(*four));
    }
    match (level, value.first()) {
        // `do_ip_setsockopt` takes a single byte, or nothing for 0.
        (IPPROTO_IP, Some(byte)) => Ok(i32::from(*byte)),
        (IPPROTO_IP, None) => Ok(0),
        // `do_ipv6_setsockopt` takes less than an int for 0 where it does not ask for one.
        (IPPROTO_IPV6, _) if ipv6::TAKES_LESS.contains(&name) => Ok(0),
        // `netlink_setsockopt` takes what is shorter for 0.
        (SOL_NETLINK, _) => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// `getsockopt(2)`
pub(crate) fn get(
    host: &mut Host,
    id: SocketId,
    level: i32,
    name: i32,
    length: usize,
    now: Instant,
) -> Result<OptionValue, Errno> {
    // The length is an int: a negative one is EINVAL.
    if i32::try_from(length).is_err() {
        return Err(Errno::EINVAL);
    }
    let socket = host.get(id)?;
    if !has_level(socket, level) {
        return Err(
            if matches!(socket.domain, Domain::Inet6 | Domain::Netlink) {
                Errno::ENOPROTOOPT
            } else {
                Errno::EOPNOTSUPP
            },
        );
    }
    let entry = find(socket, level, name, |entry| entry.scope)?;
    let level = entry.level;
    let mut target = Target { host, id, now };
    let value = match entry.access {
        Access::Absent => {
            return match entry.standing {
                // What can only be set, and is refused there for its value, can't be asked for.
                Standing::Refused(Errno::EINVAL | Errno::ENOENT, _) if level == SOL_SOCKET => {
                    Err(Errno::ENOPROTOOPT)
                }
                Standing::Refused(errno, _) => Err(errno),
                _ => Err(Errno::ENOPROTOOPT),
            };
        }
        Access::Bytes(get, _) => return get(&mut target, length),
        // `netlink_getsockopt` wants room for an int.
        Access::Int(..) if level == SOL_NETLINK && length < 4 => return Err(Errno::EINVAL),
        Access::Int(get, _) => get(&mut target)?,
        Access::Switch(switch) => i32::from(target.socket()?.options.is_on(switch)),
        Access::Kept(default, ..) => target
            .socket()?
            .options
            .recorded(level, name)
            .unwrap_or(default),
    };
    Ok(shortened(level, value, length))
}

/// An integer as each level writes it into `length` bytes.
pub(super) fn shortened(level: i32, value: i32, length: usize) -> OptionValue {
    if level == IPPROTO_IP
        && (1..4).contains(&length)
        && let Ok(byte) = u8::try_from(value)
    {
        // `do_ip_getsockopt`: a byte for those who ask for less than an int.
        return OptionValue::from_slice(&[byte]);
    }
    bytes(&value.to_ne_bytes(), length)
}

/// The first `length` bytes.
pub(super) fn bytes(value: &[u8], length: usize) -> OptionValue {
    OptionValue::from_slice(value.get(..length).unwrap_or(value))
}

pub(super) fn is_listening(socket: &Socket) -> bool {
    match &socket.endpoint {
        Endpoint::Unix(endpoint) => endpoint.is_listening(),
        Endpoint::Listener(_) => true,
        Endpoint::Tcp(_) | Endpoint::Datagram(_) | Endpoint::Netlink(_) => false,
    }
}
