//! The options of `IPPROTO_TCP` that are refused: with the errors of a kernel that was built without them, or that grants no
//! repair.

use super::OptionValue;
use super::table::{Access, Entry, IPPROTO_TCP, Scope, Standing, Target, Value};
use super::table::{is_listening, read_only, write_only};
use crate::Errno;

const fn refused(
    name: i32,
    label: &'static str,
    access: Access,
    answer: (Errno, &'static str),
) -> Entry {
    Entry::new(IPPROTO_TCP, name, label, Scope::TCP, access)
        .standing(Standing::Refused(answer.0, answer.1))
}

const NO_KEYS: (Errno, &str) = (
    Errno::ENOPROTOOPT,
    "segments are not signed, as in a kernel without CONFIG_TCP_MD5SIG",
);
const NO_AO: (Errno, &str) = (
    Errno::ENOPROTOOPT,
    "segments are not signed, as in a kernel without CONFIG_TCP_AO",
);
const NO_REPAIR: (Errno, &str) = (Errno::EPERM, "connections are not moved between hosts");

/// What has neither a value nor takes one.
const NOTHING: Access = Access::Int(write_only, read_only);
/// What exists in repair only.
const IN_REPAIR: Access = Access::Int(|_| Err(Errno::EINVAL), |_, _| Err(Errno::EPERM));

pub(super) const TCP_MD5SIG: Entry = refused(14, "TCP_MD5SIG", NOTHING, NO_KEYS);
pub(super) const TCP_MD5SIG_EXT: Entry = refused(32, "TCP_MD5SIG_EXT", NOTHING, NO_KEYS);
pub(super) const TCP_AO_ADD_KEY: Entry = refused(38, "TCP_AO_ADD_KEY", NOTHING, NO_AO);
pub(super) const TCP_AO_DEL_KEY: Entry = refused(39, "TCP_AO_DEL_KEY", NOTHING, NO_AO);
pub(super) const TCP_AO_INFO: Entry = refused(40, "TCP_AO_INFO", NOTHING, NO_AO);
pub(super) const TCP_AO_GET_KEYS: Entry = refused(41, "TCP_AO_GET_KEYS", NOTHING, NO_AO);
pub(super) const TCP_AO_REPAIR: Entry = refused(
    42,
    "TCP_AO_REPAIR",
    Access::Int(|t| Err(without_ao(t)), |t, _| Err(without_ao(t))),
    NO_AO,
);

/// Who could not repair is told so before anything else (`tcp_can_repair_sock`).
fn without_ao(t: &mut Target<'_>) -> Errno {
    if t.is_privileged() && !t.socket().is_ok_and(is_listening) {
        Errno::ENOPROTOOPT
    } else {
        Errno::EPERM
    }
}

/// It is never on, so that it tells 0.
pub(super) const TCP_REPAIR: Entry = refused(
    19,
    "TCP_REPAIR",
    Access::Int(|_| Ok(0), |_, _| Err(Errno::EPERM)),
    NO_REPAIR,
);
pub(super) const TCP_REPAIR_QUEUE: Entry = refused(20, "TCP_REPAIR_QUEUE", IN_REPAIR, NO_REPAIR);
pub(super) const TCP_QUEUE_SEQ: Entry = refused(
    21,
    "TCP_QUEUE_SEQ",
    Access::Int(
        |_| Err(Errno::EINVAL),
        |t, _| {
            // Of a closed socket without a queue to repair nothing can be said, of another it may not.
            let is_closed =
                crate::tcp::info(t.host, t.id, t.now).is_none() && !is_listening(t.socket()?);
            Err(if is_closed {
                Errno::EINVAL
            } else {
                Errno::EPERM
            })
        },
    ),
    NO_REPAIR,
);
pub(super) const TCP_REPAIR_OPTIONS: Entry = refused(
    22,
    "TCP_REPAIR_OPTIONS",
    Access::Int(write_only, |_, _| Err(Errno::EINVAL)),
    NO_REPAIR,
);
pub(super) const TCP_REPAIR_WINDOW: Entry = refused(29, "TCP_REPAIR_WINDOW", IN_REPAIR, NO_REPAIR);

pub(super) const TCP_ULP: Entry = refused(
    31,
    "TCP_ULP",
    Access::Bytes(
        |_, _| Ok(OptionValue::new()),
        |_, name| {
            Err(if name.is_empty() {
                Errno::EINVAL
            } else {
                Errno::ENOENT
            })
        },
    ),
    (
        Errno::ENOENT,
        "there are no upper-layer protocols: every name is unknown",
    ),
)
.typed(Value::Text);

pub(super) const TCP_ZEROCOPY_RECEIVE: Entry = refused(
    35,
    "TCP_ZEROCOPY_RECEIVE",
    Access::Int(|_| Err(Errno::EINVAL), read_only),
    (Errno::EINVAL, "there is no memory to map"),
)
.typed(Value::Bytes);
