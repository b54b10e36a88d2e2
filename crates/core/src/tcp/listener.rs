//! LISTEN: the request queue, the accept queue, and what happens when they are full.
//!
//! As in Linux (`inet_csk_listen_start`, `tcp_conn_request`, `tcp_check_req`): a queue is full when it is *longer* than
//! the backlog, so that `listen(0)` lets one connection wait; a SYN that finds the accept queue full, and the last
//! segment of a handshake that does, are dropped and come again. A SYN that finds the request queue full is answered with
//! a cookie.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use sockeye_tcp::{Connection, Segment, Seq};
use sockeye_wire::TcpFlags;

use super::fast_open::{self, Decision, FastOpenChoices, FastQueue};
use super::output::{self, make_ready, settings};
use super::{Marks, Phase, Progress, Queue, TcpEndpoint, close, cookies, owner_of};
use crate::host::{Host, SocketSummary, Stack};
use crate::ids::SocketId;
use crate::inet::Names;
use crate::inet::bind::{self, binding_of};
use crate::inet::bind_table::{Binding, Holder, PortSpace};
use crate::inet::demux::{FourTuple, Receiver};
use crate::ip::output::Path;
use crate::options::{Came, KnownArrival, SharedOptions, Switches};
use crate::socket::{Endpoint, Socket};
use crate::{Accepted, Errno, Instant, Readiness, Sysctl};

/// A socket in LISTEN.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) names: Names,
    backlog: usize,
    /// Connections in SYN-RECEIVED.
    requests: BTreeSet<SocketId>,
    /// Connections that wait for `accept`.
    queue: VecDeque<SocketId>,
    /// How many more the embedder has taken and keeps in line itself.
    pub(super) held: usize,
    /// When a SYN was answered with a cookie last.
    last_cookie: Option<Instant>,
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

    /// Whether and how a SYN is taken. One that takes the place of a TIME-WAIT finds room in any case.
    fn way_of_request(&self, stack: &mut Stack, is_reopening: bool) -> Option<Way> {
        let Stack {
            counters, config, ..
        } = stack;
        let sysctl = &config.sysctl;
        let waiting = self.requests.len();
        let is_queue_full = waiting > self.backlog;
        let mut way = Way::Queue;
        if !is_reopening && (is_queue_full || sysctl.tcp_syncookies >= 2) {
            if sysctl.tcp_syncookies == 0 {
                counters.tcp_ext_tcp_req_qfull_drop += 1;
                counters.tcp_ext_listen_drops += 1;
                return None;
            }
            counters.tcp_ext_tcp_req_qfull_do_cookies += 1;
            way = Way::Cookie;
        }
        if self.is_full() {
            counters.tcp_ext_listen_overflows += 1;
            counters.tcp_ext_listen_drops += 1;
            return None;
        }
        // Without cookies the last quarter is kept for peers that are known to be real; here none is.
        let limit = usize::try_from(sysctl.tcp_max_syn_backlog).unwrap_or(usize::MAX);
        let is_guarded = sysctl.tcp_syncookies == 0 && !is_reopening;
        if is_guarded && limit.saturating_sub(waiting) < limit / 4 {
            counters.tcp_ext_listen_drops += 1;
            return None;
        }
        Some(way)
    }
}

/// How a SYN is taken.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// As a connection in the request queue.
    Queue,
    /// It is answered with a cookie, and forgotten.
    Cookie,
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
        requests: BTreeSet::new(),
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

