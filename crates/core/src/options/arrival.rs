//! What a stream tells of the packets it came from: `IP_PKTOPTIONS` and `IPV6_2292PKTOPTIONS`, and, because Linux keeps it
//! in the same place, the options that say how other sockets send to groups (`tcp_v4_syn_recv_sock`, `tcp_v6_do_rcv`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::table::{
    Access, Entry, IPPROTO_IP, IPPROTO_IPV6, Scope, Target, Value, read_only_bytes,
};
use super::{OptionValue, SharedOptions, Switches, ipv6};
use crate::Errno;
use crate::Sysctl;
use crate::ids::InterfaceId;

pub(super) const IP_PKTOPTIONS: Entry = Entry::new(
    IPPROTO_IP,
    9,
    "IP_PKTOPTIONS",
    Scope::TCP,
    Access::Bytes(packet_options, read_only_bytes),
)
.typed(Value::Bytes);

pub(super) const IPV6_2292PKTOPTIONS: Entry = Entry::new(
    IPPROTO_IPV6,
    6,
    "IPV6_2292PKTOPTIONS",
    Scope::TCP6,
    Access::Bytes(packet_options_v6, ipv6::set_packet_options),
)
.settable(Scope::V6)
.typed(Value::Bytes)
.partly(
    "only a list without an option can be set, because packets are sent without extension headers",
);

/// How a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) interface: InterfaceId,
    pub(crate) hop_limit: u8,
    /// With the ECN bits.
    pub(crate) class: u8,
    pub(crate) is_v4: bool,
}

/// What one family's options tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) interface: Option<InterfaceId>,
    pub(super) hop_limit: u8,
    class: u8,
}

/// What a socket knows of the packets it came from. A connection that was not accepted knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) v4: Seen,
    pub(super) v6: Seen,
}

impl Arrival {
    const UNKNOWN: Seen = Seen {
        interface: None,
        hop_limit: 1,
        class: 0,
    };

    pub(super) const NONE: Arrival = Arrival {
        v4: Self::UNKNOWN,
        v6: Self::UNKNOWN,
    };

    /// `tcp_v4_syn_recv_sock`, `tcp_v6_syn_recv_sock`
    fn of_accepted(came: Came) -> Arrival {
        let seen = |class| Seen {
            interface: Some(came.interface),
            hop_limit: came.hop_limit,
            class,
        };
        if came.is_v4 {
            Arrival {
                v4: seen(came.class),
                v6: seen(0),
            }
        } else {
            Arrival {
                v4: Self::UNKNOWN,
                v6: seen(came.class),
            }
        }
    }
}

/// The options of a listener's connection, which the next one shares if its packet came in the same way.
#[derive(Debug)]
pub(crate) struct KnownArrival {
    came: Came,
    /// What the connection had from its listener.
    inherited: SharedOptions,
    told: SharedOptions,
}

/// What of IPv6 is followed packet by packet once the program has asked for it.
const FOLLOWED: Switches = Switches::PACKET_INFO_V6
    .union(Switches::RECEIVE_HOP_LIMIT)
    .union(Switches::RECEIVE_TRAFFIC_CLASS);

impl SharedOptions {
    /// The packet that completed the handshake of an accepted connection.
    pub(crate) fn note_accepted(&mut self, came: Came, known: &mut Vec<KnownArrival>) {
        /// Of so many ways, so that connections rarely need values of their own.
        const MOST: usize = 8;
        let fits = |known: &&KnownArrival| {
            known.came == came && Arc::ptr_eq(&known.inherited.values, &self.values)
        };
        if let Some(known) = known.iter().find(fits) {
            self.values = known.told.values.clone();
            return;
        }
        let inherited = self.clone();
        self.arrival = Arrival::of_accepted(came);
        if known.len() == MOST {
            known.remove(0);
        }
        known.push(KnownArrival {
            came,
            inherited,
            told: self.clone(),
        });
    }

    /// `tcp_reflect_tos`: the same for a connection that began with this packet, or with a cookie that it brings back. `None` if
    /// nothing is reflected.
    pub(crate) fn reflecting(&self, came: Came, sysctl: &Sysctl) -> Option<SharedOptions> {
        // RFC 3168 5: these two bits are the stack's own.
        const ECN: u8 = 3;
        if !sysctl.tcp_reflect_tos {
            return None;
        }
        let mut options = self.clone();
        let reflected = |own: u8| came.class & !ECN | own & ECN;
        if came.is_v4 {
            options.type_of_service = reflected(self.type_of_service);
        } else {
            options.traffic_class = reflected(self.traffic_class);
        }
        Some(options)
    }

