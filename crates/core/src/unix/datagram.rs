//! Messages that stay whole: `SOCK_DGRAM` and `SOCK_SEQPACKET`.

use alloc::vec::Vec;

use super::connect::{
    autobind_if_credentials_pass, find, forget_old_peer, may_send, set_datagram_peer, validate,
    wake_waiters,
};
use super::message::{Message, Source, datagram_charge, deliver, settle};
use super::{end, end_mut, rights, stream};
use crate::{Errno, Host, Incoming, MessageFlags, Outgoing, Received, Right, SocketId, SocketType};

/// `unix_seqpacket_sendmsg`: an address is ignored.
pub(super) fn send_packet(
    host: &mut Host,
    id: SocketId,
    message: Outgoing<'_>,
) -> Result<usize, Errno> {
    host.get_mut(id)?.take_error()?;
    if end(host, id)?.state != super::State::Established {
        return Err(Errno::ENOTCONN);
    }
    send(
        host,
        id,
        Outgoing {
            address: None,
            ..message
        },
    )
}

/// `unix_dgram_sendmsg`
pub(super) fn send(host: &mut Host, id: SocketId, message: Outgoing<'_>) -> Result<usize, Errno> {
    let Outgoing {
        data,
        address,
        ancillary,
        flags,
    } = message;
    let source = Source::Pieces(data);
    let attached = rights::attach(host, id, ancillary)?;
    if flags.contains(MessageFlags::OOB) {
        return Err(Errno::EOPNOTSUPP);
    }
    let name = address.map(validate).transpose()?;
    autobind_if_credentials_pass(host, id)?;
    let length = source.len();
    let send_buffer = host.get(id)?.options.send_buffer as usize;
    if length > send_buffer.saturating_sub(32) {
        return Err(Errno::EMSGSIZE);
    }
    stream::check_room(host, id)?;
    let to = match name {
        Some(name) => find(host, id, name)?,
        None => end(host, id)?.peer.ok_or(Errno::ENOTCONN)?,
    };
    if end(host, to)?.is_closed {
        // Only the peer of this socket can be closed and still be found. (A sequenced-packet socket heard EPIPE.)
        set_datagram_peer(host, id, None)?;
        forget_old_peer(host, id, Some(to))?;
        return Err(Errno::ECONNREFUSED);
    }
    if end(host, id)?.kind == SocketType::Datagram && !may_send(host, id, to)? {
        return Err(Errno::EPERM);
    }
    let receiver = end(host, to)?;
    if receiver.no_read {
        return Err(Errno::EPIPE);
    }
    // Two sockets that are connected to each other are bounded by their send buffers only.
    if to != id && receiver.peer != Some(id) && receiver.is_full() {
        end_mut(host, id)?.is_starved = true;
        let waiters = &mut end_mut(host, to)?.crowd().waiters;
        if !waiters.contains(&id) {
            waiters.push(id);
        }
        return Err(Errno::EAGAIN);
    }
    let credentials = attached
        .credentials
        .or_else(|| stream::implicit_credentials(host, id, to));
    rights::take_off(host, id, &attached.rights);
    let message = Message {
        number: 0,
        data: source.slice(0, length),
        sender: id,
        charge: datagram_charge(length),
        credentials,
        rights: attached.rights,
    };
    deliver(host, id, to, message)?;
    refresh_followers_if_full(host, to);
    Ok(length)
}

/// A queue that has just become full makes those connected to it unwritable.
fn refresh_followers_if_full(host: &mut Host, id: SocketId) {
    let Ok(endpoint) = end(host, id) else {
        return;
    };
    if endpoint.queue.len() != endpoint.backlog + 1 {
        return;
    }
    for follower in endpoint
        .crowd
        .as_ref()
        .map(|crowd| crowd.followers.clone())
        .unwrap_or_default()
    {
        host.refresh(follower);
    }
}

/// `unix_seqpacket_recvmsg`
pub(super) fn receive_packet(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
) -> Result<Received, Errno> {
    if end(host, id)?.state != super::State::Established {
        return Err(Errno::ENOTCONN);
    }
    receive(host, id, message)
}

/// `unix_dgram_recvmsg`
pub(super) fn receive(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
) -> Result<Received, Errno> {
    let Incoming {
        buffers,
        flags,
        ancillary_room,
    } = message;
    if flags.contains(MessageFlags::OOB) {
        return Err(Errno::EOPNOTSUPP);
    }
    // A pending error comes before what is queued.
    host.get_mut(id)?.take_error()?;
    let wants_credentials = stream::passes_credentials(host, id);
    let is_peek = flags.contains(MessageFlags::PEEK);
    let offset = host.get(id)?.options.peek_offset().filter(|_| is_peek);
    let endpoint = end(host, id)?;
    let mut skip = offset.unwrap_or(0);
    let found = endpoint.queue.iter().position(|message| {
        let length = message.data.len();
        let is_behind = skip > 0 && skip >= length;
        skip -= if is_behind { length } else { 0 };
        !is_behind
    });
    let Some((index, front)) = found.and_then(|index| Some((index, endpoint.queue.get(index)?)))
    else {
        // Only a sequenced-packet socket says "end" without blocking; see `Pending` for the other.
        return if endpoint.kind == SocketType::SeqPacket && endpoint.no_read {
            Ok(Received::default())
        } else {
            Err(Errno::EAGAIN)
        };
    };
    let whole = front.data.len();
    let length = whole - skip;
    let data = front.data.get(skip..).unwrap_or_default();
    let copied = stream::copy_out(data, buffers, 0);
    let (sender, credentials) = (front.sender, front.credentials);
    let address = stream::name_of(host, sender);
    let rights = if is_peek {
        host.get_mut(id)?.options.has_peeked(copied);
        peeked_rights(host, id, index)
    } else {
        host.get_mut(id)?.options.has_read(whole);
        take_front(host, id)?
    };
    let mut received = Received {
        length: if flags.contains(MessageFlags::TRUNC) {
            length
        } else {
            copied
        },
        address,
        ..Received::default()
    };
    received.flags.set(MessageFlags::TRUNC, copied < length);
    rights::hand_over(
        &mut received,
        ancillary_room,
        wants_credentials.then_some(credentials),
        rights,
    );
    Ok(received)
}

fn peeked_rights(host: &Host, id: SocketId, index: usize) -> Vec<Right> {
    let peeked = end(host, id).ok().and_then(|end| end.queue.get(index));
    peeked
        .map(|message| message.rights.clone())
        .unwrap_or_default()
}

/// Takes the first message out, and lets in those who waited for its room.
fn take_front(host: &mut Host, id: SocketId) -> Result<Vec<Right>, Errno> {
    let endpoint = end_mut(host, id)?;
    let was_full = endpoint.is_full();
    let Some(message) = endpoint.queue.pop_front() else {
        return Ok(Vec::new());
    };
    endpoint.unread = endpoint.unread.saturating_sub(message.data.len());
    let rights = settle(host, message);
    if was_full {
        wake_waiters(host, id);
    }
    Ok(rights)
}
