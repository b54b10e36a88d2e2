//! What ends a connection from outside (`tcp_abort`).

use super::output::make_ready;
use super::{Marks, Phase, close, listener};
use crate::host::Host;
use crate::inet::demux::FourTuple;
use crate::socket::Endpoint;
use crate::{Errno, Instant, SocketId};

/// The peer hears a reset, and the program that its connection was aborted. A listener stops listening.
pub(crate) fn destroy(host: &mut Host, id: SocketId, now: Instant) -> Result<(), Errno> {
    let socket = host.sockets.get_mut(id).ok_or(Errno::ENOENT)?;
    if matches!(socket.endpoint, Endpoint::Listener(_)) {
        listener::stop(host, id, now);
        if let Some(parts) = super::endpoint_mut(&mut host.sockets, id) {
            parts.endpoint.marks |= Marks::READ_SHUT;
            *parts.error = Some(Errno::ECONNABORTED);
        }
        host.wake(id);
        return Ok(());
    }
    let Host { sockets, stack } = host;
    let parts = super::endpoint_mut(sockets, id).ok_or(Errno::ENOENT)?;
    match &mut parts.endpoint.phase {
        Phase::Unconnected => return Err(Errno::ENOENT),
        // The data travels by the embedder's way, and so would its end.
        Phase::Joined(_) => return Err(Errno::EOPNOTSUPP),
        Phase::Connected(connection) => connection.abort(now),
    }
    make_ready(stack, parts.endpoint, id);
    super::transmit(host, id, now);
    host.wake(id);
    Ok(())
}

/// Ends a TIME-WAIT before its time.
pub(crate) fn forget_time_wait(host: &mut Host, tuple: &FourTuple) {
    close::drop_record(&mut host.stack, tuple);
}
