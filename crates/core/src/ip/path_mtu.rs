//! What ICMP told of the paths' MTUs (RFC 1191, RFC 8201): kept by destination for a while, as the exceptions of Linux's
//! routes (`__ip_rt_update_pmtu`, `__ip6_rt_update_pmtu`).

use core::net::IpAddr;
use core::time::Duration;

use hashbrown::HashMap;

use super::output::Path;
use crate::Instant;
use crate::host::Stack;
use crate::inet::keyed::Keyed;

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
    /// The first of them to expire, or earlier.
    earliest: Instant,
}

/// What is believed (`net.ipv4.route`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Belief {
    /// `min_pmtu`
    pub(crate) least: usize,
    /// `mtu_expires`, and what RFC 8201 5.3 proposes.
    pub(crate) kept: Duration,
}

impl PathMtus {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            known: HashMap::with_hasher(keyed),
            earliest: Instant::FAR_FUTURE,
        }
    }

    /// True if routers must be allowed to cut packets to this address.
    pub(crate) fn is_cut(&self, destination: IpAddr, now: Instant) -> bool {
        self.get(destination, now)
            .is_some_and(|known| known.is_locked)
    }

    /// Forgets what is too old. True if something was.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        if now < self.earliest {
            return false;
        }
        let before = self.known.len();
        self.known.retain(|_, (_, until)| now < *until);
        let left = self.known.values().map(|(_, until)| *until).min();
        self.earliest = left.unwrap_or(Instant::FAR_FUTURE);
        self.known.len() < before
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
    pub(crate) fn learn(
        &mut self,
        destination: IpAddr,
        mtu: u32,
        current: usize,
        belief: Belief,
        now: Instant,
    ) {
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
            mtu: mtu.max(belief.least.min(current)),
            is_locked: mtu < belief.least,
        };
        let until = now + belief.kept;
        self.earliest = self.earliest.min(until);
        self.known.insert(destination, (known, until));
    }
}

impl Stack {
    /// What routers said of a path, as far as that counts.
    pub(crate) fn path_mtu(
        &self,
        destination: IpAddr,
        path: &Path,
        now: Instant,
    ) -> Option<PathMtu> {
        let known = self.path_mtus.get(destination, now)?;
        (!path.is_mtu_locked).then_some(known)
    }

    /// A router could not pass on a packet that went this way. What was found out of paths before is to be looked at anew.
    pub(crate) fn learn_path_mtu(&mut self, destination: IpAddr, mtu: u32, path: &Path) {
        if path.is_mtu_locked {
            return;
        }
        let belief = Belief {
            least: self.config.sysctl.min_pmtu,
            kept: self.config.sysctl.mtu_expires,
        };
        let known = self.path_mtus.get(destination, self.now);
        let current = known.map_or(path.mtu, |known| known.mtu.min(path.mtu));
        self.path_mtus
            .learn(destination, mtu, current, belief, self.now);
        self.route_generation = self.route_generation.wrapping_add(1);
    }

    /// After a while a path may carry more than ICMP told.
    pub(crate) fn expire_path_mtus(&mut self, now: Instant) {
        if self.path_mtus.expire(now) {
            self.route_generation = self.route_generation.wrapping_add(1);
        }
    }
}
