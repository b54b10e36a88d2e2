//! Fast Open (RFC 7413, `net/ipv4/tcp_fastopen.c`): what a host knows of it. What a connection does is `sockeye-tcp`'s.

mod client;
mod keys;
mod server;

pub(crate) use client::{is_enabled, request};
pub use keys::FastOpenKeys;
pub(super) use server::{Decision, FastQueue, judge, release};

use alloc::collections::BTreeMap;

use client::{Blackhole, Cache};

use crate::ids::SocketId;
use crate::inet::keyed::Keyed;

/// `tcp_fastopen`: clients may.
pub(crate) const CLIENT: u32 = 1;
/// Servers may, if their socket has a queue for it.
const SERVER: u32 = 2;
/// Clients send data without a cookie.
const CLIENT_WITHOUT_COOKIE: u32 = 4;
/// Servers take data without a cookie.
const SERVER_WITHOUT_COOKIE: u32 = 0x200;
/// Every listener has a queue, as long as its backlog.
const EVERY_SERVER: u32 = 0x400;

/// What few TCP sockets are told.
#[derive(Clone, Debug, Default)]
pub struct FastOpenChoices {
    /// `TCP_FASTOPEN`: how many connections of a listener may be open before their handshake is over.
    pub queue: u32,
    /// `TCP_FASTOPEN_CONNECT`: `connect` leaves the SYN to the first write.
    pub connect: bool,
    /// `TCP_FASTOPEN_NO_COOKIE`
    pub no_cookie: bool,
    /// `TCP_FASTOPEN_KEY`, in place of the host's.
    pub keys: Option<FastOpenKeys>,
}

/// A host's part.
#[derive(Debug)]
pub(crate) struct FastOpen {
    /// As long as `tcp_fastopen_key` is not set.
    keys: FastOpenKeys,
    /// Somebody has asked for a queue: the key is told from then on.
    pub(crate) is_key_made: bool,
    cache: Cache,
    blackhole: Blackhole,
    /// Connections that are open before their handshake is over, with their listeners.
    children: BTreeMap<SocketId, SocketId>,
}

impl FastOpen {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            keys: FastOpenKeys::random(keyed.derived(b"fast open")),
            is_key_made: false,
            cache: Cache::default(),
            blackhole: Blackhole::default(),
            children: BTreeMap::new(),
        }
    }
}

impl crate::Host {
    /// Forgets what is kept of peers beyond their connections: Fast Open cookies, and how long segments they take
    /// (`ip tcp_metrics flush`).
    pub fn forget_peers(&mut self) {
        self.stack.fast_open.cache = Cache::default();
    }
}

/// What `listen` makes of the queue (`inet_listen`).
pub(super) fn queue_at_listen(wanted: u32, setting: u32, backlog: u32) -> u32 {
    let is_for_all = setting & (EVERY_SERVER | SERVER) == EVERY_SERVER | SERVER;
    if is_for_all && wanted == 0 {
        backlog
    } else {
        wanted
    }
}
