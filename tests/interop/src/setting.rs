//! What both ends are told by `sysctl`.

use sockeye_core::Sysctl;

/// One value, for the kernel and for our hosts.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Below `net.ipv4`.
    pub name: &'static str,
    /// For the kernel.
    pub value: &'static str,
    /// For ours.
    pub apply: fn(&mut Sysctl),
}
