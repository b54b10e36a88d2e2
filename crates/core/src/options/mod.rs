//! Socket options: the values that all sockets share, and `getsockopt`/`setsockopt`.
//!
//! One table says everything about an option: [`Entry`]. Dispatch, the rules about lengths, `docs/compat.md` and the
//! round-trip tests come from it. An option that does nothing yet is *recorded* (it keeps its value and the table says why
//! nothing follows from it) or *refused*; none answers OK and is forgotten.

mod arrival;
pub mod compat;
mod ip;
mod ip_options;
mod ipv6;
mod least_ttl;
mod multicast;
mod netlink;
mod port_range;
mod rare;
mod scope;
mod socket;
mod table;
mod tcp;
mod tcp_fast_open;
pub(crate) mod tcp_info;
mod tcp_refused;
mod tcp_syn;
#[cfg(test)]
mod tests;
mod udp_lite;
mod udp_raw;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use smallvec::SmallVec;

use crate::Credentials;
use crate::Sysctl;
use crate::ids::InterfaceId;
use crate::ip::output::Via;
use crate::tcp::fast_open::FastOpenChoices;

/// The bytes of an option as `getsockopt` gives them.
pub type OptionValue = SmallVec<[u8; 16]>;

/// Which clock stamps received messages, and how finely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamping {
    /// None.
    #[default]
    Off,
    /// `SO_TIMESTAMP`: microseconds.
    Micros,
    /// `SO_TIMESTAMPNS`: nanoseconds.
    Nanos,
}

bitflags::bitflags! {
    /// Options that are on or off.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Switches: u64 {
        /// `SO_REUSEADDR`
        const REUSE_ADDRESS = 1;
        /// `SO_REUSEPORT`
        const REUSE_PORT = 1 << 1;
        /// `SO_BROADCAST`
        const BROADCAST = 1 << 2;
        /// `SO_DONTROUTE`
        const DONT_ROUTE = 1 << 3;
        /// `SO_OOBINLINE`
        const OOB_INLINE = 1 << 4;
        /// `SO_PASSCRED`
        const PASS_CREDENTIALS = 1 << 5;
        /// `SO_RXQ_OVFL`
        const RECEIVE_OVERFLOWS = 1 << 6;
        /// `SO_RCVBUF` was set: no autotuning.
        const RECEIVE_BUFFER_LOCKED = 1 << 7;
        /// `SO_SNDBUF` was set: no autotuning.
        const SEND_BUFFER_LOCKED = 1 << 8;
        /// `SO_NO_CHECK`
        const NO_CHECKSUM = 1 << 9;
        /// `IP_PKTINFO`
        const PACKET_INFO = 1 << 10;
        /// `IP_RECVTTL`
        const RECEIVE_TTL = 1 << 11;
        /// `IP_RECVTOS`
        const RECEIVE_TOS = 1 << 12;
        /// `IP_RECVERR`
        const RECEIVE_ERRORS = 1 << 13;
        /// `IP_RECVORIGDSTADDR`
        const RECEIVE_ORIGINAL_DESTINATION = 1 << 14;
        /// `IP_HDRINCL`
        const HEADER_INCLUDED = 1 << 15;
        /// `IP_FREEBIND`
        const FREE_BIND = 1 << 16;
        /// `IP_TRANSPARENT`
        const TRANSPARENT = 1 << 17;
        /// `IP_BIND_ADDRESS_NO_PORT`
        const BIND_ADDRESS_NO_PORT = 1 << 18;
        /// `IPV6_V6ONLY`
        const V6_ONLY = 1 << 19;
        /// `IPV6_RECVPKTINFO`
        const PACKET_INFO_V6 = 1 << 20;
        /// `IPV6_RECVHOPLIMIT`
        const RECEIVE_HOP_LIMIT = 1 << 21;
        /// `IPV6_RECVTCLASS`
        const RECEIVE_TRAFFIC_CLASS = 1 << 22;
        /// `IPV6_RECVERR`
        const RECEIVE_ERRORS_V6 = 1 << 23;
        /// `IPV6_DONTFRAG`
        const DONT_FRAGMENT_V6 = 1 << 24;
        /// `UDP_GRO`
        const UDP_GRO = 1 << 25;
        /// `SO_DEBUG`
        const DEBUG = 1 << 26;
        /// `SO_KEEPALIVE`
        const KEEPALIVE = 1 << 27;
        /// `TCP_NODELAY`
        const NO_DELAY = 1 << 28;
        /// `TCP_CORK`
        const CORK = 1 << 29;
        /// `IP_MULTICAST_LOOP`
        const MULTICAST_LOOP = 1 << 30;
        /// `IPV6_MULTICAST_LOOP`
        const MULTICAST_LOOP_V6 = 1 << 31;
        /// `IP_MULTICAST_ALL`
        const MULTICAST_ALL = 1 << 32;
        /// `IPV6_MULTICAST_ALL`
        const MULTICAST_ALL_V6 = 1 << 33;
        /// `TCP_QUICKACK` is off.
        const PING_PONG = 1 << 34;
        /// `SO_LINGER` is on.
        const LINGER = 1 << 35;
        /// `UDP_CORK`
        const UDP_CORK = 1 << 36;
        /// Stamps are told by the messages of `SO_TIMESTAMP_NEW` and its like.
        const NEW_STAMPS = 1 << 37;
        /// `TCP_INQ`
        const TELL_UNREAD = 1 << 38;
        /// What is received is told with the time at which it came (`SO_TIMESTAMP` and its like).
        const RECEIVE_STAMPS = 1 << 39;
        /// `IP_MINTTL` or `IPV6_MINHOPCOUNT` was set.
        const JUDGES_TTL = 1 << 40;
        /// It stands for somebody elsewhere (`Host::stand_in`).
        const STANDS_IN = 1 << 41;
        /// `SO_ZEROCOPY`
        const ZERO_COPY = 1 << 42;
    }
}

