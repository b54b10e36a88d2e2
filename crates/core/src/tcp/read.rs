//! Data in, and how much there is: `tcp_recvmsg`, with its order of errors.

use sockeye_tcp::{Connection, State, UrgentRead};

use super::output::make_ready;
use super::{EndpointParts, Marks, Phase};
use crate::host::Host;
use crate::ids::SocketId;
use crate::options::Switches;
use crate::socket::Endpoint;
use crate::{Ancillary, Errno, Incoming, Instant, MessageFlags, Payload, Queued, Received};

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

/// `MSG_ERRQUEUE`
fn receive_report(
    host: &mut Host,
    id: SocketId,
    mut message: Incoming<'_, '_>,
) -> Result<Received, Errno> {
    let Some(parts) = super::endpoint_mut(&mut host.sockets, id) else {
        return Err(Errno::EAGAIN);
    };
    let reports = parts.endpoint.reports.as_mut().ok_or(Errno::EAGAIN)?;
    let received = reports.receive(&mut message, parts.error)?;
    if reports.is_idle() {
        parts.endpoint.reports = None;
    } else if reports.has_error() {
        host.wake(id);
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
        let stamps = stamps(host, id, &received);
        received.ancillary.extend(stamps.into_iter().flatten());
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
fn stamps(
    host: &Host,
    id: SocketId,
    received: &Received,
) -> Option<impl Iterator<Item = Ancillary> + use<>> {
    if received.length == 0 || received.flags.contains(MessageFlags::OOB) {
        return None;
    }
    let options = &host.get(id).ok()?.options;
    let arrival = options.arrival()? - Instant::ZERO;
    Some(options.stamps(host.stack.config.epoch + arrival))
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