/// A SYN for a listener (`tcp_conn_request`). The socket of the request, if it has one.
pub(super) fn request(
    host: &mut Host,
    id: SocketId,
    tuple: FourTuple,
    came: Came,
    syn: &Segment,
    least_isn: Option<Seq>,
    now: Instant,
) -> Option<SocketId> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id)?;
    let reflected = socket.options.reflecting(came, &stack.config.sysctl);
    let options = reflected.as_ref().unwrap_or(&socket.options);
    let Endpoint::Listener(listener) = &mut socket.endpoint else {
        return None;
    };
    let way = listener.way_of_request(stack, least_isn.is_some())?;
    let path = stack.route_of(&tuple, socket.options.via()).ok()?;
    let mut settings = settings(stack, &tuple, &path, &socket.options, now);
    match way {
        Way::Cookie => {
            if let Some(answer) = cookies::answer(&stack.cookie_keys, &tuple, syn, settings, now) {
                listener.last_cookie = Some(now);
                stack.counters.tcp_ext_syncookies_sent += 1;
                output::send(stack, &tuple, &path, options, answer);
            }
            None
        }
        Way::Queue => {
            if let Some(least) = least_isn {
                settings.isn = least;
            }
            let mut option = None;
            if syn.options.fast_open.is_some() || !syn.payload.is_empty() {
                let fallback = FastOpenChoices::default();
                let choices = socket.options.fast_open().unwrap_or(&fallback);
                match fast_open::judge(stack, &mut listener.fast, choices, &tuple, syn, now) {
                    Decision::Ordinary(cookie) => option = cookie,
                    Decision::Fast(cookie) => {
                        let how = (settings, cookie);
                        return open_fast(host, id, tuple, came, &path, syn, how, now);
                    }
                }
            }
            let mut connection = Connection::accept(settings, syn, now);
            if let Some(cookie) = option
                && let Some(mut answer) = connection.poll_transmit(now)
            {
                // Only in the first SYN-ACK.
                answer.segment.options.fast_open = Some(cookie);
                output::send(stack, &tuple, &path, options, answer);
            }
            let child = spawn(host, id, tuple, came, connection, &path)?;
            let parts = super::endpoint_mut(&mut host.sockets, child)?;
            make_ready(&mut host.stack, parts.endpoint, child);
            Some(child)
        }
    }
}

/// A connection from the SYN on (RFC 7413 4.2.2): accepted like one whose handshake is over.
#[allow(
    clippy::too_many_arguments,
    reason = "all of a SYN, and what was decided of it"
)]
fn open_fast(
    host: &mut Host,
    id: SocketId,
    tuple: FourTuple,
    came: Came,
    path: &Path,
    syn: &Segment,
    (settings, cookie): (sockeye_tcp::Settings, Option<sockeye_wire::FastOpenCookie>),
    now: Instant,
) -> Option<SocketId> {
    let mut connection = Connection::accept_fast(settings, syn, now);
    if let Some(mut answer) = connection.poll_transmit(now) {
        answer.segment.options.fast_open = cookie;
        let options = &host.sockets.get(id)?.options;
        let reflected = options.reflecting(came, &host.stack.config.sysctl);
        let options = reflected.as_ref().unwrap_or(options);
        output::send(&mut host.stack, &tuple, path, options, answer);
    }
    // Nobody waits for it yet.
    let _ = connection.take_events();
    let child = spawn(host, id, tuple, came, connection, path)?;
    host.stack.fast_open.note_child(child, id);
    let endpoint = host.sockets.get_mut(id).map(|socket| &mut socket.endpoint);
    if let Some(Endpoint::Listener(listener)) = endpoint {
        listener.fast.get_or_insert_default().enter();
    }
    let parts = super::endpoint_mut(&mut host.sockets, child)?;
    parts.endpoint.set_queue(Queue::Accept(id));
    make_ready(&mut host.stack, parts.endpoint, child);
    established(host, id, child);
    Some(child)
}

/// What becomes of an acknowledgment that belongs to no connection (`cookie_v4_check`).
pub(super) enum Cookie {
    /// It was no cookie: a reset answers it.
    None,
    /// It was one, but there is no room.
    Dropped,
    /// This connection is to receive it.
    Connection(SocketId),
}

