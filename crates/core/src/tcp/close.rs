//! The ends of connections: shutdown, close, TIME-WAIT, and what is freed when.

use core::time::Duration;

use sockeye_tcp::{Events, State};

use super::connect::{disconnect, take_error};
use super::fast_open;
use super::join;
use super::listener;
use super::output::make_ready;
use super::paths::CachedPath;
use super::request;
use super::stamps::Recipient;
use super::time_wait::Waiting;
use super::{Marks, Phase, Progress, Queue, TcpEndpoint};
use crate::host::{Host, Stack};
use crate::ids::SocketId;
use crate::inet::bind;
use crate::inet::bind_table::{Binding, Holder, PortSpace};
use crate::inet::demux::FourTuple;
use crate::options::Switches;
use crate::socket::Endpoint;
use crate::{Errno, Instant, Shutdown};

/// `shutdown(2)` (`inet_shutdown`)
pub(crate) fn shutdown(
    host: &mut Host,
    id: SocketId,
    how: Shutdown,
    now: Instant,
) -> Result<(), Errno> {
    if matches!(host.get(id)?.endpoint, Endpoint::Listener(_)) {
        // Only the end of reading ends LISTEN.
        if how.reads() {
            listener::stop(host, id, now);
        }
        return Ok(());
    }
    let (parts, stack) = super::call(host, id)?;
    let endpoint = parts.endpoint;
    let connection = match &mut endpoint.phase {
        Phase::Unconnected => {
            if how.reads() {
                endpoint.marks |= Marks::READ_SHUT;
            }
            return Err(Errno::ENOTCONN);
        }
        Phase::Joined(ends) => {
            if how.writes() {
                ends.sent = true;
                join::tell_peer(host, id);
            }
            return Ok(());
        }
        Phase::Connected(connection) => connection,
    };
    match connection.state() {
        State::Closed => {
            if endpoint.progress == Progress::Connecting {
                endpoint.progress = Progress::Disconnecting;
            }
            if how.reads() {
                connection.shutdown_receive();
            }
            return Err(Errno::ENOTCONN);
        }
        State::SynSent => {
            // inet_shutdown disconnects, whichever half is meant.
            return disconnect(host, id, now);
        }
        _ => {}
    }
    if endpoint.progress == Progress::Connecting {
        endpoint.progress = Progress::Connected;
    }
    if how.reads() {
        connection.shutdown_receive();
    }
    if how.writes() {
        connection.shutdown_send(now);
    }
    make_ready(stack, endpoint, id);
    host.wake(id);
    Ok(())
}

/// `close(2)`, the last one. Waiting for what lingers (`SO_LINGER` with a time) is the embedder's, who sees by
/// `queued` how much is left before it calls this.
pub(crate) fn close(host: &mut Host, id: SocketId, now: Instant) -> Result<(), Errno> {
    if matches!(host.get(id)?.endpoint, Endpoint::Listener(_)) {
        listener::stop(host, id, now);
        free(host, id);
        return Ok(());
    }
    let (parts, stack) = super::call(host, id)?;
    *parts.is_hidden = true;
    let endpoint = parts.endpoint;
    match &mut endpoint.phase {
        Phase::Unconnected => free(host, id),
        Phase::Joined(_) => {
            join::tell_peer(host, id);
            free(host, id);
        }
        Phase::Connected(connection) => {
            if parts.options.linger() == Some(0) && connection.state() != State::SynSent {
                connection.abort(now);
            } else {
                connection.close(now);
            }
            let events = connection.take_events();
            super::count::count(&mut stack.counters, events);
            super::transmit(host, id, now);
            orphan(host, id, now);
        }
    }
    Ok(())
}

/// Timers of a connection that are due.
pub(crate) fn advance(host: &mut Host, id: SocketId, now: Instant) {
    request::note_late(host, id, now);
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let Phase::Connected(connection) = &mut parts.endpoint.phase else {
        return;
    };
    connection.advance(now);
    let events = connection.take_events();
    make_ready(stack, parts.endpoint, id);
    conclude(host, id, events, now);
}

