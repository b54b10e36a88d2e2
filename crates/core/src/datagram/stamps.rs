//! When datagrams went: `SO_TIMESTAMPING` of what is sent.

use crate::host::{Host, Stack};
use crate::ip::output::Kept;
use crate::options::StampFlags;
use crate::socket::Endpoint;
use crate::socket::departures::{Content, Stage, StampRequest, entry};
use crate::{Instant, InterfaceId, SocketId};

/// Before a datagram is sent.
pub(super) fn begin(stack: &mut Stack, asked: StampRequest) {
    if asked.is_of_departure() {
        stack.kept = Kept::Wanted;
    }
}

/// After a datagram was sent, or was not.
pub(super) fn end(
    host: &mut Host,
    id: SocketId,
    asked: StampRequest,
    interface: InterfaceId,
    is_sent: bool,
) {
    let Host { sockets, stack } = host;
    let frame = match core::mem::take(&mut stack.kept) {
        Kept::Nothing => return,
        Kept::Wanted => None,
        Kept::Frame(frame) => Some(frame),
    };
    let (Some(frame), Some(socket), true) = (frame, sockets.get_mut(id), is_sent) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    let options = &mut socket.options;
    let key = match asked.key {
        Some(key) => key,
        None => options.next_stamp_key(),
    };
    let content = if options.stamp_flags().contains(StampFlags::OPT_TSONLY) {
        Content::Nothing
    } else {
        Content::Packet(&frame, interface)
    };
    let now = stack.config.epoch + (stack.now - Instant::ZERO);
    for (flag, stage) in Stage::OF_DEPARTURE {
        if asked.flags.contains(flag) {
            let queued = entry(socket.domain, options, stage, key, now, &content);
            endpoint.queues.push_error(queued, options);
        }
    }
    host.wake(id);
}