/// An acknowledgment for a listener: if it brings back a cookie, it has a connection from now on.
pub(super) fn take_cookie(
    host: &mut Host,
    id: SocketId,
    tuple: FourTuple,
    came: Came,
    segment: &Segment,
    now: Instant,
) -> Cookie {
    let Host { sockets, stack } = host;
    let Some(socket) = sockets.get(id) else {
        return Cookie::None;
    };
    let Endpoint::Listener(listener) = &socket.endpoint else {
        return Cookie::None;
    };
    // Most acknowledgments that go astray are not worth a hash.
    let is_plain =
        !segment.flags.intersects(TcpFlags::SYN | TcpFlags::RST) && segment.has(TcpFlags::ACK);
    let is_recent = |last: Instant| now - last < cookies::VALID;
    if !is_plain || !listener.last_cookie.is_some_and(is_recent) {
        return Cookie::None;
    }
    let Ok(path) = stack.route_of(&tuple, socket.options.via()) else {
        return Cookie::None;
    };
    let mut settings = settings(stack, &tuple, &path, &socket.options, now);
    let Some(syn) = cookies::syn_of(&stack.cookie_keys, &tuple, segment, &settings, now) else {
        stack.counters.tcp_ext_syncookies_failed += 1;
        return Cookie::None;
    };
    stack.counters.tcp_ext_syncookies_recv += 1;
    if listener.is_full() {
        stack.counters.tcp_ext_listen_overflows += 1;
        stack.counters.tcp_ext_listen_drops += 1;
        return Cookie::Dropped;
    }
    settings.isn = segment.acknowledgment - 1;
    let connection = Connection::accept_answered(settings, &syn, now);
    match spawn(host, id, tuple, came, connection, &path) {
        Some(child) => Cookie::Connection(child),
        None => Cookie::Dropped,
    }
}

/// Makes the hidden socket of a connection that a listener's peer has asked for, and puts it into the request queue.
fn spawn(
    host: &mut Host,
    id: SocketId,
    tuple: FourTuple,
    came: Came,
    connection: Connection,
    path: &Path,
) -> Option<SocketId> {
    let socket = host.sockets.get(id)?;
    let owner = owner_of(socket.domain, &socket.options, socket.credentials());
    let mut names = Names::new(socket.domain);
    names.set_local(tuple.local);
    names.local_port = tuple.local_port;
    names.set_remote(tuple.remote);
    names.remote_port = tuple.remote_port;
    if matches!(tuple.remote, core::net::IpAddr::V6(to) if to.is_unicast_link_local()) {
        names.scope_id = came.interface.ifindex();
    }
    names.is_address_bound = true;
    names.is_port_bound = true;
    let binding = binding_of(
        &owner,
        PortSpace::Tcp,
        tuple.local,
        tuple.local_port,
        Holder::Bound,
    );
    let mut endpoint = TcpEndpoint::new(names, Phase::Connected(connection));
    endpoint.path = host.stack.tcp_paths.note(path);
    endpoint.set_queue(Queue::Requests(id));
    endpoint.progress = Progress::Connected;
    endpoint.marks |= Marks::LISTED | Marks::PASSIVE;
    let options = socket.options.inherited();
    let reflected = options.reflecting(came, &host.stack.config.sysctl);
    let mut child = Socket::new(
        socket.domain,
        socket.kind,
        socket.protocol,
        socket.credentials(),
        reflected.unwrap_or(options),
        Endpoint::Tcp(Box::new(endpoint)),
    );
    child.is_hidden = true;
    let child = host.insert_socket(child).ok()?;
    let Host { sockets, stack } = host;
    if !stack.connections.insert(&tuple, child) {
        sockets.remove(child);
        return None;
    }
    let claim = stack.ports.insert(binding);
    if let Some(parts) = super::endpoint_mut(sockets, child) {
        parts.endpoint.names.claim = claim;
    }
    if let Some(Endpoint::Listener(listener)) =
        sockets.get_mut(id).map(|socket| &mut socket.endpoint)
    {
        listener.requests.insert(child);
    }
    Some(child)
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
        listener.requests.remove(&child);
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
        listener.requests.remove(&child);
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
    for child in requests {
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
