//! TCP sockets: connections, listeners, TIME-WAIT.
//!
//! One connection is `sockeye-tcp`'s; here is what a host adds: names and ports, whose segment it is, the queues of a
//! listener, and Linux's socket calls (`inet_stream_ops`, `tcp_prot`).
//!
//! A listener's connections are sockets from the SYN on; they are hidden until they are accepted. A socket that was
//! closed is hidden too, until its connection is over or a compact record in [`time_wait`] takes its place.

mod challenge;
mod close;
mod connect;
mod cookies;
mod count;
mod destroy;
pub(crate) mod fast_open;
mod flow_label;
mod input;
mod inquiry;
mod join;
mod listener;
mod losses;
mod memory;
mod output;
mod path;
mod paths;
mod read;
mod reports;
mod request;
mod requests;
mod saved_syn;
mod secrets;
mod stamp_stats;
mod stamps;
mod state;
pub(crate) mod time_wait;
mod write;
mod zero_copy;

pub(crate) use challenge::ChallengeBudget;
pub(crate) use close::{advance, close, expire_time_wait, shutdown};
pub(crate) use connect::connect;
pub(crate) use cookies::CookieKeys;
pub(crate) use destroy::{destroy, forget_time_wait};
pub(crate) use flow_label::FlowLabels;
pub(crate) use input::{icmp_error, receive};
pub(crate) use inquiry::{
    info, last_info, limit_syns, note_buffer_sizes, quickack, segment_size, set_quickack,
    set_writer, take_soft_error, timestamp, window_clamp,
};
pub(crate) use listener::{Listener, accept, listen, unaccept};
pub use memory::{MemoryMarks, TcpMemory};
pub(crate) use output::transmit;
pub(crate) use paths::KnownPaths;
pub(crate) use read::{at_mark, queued, receive_message, receive_payload};
pub(crate) use secrets::Secrets;
pub(crate) use stamps::{number as number_stamps, number_no_more as number_stamps_no_more};
pub(crate) use state::{congestion_of, readiness, summarize, time_wait_summaries};
pub(crate) use write::{send_bytes, send_message};

use alloc::boxed::Box;

use join::Ends;
use paths::CachedPath;
use reports::Reports;
use sockeye_tcp::{Connection, Error, IcmpError};

use crate::host::{Host, Stack};
use crate::ids::{Slab, SocketId, SocketKind};
use crate::inet::Names;
use crate::inet::bind::{self, Owner};
use crate::inet::bind_table::PortSpace;
use crate::options::{SharedOptions, Switches};
use crate::socket::{Endpoint, Socket};
use crate::{Credentials, Domain, Errno, Instant, SocketAddress, SocketType};

/// `IPPROTO_TCP`
const PROTOCOL: u16 = 6;

/// A TCP socket that is not listening.
#[derive(Debug)]
pub(crate) struct TcpEndpoint {
    pub(crate) names: Names,
    pub(crate) phase: Phase,
    progress: Progress,
    /// The listener that keeps it, as long as nobody has accepted it: see [`TcpEndpoint::queue`].
    parent: Option<SocketId>,
    /// The error queue (`MSG_ERRQUEUE`), and what is on its way there.
    reports: Option<Box<Reports>>,
    path: CachedPath,
    marks: Marks,
    /// What it holds of the host's budget.
    pages: u16,
}

bitflags::bitflags! {
    /// What is so of a TCP socket.
    #[derive(Clone, Copy, Debug)]
    struct Marks: u8 {
        /// `shutdown` was called before there was a connection.
        const READ_SHUT = 1;
        /// It is in `Stack::ready`.
        const READY = 1 << 1;
        /// It counts among the orphans.
        const ORPHAN = 1 << 2;
        /// Its names are in `Stack::connections`.
        const LISTED = 1 << 3;
        /// It is in the accept queue of its parent, and no request any more.
        const ACCEPTABLE = 1 << 4;
        /// A listener made it for a peer.
        const PASSIVE = 1 << 5;
        /// The program has read to the end.
        const END_READ = 1 << 6;
    }
}

