//! Data in and out: `tcp_sendmsg`, `tcp_recvmsg`, with their order of errors.

use bytes::Bytes;
use sockeye_tcp::{Connection, State, UrgentRead};
use sockeye_wire::Chunks;

use super::connect::connect_to_send;
use super::output::make_ready;
use super::{EndpointParts, Marks, Phase, Progress};
use crate::host::Host;
use crate::ids::SocketId;
use crate::options::Switches;
use crate::socket::Endpoint;
use crate::{
    Ancillary, Errno, Incoming, Instant, MessageFlags, MessageLevel, Outgoing, Payload, Queued,
    Received,
};

/// sk_stream_error: the pending error goes before EPIPE.
fn broken(error: &mut Option<Errno>) -> Errno {
    error.take().unwrap_or(Errno::EPIPE)
}

/// The connection if data can be sent on it, or what `tcp_sendmsg` answers.
fn sendable<'a>(parts: &'a mut EndpointParts<'_>) -> Result<&'a mut Connection, Errno> {
    let error = &mut *parts.error;
    let Phase::Connected(connection) = &mut parts.endpoint.phase else {
        return Err(broken(error));
    };
    match connection.state() {
        State::Established | State::CloseWait => {}
        // Fast Open: open before the handshake is over.
        State::SynReceived if connection.is_unconfirmed() => {}
        State::SynSent | State::SynReceived => {
            return Err(error.take().unwrap_or(Errno::EAGAIN));
        }
        _ => return Err(broken(error)),
    }
    if error.is_some() || connection.is_send_shut() {
        return Err(broken(error));
    }
    if parts.endpoint.progress == Progress::Connecting {
        parts.endpoint.progress = Progress::Connected;
    }
    Ok(connection)
}

/// `sendmsg(2)`: an address is not looked at, as in Linux.
pub(crate) fn send_message(
    host: &mut Host,
    id: SocketId,
    message: Outgoing<'_>,
    now: Instant,
) -> Result<usize, Errno> {
    if matches!(host.get(id)?.endpoint, Endpoint::Listener(_)) {
        return Err(Errno::EPIPE);
    }
    let is_fast = message.flags.contains(MessageFlags::FASTOPEN);
    if is_fast && connect_to_send(host, id, message.address, now)? {
        return send_in_syn(host, id, message.data, now);
    }
    let (mut parts, stack) = super::call(host, id)?;
    if parts.endpoint.waits_to_connect() {
        return send_in_syn(host, id, message.data, now);
    }
    let pages = parts.endpoint.pages;
    let is_set = parts.options.is_on(Switches::SEND_BUFFER_LOCKED);
    let connection = sendable(&mut parts)?;
    if stack.memory.is_pressed {
        super::memory::moderate(stack, pages, is_set, connection);
    }
    // sock_cmsg_send: only what is of SOL_SOCKET is looked at.
    if message
        .ancillary
        .contains(&Ancillary::Invalid(MessageLevel::Socket))
    {
        return Err(Errno::EINVAL);
    }
    let length = message.length();
    if length == 0 {
        return Ok(0);
    }
    let mut left = length.min(connection.send_room());
    if left < length {
        connection.note_no_room();
    }
    if left == 0 {
        return Err(Errno::EAGAIN);
    }
    let more = message.flags.contains(MessageFlags::MORE);
    let is_urgent = message.flags.contains(MessageFlags::OOB) && left == length;
    let ends_record = message.flags.contains(MessageFlags::EOR);
    let mut sent = 0;
    for piece in message.data {
        let piece = piece.get(..left).unwrap_or(piece);
        left -= piece.len();
        let is_last = left == 0;
        let count = if is_last && is_urgent {
            connection.send_urgent(piece, now)
        } else if piece.len() >= Chunks::LEAST {
            connection.send(stack.chunks.copy(piece), more || !is_last, now)
        } else {
            connection.send_slice(piece, more || !is_last, now)
        };
        sent += count;
        if sent == length && ends_record {
            connection.end_record();
        }
        if is_last || count < piece.len() {
            break;
        }
    }
    super::transmit(host, id, now);
    if sent == 0 {
        Err(Errno::EAGAIN)
    } else {
        Ok(sent)
    }
}

/// The second half of a send that opens the connection: as much as the SYN may have. The rest has to wait for the
/// SYN-ACK, and all of it if there is no cookie: `EINPROGRESS` (RFC 7413 4.2.1, `tcp_sendmsg_fastopen`).
fn send_in_syn(
    host: &mut Host,
    id: SocketId,
    data: &[&[u8]],
    now: Instant,
) -> Result<usize, Errno> {
    let (parts, stack) = super::call(host, id)?;
    let Phase::Connected(connection) = &mut parts.endpoint.phase else {
        return Err(Errno::EPIPE);
    };
    let count = connection.send_in_syn(data.iter().copied());
    make_ready(stack, parts.endpoint, id);
    super::transmit(host, id, now);
    host.refresh(id);
    if count == 0 {
        return Err(Errno::EINPROGRESS);
    }
    Ok(count)
}

