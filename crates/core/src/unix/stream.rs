//! `SOCK_STREAM`: bytes in order, with the boundaries that rights, credentials and the out-of-band byte make.

use alloc::vec::Vec;

use bytes::{Buf, Bytes};

use super::message::{Message, Source, deliver, settle, stream_piece};
use super::rights::Attached;
use super::{State, UnixEndpoint, end, end_mut, rights};
use crate::options::Switches;
use crate::{
    Credentials, Errno, Host, Incoming, MessageFlags, Outgoing, Payload, Received, SocketAddress,
    SocketId, UnixAddress,
};

pub(super) fn passes_credentials(host: &Host, id: SocketId) -> bool {
    host.sockets
        .get(id)
        .is_some_and(|socket| socket.options.is_on(Switches::PASS_CREDENTIALS))
}

/// `unix_maybe_add_creds`: the sender's credentials go along if either end wants them, or nobody has the other yet.
pub(super) fn implicit_credentials(
    host: &Host,
    from: SocketId,
    to: SocketId,
) -> Option<Credentials> {
    let is_embryo = host.sockets.get(to).is_none_or(|socket| socket.is_hidden);
    let wanted = is_embryo || passes_credentials(host, from) || passes_credentials(host, to);
    let credentials = host.sockets.get(from)?.credentials();
    wanted.then_some(credentials)
}

pub(super) fn name_of(host: &Host, id: SocketId) -> Option<SocketAddress> {
    let name = &end(host, id).ok()?.name;
    (*name != UnixAddress::Unnamed).then(|| SocketAddress::Unix(name.clone()))
}

/// Copies data into scattered buffers behind the first `skip` bytes of room; how much fitted.
pub(super) fn copy_out(data: &[u8], buffers: &mut [&mut [u8]], skip: usize) -> usize {
    let (mut skip, mut data, mut copied) = (skip, data, 0);
    for buffer in buffers {
        let skipped = skip.min(buffer.len());
        skip -= skipped;
        let Some(room) = buffer.get_mut(skipped..) else {
            continue;
        };
        let length = room.len().min(data.len());
        let (now, later) = data.split_at(length);
        if let Some(room) = room.get_mut(..length) {
            room.copy_from_slice(now);
        }
        data = later;
        copied += length;
    }
    copied
}

/// `sock_alloc_send_pskb`: the pending error, then shutdown, then room in the send buffer.
pub(super) fn check_room(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    host.get_mut(id)?.take_error()?;
    let send_buffer = host.get(id)?.options.send_buffer as usize;
    let endpoint = end_mut(host, id)?;
    if endpoint.no_write {
        return Err(Errno::EPIPE);
    }
    if endpoint.charged >= send_buffer {
        endpoint.is_starved = true;
        return Err(Errno::EAGAIN);
    }
    Ok(())
}

/// `unix_stream_sendmsg`
pub(super) fn send(host: &mut Host, id: SocketId, message: Outgoing<'_>) -> Result<usize, Errno> {
    let Outgoing {
        data,
        address,
        ancillary,
        flags,
    } = message;
    let source = Source::Pieces(data);
    let attached = rights::attach(host, id, ancillary)?;
    let is_urgent = flags.contains(MessageFlags::OOB);
    if is_urgent && source.len() == 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if address.is_some() {
        return Err(match end(host, id)?.state {
            State::Established => Errno::EISCONN,
            State::Closed | State::Listening => Errno::EOPNOTSUPP,
        });
    }
    send_all(host, id, &source, attached, is_urgent)
}

pub(super) fn send_bytes(host: &mut Host, id: SocketId, data: Bytes) -> Result<usize, Errno> {
    send_all(host, id, &Source::Shared(data), Attached::default(), false)
}

