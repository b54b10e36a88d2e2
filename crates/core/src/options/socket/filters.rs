//! Socket filters and BPF programs: none run here.

use super::{Entry, refused};
use crate::Errno;

const NO_BPF: &str = "the host runs no BPF programs";
const NONE_ATTACHED: &str = "none can be attached";

pub(super) const ATTACH: Entry = refused(26, "SO_ATTACH_FILTER", Errno::EINVAL, NO_BPF);
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