/// Sends without copying.
pub(crate) fn send_bytes(
    host: &mut Host,
    id: SocketId,
    data: Bytes,
    now: Instant,
) -> Result<usize, Errno> {
    if matches!(host.get(id)?.endpoint, Endpoint::Listener(_)) {
        return Err(Errno::EPIPE);
    }
    let (mut parts, stack) = super::call(host, id)?;
    if parts.endpoint.waits_to_connect() {
        return send_in_syn(host, id, &[&data], now);
    }
    let pages = parts.endpoint.pages;
    let is_set = parts.options.is_on(Switches::SEND_BUFFER_LOCKED);
    let connection = sendable(&mut parts)?;
    if stack.memory.is_pressed {
        super::memory::moderate(stack, pages, is_set, connection);
    }
    if data.is_empty() {
        return Ok(0);
    }
    let sent = connection.send(data, false, now);
    if sent == 0 {
        return Err(Errno::EAGAIN);
    }
    super::transmit(host, id, now);
    Ok(sent)
}

/// What a read answers when there is no data.
fn nothing_to_read(parts: &mut EndpointParts<'_>) -> Result<(), Errno> {
    let Phase::Connected(connection) = &parts.endpoint.phase else {
        return match parts.error.take() {
            Some(errno) => Err(errno),
            None if parts.endpoint.marks.contains(Marks::READ_SHUT) => Ok(()),
            None => Err(Errno::ENOTCONN),
        };
    };
    // SOCK_DONE: after the peer's FIN the end of the stream goes before an error, which stays.
    if connection.is_ended_by_peer() {
        return Ok(());
    }
    if let Some(errno) = parts.error.take() {
        return Err(errno);
    }
    if connection.is_receive_shut() {
        Ok(())
    } else {
        Err(Errno::EAGAIN)
    }
}

/// `MSG_ERRQUEUE`. The pending error is what comes next in the queue, or none (`sock_dequeue_err_skb`).
fn receive_report(
    host: &mut Host,
    id: SocketId,
    mut message: Incoming<'_, '_>,
) -> Result<Received, Errno> {
    let Some(parts) = super::endpoint_mut(&mut host.sockets, id) else {
        return Err(Errno::EAGAIN);
    };
    let reports = parts.endpoint.reports.as_mut().ok_or(Errno::EAGAIN)?;
    let received = reports.receive_error(&mut message)?;
    *parts.error = reports.next_error();
    if parts.error.is_none() {
        parts.endpoint.reports = None;
    }
    Ok(received)
}

/// `recvmsg(2)`
pub(crate) fn receive_message(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
    now: Instant,
) -> Result<Received, Errno> {
    if message.flags.contains(MessageFlags::ERRQUEUE) {
        return receive_report(host, id, message);
    }
    let socket = host.get(id)?;
    if matches!(socket.endpoint, Endpoint::Listener(_)) {
        return Err(Errno::ENOTCONN);
    }
    let tells = Switches::TELL_UNREAD | Switches::RECEIVE_STAMPS;
    let told = socket.options.switches & tells;
    let mut received = receive(host, id, message, now)?;
    if told.contains(Switches::RECEIVE_STAMPS) {
        received.ancillary.extend(stamp(host, id, &received));
    }
    if told.contains(Switches::TELL_UNREAD)
        && let Some(left) = left_to_read(host, id)
    {
        received.ancillary.push(Ancillary::Unread(left));
    }
    Ok(received)
}

/// `tcp_recv_timestamp`: when the bytes came. Linux joins what lies in the queue into large buffers, each with the stamp of the
/// last segment that went into it; here the whole queue is one.
fn stamp(host: &Host, id: SocketId, received: &Received) -> Option<Ancillary> {
    if received.length == 0 || received.flags.contains(MessageFlags::OOB) {
        return None;
    }
    let options = &host.get(id).ok()?.options;
    let arrival = options.arrival()? - Instant::ZERO;
    options.stamp(host.stack.config.epoch + arrival)
}

/// `tcp_inq_hint`: the peer's FIN counts as one, so that a program reads on until it has seen the end.
fn left_to_read(host: &Host, id: SocketId) -> Option<i32> {
    let Endpoint::Tcp(endpoint) = &host.get(id).ok()?.endpoint else {
        return None;
    };
    let left = endpoint.connection().map_or(0, Connection::unread);
    Some(i32::try_from(left).unwrap_or(i32::MAX))
}

