//! The flow labels of IPv6 (RFC 6437): all packets of a connection have one, by which routers choose among paths. After a
//! timeout it is another, for the path may be broken and another work (`sk_rethink_txhash`).

use core::net::IpAddr;

use crate::config::Sysctl;
use crate::inet::demux::FourTuple;
use crate::inet::keyed::Keyed;
use crate::options::SharedOptions;

/// The label is 20 bits long.
const MASK: u64 = 0xf_ffff;

/// What nobody else knows of the labels. Each packet needs one, so that it is quicker than the other hashes: who guesses it
/// learns which path is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowLabels {
    keys: [u64; 2],
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    low(product) ^ low(product >> 64)
}

fn low(bits: u128) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = bits.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl FlowLabels {
    pub(crate) fn new(keyed: Keyed) -> Self {
        let key = |name: &[u8]| keyed.hash_bytes(name) | 1;
        Self {
            keys: [key(b"flow label, first"), key(b"flow label, second")],
        }
    }

    /// The label of a connection that had so many timeouts; 0 is none.
    pub(super) fn of(&self, tuple: &FourTuple, rehashes: u16) -> u32 {
        let (IpAddr::V6(local), IpAddr::V6(remote)) = (tuple.local, tuple.remote) else {
            return 0;
        };
        let [first, second] = self.keys;
        let (local, remote) = (local.to_bits(), remote.to_bits());
        let rest = u64::from(tuple.local_port) << 48
            | u64::from(tuple.remote_port) << 32
            | u64::from(rehashes);
        let mut hash = fold(low(local) ^ first, low(local >> 64) ^ second);
        hash = fold(hash ^ low(remote), low(remote >> 64) ^ second);
        hash = fold(hash ^ rest, first);
        // 0 would say that there is no label.
        u32::try_from(hash & MASK).unwrap_or(0).max(1)
    }
}

impl SharedOptions {
    /// `IPV6_AUTOFLOWLABEL` and `auto_flowlabels`
    pub(super) fn labels_flows(&self, sysctl: &Sysctl) -> bool {
        match (sysctl.auto_flowlabels, self.auto_flow_label()) {
            (0, _) => false,
            (3, _) => true,
            (_, Some(chosen)) => chosen,
            (setting, None) => setting == 1,
        }
    }
}