/// See the bound of [`Socket`].
const _: () = assert!(size_of::<TcpEndpoint>() <= 400);

/// How far a socket has come.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all sockets are connected, and the endpoint is boxed already"
)]
pub(crate) enum Phase {
    /// Not connected: new, or disconnected by `connect(AF_UNSPEC)`.
    Unconnected,
    /// A connection in any state; CLOSED when it is over.
    Connected(Connection),
    /// Joined to a socket of this host or of the embedder: the data travels outside.
    Joined(Ends),
}

impl Phase {
    /// There was a connection, and it has ended.
    fn is_over(&self) -> bool {
        matches!(self, Self::Connected(connection) if connection.state() == sockeye_tcp::State::Closed)
    }
}

/// Linux's `sock->state`: what `connect` answers next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Unconnected,
    Connecting,
    Connected,
    /// Linux's SS_DISCONNECTING: shut after a connect that failed and before anybody asked for its result. Only
    /// `connect(AF_UNSPEC)` leads out.
    Disconnecting,
}

/// Where a listener keeps a connection that nobody has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    None,
    /// In SYN-RECEIVED: the request queue.
    Requests(SocketId),
    /// The accept queue.
    Accept(SocketId),
}

impl TcpEndpoint {
    /// See [`Connection::has_marked_last`].
    pub(crate) fn has_marked_last(&self) -> bool {
        matches!(&self.phase, Phase::Connected(connection) if connection.has_marked_last())
    }

    fn new(names: Names, phase: Phase) -> Self {
        Self {
            names,
            phase,
            progress: Progress::Unconnected,
            parent: None,
            reports: None,
            path: CachedPath::NONE,
            marks: Marks::empty(),
            pages: 0,
        }
    }

    fn queue(&self) -> Queue {
        match self.parent {
            None => Queue::None,
            Some(parent) if self.marks.contains(Marks::ACCEPTABLE) => Queue::Accept(parent),
            Some(parent) => Queue::Requests(parent),
        }
    }

    fn set_queue(&mut self, queue: Queue) {
        self.parent = match queue {
            Queue::None => None,
            Queue::Requests(parent) | Queue::Accept(parent) => Some(parent),
        };
        self.marks
            .set(Marks::ACCEPTABLE, matches!(queue, Queue::Accept(_)));
    }

    /// Sets a mark, and says what it was.
    fn replace_mark(&mut self, mark: Marks, is_set: bool) -> bool {
        let was_set = self.marks.contains(mark);
        self.marks.set(mark, is_set);
        was_set
    }

    /// The SYN waits for the first write (`TCP_FASTOPEN_CONNECT`).
    pub(crate) fn waits_to_connect(&self) -> bool {
        self.progress == Progress::Connecting
            && self.connection().is_some_and(Connection::is_deferred)
    }

    /// The connection, if there is one.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match &self.phase {
            Phase::Connected(connection) => Some(connection),
            Phase::Unconnected | Phase::Joined(_) => None,
        }
    }
}

/// Whether it is in CLOSE, and no listener.
pub(crate) fn is_closed(socket: &Socket) -> bool {
    match &socket.endpoint {
        Endpoint::Tcp(endpoint) => match &endpoint.phase {
            Phase::Unconnected => true,
            Phase::Connected(connection) => connection.state() == sockeye_tcp::State::Closed,
            Phase::Joined(_) => false,
        },
        _ => false,
    }
}

/// `IP_OPTIONS` was set: the segments of a connection become shorter by as much as their headers become longer.
pub(crate) fn headers_changed(host: &mut Host, id: SocketId, now: Instant) {
    const HEADERS: usize = 40;
    let Host { sockets, stack } = host;
    let Some(Socket {
        options,
        endpoint: Endpoint::Tcp(endpoint),
        ..
    }) = sockets.get_mut(id)
    else {
        return;
    };
    let names = &endpoint.names;
    let more = output::ip_options_length(options, names.remote());
    let path = output::path_to(stack, names.remote(), names.local(), options);
    if let (Phase::Connected(connection), Ok(path)) = (&mut endpoint.phase, path)
        && more > 0
    {
        let mss = path.mtu.saturating_sub(HEADERS + more);
        let mss = IcmpError::PacketTooBig(u16::try_from(mss).unwrap_or(u16::MAX));
        let (unacknowledged, ..) = connection.numbers();
        connection.on_icmp_error(mss, unacknowledged, now);
    }
}

