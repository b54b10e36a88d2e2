//! `connect(2)`: `inet_stream_connect`, `tcp_v4_connect`, `tcp_v6_connect`, `__inet_hash_connect`.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use sockeye_tcp::{Connection, Settings, State};

use super::fast_open;
use super::output::{make_ready, path_to, settings};
use super::paths::CachedPath;
use super::{Marks, Phase, Progress, close, errno, owner_of};
use crate::host::{Host, Stack};
use crate::ids::SocketId;
use crate::inet::Names;
use crate::inet::bind::{self, Owner, binding_of};
use crate::inet::bind_table::{Holder, PortSpace};
use crate::inet::demux::FourTuple;
use crate::inet::ephemeral::{Order, PROBES};
use crate::ip::output::Path;
use crate::socket::{Endpoint, Socket};
use crate::{Errno, Instant, SocketAddress};

/// Who begins an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginner {
    /// `connect`: with `TCP_FASTOPEN_CONNECT` the SYN may wait for the first write.
    Connect,
    /// A send with `MSG_FASTOPEN`: the SYN waits for its data.
    Send,
}

pub(crate) fn connect(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    now: Instant,
) -> Result<(), Errno> {
    begin(host, id, address, Beginner::Connect, now)
}

/// The first half of a send with `MSG_FASTOPEN` (`tcp_sendmsg_fastopen`). Says whether the SYN waits for the data; else
/// the connection stands already.
pub(super) fn connect_to_send(
    host: &mut Host,
    id: SocketId,
    address: Option<&SocketAddress>,
    now: Instant,
) -> Result<bool, Errno> {
    if !fast_open::is_enabled(&host.stack) || address == Some(&SocketAddress::Unspecified) {
        return Err(Errno::EOPNOTSUPP);
    }
    if is_deferred(host, id) {
        return Ok(true);
    }
    let is_fresh = super::is_closed(host.get(id)?);
    let address = match address {
        Some(address) => address,
        None if is_fresh => return Err(Errno::EINVAL),
        // What was begun before has its address.
        None => &SocketAddress::Unspecified,
    };
    if is_fresh {
        begin(host, id, address, Beginner::Send, now)?;
        return Ok(is_deferred(host, id));
    }
    attempted(host, id, now).unwrap_or(Err(Errno::EISCONN))?;
    Ok(false)
}

/// The SYN waits for data.
pub(super) fn is_deferred(host: &Host, id: SocketId) -> bool {
    super::inquiry::live(host, id).is_some_and(Connection::is_deferred)
}

impl Host {
    /// A stream's SYN waits for the first write (`TCP_FASTOPEN_CONNECT`).
    pub fn waits_to_connect(&self, id: SocketId) -> bool {
        self.get(id).is_ok_and(Socket::waits_to_connect)
    }

    /// A stream's connection is being opened.
    pub(crate) fn is_opening(&self, id: SocketId) -> bool {
        let connection = super::inquiry::live(self, id);
        connection.is_some_and(|connection| connection.state() == State::SynSent)
    }
}

/// What `connect` answers when there is, or was, an attempt.
fn attempted(host: &mut Host, id: SocketId, now: Instant) -> Option<Result<(), Errno>> {
    let Ok(socket) = host.get_mut(id) else {
        return Some(Err(Errno::EBADF));
    };
    let Endpoint::Tcp(endpoint) = &mut socket.endpoint else {
        // A listener.
        return Some(Err(Errno::EISCONN));
    };
    Some(match endpoint.progress {
        Progress::Unconnected => return None,
        Progress::Connected => Err(Errno::EISCONN),
        Progress::Disconnecting => Err(Errno::EINVAL),
        Progress::Connecting => {
            let connection = endpoint.connection();
            match connection.map_or(State::Closed, Connection::state) {
                State::SynSent if connection.is_some_and(Connection::is_deferred) => {
                    Err(Errno::EISCONN)
                }
                State::SynSent | State::SynReceived => Err(Errno::EALREADY),
                State::Closed => {
                    // The attempt failed: its error, once; then the socket is as good as new.
                    let error = socket.error.take().unwrap_or(Errno::ECONNABORTED);
                    reset_to_unconnected(host, id, now);
                    Err(error)
                }
                _ => {
                    endpoint.progress = Progress::Connected;
                    Ok(())
                }
            }
        }
    })
}

