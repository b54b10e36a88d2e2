//! Data out: `tcp_sendmsg`, with its order of errors.

use bytes::Bytes;
use sockeye_tcp::{Connection, Push, State};
use sockeye_wire::Chunks;

use super::connect::connect_to_send;
use super::output::{make_ready, transmit_one};
use super::{EndpointParts, Phase, Progress, TcpEndpoint};
use crate::host::{Host, Stack};
use crate::ids::SocketId;
use crate::options::{SharedOptions, StampFlags, Switches};
use crate::socket::Endpoint;
use crate::socket::departures::StampRequest;
use crate::{Ancillary, Errno, Instant, MessageFlags, MessageLevel, Outgoing};

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
    if message.flags.contains(MessageFlags::ZEROCOPY) {
        return super::zero_copy::sending(host, id, &message, now, send);
    }
    send(host, id, &message, now)
}

/// The parts of a socket that may have something to send; a listener has not.
fn open<'a>(host: &'a mut Host, id: SocketId) -> Result<(EndpointParts<'a>, &'a mut Stack), Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).filter(|socket| !socket.is_hidden);
    let socket = socket.ok_or(Errno::EBADF)?;
    if matches!(socket.endpoint, Endpoint::Listener(_)) {
        return Err(Errno::EPIPE);
    }
    let parts = super::parts_of(socket).ok_or(Errno::EOPNOTSUPP)?;
    Ok((parts, stack))
}

fn send(
    host: &mut Host,
    id: SocketId,
    message: &Outgoing<'_>,
    now: Instant,
) -> Result<usize, Errno> {
    let (mut parts, _) = open(host, id)?;
    if message.flags.contains(MessageFlags::FASTOPEN) {
        if connect_to_send(host, id, message.address, now)? {
            return send_in_syn(host, id, message.data, now);
        }
        (parts, _) = open(host, id)?;
    }
    if parts.endpoint.waits_to_connect() {
        return send_in_syn(host, id, message.data, now);
    }
    let stamps = match stamps_asked_for(parts.options, &message.ancillary) {
        Ok(stamps) => stamps,
        Err(errno) => {
            sendable(&mut parts)?;
            return Err(errno);
        }
    };
    let is_zero_copy =
        message.flags.contains(MessageFlags::ZEROCOPY) && parts.options.is_on(Switches::ZERO_COPY);
    let extent = Extent {
        length: message.length(),
        stamps,
        waits: message.flags.contains(MessageFlags::WAITS),
    };
    write(host, id, extent, now, |connection, chunks, sent| {
        queue(connection, chunks, (message, is_zero_copy), sent, now)
    })
}

/// `sock_cmsg_send`: only what is of `SOL_SOCKET` is looked at. What is to be recorded of what is sent.
fn stamps_asked_for(options: &SharedOptions, ancillary: &[Ancillary]) -> Result<StampFlags, Errno> {
    let mut asked = StampRequest::of(options);
    for message in ancillary {
        match message {
            // A stream numbers its bytes itself.
            Ancillary::Invalid(MessageLevel::Socket) | Ancillary::StampKey(_) => {
                return Err(Errno::EINVAL);
            }
            Ancillary::StampRequest(flags) => asked.ask(*flags),
            _ => {}
        }
    }
    Ok(asked.flags)
}

/// How much is written, and what is to be told of its last byte.
#[derive(Clone, Copy)]
struct Extent {
    length: usize,
    stamps: StampFlags,
    /// What there is no room for now follows.
    waits: bool,
}

/// So many bytes were queued, the last of which is to be told of.
fn stamp(endpoint: &mut TcpEndpoint, count: usize, wants: StampFlags) {
    if !wants.is_empty()
        && let Phase::Connected(connection) = &mut endpoint.phase
    {
        let reports = endpoint.reports.get_or_insert_default();
        reports.stamps.written(connection, count, wants);
    }
}