/// After an option was set: the connection and the claim on the port follow.
pub(crate) fn options_changed(host: &mut Host, id: SocketId, now: Instant) {
    let Host { sockets, stack } = host;
    let Some(socket) = sockets.get_mut(id) else {
        return;
    };
    let owner = owner_of(socket.domain, &socket.options, socket.credentials());
    let options = &socket.options;
    match &mut socket.endpoint {
        Endpoint::Tcp(endpoint) => {
            bind::fit_claim(stack, &owner, &mut endpoint.names);
            if let Phase::Connected(connection) = &mut endpoint.phase {
                let new = options.tcp_options(&stack.config.sysctl);
                if *connection.options() != new {
                    *connection.options_mut() = new;
                    connection.options_changed(now);
                }
                let choices = options.tcp_choices(&stack.config.sysctl);
                if let Some(algorithm) = choices.congestion {
                    connection.set_congestion(algorithm, now);
                }
                let bytes = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
                let (send, receive) = connection.buffer_sizes();
                if options.is_on(Switches::SEND_BUFFER_LOCKED) && send != bytes(options.send_buffer)
                {
                    connection.set_send_buffer(bytes(options.send_buffer));
                }
                if options.is_on(Switches::RECEIVE_BUFFER_LOCKED)
                    && receive != bytes(options.receive_buffer)
                {
                    connection.set_receive_buffer(bytes(options.receive_buffer));
                }
                // It may be that another device, or another route, is to be taken (`sk_dst_reset`).
                endpoint.path = CachedPath::NONE;
                output::make_ready(stack, endpoint, id);
            }
        }
        Endpoint::Listener(listener) => {
            bind::fit_claim(stack, &owner, &mut listener.names);
            listener.update(stack, id, options);
        }
        Endpoint::Unix(_) | Endpoint::Datagram(_) | Endpoint::Netlink(_) => {}
    }
}

/// After a switch was set, whether or not it stands otherwise than before: each time lets go what was held back.
pub(crate) fn switch_set(host: &mut Host, id: SocketId, switch: Switches) {
    let Some(socket) = host.sockets.get_mut(id) else {
        return;
    };
    let Endpoint::Tcp(endpoint) = &mut socket.endpoint else {
        return;
    };
    let Phase::Connected(connection) = &mut endpoint.phase else {
        return;
    };
    let options = &socket.options;
    let is_on = options.is_on(switch);
    match switch {
        Switches::NO_DELAY if is_on => connection.release_held(true),
        Switches::CORK if !is_on => connection.release_held(options.is_on(Switches::NO_DELAY)),
        _ => {}
    }
}

/// `socket(2)`
pub(crate) fn socket(
    host: &mut Host,
    domain: Domain,
    credentials: Credentials,
) -> Result<SocketId, Errno> {
    let stack = &mut host.stack;
    let options = SharedOptions::of_tcp(&stack.config.sysctl, &mut stack.tcp_options, credentials);
    let endpoint = TcpEndpoint::new(Names::new(domain), Phase::Unconnected);
    let endpoint = Endpoint::Tcp(Box::new(endpoint));
    let socket = Socket::new(
        domain,
        SocketType::Stream,
        PROTOCOL,
        credentials,
        options,
        endpoint,
    );
    let id = host.insert_socket(socket)?;
    host.acknowledge_readiness(id);
    Ok(id)
}

/// `bind(2)`
pub(crate) fn bind(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    _now: Instant,
) -> Result<(), Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    let owner = owner_of(socket.domain, &socket.options, socket.credentials());
    match &mut socket.endpoint {
        Endpoint::Tcp(endpoint) => {
            let names = &mut endpoint.names;
            // The port of a connection that is over is not the socket's any more, though its name still tells it.
            let is_over = endpoint.phase.is_over() && names.claim.is_none();
            if is_over {
                names.local_port = 0;
            }
            bind::bind(stack, &owner, names, address, PortSpace::Tcp)
        }
        Endpoint::Listener(listener) => {
            bind::bind(stack, &owner, &mut listener.names, address, PortSpace::Tcp)
        }
        Endpoint::Unix(_) | Endpoint::Datagram(_) | Endpoint::Netlink(_) => Err(Errno::EOPNOTSUPP),
    }
}