fn receive(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
    now: Instant,
) -> Result<Received, Errno> {
    if message.flags.contains(MessageFlags::OOB) {
        return receive_urgent(host, id, message);
    }
    let (mut parts, stack) = super::call(host, id)?;
    let mut length = 0;
    if let Phase::Connected(connection) = &mut parts.endpoint.phase {
        let is_peek = message.flags.contains(MessageFlags::PEEK);
        let offset = parts.options.peek_offset().filter(|_| is_peek);
        let offset = offset.unwrap_or(0);
        if message.flags.contains(MessageFlags::TRUNC) {
            // Asked for, TCP's MSG_TRUNC discards instead of copying.
            let room = message.room();
            length = if is_peek {
                room.min(connection.readable().saturating_sub(offset))
            } else {
                connection.read_bytes(room, now).len()
            };
        } else {
            for buffer in message.buffers.iter_mut() {
                let count = if is_peek {
                    connection.peek(offset + length, buffer)
                } else {
                    connection.read(buffer, now)
                };
                length += count;
                // A read does not go over the urgent mark.
                if count < buffer.len() || (!is_peek && connection.at_mark()) {
                    break;
                }
            }
        }
        if length > 0 {
            if is_peek {
                parts.options.has_peeked(length);
            } else {
                parts.options.has_read(length);
            }
            let has_output = connection.wants_transmit(now);
            super::memory::recount(stack, parts.endpoint);
            if has_output {
                make_ready(stack, parts.endpoint, id);
            }
            return Ok(Received {
                length,
                ..Received::default()
            });
        }
    }
    if message.buffers.iter().all(|buffer| buffer.is_empty())
        && parts
            .endpoint
            .connection()
            .is_some_and(|connection| connection.readable() > 0)
    {
        return Ok(Received::default());
    }
    nothing_to_read(&mut parts)?;
    if !message.flags.contains(MessageFlags::PEEK) {
        parts.endpoint.marks |= Marks::END_READ;
    }
    Ok(Received::default())
}

/// `recv(MSG_OOB)` (`tcp_recv_urg`)
fn receive_urgent(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
) -> Result<Received, Errno> {
    let (parts, _) = super::call(host, id)?;
    let Phase::Connected(connection) = &mut parts.endpoint.phase else {
        return Err(Errno::EINVAL);
    };
    match connection.read_urgent(message.flags.contains(MessageFlags::PEEK)) {
        UrgentRead::Byte(byte) => {
            let mut flags = MessageFlags::OOB;
            let room = message
                .buffers
                .iter_mut()
                .find_map(|buffer| buffer.first_mut());
            let length = match room {
                Some(slot) => {
                    *slot = byte;
                    1
                }
                None => {
                    flags |= MessageFlags::TRUNC;
                    0
                }
            };
            Ok(Received {
                length,
                flags,
                ..Received::default()
            })
        }
        UrgentRead::None => Err(Errno::EINVAL),
        UrgentRead::CutOff => Err(Errno::ENOTCONN),
        UrgentRead::Awaited => {
            if connection.is_receive_shut() {
                Ok(Received::default())
            } else {
                Err(Errno::EAGAIN)
            }
        }
    }
}

/// Receives without copying.
pub(crate) fn receive_payload(
    host: &mut Host,
    id: SocketId,
    max: usize,
    now: Instant,
) -> Result<Payload, Errno> {
    if matches!(host.get(id)?.endpoint, Endpoint::Listener(_)) {
        return Err(Errno::ENOTCONN);
    }
    let (mut parts, stack) = super::call(host, id)?;
    if let Phase::Connected(connection) = &mut parts.endpoint.phase {
        let payload = connection.read_bytes(max, now);
        if !payload.is_empty() {
            let has_output = connection.wants_transmit(now);
            super::memory::recount(stack, parts.endpoint);
            if has_output {
                make_ready(stack, parts.endpoint, id);
            }
            return Ok(payload);
        }
    }
    nothing_to_read(&mut parts)?;
    parts.endpoint.marks |= Marks::END_READ;
    Ok(Payload::new())
}

/// `FIONREAD`, `SIOCOUTQ`, `SIOCOUTQNSD`: EINVAL on a listener.
pub(crate) fn queued(host: &Host, id: SocketId, what: Queued) -> Result<usize, Errno> {
    let Endpoint::Tcp(endpoint) = &host.get(id)?.endpoint else {
        return Err(Errno::EINVAL);
    };
    let Some(connection) = endpoint.connection() else {
        return Ok(0);
    };
    Ok(match what {
        Queued::Unread if connection.state() == State::SynSent => 0,
        // tcp_inq counts up to the urgent byte.
        Queued::Unread if connection.at_mark() && !connection.options().oob_inline => 0,
        Queued::Unread => connection.readable(),
        Queued::Unsent if connection.state() == State::SynSent => 0,
        Queued::Unsent => connection.unacknowledged().0,
        Queued::NeverSent => connection.unacknowledged().1,
    })
}

/// `SIOCATMARK`
pub(crate) fn at_mark(host: &Host, id: SocketId) -> Result<bool, Errno> {
    match &host.get(id)?.endpoint {
        Endpoint::Tcp(endpoint) => Ok(endpoint.connection().is_some_and(Connection::at_mark)),
        _ => Ok(false),
    }
}
