//! When packets came and went.

use super::{Entry, L, int};
use crate::Errno;
use crate::options::table::{Access, GetBytes, Scope, SetBytes, Target, Value, bytes};
use crate::options::{OptionValue, StampFlags, Switches, Timestamping};

const MESSAGES: &str = "the messages of AF_UNIX are not stamped";
const HARDWARE: &str = "there is no hardware with a clock, of which the `HARDWARE` flags, `OPT_PKTINFO` and `TX_COMPLETION` tell";

pub(super) const MICROS: Entry = int(
    29,
    "SO_TIMESTAMP",
    |t| is_stamping(t, Timestamping::Micros, false),
    |t, value| stamp(t, value, Timestamping::Micros, false),
)
.typed(Value::Bool)
.partly(MESSAGES);
pub(super) const NANOS: Entry = int(
    35,
    "SO_TIMESTAMPNS",
    |t| is_stamping(t, Timestamping::Nanos, false),
    |t, value| stamp(t, value, Timestamping::Nanos, false),
)
.typed(Value::Bool)
.partly(MESSAGES);
pub(super) const DETAILED: Entry = detailed(
    37,
    "SO_TIMESTAMPING",
    |t, length| flags(t, length, false),
    |t, value| set_flags(t, value, false),
);
pub(super) const MICROS_NEW: Entry = int(
    63,
    "SO_TIMESTAMP_NEW",
    // Linux looks at whether there are stamps at all here, of whichever kind.
    |t| {
        let options = &t.socket()?.options;
        let is_on = options.timestamping != Timestamping::Off;
        Ok(i32::from(is_on && options.is_on(Switches::NEW_STAMPS)))
    },
    |t, value| stamp(t, value, Timestamping::Micros, true),
)
.typed(Value::Bool)
.partly(MESSAGES);
pub(super) const NANOS_NEW: Entry = int(
    64,
    "SO_TIMESTAMPNS_NEW",
    |t| is_stamping(t, Timestamping::Nanos, true),
    |t, value| stamp(t, value, Timestamping::Nanos, true),
)
.typed(Value::Bool)
.partly(MESSAGES);
pub(super) const DETAILED_NEW: Entry = detailed(
    65,
    "SO_TIMESTAMPING_NEW",
    |t, length| flags(t, length, true),
    |t, value| set_flags(t, value, true),
);

/// Messages of AF_UNIX are not stamped.
const SCOPE: Scope = Scope::UDP
    .union(Scope::TCP)
    .union(Scope::RAW4)
    .union(Scope::RAW6)
    .union(Scope::PING4)
    .union(Scope::PING6);

const fn detailed(name: i32, label: &'static str, get: GetBytes, set: SetBytes) -> Entry {
    Entry::new(L, name, label, SCOPE, Access::Bytes(get, set))
        .typed(Value::Bytes)
        .partly(HARDWARE)
}

fn is_stamping(t: &mut Target<'_>, stamping: Timestamping, is_new: bool) -> Result<i32, Errno> {
    let options = &t.socket()?.options;
    let is_on = options.timestamping == stamping && options.is_on(Switches::NEW_STAMPS) == is_new;
    Ok(i32::from(is_on))
}

fn stamp(
    t: &mut Target<'_>,
    value: i32,
    stamping: Timestamping,
    is_new: bool,
) -> Result<(), Errno> {
    let options = &mut t.socket_mut()?.options;
    // Switching either off switches stamps off; switching one on takes the place of the other.
    if value == 0 {
        options.timestamping = Timestamping::Off;
        let is_wanted = options.stamp_flags().tells_arrivals();
        options.switches.set(Switches::RECEIVE_STAMPS, is_wanted);
    } else {
        options.timestamping = stamping;
        options.switches.insert(Switches::RECEIVE_STAMPS);
        options.switches.set(Switches::NEW_STAMPS, is_new);
    }
    Ok(())
}

/// `struct so_timestamping`: the flags, and the number of a clock that is never bound.
fn flags(t: &mut Target<'_>, length: usize, is_new: bool) -> Result<OptionValue, Errno> {
    let options = &t.socket()?.options;
    let flags = if !is_new || options.is_on(Switches::NEW_STAMPS) {
        options.stamp_flags()
    } else {
        StampFlags::empty()
    };
    let mut value = [0; 8];
    value[..4].copy_from_slice(&flags.bits().to_ne_bytes());
    Ok(bytes(&value, length))
}

/// `sock_set_timestamping`
fn set_flags(t: &mut Target<'_>, value: &[u8], is_new: bool) -> Result<(), Errno> {
    let value = value.first_chunk().ok_or(Errno::EINVAL)?;
    let flags = StampFlags::from_bits(u32::from_ne_bytes(*value)).ok_or(Errno::EINVAL)?;
    let requires = |flag, required| !flags.contains(flag) || flags.contains(required);
    if !requires(StampFlags::OPT_ID_TCP, StampFlags::OPT_ID) {
        return Err(Errno::EINVAL);
    }
    let was_numbered = t
        .socket()?
        .options
        .stamp_flags()
        .contains(StampFlags::OPT_ID);
    let is_numbered = flags.contains(StampFlags::OPT_ID);
    if t.is_tcp() && is_numbered && !was_numbered {
        crate::tcp::number_stamps(t.host, t.id, flags.contains(StampFlags::OPT_ID_TCP))?;
    }
    if !requires(StampFlags::OPT_STATS, StampFlags::OPT_TSONLY) {
        return Err(Errno::EINVAL);
    }
    if flags.contains(StampFlags::BIND_PHC) {
        // There is no hardware with a clock.
        return Err(match t.socket()?.options.device {
            None => Errno::EOPNOTSUPP,
            Some(_) => Errno::EINVAL,
        });
    }
    if t.is_tcp() && was_numbered && !is_numbered {
        crate::tcp::number_stamps_no_more(t.host, t.id);
    }
    let options = &mut t.socket_mut()?.options;
    options.switches.set(Switches::NEW_STAMPS, is_new);
    options.switches.set(
        Switches::RECEIVE_STAMPS,
        flags.tells_arrivals() || options.timestamping != Timestamping::Off,
    );
    options.set_stamp_flags(flags);
    Ok(())
}