/// Gives a connection `length` bytes, or as many as it takes: `queue` gives it those from a number on and says how many it took.
/// What is sent at once makes room for more.
fn write(
    host: &mut Host,
    id: SocketId,
    extent: Extent,
    now: Instant,
    mut queue: impl FnMut(&mut Connection, &mut Chunks, usize) -> usize,
) -> Result<usize, Errno> {
    let Extent {
        length,
        stamps,
        waits,
    } = extent;
    let mut sent = 0;
    loop {
        let (mut parts, stack) = super::call(host, id)?;
        let pages = parts.endpoint.pages;
        let is_set = parts.options.is_on(Switches::SEND_BUFFER_LOCKED);
        let connection = match sendable(&mut parts) {
            Err(errno) if sent == 0 => return Err(errno),
            Err(_) => return Ok(sent),
            Ok(connection) => connection,
        };
        if length == 0 {
            return Ok(0);
        }
        if stack.memory.is_pressed {
            super::memory::moderate(stack, pages, is_set, connection);
        }
        let count = queue(connection, &mut stack.chunks, sent);
        sent += count;
        if count > 0 && sent < length {
            match connection.push_within(count) {
                Push::All => super::transmit(host, id, now),
                Push::One => transmit_one(host, id, now),
                Push::None => {}
            }
            continue;
        }
        if count == 0 {
            connection.wait_for_room();
        } else {
            stamp(parts.endpoint, count, stamps);
        }
        super::transmit(host, id, now);
        if sent == length {
            return Ok(sent);
        }
        if sent == 0 {
            return Err(Errno::EAGAIN);
        }
        // What there is no more room for ends earlier, unless it is waited for.
        if !waits {
            let (parts, _) = super::call(host, id)?;
            stamp(parts.endpoint, sent, stamps);
        }
        return Ok(sent);
    }
}

/// Queues what a connection takes of a message behind its first `skip` bytes.
fn queue(
    connection: &mut Connection,
    chunks: &mut Chunks,
    (message, is_zero_copy): (&Outgoing<'_>, bool),
    mut skip: usize,
    now: Instant,
) -> usize {
    /// `MAX_SKB_FRAGS`: a buffer that points to the program's memory has room for so many pieces of it.
    const MOST_FRAGMENTS: u32 = 17;
    let is_urgent = message.flags.contains(MessageFlags::OOB);
    let mut left = message.length() - skip;
    let mut queued = 0;
    let mut fragments = 0;
    for piece in message.data {
        let Some(piece) = piece.get(skip..) else {
            skip -= piece.len();
            continue;
        };
        skip = 0;
        left -= piece.len();
        if fragments == MOST_FRAGMENTS {
            connection.end_record();
            fragments = 0;
        }
        fragments += u32::from(is_zero_copy && !piece.is_empty());
        let more = message.flags.contains(MessageFlags::MORE) || left > 0;
        let count = if left == 0 && is_urgent {
            connection.send_urgent(piece, now)
        } else if piece.len() >= Chunks::LEAST {
            let room = connection.room_for(piece.len());
            let more = more || room < piece.len();
            connection.send(chunks.copy(piece.get(..room).unwrap_or(piece)), more, now)
        } else {
            connection.send_slice(piece, more, now)
        };
        queued += count;
        if count < piece.len() {
            return queued;
        }
        if left == 0 {
            break;
        }
    }
    if message.flags.contains(MessageFlags::EOR) {
        connection.end_record();
    }
    queued
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
    let (parts, _) = open(host, id)?;
    if parts.endpoint.waits_to_connect() {
        return send_in_syn(host, id, &[&data], now);
    }
    let length = data.len();
    let extent = Extent {
        length,
        stamps: StampRequest::of(parts.options).flags,
        waits: false,
    };
    write(host, id, extent, now, |connection, _, sent| {
        connection.send(data.slice(sent..), false, now)
    })
}
