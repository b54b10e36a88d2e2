//! `MSG_ZEROCOPY` of UDP: a datagram is copied on its way out, as in Linux into the loopback and TUN, and done with at once.

use crate::host::Host;
use crate::message::{MessageFlags, Outgoing};
use crate::options::Switches;
use crate::socket::Endpoint;
use crate::socket::datagrams::Completion;
use crate::{Domain, Errno, SocketId};

/// Whether the end of this message, or of this part of one, is to be told; `ENOBUFS` if too much waits to be told.
pub(super) fn is_asked_for(
    host: &Host,
    id: SocketId,
    message: &Outgoing<'_>,
) -> Result<bool, Errno> {
    let socket = host.get(id)?;
    let Endpoint::Datagram(endpoint) = &socket.endpoint else {
        return Ok(false);
    };
    if !message.flags.contains(MessageFlags::ZEROCOPY) || !socket.options.is_on(Switches::ZERO_COPY)
    {
        return Ok(false);
    }
    let optmem_max = host.stack.config.sysctl.optmem_max;
    if !Completion::has_room(endpoint.queues.completions(), optmem_max) {
        return Err(Errno::ENOBUFS);
    }
    Ok(true)
}

/// So many sends are done with.
pub(super) fn done(host: &mut Host, id: SocketId, count: u32) {
    let Some(socket) = host.sockets.get_mut(id).filter(|_| count > 0) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    let first = socket.options.count_zero_copies(count);
    endpoint.queues.push_completion(Completion {
        first,
        last: first.wrapping_add(count).wrapping_sub(1),
        was_copied: true,
        is_v6: socket.domain == Domain::Inet6,
    });
    host.wake(id);
}