/// The options that sockets of every kind keep. Those with a value are the same for most sockets of a host, which share them
/// until they are told something of their own.
#[derive(Clone, Debug)]
pub struct SharedOptions {
    /// Those that are on or off.
    pub switches: Switches,
    values: Arc<Values>,
}

impl Deref for SharedOptions {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

/// To change a value makes the socket's values its own.
impl DerefMut for SharedOptions {
    fn deref_mut(&mut self) -> &mut Values {
        Arc::make_mut(&mut self.values)
    }
}

/// The options with a value. TCP's own are in [`TcpChoices`].
#[derive(Clone, Debug)]
pub struct Values {
    /// Who made the socket.
    pub(crate) credentials: Credentials,
    /// `SO_RCVBUF` as `getsockopt` tells it: twice what was asked for.
    pub receive_buffer: u32,
    /// `SO_SNDBUF` as `getsockopt` tells it.
    pub send_buffer: u32,
    /// `SO_RCVLOWAT`
    pub receive_low_water: u32,
    /// `SO_LINGER`: its seconds, which stay when it is switched off.
    linger: u32,
    /// `SO_PRIORITY`
    pub priority: u32,
    /// `SO_MARK`
    pub mark: u32,
    /// `SO_BINDTODEVICE`, `SO_BINDTOIFINDEX`
    pub device: Option<InterfaceId>,
    /// `SO_TIMESTAMP`, `SO_TIMESTAMPNS`
    pub timestamping: Timestamping,
    /// `IP_TOS`
    pub type_of_service: u8,
    /// `IP_TTL`, if set.
    pub time_to_live: Option<u8>,
    /// `IPV6_TCLASS`
    pub traffic_class: u8,
    /// `IPV6_UNICAST_HOPS`, if set.
    pub unicast_hops: Option<u8>,
    /// `IP_MTU_DISCOVER`, `IP_PMTUDISC_*`: 0 dont, 1 want, 2 do, 3 probe, 4 interface, 5 omit.
    pub mtu_discover: u8,
    /// `IPV6_MTU_DISCOVER`
    pub mtu_discover_v6: u8,
    /// `UDP_SEGMENT`, 0 for off.
    pub udp_segment: u16,
    /// How the packets of a stream came.
    arrival: Arrival,
    /// TCP's own options, once one of them is set.
    tcp: Option<Box<TcpChoices>>,
    /// What few sockets are told.
    rare: Option<Box<Rare>>,
}

/// What a TCP socket was told about its connections.
#[derive(Clone, Debug)]
pub struct TcpChoices {
    /// What the connection itself takes, but for what is a switch or every socket has.
    pub tuning: sockeye_tcp::Tuning,
    /// `TCP_SYNCNT`, if set.
    pub syn_retries: Option<u8>,
    /// `TCP_CONGESTION`, if set; else it is the host's (`tcp_congestion_control`).
    pub congestion: Option<sockeye_tcp::Algorithm>,
    /// `TCP_FASTOPEN` and its kind.
    pub fast_open: FastOpenChoices,
}

/// The numbers of `IP_MTU_DISCOVER` that have a meaning of their own here.
pub(crate) struct Discovery;

impl Discovery {
    pub(crate) const DONT: u8 = 0;
    pub(crate) const WANT: u8 = 1;
    pub(crate) const PROBE: u8 = 3;
    pub(crate) const INTERFACE: u8 = 4;
    pub(crate) const OMIT: u8 = 5;
}

impl SharedOptions {
    /// `IP_MTU_DISCOVER` or `IPV6_MTU_DISCOVER`.
    pub(crate) fn discovery(&self, is_ipv4: bool) -> u8 {
        if is_ipv4 {
            self.mtu_discover
        } else {
            self.mtu_discover_v6
        }
    }