fn send_all(
    host: &mut Host,
    id: SocketId,
    source: &Source<'_>,
    attached: Attached,
    is_urgent: bool,
) -> Result<usize, Errno> {
    let endpoint = end(host, id)?;
    let peer = endpoint.peer.ok_or(Errno::ENOTCONN)?;
    if endpoint.no_write {
        return Err(Errno::EPIPE);
    }
    let total = source.len();
    let ordinary = if is_urgent { total - 1 } else { total };
    let mut sent = 0;
    let mut attached = Some(attached);
    while sent < total {
        let piece = if sent < ordinary { ordinary - sent } else { 1 };
        match send_piece(
            host,
            id,
            peer,
            source,
            (sent, piece),
            attached.take().unwrap_or_default(),
            sent >= ordinary,
        ) {
            Ok(length) => sent += length,
            Err(errno) if sent == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(sent)
}

fn send_piece(
    host: &mut Host,
    id: SocketId,
    peer: SocketId,
    source: &Source<'_>,
    (from, rest): (usize, usize),
    attached: Attached,
    is_urgent: bool,
) -> Result<usize, Errno> {
    check_room(host, id)?;
    let other = end(host, peer)?;
    if other.is_closed || other.no_read {
        return Err(Errno::EPIPE);
    }
    let send_buffer = host.get(id)?.options.send_buffer as usize;
    let (length, charge) = stream_piece(rest, send_buffer);
    let credentials = attached
        .credentials
        .or_else(|| implicit_credentials(host, id, peer));
    if is_urgent {
        // A second one makes the first an ordinary byte.
        let receiver = end_mut(host, peer)?;
        receiver.urgent = Some(receiver.next_number);
    }
    rights::take_off(host, id, &attached.rights);
    let data = source.slice(from, length);
    deliver(
        host,
        id,
        peer,
        Message {
            number: 0,
            data,
            sender: id,
            charge,
            credentials,
            rights: attached.rights,
        },
    )?;
    Ok(length)
}

/// What one pass over the queue gathered.
#[derive(Default)]
struct Gathered {
    copied: usize,
    sender: Option<SocketId>,
    credentials: Option<Credentials>,
    rights: Vec<crate::Right>,
}

/// `unix_stream_recvmsg`
pub(super) fn receive(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
) -> Result<Received, Errno> {
    let room = message.room();
    let Incoming {
        buffers,
        flags,
        ancillary_room,
    } = message;
    let is_peek = flags.contains(MessageFlags::PEEK);
    if end(host, id)?.state != State::Established {
        return Err(Errno::EINVAL);
    }
    if flags.contains(MessageFlags::OOB) {
        return receive_urgent(host, id, buffers, is_peek);
    }
    let wants_credentials = passes_credentials(host, id);
    let gathered = gather(host, id, room, is_peek, wants_credentials, |data, at| {
        copy_out(data, buffers, at);
    })?;
    // A read of nothing waits for something to be there all the same.
    if gathered.copied == 0 && (room > 0 || end(host, id)?.queue.is_empty()) {
        nothing_there(host, id)?;
    }
    let mut received = Received {
        length: gathered.copied,
        address: gathered.sender.and_then(|sender| name_of(host, sender)),
        ..Received::default()
    };
    let credentials =
        (wants_credentials && gathered.sender.is_some()).then_some(gathered.credentials);
    rights::hand_over(&mut received, ancillary_room, credentials, gathered.rights);
    Ok(received)
}

pub(super) fn receive_payload(host: &mut Host, id: SocketId, max: usize) -> Result<Payload, Errno> {
    if end(host, id)?.state != State::Established {
        return Err(Errno::EINVAL);
    }
    let mut payload = Payload::new();
    if max == 0 {
        return Ok(payload);
    }
    let wants_credentials = passes_credentials(host, id);
    let gathered = gather(host, id, max, false, wants_credentials, |data, _| {
        payload.push_back(data.clone())
    })?;
    if gathered.copied == 0 {
        nothing_there(host, id)?;
    }
    Ok(payload)
}

/// An empty queue: the pending error, then the end of the stream, then nothing yet.
fn nothing_there(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    host.get_mut(id)?.take_error()?;
    if end(host, id)?.no_read {
        Ok(())
    } else {
        Err(Errno::EAGAIN)
    }
}

/// `unix_stream_read_generic` without the waiting: what one call may take from the queue.
fn gather(
    host: &mut Host,
    id: SocketId,
    room: usize,
    is_peek: bool,
    keeps_writers_apart: bool,
    mut take: impl FnMut(&Bytes, usize),
) -> Result<Gathered, Errno> {
    let inline = host.get(id)?.options.is_on(Switches::OOB_INLINE);
    let mut gathered = Gathered::default();
    let mut index = 0;
    let offset = host.get(id)?.options.peek_offset().filter(|_| is_peek);
    let mut skip = offset.unwrap_or(0);
    loop {
        match manage_urgent(host, id, index, is_peek, inline, gathered.copied)? {
            Urgent::Stop => break,
            Urgent::Skip => {
                index += 1;
                continue;
            }
            Urgent::Dropped => continue,
            Urgent::Ordinary => {}
        }
        let endpoint = end_mut(host, id)?;
        let Some(front) = endpoint.queue.get_mut(index) else {
            break;
        };
        if skip >= front.data.len() {
            skip -= front.data.len();
            index += 1;
            continue;
        }
        if gathered.sender.is_some()
            && keeps_writers_apart
            && gathered.credentials != front.credentials
        {
            // Messages of different writers are never glued together.
            break;
        }
        if gathered.sender.is_none() {
            gathered.sender = Some(front.sender);
            gathered.credentials = front.credentials;
        }
        let length = (front.data.len() - skip).min(room - gathered.copied);
        take(&front.data.slice(skip..skip + length), gathered.copied);
        skip = 0;
        gathered.copied += length;
        let has_rights = !front.rights.is_empty();
        if is_peek {
            gathered.rights.clone_from(&front.rights);
            index += 1;
        } else if length < front.data.len() {
            front.data.advance(length);
            endpoint.unread = endpoint.unread.saturating_sub(length);
            let sender = front.sender;
            gathered.rights = core::mem::take(&mut front.rights);
            rights::land(host, sender, &gathered.rights);
            break;
        } else {
            endpoint.unread = endpoint.unread.saturating_sub(length);
            if let Some(message) = endpoint.queue.pop_front() {
                gathered.rights = settle(host, message);
            }
        }
        // A read of nothing looks at the first message all the same.
        if has_rights || gathered.copied >= room {
            break;
        }
    }
    let options = &mut host.get_mut(id)?.options;
    if is_peek {
        options.has_peeked(gathered.copied);
    } else {
        options.has_read(gathered.copied);
    }
    Ok(gathered)
}

enum Urgent {
    /// Read the message.
    Ordinary,
    /// Look at the next one.
    Skip,
    /// The message is gone; look at what is in its place.
    Dropped,
    /// Nothing more in this call.
    Stop,
}

/// `manage_oob`: a read stops before the mark, and one that begins there skips the byte unless it is inline.
fn manage_urgent(
    host: &mut Host,
    id: SocketId,
    index: usize,
    is_peek: bool,
    inline: bool,
    copied: usize,
) -> Result<Urgent, Errno> {
    let endpoint = end_mut(host, id)?;
    let Some(message) = endpoint.queue.get(index) else {
        return Ok(Urgent::Stop);
    };
    if message.data.is_empty() {
        // The place of an out-of-band byte that was read by MSG_OOB.
        return Ok(if copied > 0 && endpoint.urgent.is_none() {
            Urgent::Stop
        } else if is_peek {
            Urgent::Skip
        } else {
            drop_at_front(host, id)?;
            Urgent::Dropped
        });
    }
    if endpoint.urgent != Some(message.number) {
        return Ok(Urgent::Ordinary);
    }
    if copied > 0 {
        return Ok(Urgent::Stop);
    }
    if is_peek {
        return Ok(if inline {
            Urgent::Ordinary
        } else {
            Urgent::Skip
        });
    }
    endpoint.urgent = None;
    if inline {
        return Ok(Urgent::Ordinary);
    }
    drop_at_front(host, id)?;
    Ok(Urgent::Dropped)
}

fn drop_at_front(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    let endpoint: &mut UnixEndpoint = end_mut(host, id)?;
    if let Some(message) = endpoint.queue.pop_front() {
        endpoint.unread = endpoint.unread.saturating_sub(message.data.len());
        drop(settle(host, message));
    }
    Ok(())
}

/// `unix_stream_recv_urg`
fn receive_urgent(
    host: &mut Host,
    id: SocketId,
    buffers: &mut [&mut [u8]],
    is_peek: bool,
) -> Result<Received, Errno> {
    let inline = host.get(id)?.options.is_on(Switches::OOB_INLINE);
    let endpoint = end_mut(host, id)?;
    let first = endpoint.queue.front().map_or(0, |message| message.number);
    let index = endpoint
        .urgent
        .and_then(|number| usize::try_from(number.checked_sub(first)?).ok());
    let message = index
        .and_then(|index| endpoint.queue.get_mut(index))
        .filter(|_| !inline);
    let message = message.ok_or(Errno::EINVAL)?;
    let length = copy_out(&message.data, buffers, 0);
    if !is_peek {
        // Its place stays in the queue, empty: reads stop there.
        endpoint.unread = endpoint.unread.saturating_sub(message.data.len());
        message.data.clear();
        endpoint.urgent = None;
    }
    Ok(Received {
        length,
        flags: MessageFlags::OOB,
        ..Received::default()
    })
}
