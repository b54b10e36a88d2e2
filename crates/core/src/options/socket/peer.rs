//! Who is at the other end, and what passes from there beside the bytes.

use super::{ALL, Entry, L, refused};
use crate::Errno;
use crate::options::table::{Access, Scope, Target, Value, bytes, read_only_bytes};
use crate::options::{OptionValue, Switches};
use crate::socket::Endpoint;

const NO_MODULES: &str = "there is no security module";
const NO_PROCESSES: &str = "the host knows no processes";

pub(super) const PASS_CREDENTIALS: Entry = Entry::new(
    L,
    16,
    "SO_PASSCRED",
    Scope::UNIX,
    Access::Switch(Switches::PASS_CREDENTIALS),
);
pub(super) const CREDENTIALS: Entry = Entry::new(
    L,
    17,
    "SO_PEERCRED",
    ALL,
    Access::Bytes(peer_credentials, read_only_bytes),
)
.typed(Value::Ucred)
.own();
pub(super) const NAME: Entry = refused(
    28,
    "SO_PEERNAME",
    Errno::ENOTCONN,
    "getpeername(2) tells it",
);
pub(super) const SECURITY: Entry = refused(31, "SO_PEERSEC", Errno::ENOPROTOOPT, NO_MODULES);
pub(super) const PASS_SECURITY: Entry =
    Entry::recorded(L, 34, "SO_PASSSEC", Scope::UNIX, (0, 0, 1), NO_MODULES);
pub(super) const GROUPS: Entry = refused(
    59,
    "SO_PEERGROUPS",
    Errno::ENODATA,
    "the host knows one group of a process",
);
pub(super) const PASS_PROCESS: Entry = refused(76, "SO_PASSPIDFD", Errno::EOPNOTSUPP, NO_PROCESSES);
pub(super) const PROCESS: Entry = refused(77, "SO_PEERPIDFD", Errno::ENODATA, NO_PROCESSES);
pub(super) const PASS_RIGHTS: Entry = refused(
    83,
    "SO_PASSRIGHTS",
    Errno::EOPNOTSUPP,
    "rights are always taken",
);

fn peer_credentials(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let known = match &t.socket()?.endpoint {
        Endpoint::Unix(endpoint) => endpoint.peer_credentials(),
        Endpoint::Tcp(_) | Endpoint::Listener(_) | Endpoint::Datagram(_) | Endpoint::Netlink(_) => {
            None
        }
    };
    let (pid, uid, gid) = known.map_or((0, u32::MAX, u32::MAX), |who| (who.pid, who.uid, who.gid));
    let mut value = [0; 12];
    value[..4].copy_from_slice(&pid.to_ne_bytes());
    value[4..8].copy_from_slice(&uid.to_ne_bytes());
    value[8..].copy_from_slice(&gid.to_ne_bytes());
    Ok(bytes(&value, length))
}
