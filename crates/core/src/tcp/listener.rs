//! LISTEN: the request queue, the accept queue, and what happens when they are full.
//!
//! As in Linux (`inet_csk_listen_start`, `tcp_check_req`): a queue is full when it is *longer* than the backlog, so that
//! `listen(0)` lets one connection wait; a SYN that finds the accept queue full, and the last segment of a handshake that
//! does, are dropped and come again. What a SYN begins is in `request`.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::fast_open::{self, FastQueue};
use super::requests::Requests;
use super::{Phase, Queue, TcpEndpoint, close, owner_of};
use crate::host::{Host, SocketSummary, Stack};
use crate::ids::SocketId;
use crate::inet::Names;
use crate::inet::bind;
use crate::inet::bind_table::{Binding, Holder, PortSpace};
use crate::inet::demux::Receiver;
use crate::options::{Came, KnownArrival, SharedOptions, Switches};
use crate::socket::{Endpoint, Socket};
use crate::{Accepted, Errno, Instant, Readiness, Sysctl};

/// A socket in LISTEN.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) names: Names,
    pub(super) backlog: usize,
    /// Connections in SYN-RECEIVED.
    pub(super) requests: Requests,
    /// Connections that wait for `accept`.
    queue: VecDeque<SocketId>,
    /// How many more the embedder has taken and keeps in line itself.
    pub(super) held: usize,
    /// When a SYN was answered with a cookie last.
    pub(super) last_cookie: Option<Instant>,
    /// How packets came that completed handshakes of late.
    arrivals: Vec<KnownArrival>,
    /// Connections that are open before their handshake is over, once there was one.
    pub(super) fast: Option<Box<FastQueue>>,
}

impl Listener {
    /// What `poll(2)` answers.
    pub(crate) fn readiness(&self) -> Readiness {
        if self.queue.is_empty() {
            Readiness::empty()
        } else {
            Readiness::IN
        }
    }

    /// What `TCP_INFO` tells of a listener: its queue beside what a connection starts with (`tcp_get_info`).
    pub(crate) fn info(&self) -> sockeye_tcp::Info {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        sockeye_tcp::Info::of_listener(number(self.queue.len() + self.held), number(self.backlog))
    }

    /// What `ss -l` shows.
    pub(crate) fn summarize(&self, socket: &Socket, sysctl: &Sysctl, summary: &mut SocketSummary) {
        summary.state = "LISTEN";
        summary.local = Some(self.names.local_as_seen_by(socket.domain));
        summary.recv_q = self.queue.len() + self.held;
        summary.send_q = self.backlog;
        let congestion = super::congestion_of(socket, sysctl);
        summary.tcp_info = Some(sockeye_tcp::Info {
            congestion: congestion.name(),
            ..self.info()
        });
        summary.memory += size_of::<Self>() + self.queue.capacity() * size_of::<SocketId>();
    }

    /// After an option was set.
    pub(super) fn update(&self, stack: &mut Stack, id: SocketId, options: &SharedOptions) {
        let (address, port) = (self.names.local(), self.names.local_port);
        let receiver = receiver(id, options);
        stack
            .receivers
            .update(PortSpace::Tcp, address, port, receiver);
    }

    /// `sk_acceptq_is_full`
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() + self.held > self.backlog
    }
}

