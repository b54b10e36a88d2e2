//! `IP_LOCAL_PORT_RANGE`: which ports the host may choose for a socket (`inet_sk_get_local_port_range`).

use core::ops::RangeInclusive;

use super::table::{Access, Entry, IPPROTO_IP, Scope, Target, shortened};
use super::{OptionValue, SharedOptions};
use crate::{Errno, Sysctl};

const NAME: i32 = 51;

pub(super) const IP_LOCAL_PORT_RANGE: Entry = Entry::new(
    IPPROTO_IP,
    NAME,
    "IP_LOCAL_PORT_RANGE",
    Scope::IP,
    Access::Bytes(get, set),
);

fn get(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let value = t.socket()?.options.recorded(IPPROTO_IP, NAME);
    Ok(shortened(IPPROTO_IP, value.unwrap_or(0), length))
}

fn set(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let value = i32::from_ne_bytes(value.try_into().map_err(|_| Errno::EINVAL)?);
    let (low, high) = bounds(value);
    if low != 0 && high != 0 && low > high {
        return Err(Errno::EINVAL);
    }
    let options = &mut t.socket_mut()?.options;
    if options.recorded(IPPROTO_IP, NAME).unwrap_or(0) != value {
        options.record(IPPROTO_IP, NAME, value);
    }
    Ok(())
}

/// The lower bound is in the low half, whatever the machine's order of bytes; 0 is none.
fn bounds(value: i32) -> (u16, u16) {
    let [a, b, c, d] = value.to_le_bytes();
    (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
}

impl SharedOptions {
    /// Whether the socket was given a range of its own.
    pub(crate) fn has_port_range(&self) -> bool {
        self.recorded(IPPROTO_IP, NAME)
            .is_some_and(|value| value != 0)
    }

    /// The ports to choose from. A bound of the socket's own counts if it is within the host's range
    /// (`ip_local_port_range`); one that is not is passed over.
    pub(crate) fn port_range(&self, sysctl: &Sysctl) -> RangeInclusive<u16> {
        let (mut low, mut high) = sysctl.ip_local_port_range;
        if let Some(value) = self.recorded(IPPROTO_IP, NAME) {
            let (own_low, own_high) = bounds(value);
            if (low..=high).contains(&own_low) {
                low = own_low;
            }
            if (low..=high).contains(&own_high) {
                high = own_high;
            }
        }
        low.max(1)..=high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_counts_within_the_range_of_the_host() {
        let sysctl = Sysctl {
            ip_local_port_range: (40_000, 40_999),
            ..Sysctl::default()
        };
        let range = |low: u32, high: u32| {
            let mut options = SharedOptions::new(&sysctl);
            options.record(IPPROTO_IP, NAME, (high << 16 | low).cast_signed());
            options.port_range(&sysctl)
        };
        assert_eq!(range(0, 0), 40_000..=40_999);
        assert_eq!(range(40_500, 0), 40_500..=40_999);
        assert_eq!(range(0, 40_500), 40_000..=40_500);
        assert_eq!(range(40_500, 40_500), 40_500..=40_500);
        assert_eq!(range(1, 2), 40_000..=40_999);
        assert_eq!(range(1, 40_500), 40_000..=40_500);
        assert_eq!(range(40_500, 65_535), 40_500..=40_999);
    }
}
