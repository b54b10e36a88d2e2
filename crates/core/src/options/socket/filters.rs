//! Socket filters and BPF programs: none run here.

use super::{ALL, Entry, L, refused};
use crate::Errno;
use crate::options::OptionValue;
use crate::options::table::{Access, Value};

const NO_BPF: &str = "the host runs no BPF programs";
const NONE_ATTACHED: &str = "none can be attached";

/// Read, it is `SO_GET_FILTER`: nothing, if there is none.
pub(super) const ATTACH: Entry = Entry::new(
    L,
    26,
    "SO_ATTACH_FILTER",
    ALL,
    Access::Bytes(|_, _| Ok(OptionValue::new()), |_, _| Err(Errno::EINVAL)),
)
.typed(Value::Bytes)
.why("the host runs no BPF programs: to attach one is `EINVAL`, and none is what is read");
pub(super) const DETACH: Entry = refused(27, "SO_DETACH_FILTER", Errno::ENOENT, NONE_ATTACHED);
pub(super) const LOCK: Entry = refused(44, "SO_LOCK_FILTER", Errno::ENOPROTOOPT, NO_BPF);
pub(super) const EXTENSIONS: Entry = refused(48, "SO_BPF_EXTENSIONS", Errno::ENOPROTOOPT, NO_BPF);
pub(super) const ATTACH_BPF: Entry = refused(50, "SO_ATTACH_BPF", Errno::EINVAL, NO_BPF);
pub(super) const ATTACH_REUSE_PORT_CBPF: Entry =
    refused(51, "SO_ATTACH_REUSEPORT_CBPF", Errno::EINVAL, NO_BPF);
pub(super) const ATTACH_REUSE_PORT_EBPF: Entry =
    refused(52, "SO_ATTACH_REUSEPORT_EBPF", Errno::EINVAL, NO_BPF);
pub(super) const DETACH_REUSE_PORT: Entry =
    refused(68, "SO_DETACH_REUSEPORT_BPF", Errno::ENOENT, NONE_ATTACHED);
