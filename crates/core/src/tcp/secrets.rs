//! What of a connection nobody off the path can guess: its first sequence number (RFC 6528), its port (RFC 6056) and the
//! offset of its timestamps (RFC 7323 5.4). Each has a key of its own.

use sockeye_tcp::Seq;

use crate::Instant;
use crate::config::Timestamps;
use crate::inet::demux::FourTuple;
use crate::inet::keyed::Keyed;

#[derive(Debug)]
pub(crate) struct Secrets {
    sequence: Keyed,
    port: Keyed,
    timestamp: Keyed,
}

impl Secrets {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            sequence: keyed.derived(b"tcp sequence"),
            port: keyed.derived(b"tcp port"),
            timestamp: keyed.derived(b"tcp timestamp"),
        }
    }

    /// RFC 6528 3: a clock of 4 microseconds or faster, and a keyed hash of the names; Linux's clock has 64 ns.
    pub(super) fn isn(&self, tuple: &FourTuple, now: Instant) -> Seq {
        let clock = low_half(now.as_nanos() >> 6);
        Seq::new(low_half(tuple.hash_with(self.sequence)).wrapping_add(clock))
    }

    /// RFC 6056 3.3.3: where the search for a port begins. The tuple has none yet.
    pub(super) fn port_offset(&self, tuple: &FourTuple) -> u32 {
        low_half(tuple.hash_with(self.port))
    }

    /// RFC 7323 5.4. As in Linux (`secure_tcp_ts_off`) all connections to one destination have the same: a peer that
    /// keeps TIME-WAIT can see that the next connection is newer (RFC 6191), whichever its port is.
    pub(super) fn timestamp_offset(&self, tuple: &FourTuple, timestamps: Timestamps) -> u32 {
        if timestamps != Timestamps::Offset {
            return 0;
        }
        let hosts = FourTuple {
            local_port: 0,
            remote_port: 0,
            ..*tuple
        };
        low_half(hosts.hash_with(self.timestamp))
    }
}

fn low_half(value: u64) -> u32 {
    let [.., a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
