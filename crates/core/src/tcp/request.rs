//! What a SYN to a listener begins (`tcp_conn_request`): a connection in the request queue, one that is open at once (Fast
//! Open), or, when the request queue is full, nothing but a cookie that an acknowledgment may bring back.

use alloc::boxed::Box;

use sockeye_tcp::{Connection, Segment, Seq};
use sockeye_wire::TcpFlags;

use super::fast_open::{self, Decision, FastOpenChoices};
use super::listener::{Listener, established};
use super::output::{self, make_ready, settings};
use super::{Marks, Phase, Progress, Queue, TcpEndpoint, cookies, owner_of};
use crate::Instant;
use crate::host::{Host, Stack};
use crate::ids::SocketId;
use crate::inet::Names;
use crate::inet::bind::binding_of;
use crate::inet::bind_table::{Holder, PortSpace};
use crate::inet::demux::FourTuple;
use crate::ip::output::Path;
use crate::options::Came;
use crate::socket::{Endpoint, Socket};

/// How a SYN is taken.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// As a connection in the request queue.
    Queue,
    /// It is answered with a cookie, and forgotten.
    Cookie,
}

impl Listener {
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

/// A SYN for a listener. The socket of the request, if it has one.
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

/// Before the timers of a connection are looked at: if it is a request whose SYN-ACK was not answered in time, its listener
/// says how often that is sent again.
pub(super) fn note_late(host: &mut Host, id: SocketId, now: Instant) {
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let Queue::Requests(parent) = parts.endpoint.queue() else {
        return;
    };
    let is_late = |phase: &Phase| matches!(phase, Phase::Connected(connection) if connection.is_syn_ack_late(now));
    if !is_late(&parts.endpoint.phase) {
        return;
    }
    let Some(listening) = sockets.get_mut(parent) else {
        return;
    };
    let Endpoint::Listener(listener) = &mut listening.endpoint else {
        return;
    };
    let sysctl = &stack.config.sysctl;
    let told = listening.options.tcp_choices(sysctl).syn_retries;
    let retries = told.unwrap_or(sysctl.tcp_synack_retries);
    let patience = listener.requests.patience(listener.backlog, retries);
    listener.requests.note_timeout(id);
    if let Some(parts) = super::endpoint_mut(sockets, id)
        && let Phase::Connected(connection) = &mut parts.endpoint.phase
    {
        connection.limit_syn_acks(patience);
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