    /// Whether packets in order are to be noted one by one.
    pub(crate) fn follows_packets(&self) -> bool {
        self.switches.intersects(FOLLOWED)
    }

    /// A packet in order came to a connection (`ipv6_pktoptions` in `tcp_v6_do_rcv`).
    pub(crate) fn note_received(&mut self, came: Came) {
        let mut arrival = self.arrival;
        let seen = &mut arrival.v6;
        if self.is_on(Switches::PACKET_INFO_V6) {
            seen.interface = Some(came.interface);
        }
        if self.is_on(Switches::RECEIVE_HOP_LIMIT) {
            seen.hop_limit = came.hop_limit;
        }
        if self.is_on(Switches::RECEIVE_TRAFFIC_CLASS) {
            seen.class = came.class;
        }
        if arrival != self.arrival {
            self.arrival = arrival;
        }
    }
}

/// Control messages in so much room (`put_cmsg`).
struct Messages {
    bytes: Vec<u8>,
    room: usize,
}

impl Messages {
    fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        const HEADER: usize = 16;
        let left = self.room.saturating_sub(self.bytes.len());
        if left < HEADER {
            return;
        }
        let length = (HEADER + data.len()).min(left);
        let word = u64::try_from(length).unwrap_or(u64::MAX);
        self.bytes.extend_from_slice(&word.to_ne_bytes());
        self.bytes.extend_from_slice(&level.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend(data.iter().take(length - HEADER));
        let aligned = self.bytes.len().next_multiple_of(8).min(self.room);
        self.bytes.resize(aligned, 0);
    }

    fn put_int(&mut self, level: i32, kind: i32, value: u8) {
        self.put(level, kind, &i32::from(value).to_ne_bytes());
    }
}

fn packet_options(t: &mut Target<'_>, room: usize) -> Result<OptionValue, Errno> {
    /// What `inet_rcv_saddr` says of an address that is IPv6's.
    const OF_IPV6: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);
    let socket = t.socket()?;
    let (options, seen) = (&socket.options, socket.options.arrival.v4);
    let mut messages = Messages {
        bytes: Vec::new(),
        room,
    };
    if options.is_on(Switches::PACKET_INFO) {
        let local = match socket.names().map(|names| names.local()) {
            Some(IpAddr::V4(local)) => local,
            Some(IpAddr::V6(local)) if !local.is_unspecified() => OF_IPV6,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let index = seen.interface.map_or(0, InterfaceId::ifindex);
        let info = [index.to_ne_bytes(), local.octets(), local.octets()].concat();
        messages.put(IPPROTO_IP, 8, &info);
    }
    if options.is_on(Switches::RECEIVE_TTL) {
        messages.put_int(IPPROTO_IP, 2, seen.hop_limit);
    }
    if options.is_on(Switches::RECEIVE_TOS) {
        messages.put_int(IPPROTO_IP, 1, seen.class);
    }
    Ok(OptionValue::from_vec(messages.bytes))
}

fn packet_options_v6(t: &mut Target<'_>, room: usize) -> Result<OptionValue, Errno> {
    let socket = t.socket()?;
    let (options, seen) = (&socket.options, socket.options.arrival.v6);
    let mut messages = Messages {
        bytes: Vec::new(),
        room,
    };
    if options.is_on(Switches::PACKET_INFO_V6) {
        // Of a packet that is known it is the peer's address that is told.
        let address = match (seen.interface, socket.names().map(|names| names.remote())) {
            (Some(_), Some(IpAddr::V4(remote))) => remote.to_ipv6_mapped(),
            (Some(_), Some(IpAddr::V6(remote))) => remote,
            _ => Ipv6Addr::UNSPECIFIED,
        };
        let index = seen.interface.map_or(0, InterfaceId::ifindex);
        let mut info = address.octets().to_vec();
        info.extend_from_slice(&index.to_ne_bytes());
        messages.put(IPPROTO_IPV6, 50, &info);
    }
    if options.is_on(Switches::RECEIVE_HOP_LIMIT) {
        messages.put_int(IPPROTO_IPV6, 52, seen.hop_limit);
    }
    if options.is_on(Switches::RECEIVE_TRAFFIC_CLASS) {
        messages.put_int(IPPROTO_IPV6, 67, seen.class);
    }
    Ok(OptionValue::from_vec(messages.bytes))
}