fn begin(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    beginner: Beginner,
    now: Instant,
) -> Result<(), Errno> {
    if *address == SocketAddress::Unspecified {
        return disconnect(host, id, now);
    }
    if let Some(answer) = attempted(host, id, now) {
        return answer;
    }
    let (parts, stack) = super::call(host, id)?;
    if !matches!(parts.endpoint.phase, Phase::Unconnected) {
        return Err(Errno::EISCONN);
    }
    let owner = owner_of(parts.domain, parts.options, parts.credentials);
    let chosen = choose(stack, &owner, &mut parts.endpoint.names, address, now)?;
    let mut settings = settings(stack, &chosen.tuple, &chosen.path, parts.options, now);
    if let Some(before) = chosen.before {
        before.follow(&mut settings);
    }
    start(host, id, chosen, settings, beginner, now)
}

/// The names and the route of a connection that is about to be made.
pub(super) struct Chosen {
    pub(super) tuple: FourTuple,
    pub(super) path: Path,
    /// The connection that had the names not long ago.
    pub(super) before: Option<Before>,
}

/// What is known of a connection in TIME-WAIT whose names another takes over (`tcp_twsk_unique`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// Where the sequence numbers begin then.
    isn: sockeye_tcp::Seq,
    /// The peer's last timestamp.
    timestamp: u32,
}

impl Before {
    pub(super) fn follow(self, settings: &mut Settings) {
        settings.isn = self.isn;
        settings.recent_timestamp = self.timestamp;
    }
}

/// Chooses what the program left open: source address and port. The names are written only if all went well.
pub(super) fn choose(
    stack: &mut Stack,
    owner: &Owner<'_>,
    names: &mut Names,
    address: &SocketAddress,
    now: Instant,
) -> Result<Chosen, Errno> {
    let named = bind::destination(owner, names, address)?;
    if named.address.is_multicast() || stack.is_broadcast(named.address) {
        return Err(Errno::ENETUNREACH);
    }
    if let IpAddr::V6(to) = named.address
        && to.is_unicast_link_local()
        && named.scope_id == 0
        && owner.options.device.is_none()
    {
        return Err(Errno::EINVAL);
    }
    let path = path_to(stack, named.address, names.local(), owner.options)?;
    let local = if names.local().is_unspecified() {
        path.source
    } else {
        names.local()
    };
    let mut tuple = FourTuple {
        space: PortSpace::Tcp,
        local,
        local_port: names.local_port,
        remote: named.address,
        remote_port: named.port,
    };
    let before;
    if tuple.local_port == 0 {
        let (port, waiting) = choose_port(stack, owner, tuple, now)?;
        tuple.local_port = port;
        before = waiting;
        let binding = binding_of(owner, PortSpace::Tcp, local, port, Holder::Connected);
        names.claim = Some(stack.ports.insert(binding).ok_or(Errno::ENOMEM)?);
    } else {
        before = stack.claim_tuple(&tuple, now).ok_or(Errno::EADDRNOTAVAIL)?;
        names.set_local(local);
        bind::fit_claim(stack, owner, names);
    }
    names.set_local(local);
    names.local_port = tuple.local_port;
    names.set_remote(tuple.remote);
    names.remote_port = tuple.remote_port;
    names.scope_id = named.scope_id;
    Ok(Chosen {
        tuple,
        path,
        before,
    })
}

