//! The host.

mod calls;
mod events;
mod inputs;
mod inspect;
mod interfaces;
mod origin;
mod outputs;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use hashbrown::HashMap;
use sockeye_wire::{Chunks, Headers};

use crate::config::{Config, InterfaceConfig, Medium, OffloadCapabilities, Sysctl};
use crate::counters::Counters;
use crate::ids::{InterfaceId, InterfaceKind, Slab, SocketKind};
use crate::inet::bind_table::BindTable;
use crate::inet::demux::{Connections, FourTuple, Receivers};
use crate::inet::keyed::Keyed;
use crate::inet::stand_in::StandIns;
use crate::interface::Interface;
use crate::ip::icmp::RateLimit;
use crate::ip::looped::Looped;
use crate::ip::output::Kept;
use crate::ip::path_mtu::PathMtus;
use crate::ip::reassembly::Reassembly;
use crate::ip::routes::RoutingTable;
use crate::multicast::groups::Groups;
use crate::options::SharedOptions;
use crate::raw::RawTable;
use crate::rng::Rng;
use crate::socket::Socket;
use crate::tcp::fast_open::FastOpen;
use crate::tcp::time_wait::TimeWaitTable;
use crate::tcp::{ChallengeBudget, CookieKeys, FlowLabels, Secrets, TcpMemory};
use crate::timer_wheel::TimerWheel;
use crate::unix::UnixState;
use crate::{Errno, Instant, SocketId};

pub use inspect::{Snapshot, SocketSummary};

/// One network host: sockets, and the protocol stack beneath them.
///
/// Methods come in four groups:
///
/// 1. *inputs*: [`receive`](Self::receive) and [`advance`](Self::advance);
/// 2. *socket calls*: [`socket`](Self::socket), [`bind`](Self::bind), ... They never block: what can't finish answers
///    `EAGAIN` (`EINPROGRESS` for `connect`). See [`crate::pending`] for blocking;
/// 3. *outputs*, to be drained after each input and call, in this order: [`transmit`](Self::transmit) of each
///    interface until `None`, [`next_event`](Self::next_event) until `None`, then
///    [`next_deadline`](Self::next_deadline), by which `advance` must be called;
/// 4. *inspection*: [`snapshot`](Self::snapshot), [`counters`](Self::counters).
///
/// `now` never goes back.
#[derive(Debug)]
pub struct Host {
    pub(crate) sockets: Slab<Socket, SocketKind>,
    pub(crate) stack: Stack,
}

/// Everything of a host but its sockets.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    pub(crate) rng: Rng,
    pub(crate) cookie_keys: CookieKeys,
    pub(crate) fast_open: FastOpen,
    pub(crate) secrets: Secrets,
    pub(crate) flow_labels: FlowLabels,
    pub(crate) challenges: ChallengeBudget,
    /// What TCP connections share of the settings.
    pub(crate) tcp_rules: sockeye_tcp::KnownRules,
    /// The paths of TCP connections.
    pub(crate) tcp_paths: crate::tcp::KnownPaths,
    pub(crate) memory: TcpMemory,
    /// The time of the last input or call.
    pub(crate) now: Instant,

    pub(crate) interfaces: Slab<Interface, InterfaceKind>,
    /// The addresses of all interfaces; 127/8 and ::1 are known without it.
    pub(crate) local_addresses: HashMap<IpAddr, InterfaceId, Keyed>,
    pub(crate) routes: RoutingTable,
    /// Grows whenever a route that was found before may be another now.
    pub(crate) route_generation: u32,
    /// Packets of this host that it has not received yet: to own addresses (`Loopback::Internal`), and copies of what it
    /// sent to many, with the interface by which they seem to come.
    pub(crate) loopback: Looped,
    /// What was sent last, if it is wanted.
    pub(crate) kept: Kept,
    /// What is known of paths that carry less than their first link.
    pub(crate) path_mtus: PathMtus,
    /// Who is a member of which group.
    pub(crate) groups: Groups,
    pub(crate) identification: u16,
    pub(crate) reassembly_v4: Reassembly<(InterfaceId, Headers)>,
    pub(crate) reassembly_v6: Reassembly<(InterfaceId, Headers)>,
    pub(crate) icmp_limit: RateLimit,

    /// Who holds which port.
    pub(crate) ports: BindTable<Keyed>,
    /// Connected sockets.
    pub(crate) connections: Connections,
    /// Sockets that receive from anybody.
    pub(crate) receivers: Receivers,
    /// Datagram sockets that stand for others.
    pub(crate) stand_ins: StandIns,
    /// Connections in TIME-WAIT.
    pub(crate) time_wait: TimeWaitTable,
    /// The options of new TCP sockets, which share their values.
    pub(crate) tcp_options: Vec<SharedOptions>,
    /// Moves on with each port that `connect` chooses.
    pub(crate) connect_step: u32,
    /// Moves on with each joined connection.
    pub(crate) join_step: u16,
    pub(crate) raw: RawTable,
    /// Memory for large writes.
    pub(crate) chunks: Chunks,
    pub(crate) unix: UnixState,
    /// Netlink sockets by their ports.
    pub(crate) netlink: crate::netlink::Ports,

    pub(crate) timers: TimerWheel,
    /// Sockets that have something to send, each at most once.
    pub(crate) ready: VecDeque<SocketId>,
    /// Sockets whose readiness the embedder has to hear of, each at most once.
    pub(crate) events: VecDeque<SocketId>,
    next_cookie: u64,
}

