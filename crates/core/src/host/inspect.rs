//! What a host tells about itself.

use alloc::string::String;
use alloc::vec::Vec;

use super::Host;
use crate::options::Switches;
use crate::socket::Endpoint;
use crate::tcp::TcpMemory;
use crate::{
    Counters, Credentials, Domain, InterfaceId, SocketAddress, SocketId, SocketType, datagram,
    netlink, tcp, unix,
};

/// One socket, as `ss` shows it.
#[derive(Clone, Debug)]
pub struct SocketSummary {
    /// Its id; stale for connections that no program has any more, which `ss` shows too.
    pub id: SocketId,
    /// Address family.
    pub domain: Domain,
    /// Type.
    pub kind: SocketType,
    /// Protocol number.
    pub protocol: u16,
    /// The state's name in `ss`: `LISTEN`, `ESTAB`, `UNCONN`, `TIME-WAIT`, ...
    pub state: &'static str,
    /// Its own name.
    pub local: Option<SocketAddress>,
    /// Its peer's name.
    pub peer: Option<SocketAddress>,
    /// Bytes to read; of a listener the length of its accept queue.
    pub recv_q: usize,
    /// Bytes not acknowledged; of a listener its backlog.
    pub send_q: usize,
    /// `IPV6_V6ONLY`: an IPv6 socket that is not for IPv4 too.
    pub is_v6_only: bool,
    /// `SO_BINDTODEVICE`.
    pub device: Option<InterfaceId>,
    /// Who made it.
    pub credentials: Credentials,
    /// What names it for good.
    pub cookie: u64,
    /// It stands for somebody elsewhere ([`Host::stand_in`]).
    pub stands_in: bool,
    /// No program has it any more.
    pub is_orphan: bool,
    /// The data travels outside of the host (see [`Host::join`]).
    pub is_joined: bool,
    /// The timer that runs, as `ss -o` names it, with the time left.
    pub timer: Option<(&'static str, core::time::Duration)>,
    /// The fields of `tcp_info`.
    pub tcp_info: Option<sockeye_tcp::Info>,
    /// Bytes of memory the socket holds, as far as it knows.
    pub memory: usize,
    /// `SO_RCVBUF`
    pub receive_buffer: usize,
    /// `SO_SNDBUF`
    pub send_buffer: usize,
    /// What a stream of TCP has received takes of its buffer (`sk_rmem_alloc`).
    pub receive_memory: usize,
    /// What is queued to be sent takes of it (`sk_wmem_queued`).
    pub send_memory: usize,
    /// Datagrams dropped for want of room.
    pub drops: u64,
}

impl SocketSummary {
    /// The words of `SO_MEMINFO` (`sk_get_meminfo`): received, receive buffer, on its way to a device or a peer, send buffer, set
    /// aside, what is queued to be sent, options, backlog, drops. Nothing is set aside.
    pub fn memory_info(&self) -> [u32; 9] {
        let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        // A listener's queues are of connections, and what TCP has sent is no longer on its way to a device.
        let (received, sent) = match self.state {
            "LISTEN" => (0, 0),
            _ if self.tcp_info.is_some() => (self.receive_memory, 0),
            _ => (self.recv_q, self.send_q),
        };
        [
            word(received),
            word(self.receive_buffer),
            word(sent),
            word(self.send_buffer),
            0,
            word(self.send_memory),
            0,
            0,
            u32::try_from(self.drops).unwrap_or(u32::MAX),
        ]
    }
}

/// A host at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The host's name.
    pub hostname: String,
    /// All sockets, and connections in TIME-WAIT.
    pub sockets: Vec<SocketSummary>,
    /// All counters.
    pub counters: Counters,
}

impl Host {
    /// What all TCP connections hold together (`/proc/net/sockstat`).
    pub fn tcp_memory(&self) -> TcpMemory {
        self.stack.memory
    }

    /// The counters of `/proc/net/snmp`, `snmp6` and `netstat`.
    pub fn counters(&self) -> &Counters {
        &self.stack.counters
    }

    /// All sockets and counters.
    pub fn snapshot(&self) -> Snapshot {
        let sockets = self.sockets.iter().map(|(id, _)| self.summary(id));
        Snapshot {
            hostname: self.stack.config.hostname.clone(),
            sockets: sockets
                .flatten()
                .chain(tcp::time_wait_summaries(self))
                .collect(),
            counters: self.stack.counters.clone(),
        }
    }

    /// One socket.
    pub fn summary(&self, id: SocketId) -> Option<SocketSummary> {
        let socket = self.sockets.get(id)?;
        let size = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
        let mut summary = SocketSummary {
            id,
            domain: socket.domain,
            kind: socket.kind,
            protocol: socket.protocol,
            state: "UNCONN",
            local: None,
            peer: None,
            recv_q: 0,
            send_q: 0,
            is_v6_only: socket.options.is_on(Switches::V6_ONLY),
            device: socket.options.device,
            credentials: socket.credentials(),
            cookie: socket.cookie,
            stands_in: socket.options.is_on(Switches::STANDS_IN),
            is_orphan: socket.is_hidden,
            is_joined: false,
            timer: None,
            tcp_info: None,
            memory: size_of_val(socket),
            receive_buffer: size(socket.options.receive_buffer),
            send_buffer: size(socket.options.send_buffer),
            receive_memory: 0,
            send_memory: 0,
            drops: 0,
        };
        match &socket.endpoint {
            Endpoint::Tcp(endpoint) => tcp::summarize(self, socket, endpoint, &mut summary),
            Endpoint::Listener(listener) => {
                listener.summarize(socket, &self.stack.config.sysctl, &mut summary)
            }
            Endpoint::Unix(endpoint) => unix::summarize(self, endpoint, &mut summary),
            Endpoint::Netlink(endpoint) => netlink::summarize(endpoint, &mut summary),
            Endpoint::Datagram(endpoint) => {
                datagram::summarize(socket.domain, endpoint, &mut summary)
            }
        }
        Some(summary)
    }
}