/// RFC 6056 3.3.4: from a place that depends on the peer, and further with each connection.
fn choose_port(
    stack: &mut Stack,
    owner: &Owner<'_>,
    tuple: FourTuple,
    now: Instant,
) -> Result<(u16, Option<Before>), Errno> {
    let offset = stack
        .secrets
        .port_offset(&tuple)
        .wrapping_add(stack.connect_step);
    let range = stack.port_range(PortSpace::Tcp, owner.options);
    let order = Order::new(&range, offset, true);
    let claim = |stack: &mut Stack, port| {
        let binding = binding_of(owner, PortSpace::Tcp, tuple.local, port, Holder::Connected);
        let tuple = FourTuple {
            local_port: port,
            ..tuple
        };
        let before = stack
            .ports
            .is_free_for_connect(&binding)
            .then(|| stack.claim_tuple(&tuple, now))??;
        stack.connect_step = stack.connect_step.wrapping_add(2);
        Some((port, before))
    };
    let is_crowded = stack.connections.crowds.get(&tuple).is_some();
    let is_own = owner.options.has_port_range();
    let probes = match (is_own, is_crowded) {
        // What is known of crowds is known of the host's whole range.
        (true, _) => usize::MAX,
        (false, true) => PROBES_IN_A_CROWD,
        (false, false) => PROBES,
    };
    let mut first = order.ports().take(probes);
    if let Some(claimed) = first.find_map(|port| claim(stack, port)) {
        return Ok(claimed);
    }
    if is_own {
        return Err(Errno::EADDRNOTAVAIL);
    }
    if !is_crowded {
        // It may be that others have bound the ports; then there is no crowd.
        let bound = [&stack.ports.sets(PortSpace::Tcp).bound];
        let unbound: Vec<u16> = order.outside(&bound).take(PROBES).collect();
        let mut unbound = unbound.into_iter();
        if let Some(claimed) = unbound.find_map(|port| claim(stack, port)) {
            return Ok(claimed);
        }
        stack.notice_crowd(&tuple, &order);
    }
    let bound = &stack.ports.sets(PortSpace::Tcp).bound;
    let free = match stack.connections.crowds.get(&tuple) {
        Some(taken) => order.outside(&[taken, bound]).next(),
        None => None,
    };
    if let Some(claimed) = free.and_then(|port| claim(stack, port)) {
        return Ok(claimed);
    }
    // What is left are connections in TIME-WAIT that may be taken over.
    let may_reuse = stack.may_reuse_time_wait(&tuple);
    let mut rest = order.ports().filter(|_| may_reuse);
    rest.find_map(|port| claim(stack, port))
        .ok_or(Errno::EADDRNOTAVAIL)
}

/// A few are tried in a crowd, too: among the first there may be a TIME-WAIT that can be taken over.
const PROBES_IN_A_CROWD: usize = 8;

impl Stack {
    /// From now on the ports are kept that connections to the tuple's destination have, and their TIME-WAITs.
    fn notice_crowd(&mut self, tuple: &FourTuple, order: &Order) {
        let is_taken = |port: &u16| {
            let tuple = FourTuple {
                local_port: *port,
                ..*tuple
            };
            self.connections.find(&tuple).is_some() || self.time_wait.get(&tuple).is_some()
        };
        let taken = order.ports().filter(is_taken).collect();
        self.connections.crowds.notice(tuple, taken);
    }

    /// `tcp_tw_reuse`: 0 never, 1 always, 2, the default, on loopback alone.
    fn may_reuse_time_wait(&self, tuple: &FourTuple) -> bool {
        match self.config.sysctl.tcp_tw_reuse {
            0 => false,
            1 => true,
            _ => tuple.remote.is_loopback() || tuple.local.is_loopback(),
        }
    }

    /// Whether a connection of these names may begin (`__inet_check_established`): there is none, and none in
    /// TIME-WAIT unless that may be taken over.
    #[allow(
        clippy::option_option,
        reason = "outside: whether; inside: in whose place"
    )]
    fn claim_tuple(&mut self, tuple: &FourTuple, now: Instant) -> Option<Option<Before>> {
        if self.connections.find(tuple).is_some() {
            return None;
        }
        let Some(waiting) = self.time_wait.get(tuple) else {
            return Some(None);
        };
        let lasted = Duration::from_secs(60).saturating_sub(waiting.record.deadline() - now);
        let may_reuse = self.may_reuse_time_wait(tuple)
            && waiting.record.state() == State::TimeWait
            && lasted > self.config.sysctl.tcp_tw_reuse_delay;
        // RFC 6191 1: only timestamps tell the segments of the two apart.
        let timestamp = waiting.record.recent_timestamp().filter(|_| may_reuse)?;
        let (next, _) = waiting.record.numbers();
        close::drop_record(self, tuple);
        self.counters.tcp_ext_tw_recycled += 1;
        Some(Some(Before {
            // Beyond every number that may still be on its way.
            isn: next + 65_537u32,
            timestamp,
        }))
    }
}