impl Host {
    /// A host that has `lo`, and `eth0` if the configuration names addresses.
    pub fn new(config: Config) -> Self {
        let mut rng = Rng::new(config.seed);
        let keyed = Keyed::new(rng.next_u64(), rng.next_u64());
        let sysctl = &config.sysctl;
        let high = sysctl.ipfrag_high_thresh;
        let addresses = config.addresses.clone();
        let stack = Stack {
            counters: Counters::default(),
            now: Instant::ZERO,
            interfaces: Slab::new(),
            local_addresses: HashMap::with_hasher(keyed),
            routes: RoutingTable::default(),
            route_generation: 0,
            loopback: Looped::default(),
            kept: Kept::default(),
            path_mtus: PathMtus::new(keyed),
            groups: Groups::new(keyed),
            identification: rng.next_u16(),
            reassembly_v4: Reassembly::new(sysctl.ipfrag_time, high),
            reassembly_v6: Reassembly::new(sysctl.ip6frag_time, high),
            icmp_limit: RateLimit::new(sysctl.icmp_msgs_burst),
            ports: BindTable::new(keyed),
            connections: Connections::new(keyed),
            receivers: Receivers::new(keyed),
            stand_ins: StandIns::new(keyed),
            time_wait: TimeWaitTable::new(keyed),
            tcp_options: Vec::new(),
            connect_step: 0,
            join_step: 0,
            cookie_keys: CookieKeys::new(keyed),
            fast_open: FastOpen::new(keyed),
            secrets: Secrets::new(keyed),
            flow_labels: FlowLabels::new(keyed),
            challenges: ChallengeBudget::default(),
            tcp_rules: sockeye_tcp::KnownRules::default(),
            tcp_paths: crate::tcp::KnownPaths::new(),
            memory: TcpMemory::default(),
            raw: RawTable::new(keyed),
            chunks: Chunks::default(),
            unix: UnixState::default(),
            netlink: crate::netlink::Ports::new(),
            timers: TimerWheel::new(),
            ready: VecDeque::new(),
            events: VecDeque::new(),
            next_cookie: 1,
            rng,
            config,
        };
        let mut host = Self {
            sockets: Slab::new(),
            stack,
        };
        host.add_loopback();
        if !addresses.is_empty() {
            let eth0 = host.add_interface(InterfaceConfig {
                name: "eth0".into(),
                mtu: 1500,
                addresses,
                medium: Medium::Ip,
                offload: OffloadCapabilities::default(),
            });
            debug_assert!(eth0.is_ok(), "a new host has `lo` alone");
        }
        host
    }

    /// The system-wide settings, to change them while the host runs. They hold for what is opened from now on.
    pub fn sysctl_mut(&mut self) -> &mut Sysctl {
        &mut self.stack.config.sysctl
    }

    /// The connected socket of these names, or one whose names have the same hash: the caller compares them.
    #[inline]
    pub(crate) fn connected(&self, tuple: &FourTuple) -> Option<SocketId> {
        self.sockets.id_at(self.stack.connections.find(tuple)?)
    }

    /// The socket a program has under this id.
    pub(crate) fn get(&self, id: SocketId) -> Result<&Socket, Errno> {
        let socket = self.sockets.get(id).filter(|socket| !socket.is_hidden);
        socket.ok_or(Errno::EBADF)
    }

    /// The socket a program has under this id.
    pub(crate) fn get_mut(&mut self, id: SocketId) -> Result<&mut Socket, Errno> {
        let socket = self.sockets.get_mut(id).filter(|socket| !socket.is_hidden);
        socket.ok_or(Errno::EBADF)
    }

    /// Puts a new socket in; its cookie is set here.
    pub(crate) fn insert_socket(&mut self, mut socket: Socket) -> Result<SocketId, Errno> {
        socket.cookie = self.stack.next_cookie;
        self.stack.next_cookie += 1;
        let id = self.sockets.insert_with(|_| socket).ok_or(Errno::ENFILE)?;
        // What a new socket is ready for is no event: whoever made it asks.
        let readiness = self.compute_readiness(id);
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.readiness = readiness;
        }
        Ok(id)
    }
}