    fn default_switches(sysctl: &Sysctl) -> Switches {
        let mut switches = Switches::empty();
        switches.set(Switches::V6_ONLY, sysctl.bindv6only);
        switches |= Switches::MULTICAST_LOOP | Switches::MULTICAST_LOOP_V6;
        switches |= Switches::MULTICAST_ALL | Switches::MULTICAST_ALL_V6;
        switches
    }

    /// The options of a new socket.
    pub fn new(sysctl: &Sysctl) -> Self {
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let values = Values {
            credentials: Credentials::ROOT,
            receive_buffer: size(sysctl.rmem_default),
            send_buffer: size(sysctl.wmem_default),
            receive_low_water: 1,
            linger: 0,
            priority: 0,
            mark: 0,
            device: None,
            timestamping: Timestamping::Off,
            type_of_service: 0,
            time_to_live: None,
            traffic_class: 0,
            unicast_hops: None,
            // IP_PMTUDISC_WANT
            mtu_discover: 1,
            mtu_discover_v6: 1,
            udp_segment: 0,
            arrival: Arrival::NONE,
            tcp: None,
            rare: None,
        };
        Self {
            switches: Self::default_switches(sysctl),
            values: Arc::new(values),
        }
    }

    /// The options of a new TCP socket. All that a process makes share their values: `shared` is where a host keeps them.
    pub(crate) fn of_tcp(
        sysctl: &Sysctl,
        shared: &mut Vec<SharedOptions>,
        credentials: Credentials,
    ) -> Self {
        /// Of so many processes.
        const MOST: usize = 32;
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let (receive, send) = (size(sysctl.tcp_rmem.default), size(sysctl.tcp_wmem.default));
        let wanted = (receive, send, credentials);
        let fits = |known: &&SharedOptions| {
            (known.receive_buffer, known.send_buffer, known.credentials) == wanted
        };
        if let Some(known) = shared.iter().rev().find(fits) {
            return Self {
                switches: Self::default_switches(sysctl),
                values: known.values.clone(),
            };
        }
        let mut options = Self::new(sysctl);
        (
            options.receive_buffer,
            options.send_buffer,
            options.credentials,
        ) = wanted;
        if shared.len() == MOST {
            shared.remove(0);
        }
        shared.push(options.clone());
        options
    }

    /// What a TCP connection of this socket is to be told.
    pub fn tcp_options(&self, sysctl: &Sysctl) -> sockeye_tcp::SocketOptions {
        let chosen = self.tcp_choices(sysctl).tuning;
        let of_host = Some(sysctl.tcp_notsent_lowat).filter(|limit| *limit != u32::MAX);
        let mut options = sockeye_tcp::SocketOptions::from(sockeye_tcp::Tuning {
            receive_low_water: self.receive_low_water,
            max_pacing_rate: self.pacing_rate(),
            unsent_low_water: chosen.unsent_low_water.or(of_host),
            ..chosen
        });
        options.nodelay = self.is_on(Switches::NO_DELAY);
        options.cork = self.is_on(Switches::CORK);
        options.keepalive = self.is_on(Switches::KEEPALIVE);
        options.oob_inline = self.is_on(Switches::OOB_INLINE);
        options.keeps_path = !self.seeks_paths(sysctl);
        options
    }