/// `getsockname(2)`
pub(crate) fn local_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    let socket = host.get(id)?;
    match &socket.endpoint {
        Endpoint::Tcp(endpoint) => Ok(endpoint.names.local_as_seen_by(socket.domain)),
        Endpoint::Listener(listener) => Ok(listener.names.local_as_seen_by(socket.domain)),
        Endpoint::Unix(_) | Endpoint::Datagram(_) | Endpoint::Netlink(_) => Err(Errno::EOPNOTSUPP),
    }
}

/// `getpeername(2)`: `inet_getname` wants a peer's port and a connection that is not over or just being made.
pub(crate) fn peer_address(host: &Host, id: SocketId) -> Result<SocketAddress, Errno> {
    let socket = host.get(id)?;
    let Endpoint::Tcp(endpoint) = &socket.endpoint else {
        return Err(Errno::ENOTCONN);
    };
    let is_connected = match &endpoint.phase {
        Phase::Unconnected => false,
        Phase::Connected(connection) => !matches!(
            connection.state(),
            sockeye_tcp::State::Closed | sockeye_tcp::State::SynSent
        ),
        Phase::Joined(_) => true,
    };
    if !is_connected || endpoint.names.remote_port == 0 {
        return Err(Errno::ENOTCONN);
    }
    Ok(endpoint.names.remote_as_seen_by(socket.domain))
}

fn owner_of(domain: Domain, options: &SharedOptions, credentials: Credentials) -> Owner<'_> {
    Owner {
        domain,
        is_stream: true,
        options,
        uid: credentials.uid,
    }
}

/// The socket's parts, if it is TCP and not listening.
fn endpoint_mut(sockets: &mut Slab<Socket, SocketKind>, id: SocketId) -> Option<EndpointParts<'_>> {
    parts_of(sockets.get_mut(id)?)
}

fn parts_of(socket: &mut Socket) -> Option<EndpointParts<'_>> {
    match &mut socket.endpoint {
        Endpoint::Tcp(endpoint) => Some(EndpointParts {
            domain: socket.domain,
            credentials: socket.options.credentials,
            cookie: socket.cookie,
            options: &mut socket.options,
            error: &mut socket.error,
            is_hidden: &mut socket.is_hidden,
            endpoint,
        }),
        _ => None,
    }
}

/// A borrowed TCP socket.
struct EndpointParts<'a> {
    domain: Domain,
    credentials: Credentials,
    cookie: u64,
    options: &'a mut SharedOptions,
    error: &'a mut Option<Errno>,
    is_hidden: &'a mut bool,
    endpoint: &'a mut TcpEndpoint,
}

/// The endpoint of a socket that a program has, for its calls.
fn call<'a>(host: &'a mut Host, id: SocketId) -> Result<(EndpointParts<'a>, &'a mut Stack), Errno> {
    let Host { sockets, stack } = host;
    let parts = endpoint_mut(sockets, id).ok_or(Errno::EOPNOTSUPP)?;
    Ok((parts, stack))
}

fn errno(error: Error) -> Errno {
    match error {
        Error::ConnectionRefused => Errno::ECONNREFUSED,
        Error::Reset => Errno::ECONNRESET,
        Error::BrokenPipe => Errno::EPIPE,
        Error::TimedOut => Errno::ETIMEDOUT,
        Error::HostUnreachable => Errno::EHOSTUNREACH,
        Error::NetworkUnreachable => Errno::ENETUNREACH,
        Error::Protocol => Errno::EPROTO,
        Error::ProtocolUnreachable => Errno::ENOPROTOOPT,
        Error::Prohibited => Errno::EACCES,
        Error::Aborted => Errno::ECONNABORTED,
    }
}

#[cfg(test)]
mod tests;