/// `listen(2)`
pub(crate) fn listen(
    host: &mut Host,
    id: SocketId,
    backlog: i32,
    _now: Instant,
) -> Result<(), Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    // A negative backlog is a very large one: the comparison is unsigned.
    let backlog =
        usize::try_from(backlog.cast_unsigned().min(stack.config.sysctl.somaxconn)).unwrap_or(0);
    let owner = owner_of(socket.domain, &socket.options, socket.credentials());
    let endpoint = match &mut socket.endpoint {
        Endpoint::Listener(listener) => {
            listener.backlog = backlog;
            return Ok(());
        }
        Endpoint::Tcp(endpoint) => endpoint,
        Endpoint::Unix(_) | Endpoint::Datagram(_) | Endpoint::Netlink(_) => {
            return Err(Errno::EOPNOTSUPP);
        }
    };
    if !matches!(endpoint.phase, Phase::Unconnected) {
        return Err(Errno::EINVAL);
    }
    let names = &mut endpoint.names;
    if names.local_port == 0 {
        bind::autobind(stack, &owner, names, PortSpace::Tcp).map_err(|_| Errno::EADDRINUSE)?;
    }
    // The claim was made when the socket did not listen yet; as a listener it tolerates less.
    if let Some(own) = &mut names.claim {
        let listening = Binding {
            holder: Holder::Listening,
            ..stack.ports.binding(*own)
        };
        if stack.ports.conflicts_without(*own, &listening) {
            return Err(Errno::EADDRINUSE);
        }
        stack.ports.replace(own, listening);
    }
    let receiver = receiver(id, &socket.options);
    stack
        .receivers
        .insert(PortSpace::Tcp, names.local(), names.local_port, receiver);
    let listener = Listener {
        names: names.clone(),
        backlog,
        requests: Requests::default(),
        queue: VecDeque::new(),
        held: 0,
        last_cookie: None,
        arrivals: Vec::new(),
        fast: None,
    };
    let wanted = socket
        .options
        .fast_open()
        .map_or(0, |choices| choices.queue);
    let backlog32 = u32::try_from(backlog).unwrap_or(u32::MAX);
    let queue = fast_open::queue_at_listen(wanted, stack.config.sysctl.tcp_fastopen, backlog32);
    if queue != wanted {
        let sysctl = &stack.config.sysctl;
        socket.options.tcp_choices_mut(sysctl).fast_open.queue = queue;
    }
    socket.endpoint = Endpoint::Listener(Box::new(listener));
    Ok(())
}

fn receiver(id: SocketId, options: &SharedOptions) -> Receiver {
    Receiver {
        id,
        reuse_port: options.is_on(Switches::REUSE_PORT),
        v6_only: options.is_on(Switches::V6_ONLY),
        device: options.device,
    }
}

/// `accept(2)`
pub(crate) fn accept(host: &mut Host, id: SocketId, _now: Instant) -> Result<Accepted, Errno> {
    let Endpoint::Listener(listener) = &mut host.get_mut(id)?.endpoint else {
        return Err(Errno::EINVAL);
    };
    let child = listener.queue.pop_front().ok_or(Errno::EAGAIN)?;
    if listener.queue.is_empty() {
        // An idle listener owns no memory.
        listener.queue = VecDeque::new();
    }
    let parts = super::endpoint_mut(&mut host.sockets, child).ok_or(Errno::ECONNABORTED)?;
    parts.endpoint.set_queue(Queue::None);
    if let Phase::Connected(connection) = &mut parts.endpoint.phase {
        connection.claimed();
    }
    *parts.is_hidden = false;
    let peer = parts.endpoint.names.remote_as_seen_by(parts.domain);
    host.acknowledge_readiness(child);
    Ok(Accepted {
        socket: child,
        peer,
    })
}

/// An accept that could not be delivered: the connection waits again, as the first.
pub(crate) fn unaccept(host: &mut Host, id: SocketId, child: SocketId) -> Result<(), Errno> {
    let Host { sockets, .. } = host;
    let Some((listener, socket)) = sockets.get_pair_mut(id, child) else {
        return Err(Errno::EBADF);
    };
    let (Endpoint::Listener(listener), Endpoint::Tcp(endpoint)) =
        (&mut listener.endpoint, &mut socket.endpoint)
    else {
        return Err(Errno::EINVAL);
    };
    socket.is_hidden = true;
    endpoint.set_queue(Queue::Accept(id));
    listener.queue.push_front(child);
    host.wake(id);
    Ok(())
}