/// What follows after a connection has changed: errors, wake-ups, timers, and its end.
pub(super) fn conclude(host: &mut Host, id: SocketId, events: Events, now: Instant) {
    if host.stack.fast_open.has_children() {
        note_end_of_fast_open(host, id, events, now);
    }
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let (is_hidden, uid, cookie) = (*parts.is_hidden, parts.credentials.uid, parts.cookie);
    let endpoint = parts.endpoint;
    let Phase::Connected(connection) = &mut endpoint.phase else {
        return;
    };
    take_error(connection, parts.error);
    let mut has_report = false;
    if let Some(reports) = &mut endpoint.reports
        && !is_hidden
    {
        let to = Recipient::new(parts.domain, parts.options, &stack.config, now);
        has_report = reports.follow(connection, to);
    }
    if parts.options.is_on(Switches::RECEIVE_STAMPS) && events.contains(Events::READABLE) {
        parts.options.note_arrival(now);
    }
    super::memory::recount(stack, endpoint);
    let Phase::Connected(connection) = &mut endpoint.phase else {
        return;
    };
    super::count::count(&mut stack.counters, events);
    super::losses::count(&mut stack.counters, connection);
    let state = connection.state();
    if matches!(state, State::TimeWait | State::FinWait2) && !connection.wants_transmit(now)
        // An orphan's FIN-WAIT-2 needs no socket either; a program that still reads does.
        && (state == State::TimeWait || is_hidden)
        && endpoint.marks.contains(Marks::LISTED)
        && let Some(record) = connection.time_wait(now)
    {
        connection.leave_time_wait();
        let tuple = endpoint.names.tuple(PortSpace::Tcp);
        stack.connections.remove(&tuple, id);
        endpoint.marks.set(Marks::LISTED, false);
        if stack.time_wait.len() < stack.config.sysctl.tcp_max_tw_buckets {
            // The record has its own claim on the port; a program may still hold the socket with its.
            let claim = endpoint.names.claim.and_then(|claim| {
                stack.ports.insert(Binding {
                    holder: Holder::TimeWait,
                    ..stack.ports.binding(claim)
                })
            });
            // `__inet_twsk_schedule`: one that lasts no longer than this counts as killed, whatever comes then.
            const SHORT: Duration = Duration::from_secs(4);
            if record.deadline() - now <= SHORT {
                stack.counters.tcp_ext_tw_killed += 1;
            } else {
                stack.counters.tcp_ext_tw += 1;
            }
            stack.time_wait.insert(
                tuple,
                Waiting {
                    record,
                    claim,
                    uid,
                    cookie: if parts.options.is_on(Switches::STANDS_IN) {
                        Waiting::STANDS_IN
                    } else {
                        cookie
                    },
                },
            );
            stack.connections.crowds.note(&tuple, true);
        } else {
            stack.counters.tcp_ext_tcp_time_wait_overflow += 1;
        }
    }
    if events.contains(Events::FAST_OPEN_SUSPECT) {
        stack.suspect_fast_open(now);
    }
    if events.contains(Events::SUSPECT_PATH) {
        // RFC 9293 3.8.3 (b), `dst_negative_advice`: what goes next takes the route that there is then.
        endpoint.path = CachedPath::NONE;
    }
    let is_finished = connection.is_finished();
    if is_finished && connection.vouches_for_fast_open() {
        stack.trust_fast_open(&endpoint.names.tuple(PortSpace::Tcp));
    }
    let deadline = if is_finished {
        None
    } else {
        connection.deadline()
    };
    stack.timers.set(id.index(), deadline);
    if is_finished {
        unlist(stack, endpoint, id);
        let queue = endpoint.queue();
        match queue {
            Queue::Requests(parent) => {
                listener::forget_request(host, parent, id);
                free(host, id);
                return;
            }
            Queue::None if is_hidden => {
                free(host, id);
                return;
            }
            // A connection that ended before it was accepted is accepted all the same.
            Queue::Accept(_) | Queue::None => {
                release_unbound(host, id);
            }
        }
    }
    let waking = Events::ESTABLISHED
        | Events::READABLE
        | Events::FIN
        | Events::CLOSED
        | Events::URGENT
        | Events::RESET
        | Events::ATTEMPT_FAILED
        | Events::TIME_WAIT;
    if !is_hidden {
        if events.intersects(waking) || has_report {
            host.wake(id);
        }
        host.refresh(id);
    }
}

