//! `IP_MINTTL`, `IPV6_MINHOPCOUNT`: what came from too far away is not looked at (RFC 5082). In Linux only streams judge by it.

use super::table::{Access, Entry, IPPROTO_IP, IPPROTO_IPV6, Scope, Target};
use super::{SharedOptions, Switches};
use crate::Errno;

const MINTTL: i32 = 21;
const MINHOPCOUNT: i32 = 73;

pub(super) const IP_MINTTL: Entry = Entry::new(
    IPPROTO_IP,
    MINTTL,
    "IP_MINTTL",
    Scope::IP,
    Access::Int(
        |t| least(t, IPPROTO_IP, MINTTL),
        |t, value| set_least(t, IPPROTO_IP, MINTTL, value),
    ),
);

pub(super) const IPV6_MINHOPCOUNT: Entry = Entry::new(
    IPPROTO_IPV6,
    MINHOPCOUNT,
    "IPV6_MINHOPCOUNT",
    Scope::V6,
    Access::Int(
        |t| least(t, IPPROTO_IPV6, MINHOPCOUNT),
        |t, value| set_least(t, IPPROTO_IPV6, MINHOPCOUNT, value),
    ),
);

fn least(t: &mut Target<'_>, level: i32, name: i32) -> Result<i32, Errno> {
    Ok(t.socket()?.options.recorded(level, name).unwrap_or(0))
}

fn set_least(t: &mut Target<'_>, level: i32, name: i32, value: i32) -> Result<(), Errno> {
    u8::try_from(value).map_err(|_| Errno::EINVAL)?;
    let options = &mut t.socket_mut()?.options;
    options.record(level, name, value);
    options.switches |= Switches::JUDGES_TTL;
    Ok(())
}

impl SharedOptions {
    /// Whether a packet that came with this hop limit is near enough.
    pub(crate) fn admits(&self, hop_limit: u8, is_v4: bool) -> bool {
        if !self.is_on(Switches::JUDGES_TTL) {
            return true;
        }
        let (level, name) = if is_v4 {
            (IPPROTO_IP, MINTTL)
        } else {
            (IPPROTO_IPV6, MINHOPCOUNT)
        };
        self.recorded(level, name)
            .is_none_or(|least| i32::from(hop_limit) >= least)
    }
}