fn start(
    host: &mut Host,
    id: SocketId,
    chosen: Chosen,
    settings: Settings,
    beginner: Beginner,
    now: Instant,
) -> Result<(), Errno> {
    let (parts, stack) = super::call(host, id)?;
    let endpoint = parts.endpoint;
    let choices = parts.options.fast_open();
    let mut is_deferred = false;
    let connection = if beginner == Beginner::Send || choices.is_some_and(|choices| choices.connect)
    {
        let no_cookie = choices.is_some_and(|choices| choices.no_cookie);
        // What the program bounds (`TCP_MAXSEG`) it bounds in the SYN, too (`tcp_send_syn_data`).
        let bound = settings.options.max_segment.unwrap_or(u16::MAX);
        let mss = settings.local_mss.min(bound);
        let request = fast_open::request(stack, no_cookie, &chosen.tuple, mss, now);
        // `tcp_fastopen_defer_connect`
        is_deferred = beginner == Beginner::Send || request.room > 0;
        Connection::connect_fast(settings, request, is_deferred, now)
    } else {
        Connection::connect(settings, now)
    };
    endpoint.phase = Phase::Connected(connection);
    endpoint.path = stack.tcp_paths.note(&chosen.path);
    endpoint.progress = Progress::Connecting;
    endpoint
        .marks
        .set(Marks::LISTED, stack.connections.insert(&chosen.tuple, id));
    stack.counters.tcp_active_opens += 1;
    make_ready(stack, endpoint, id);
    *parts.error = None;
    if is_deferred {
        return Ok(());
    }
    Err(Errno::EINPROGRESS)
}

/// `connect(AF_UNSPEC)` (`tcp_disconnect`): the connection is reset, the socket may be used again.
pub(super) fn disconnect(host: &mut Host, id: SocketId, now: Instant) -> Result<(), Errno> {
    if matches!(host.get(id)?.endpoint, Endpoint::Listener(_)) {
        super::listener::stop(host, id, now);
        return Ok(());
    }
    let (parts, stack) = super::call(host, id)?;
    // tcp_disconnect: what is cut off leaves its error for the next call, and an error that waits stays.
    let mut error = *parts.error;
    if let Phase::Connected(connection) = &mut parts.endpoint.phase {
        take_error(connection, &mut error);
        if connection.state() != State::Closed {
            error = Some(Errno::ECONNRESET);
        }
        connection.abort(now);
        make_ready(stack, parts.endpoint, id);
        super::transmit(host, id, now);
    }
    reset_to_unconnected(host, id, now);
    if let Ok(socket) = host.get_mut(id) {
        socket.error = error;
    }
    host.wake(id);
    Ok(())
}

/// Forgets the connection and its names; keeps the options, and what `bind` gave.
pub(super) fn reset_to_unconnected(host: &mut Host, id: SocketId, _now: Instant) {
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let endpoint = parts.endpoint;
    close::unlist(stack, endpoint, id);
    super::memory::release(stack, endpoint);
    if let Some(reports) = &mut endpoint.reports {
        reports.stamps.forget();
        if let Phase::Connected(connection) = &endpoint.phase {
            reports
                .copies
                .settle(connection, parts.domain, &mut reports.queue);
        }
    }
    endpoint.phase = Phase::Unconnected;
    endpoint.progress = Progress::Unconnected;
    endpoint.marks.set(Marks::READ_SHUT, false);
    endpoint.path = CachedPath::NONE;
    let port = match endpoint.names.local_port {
        0 => endpoint.names.stale_port,
        port => port,
    };
    bind::forget_peer(stack, parts.domain, &mut endpoint.names);
    endpoint.names.stale_port = port;
}

/// The pending error of a connection becomes the socket's.
pub(super) fn take_error(connection: &mut Connection, error: &mut Option<Errno>) {
    if connection.has_error()
        && let Some(found) = connection.take_error()
    {
        *error = Some(errno(found));
    }
}