/// A port that `connect` chose is free again as soon as the connection is over (`tcp_done`, `inet_put_port`). A bound
/// one stays the socket's (`SOCK_BINDPORT_LOCK`). The name that `getsockname` tells does not change.
fn release_unbound(host: &mut Host, id: SocketId) {
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    let names = &mut parts.endpoint.names;
    if !names.is_port_bound
        && let Some(claim) = names.claim.take()
    {
        stack.ports.remove(claim);
    }
}

/// Takes the connection out of the table and off the clock.
pub(super) fn unlist(stack: &mut Stack, endpoint: &mut TcpEndpoint, id: SocketId) {
    if endpoint.marks.contains(Marks::LISTED) {
        endpoint.marks.set(Marks::LISTED, false);
        stack
            .connections
            .remove(&endpoint.names.tuple(PortSpace::Tcp), id);
    }
    stack.timers.remove(id.index());
}

/// A connection that was open before its handshake was over makes room for another once it is, or has ended.
fn note_end_of_fast_open(host: &mut Host, id: SocketId, events: Events, now: Instant) {
    let Some(parts) = super::endpoint_mut(&mut host.sockets, id) else {
        return;
    };
    let Phase::Connected(connection) = &parts.endpoint.phase else {
        return;
    };
    if connection.state() == State::Closed || !connection.is_unconfirmed() {
        // One that was accepted and then reset keeps its place for a while.
        let is_held = events.contains(Events::RESET) && parts.endpoint.queue() == Queue::None;
        fast_open::release(host, id, is_held, now);
    }
}

/// A program closed the socket, and the connection goes on without it, unless that is too much (`tcp_check_oom`).
fn orphan(host: &mut Host, id: SocketId, now: Instant) {
    let Host { sockets, stack } = host;
    let Some(parts) = super::endpoint_mut(sockets, id) else {
        return;
    };
    if super::memory::is_orphan_too_many(stack, parts.endpoint)
        && let Phase::Connected(connection) = &mut parts.endpoint.phase
    {
        connection.abort(now);
        stack.counters.tcp_ext_tcp_abort_on_memory += 1;
        super::transmit(host, id, now);
    }
}

/// Frees a socket with all that it holds.
pub(super) fn free(host: &mut Host, id: SocketId) {
    if host.stack.fast_open.has_children() {
        let now = host.stack.now;
        fast_open::release(host, id, false, now);
    }
    let Host { sockets, stack } = host;
    if let Some(parts) = super::endpoint_mut(sockets, id) {
        unlist(stack, parts.endpoint, id);
        super::memory::release(stack, parts.endpoint);
        bind::release(stack, &mut parts.endpoint.names);
    }
    sockets.remove(id);
}

/// Records whose time is over.
pub(crate) fn expire_time_wait(host: &mut Host, now: Instant) {
    while let Some((tuple, waiting)) = host.stack.time_wait.expire(now) {
        host.stack.connections.crowds.note(&tuple, false);
        if let Some(claim) = waiting.claim {
            host.stack.ports.remove(claim);
        }
    }
}

/// Ends a record before its time.
pub(super) fn drop_record(stack: &mut Stack, tuple: &FourTuple) {
    if let Some(waiting) = stack.time_wait.remove(tuple) {
        stack.connections.crowds.note(tuple, false);
        if let Some(claim) = waiting.claim {
            stack.ports.remove(claim);
        }
    }
}