    /// TCP's own options: those that were set, the system's defaults for the others.
    pub fn tcp_choices(&self, sysctl: &Sysctl) -> TcpChoices {
        match &self.tcp {
            Some(choices) => (**choices).clone(),
            None => TcpChoices {
                tuning: sockeye_tcp::Tuning {
                    keep_idle: sysctl.tcp_keepalive_time,
                    keep_interval: sysctl.tcp_keepalive_intvl,
                    keep_count: sysctl.tcp_keepalive_probes,
                    rto_min: sysctl.tcp_rto_min,
                    rto_max: sysctl.tcp_rto_max,
                    ..sockeye_tcp::Tuning::DEFAULT
                },
                syn_retries: None,
                congestion: None,
                fast_open: FastOpenChoices::default(),
            },
        }
    }

    /// `TCP_FASTOPEN` and its kind, if one of TCP's options was set.
    pub(crate) fn fast_open(&self) -> Option<&FastOpenChoices> {
        self.tcp.as_ref().map(|choices| &choices.fast_open)
    }

    pub(crate) fn tcp_choices_mut(&mut self, sysctl: &Sysctl) -> &mut TcpChoices {
        if self.tcp.is_none() {
            self.tcp = Some(Box::new(self.tcp_choices(sysctl)));
        }
        // Just made if it was not there.
        self.tcp.get_or_insert_with(|| {
            Box::new(TcpChoices {
                tuning: sockeye_tcp::Tuning::DEFAULT,
                syn_retries: None,
                congestion: None,
                fast_open: FastOpenChoices::default(),
            })
        })
    }

    /// What an accepted internet socket starts with: all but the priority, as Linux clones the listener's `struct sock`. The
    /// entries of the table that say they are not inherited are computed, not stored.
    pub fn inherited(&self) -> Self {
        // `tcp_v4_syn_recv_sock` starts the child with the priority of the class of its SYN, which is 0.
        let mut inherited = self.clone();
        if inherited.priority != 0 {
            inherited.priority = 0;
        }
        // A listener's queue and keys are its own (`inet_csk_clone_lock`).
        if self
            .fast_open()
            .is_some_and(|choices| choices.queue > 0 || choices.keys.is_some())
            && let Some(choices) = &mut inherited.tcp
        {
            choices.fast_open.queue = 0;
            choices.fast_open.keys = None;
        }
        if self.rare.is_some()
            && let Some(rare) = &mut inherited.rare
        {
            rare.multicast = rare.multicast.without_memberships();
            rare.ip_options = None;
        }
        inherited
    }

    /// `SO_LINGER`: its seconds, if it is on.
    pub fn linger(&self) -> Option<u32> {
        self.is_on(Switches::LINGER).then_some(self.linger)
    }

    /// `IPV6_MTU`: the longest packet or fragment that datagrams over IPv6 are sent in.
    pub(crate) fn fragment_size_v6(&self) -> Option<usize> {
        let size = self.recorded(table::IPPROTO_IPV6, ipv6::MTU)?;
        usize::try_from(size).ok().filter(|size| *size != 0)
    }

    /// Which routes the socket may use.
    pub(crate) fn via(&self) -> Via {
        Via {
            device: self.device,
            is_on_link: self.is_on(Switches::DONT_ROUTE),
        }
    }

    /// How much room an option needs that answered `EINVAL` for want of it, where `getsockopt` tells that.
    pub(crate) fn needed_room(&self, level: i32, name: i32) -> Option<usize> {
        tcp_syn::needed(self, level, name)
    }

    /// Whether an option is on.
    pub fn is_on(&self, switch: Switches) -> bool {
        self.switches.contains(switch)
    }
}

use arrival::Arrival;
pub(crate) use arrival::{Came, KnownArrival};
use rare::Rare;
pub(crate) use rare::StampFlags;
pub use table::{Entry, Standing, TABLE_LEVELS, Value, entries};
pub(crate) use table::{get, set};
pub(crate) use tcp_syn::SaveSyn;
