//! What ICMP told of the paths' MTUs (RFC 1191, RFC 8201): kept by destination for a while, as the exceptions of Linux's
//! routes (`__ip_rt_update_pmtu`, `__ip6_rt_update_pmtu`).

use core::net::IpAddr;
use core::time::Duration;

use hashbrown::HashMap;

use crate::Instant;
use crate::inet::keyed::Keyed;

/// `ip_rt_mtu_expires`, and what RFC 8201 5.3 proposes.
const KEPT: Duration = Duration::from_secs(600);
/// `ip_rt_min_pmtu`: smaller ones are not believed, and packets of this size may be cut on their way then.
const LEAST_V4: usize = 552;
/// RFC 8200 5: no link of IPv6 carries less, and who says so is not believed.
const LEAST_V6: usize = 1280;
/// Destinations that are remembered. Anybody who can guess a quote can add one.
const MOST: usize = 1024;

/// The MTU of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathMtu {
    pub(crate) mtu: usize,
    /// It is smaller in truth: packets must not say that they may not be cut.
    pub(crate) is_locked: bool,
}

#[derive(Debug)]
pub(crate) struct PathMtus {
    known: HashMap<IpAddr, (PathMtu, Instant), Keyed>,
}

impl PathMtus {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            known: HashMap::with_hasher(keyed),
        }
    }

    /// What is known of the path to `destination`.
    pub(crate) fn get(&self, destination: IpAddr, now: Instant) -> Option<PathMtu> {
        // Almost always nothing was ever learnt.
        if self.known.is_empty() {
            return None;
        }
        let (mtu, until) = self.known.get(&destination)?;
        (now < *until).then_some(*mtu)
    }

    /// A router could not pass on a packet to `destination` that was longer than `mtu`. `current` is the path's MTU so
    /// far: it never grows by such a report.
    pub(crate) fn learn(&mut self, destination: IpAddr, mtu: u32, current: usize, now: Instant) {
        let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
        if mtu > current || (destination.is_ipv6() && mtu < LEAST_V6) {
            return;
        }
        if self.known.len() >= MOST && !self.known.contains_key(&destination) {
            self.known.retain(|_, (_, until)| now < *until);
            if self.known.len() >= MOST {
                return;
            }
        }
        let known = PathMtu {
            mtu: mtu.max(LEAST_V4.min(current)),
            is_locked: mtu < LEAST_V4,
        };
        self.known.insert(destination, (known, now + KEPT));
    }
}
