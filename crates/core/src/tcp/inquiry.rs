//! What `TCP_INFO` and other options ask of a socket's connection, alive or over.

use sockeye_tcp::Connection;

use super::{Phase, TcpEndpoint, call, endpoint_mut, errno, join, output};
use crate::host::Host;
use crate::ids::SocketId;
use crate::socket::Endpoint;
use crate::{Errno, Instant};

/// What `TCP_INFO` tells, if there is a connection.
pub(crate) fn info(host: &Host, id: SocketId, now: Instant) -> Option<sockeye_tcp::Info> {
    let Endpoint::Tcp(endpoint) = &host.get(id).ok()?.endpoint else {
        return None;
    };
    if let Phase::Joined(ends) = endpoint.phase {
        return Some(join::info(host, endpoint, ends));
    }
    live(host, id)?;
    latest_info(host, id, now)
}

/// The same of any TCP socket: also of a connection that is over, and of none.
pub(crate) fn last_info(host: &Host, id: SocketId, now: Instant) -> sockeye_tcp::Info {
    info(host, id, now)
        .or_else(|| latest_info(host, id, now))
        .unwrap_or_else(|| sockeye_tcp::Info::of_new(now - Instant::ZERO))
}

/// What the connection itself tells; its path's MTU with the header that it does not know of.
fn latest_info(host: &Host, id: SocketId, now: Instant) -> Option<sockeye_tcp::Info> {
    match &host.get(id).ok()?.endpoint {
        Endpoint::Tcp(endpoint) => whole_info(endpoint, now),
        _ => None,
    }
}

pub(super) fn whole_info(endpoint: &TcpEndpoint, now: Instant) -> Option<sockeye_tcp::Info> {
    const IPV6_HEADER: u32 = 40;
    const IPV4_HEADER: u32 = 20;
    let mut info = endpoint.connection()?.info(now);
    info.pmtu += if endpoint.names.local().is_ipv4() {
        IPV4_HEADER
    } else {
        IPV6_HEADER
    };
    Some(info)
}

/// The connection of a socket, also when it is over.
fn latest(host: &Host, id: SocketId) -> Option<&Connection> {
    let Endpoint::Tcp(endpoint) = &host.get(id).ok()?.endpoint else {
        return None;
    };
    endpoint.connection()
}

/// The connection of a socket, unless it is over.
pub(super) fn live(host: &Host, id: SocketId) -> Option<&Connection> {
    latest(host, id).filter(|connection| connection.state() != sockeye_tcp::State::Closed)
}

/// The segments of the connection that a socket has, or had last (`mss_cache`).
pub(crate) fn segment_size(host: &Host, id: SocketId, now: Instant) -> Option<u32> {
    latest(host, id).map(|connection| connection.info(now).snd_mss)
}

/// `TCP_TIMESTAMP`: an even number, because the clock counts milliseconds (`tcp_usec_ts` is off).
pub(crate) fn timestamp(host: &Host, id: SocketId, now: Instant) -> u32 {
    let clock = latest(host, id).map(|connection| connection.timestamp(now));
    let millis = now.as_millis() & u64::from(u32::MAX);
    clock.unwrap_or_else(|| u32::try_from(millis).unwrap_or(0)) & !1
}

/// `TCP_QUICKACK`, if there is a connection.
pub(crate) fn quickack(host: &Host, id: SocketId) -> Option<bool> {
    live(host, id).map(Connection::is_quickack)
}

/// `TCP_QUICKACK` for the connection, if there is one.
pub(crate) fn set_quickack(host: &mut Host, id: SocketId, on: bool, lasting: bool, now: Instant) {
    if let Ok((parts, stack)) = call(host, id)
        && let Phase::Connected(connection) = &mut parts.endpoint.phase
    {
        connection.set_quickack(on, lasting, now);
        output::make_ready(stack, parts.endpoint, id);
    }
}

/// A call waits to write on a socket that is connecting, or waits no longer.
pub(crate) fn set_writer(host: &mut Host, id: SocketId, waits: bool) {
    if let Some(parts) = endpoint_mut(&mut host.sockets, id)
        && let Phase::Connected(connection) = &mut parts.endpoint.phase
    {
        connection.set_writer(waits);
    }
}

/// `TCP_SYNCNT` of a socket that may be connecting.
pub(crate) fn limit_syns(host: &mut Host, id: SocketId, retries: u8) {
    if let Some(parts) = endpoint_mut(&mut host.sockets, id)
        && let Phase::Connected(connection) = &mut parts.endpoint.phase
    {
        connection.limit_syns(retries);
    }
}

/// What ICMP said of the connection and the connection survived, once.
pub(crate) fn take_soft_error(host: &mut Host, id: SocketId) -> Option<Errno> {
    let parts = endpoint_mut(&mut host.sockets, id)?;
    match &mut parts.endpoint.phase {
        Phase::Connected(connection) => connection.take_soft_error().map(errno),
        Phase::Unconnected | Phase::Joined(_) => None,
    }
}

/// `TCP_WINDOW_CLAMP`, if there is a connection.
pub(crate) fn window_clamp(host: &Host, id: SocketId) -> Option<u32> {
    live(host, id).map(Connection::window_clamp)
}

/// Before an option is read: autotuning may have grown the buffers.
pub(crate) fn note_buffer_sizes(host: &mut Host, id: SocketId) {
    let Some(parts) = endpoint_mut(&mut host.sockets, id) else {
        return;
    };
    if let Some(connection) = parts.endpoint.connection() {
        let (send, receive) = connection.buffer_sizes();
        parts.options.send_buffer = u32::try_from(send).unwrap_or(u32::MAX);
        parts.options.receive_buffer = u32::try_from(receive).unwrap_or(u32::MAX);
    }
}