/// What becomes of the last segment of a handshake.
pub(super) enum Admission {
    Admitted,
    /// Dropped: the peer will send it again.
    Dropped,
    /// The listener is gone, or it refuses (`tcp_abort_on_overflow`).
    Refused,
}

/// Whether the listener has room for one more connection.
pub(super) fn admit(host: &mut Host, listener: SocketId) -> Admission {
    let Some(Endpoint::Listener(listener)) =
        host.sockets.get(listener).map(|socket| &socket.endpoint)
    else {
        return Admission::Refused;
    };
    if !listener.is_full() {
        return Admission::Admitted;
    }
    host.stack.counters.tcp_ext_listen_overflows += 1;
    host.stack.counters.tcp_ext_listen_drops += 1;
    if host.stack.config.sysctl.tcp_abort_on_overflow {
        Admission::Refused
    } else {
        Admission::Dropped
    }
}

/// How the packet came that completed the handshake.
pub(super) fn note_arrival(host: &mut Host, id: SocketId, child: SocketId, came: Came) {
    if let Some((listener, child)) = host.sockets.get_pair_mut(id, child)
        && let Endpoint::Listener(listener) = &mut listener.endpoint
    {
        child.options.note_accepted(came, &mut listener.arrivals);
    }
}

/// The same of a SYN, if it was enough for the connection.
pub(super) fn note_opened_fast(host: &mut Host, id: SocketId, child: SocketId, came: Came) {
    let parts = super::endpoint_mut(&mut host.sockets, child);
    if parts.is_some_and(|parts| matches!(parts.endpoint.queue(), Queue::Accept(_))) {
        note_arrival(host, id, child, came);
    }
}

/// The handshake is complete: from the request queue to the accept queue.
pub(super) fn established(host: &mut Host, id: SocketId, child: SocketId) {
    if let Some(Endpoint::Listener(listener)) =
        host.sockets.get_mut(id).map(|socket| &mut socket.endpoint)
    {
        listener.requests.remove(child);
        listener.queue.push_back(child);
        host.stack.counters.tcp_passive_opens += 1;
        host.wake(id);
        host.refresh(id);
    }
}

/// A request that came to nothing.
pub(super) fn forget_request(host: &mut Host, id: SocketId, child: SocketId) {
    if let Some(Endpoint::Listener(listener)) =
        host.sockets.get_mut(id).map(|socket| &mut socket.endpoint)
    {
        listener.requests.remove(child);
    }
}

/// Ends LISTEN (`inet_csk_listen_stop`): requests are forgotten, connections that nobody accepted are reset. The
/// socket is unconnected again, and keeps its name if it was bound.
pub(super) fn stop(host: &mut Host, id: SocketId, now: Instant) {
    let Host { sockets, stack } = host;
    let Some(socket) = sockets.get_mut(id) else {
        return;
    };
    let Endpoint::Listener(listener) = &mut socket.endpoint else {
        return;
    };
    let mut names = listener.names.clone();
    stack
        .receivers
        .remove(PortSpace::Tcp, names.local(), names.local_port, id);
    if let Some(claim) = &mut names.claim {
        let bound = Binding {
            holder: Holder::Bound,
            ..stack.ports.binding(*claim)
        };
        stack.ports.replace(claim, bound);
    }
    let port = names.local_port;
    bind::forget_peer(stack, socket.domain, &mut names);
    names.stale_port = port;
    let requests = core::mem::take(&mut listener.requests);
    let queue = core::mem::take(&mut listener.queue);
    socket.endpoint = Endpoint::Tcp(Box::new(TcpEndpoint::new(names, Phase::Unconnected)));
    for child in requests.into_iter() {
        close::free(host, child);
    }
    for child in queue {
        if let Some(parts) = super::endpoint_mut(&mut host.sockets, child) {
            parts.endpoint.set_queue(Queue::None);
            if let Phase::Connected(connection) = &mut parts.endpoint.phase {
                connection.abort(now);
            }
        }
        super::transmit(host, child, now);
    }
    host.wake(id);
}
