//! How packets go out: by which way, with what mark, priority and pace.

use super::{ALL, Entry, L, int, refused, switch};
use crate::options::table::{Access, Scope, Target, Value, bytes};
use crate::options::{OptionValue, SharedOptions, Switches};
use crate::{Errno, SocketType, Sysctl};

pub(super) const DONT_ROUTE: Entry = switch(5, "SO_DONTROUTE", Switches::DONT_ROUTE);
pub(super) const BROADCAST: Entry = switch(6, "SO_BROADCAST", Switches::BROADCAST);
pub(super) const NO_CHECKSUM: Entry = switch(11, "SO_NO_CHECK", Switches::NO_CHECKSUM)
    .why("checksums cost nothing on the way that has no wire");
pub(super) const PRIORITY: Entry = int(
    12,
    "SO_PRIORITY",
    |t| Ok(t.socket()?.options.priority.cast_signed()),
    set_priority,
)
.why("an interface has one queue")
.own();
pub(super) const MARK: Entry = int(
    36,
    "SO_MARK",
    |t| Ok(t.socket()?.options.mark.cast_signed()),
    set_mark,
)
.why("there are no routing rules that look at it");
pub(super) const MAX_PACING_RATE: Entry = Entry::new(
    L,
    47,
    "SO_MAX_PACING_RATE",
    ALL,
    Access::Bytes(pacing_rate, set_pacing_rate),
)
.typed(Value::U64)
.partly("datagrams are not paced, as without `fq` in Linux");
pub(super) const CONNECTION_ADVICE: Entry = refused(
    53,
    "SO_CNX_ADVICE",
    Errno::ENOPROTOOPT,
    "there is no choice of paths to advise on",
);
pub(super) const ZERO_COPY: Entry = Entry::new(
    L,
    60,
    "SO_ZEROCOPY",
    ALL,
    Access::Int(
        |t| Ok(t.socket()?.options.is_on(Switches::ZERO_COPY).into()),
        |t, value| {
            let socket = t.socket_mut()?;
            if socket.kind == SocketType::Datagram && socket.protocol != IPPROTO_UDP {
                return Err(Errno::EOPNOTSUPP);
            }
            if !(0..=1).contains(&value) {
                return Err(Errno::EINVAL);
            }
            socket.options.switches.set(Switches::ZERO_COPY, value != 0);
            Ok(())
        },
    ),
)
.typed(Value::Bool)
.settable(Scope::TCP.union(Scope::UDP));

/// What UDP sockets have for their protocol.
const IPPROTO_UDP: u16 = 17;
pub(super) const SEND_TIME: Entry =
    refused(61, "SO_TXTIME", Errno::EINVAL, "packets are not timed");
pub(super) const REHASH: Entry = Entry::new(
    L,
    SO_TXREHASH,
    "SO_TXREHASH",
    Scope::TCP,
    Access::Int(
        |t| {
            let sysctl = &t.host.stack.config.sysctl;
            Ok(i32::from(t.socket()?.options.seeks_paths(sysctl)))
        },
        |t, value| {
            if !(-1..=1).contains(&value) {
                return Err(Errno::EINVAL);
            }
            let of_host = i32::from(t.host.stack.config.sysctl.txrehash);
            let value = if value == -1 { of_host } else { value };
            t.socket_mut()?.options.record(L, SO_TXREHASH, value);
            Ok(())
        },
    ),
);

const SO_TXREHASH: i32 = 74;

impl SharedOptions {
    /// `SO_TXREHASH`: after a timeout a connection looks for another path.
    pub(crate) fn seeks_paths(&self, sysctl: &Sysctl) -> bool {
        self.recorded(L, SO_TXREHASH)
            .map_or(sysctl.txrehash, |value| value != 0)
    }
}
pub(super) const RECEIVE_MARK: Entry = refused(
    75,
    "SO_RCVMARK",
    Errno::ENOPROTOOPT,
    "packets bear no marks",
);
pub(super) const RECEIVE_PRIORITY: Entry = refused(
    82,
    "SO_RCVPRIORITY",
    Errno::ENOPROTOOPT,
    "packets bear no priorities",
);

fn set_priority(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if !(0..=6).contains(&value) && !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    t.socket_mut()?.options.priority = value.cast_unsigned();
    Ok(())
}

fn set_mark(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    if !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    t.socket_mut()?.options.mark = value.cast_unsigned();
    Ok(())
}

/// `unsigned long` for those who have room for it, the low 32 bits for others.
fn pacing_rate(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let rate = t.socket()?.options.pacing_rate();
    if length >= 8 {
        return Ok(OptionValue::from_slice(&rate.to_ne_bytes()));
    }
    let rate = u32::try_from(rate).unwrap_or(u32::MAX);
    Ok(bytes(&rate.to_ne_bytes(), length))
}

fn set_pacing_rate(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let rate = match (value.first_chunk::<8>(), value.first_chunk::<4>()) {
        (Some(eight), _) => u64::from_ne_bytes(*eight),
        (None, Some(four)) => match u32::from_ne_bytes(*four) {
            u32::MAX => u64::MAX,
            rate => rate.into(),
        },
        (None, None) => return Err(Errno::EINVAL),
    };
    t.socket_mut()?.options.set_pacing_rate(rate);
    Ok(())
}
