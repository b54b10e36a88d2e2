//! Those that are on or off and have no room of their own.

use super::{Entry, int, recorded, switch};
use crate::options::Switches;

const NO_HARDWARE: &str = "there is no such hardware or driver beneath the host";

pub(super) const DEBUG: Entry =
    switch(1, "SO_DEBUG", Switches::DEBUG).why("nothing is traced by it");
pub(super) const KEEPALIVE: Entry = switch(9, "SO_KEEPALIVE", Switches::KEEPALIVE);
pub(super) const OOB_INLINE: Entry = switch(10, "SO_OOBINLINE", Switches::OOB_INLINE);
pub(super) const BSD_COMPAT: Entry =
    int(14, "SO_BSDCOMPAT", |_| Ok(0), |_, _| Ok(())).why("Linux ignores it, too");
pub(super) const WIFI_STATUS: Entry = recorded(41, "SO_WIFI_STATUS", (0, 0, 1), NO_HARDWARE);
pub(super) const NO_FCS: Entry = recorded(43, "SO_NOFCS", (0, 0, 1), NO_HARDWARE);
