//! Requests in, answers out (`netlink_rcv_skb`, `netlink_dump`).

use alloc::vec::Vec;

use super::message::{HEADER_SIZE, Message, Messages, Writer};
use super::{
    NETLINK_SOCK_DIAG, NetlinkOptions, charge, diag, endpoint, endpoint_mut, naming, route,
};
use crate::ids::SocketId;
use crate::message::{Incoming, MessageFlags, Outgoing, Received};
use crate::{Errno, Host, Instant, SocketAddress};

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLM_F_MULTI`: the message is part of a dump.
pub(super) const MULTI: u16 = 2;
/// `NLM_F_ACK`.
const ACK: u16 = 4;
/// `NLM_F_CAPPED`: an error that does not quote the request.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow.
const HAS_ATTRIBUTES: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`.
const EXPLANATION: u16 = 1;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLMSG_DONE`.
const DONE: u16 = 3;
/// `NLMSG_MIN_TYPE`: lower types are netlink's own and ask for nothing.
const FIRST_TYPE: u16 = 0x10;
/// How much of a dump one datagram holds for readers who have not shown that they take more: `NLMSG_GOODSIZE` with pages of
/// 4 KiB.
const SMALL: usize = 3776;
/// How much it holds at most.
const LARGE: usize = 32 * 1024;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// `NETLINK_GET_STRICT_CHK`.
    pub(super) is_strict: bool,
    /// Its user.
    pub(super) uid: u32,
    /// The port the answer goes to.
    pub(super) port: u32,
}

/// How the messages of one answer begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) port: u32,
}

impl Head {
    pub(super) fn begin(self, kind: u16) -> Writer {
        Writer::new(kind, self.flags, self.sequence, self.port)
    }
}

/// A dump under way.
#[derive(Debug)]
pub(crate) enum Dump {
    Route(route::Dump),
    Diag(diag::Dump),
}

impl Dump {
    /// The next messages, at least one and as many as fit into `room`. Empty at the end.
    fn fill(&mut self, host: &Host, room: usize) -> Vec<u8> {
        match self {
            Self::Route(dump) => dump.fill(host, room),
            Self::Diag(dump) => dump.fill(host, room),
        }
    }

    fn head(&self) -> Head {
        match self {
            Self::Route(dump) => dump.head(),
            Self::Diag(dump) => dump.head(),
        }
    }

    /// It has looked at so much without a message that others come first: it goes on with the next read.
    fn is_paused(&self) -> bool {
        matches!(self, Self::Diag(dump) if dump.is_paused())
    }

    /// What went wrong with it, with a text if Linux has one for it.
    fn result(&self) -> Option<(Errno, &'static str)> {
        match self {
            Self::Route(dump) => dump.result(),
            Self::Diag(dump) => dump.result().map(|errno| (errno, "")),
        }
    }
}

/// What a request comes to.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is done, with nothing to say.
    Done,
    /// One message.
    Reply(Vec<u8>),
    /// Many.
    Dump(Dump),
}

/// `sendmsg(2)` (`netlink_sendmsg`): the requests are answered before it returns.
pub(crate) fn send_message(
    host: &mut Host,
    id: SocketId,
    message: Outgoing<'_>,
    now: Instant,
) -> Result<usize, Errno> {
    if message.flags.contains(MessageFlags::OOB) {
        return Err(Errno::EOPNOTSUPP);
    }
    let length = message.length();
    if length == 0 {
        return Err(Errno::ENODATA);
    }
    let peer = match message.address {
        Some(SocketAddress::Netlink { port, groups }) => (*port, *groups),
        Some(_) => return Err(Errno::EINVAL),
        None => endpoint(host, id)?.1.peer,
    };
    naming::may_send_to(host, id, peer)?;
    naming::autobind(host, id)?;
    let (socket, _) = endpoint(host, id)?;
    let room = usize::try_from(socket.options.send_buffer).unwrap_or(usize::MAX);
    if length > room.saturating_sub(32) {
        return Err(Errno::EMSGSIZE);
    }
    if peer.0 != 0 {
        // Programs don't talk to each other by these protocols: whoever has the port has not connected to this one.
        return Err(Errno::ECONNREFUSED);
    }
    let datagram: Vec<u8> = message.data.concat();
    for request in Messages::new(&datagram) {
        let answer = if request.flags & REQUEST == 0 || request.kind < FIRST_TYPE {
            Ok(Answer::Done)
        } else {
            let (socket, endpoint) = endpoint(host, id)?;
            let protocol = socket.protocol;
            let asker = Asker {
                uid: socket.credentials().uid,
                is_strict: endpoint.options.contains(NetlinkOptions::STRICT_CHECK),
                port: endpoint.port.unwrap_or(0),
            };
            let is_busy = endpoint.dump.is_some();
            let answer = match protocol {
                NETLINK_SOCK_DIAG => diag::answer(host, &request, asker, now),
                _ => route::answer(host, &request, asker),
            };
            match answer {
                Ok(Answer::Dump(_)) if is_busy => Err(Errno::EBUSY),
                answer => answer,
            }
        };
        deliver(host, id, &request, answer)?;
    }
    Ok(length)
}

fn deliver(
    host: &mut Host,
    id: SocketId,
    request: &Message<'_>,
    answer: Result<Answer, Errno>,
) -> Result<(), Errno> {
    let errno = match answer {
        // A dump's end is its acknowledgement.
        Ok(Answer::Dump(dump)) => {
            endpoint_mut(host, id)?.dump = Some(alloc::boxed::Box::new(dump));
            return continue_dump(host, id);
        }
        Ok(Answer::Reply(reply)) => {
            push(host, id, reply)?;
            None
        }
        Ok(Answer::Done) => None,
        Err(errno) => Some(errno),
    };
    if errno.is_none() && request.flags & ACK == 0 {
        return Ok(());
    }
    let (_, endpoint) = endpoint(host, id)?;
    let is_capped = errno.is_none() || endpoint.options.contains(NetlinkOptions::CAP_ACK);
    let port = endpoint.port.unwrap_or(0);
    let flags = if is_capped { CAPPED } else { 0 };
    let mut error = Writer::new(ERROR, flags, request.sequence, port);
    let number = errno.map_or(0, |errno| -errno.number());
    error.fixed(&number.to_ne_bytes());
    error.fixed(if is_capped {
        request.whole.get(..HEADER_SIZE).unwrap_or_default()
    } else {
        request.whole
    });
    push(host, id, error.finish())
}

/// Queues a datagram for the socket. One that finds no room is lost, and the next call says so.
fn push(host: &mut Host, id: SocketId, datagram: Vec<u8>) -> Result<(), Errno> {
    let socket = host.get_mut(id)?;
    let limit = usize::try_from(socket.options.receive_buffer).unwrap_or(usize::MAX);
    let endpoint = endpoint_mut(host, id)?;
    let is_silent = endpoint.options.contains(NetlinkOptions::NO_ENOBUFS);
    if endpoint.push(datagram, limit) {
        host.wake(id);
    } else if !is_silent {
        host.get_mut(id)?.error = Some(Errno::ENOBUFS);
    }
    Ok(())
}

/// Adds the next datagram of a dump to the queue once what came before has been read (`netlink_recvmsg`, which goes on
/// while half of the buffer is free; readers can't tell).
fn continue_dump(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    let endpoint = endpoint_mut(host, id)?;
    if !endpoint.queue.is_empty() {
        return Ok(());
    }
    let Some(mut dump) = endpoint.dump.take() else {
        return Ok(());
    };
    let options = endpoint.options;
    let room = endpoint.largest_read.clamp(SMALL, LARGE);
    let mut datagram = dump.fill(host, room);
    if datagram.is_empty() && dump.is_paused() {
        endpoint_mut(host, id)?.dump = Some(dump);
        return Ok(());
    }
    if datagram.is_empty() {
        datagram = done(&dump, options);
    } else {
        endpoint_mut(host, id)?.dump = Some(dump);
    }
    // The end of a dump must not be lost, so its datagrams are taken whatever there is already: one at a time.
    let endpoint = endpoint_mut(host, id)?;
    endpoint.push(datagram, usize::MAX);
    host.wake(id);
    Ok(())
}

/// The end of a dump (`netlink_dump_done`).
fn done(dump: &Dump, options: NetlinkOptions) -> Vec<u8> {
    let (number, explanation) = match dump.result() {
        Some((errno, text)) => (-errno.number(), Some(text)),
        None => (0, None),
    };
    let is_wanted = options.contains(NetlinkOptions::EXT_ACK);
    let explanation = explanation.filter(|text| is_wanted && !text.is_empty());
    let mut head = dump.head();
    if explanation.is_some() {
        head.flags |= HAS_ATTRIBUTES;
    }
    let mut done = head.begin(DONE);
    done.fixed(&number.to_ne_bytes());
    if let Some(text) = explanation {
        done.text(EXPLANATION, text);
    }
    done.finish()
}

/// `recvmsg(2)` (`netlink_recvmsg`)
pub(crate) fn receive_message(
    host: &mut Host,
    id: SocketId,
    message: Incoming<'_, '_>,
    _now: Instant,
) -> Result<Received, Errno> {
    if message.flags.contains(MessageFlags::OOB) {
        return Err(Errno::EOPNOTSUPP);
    }
    let is_peek = message.flags.contains(MessageFlags::PEEK);
    let room = message.room();
    host.get_mut(id)?.take_error()?;
    if endpoint(host, id)?.1.queue.is_empty() {
        continue_dump(host, id)?;
    }
    let endpoint = endpoint_mut(host, id)?;
    let datagram = if is_peek {
        endpoint.queue.front().cloned()
    } else {
        endpoint.queue.pop_front()
    };
    let datagram = datagram.ok_or(Errno::EAGAIN)?;
    endpoint.largest_read = endpoint.largest_read.max(room).min(LARGE);
    if !is_peek {
        endpoint.queued -= charge(&datagram);
        if endpoint.queue.is_empty() {
            endpoint.queue.shrink_to_fit();
        }
        continue_dump(host, id)?;
    }
    let mut received = Received {
        address: Some(SocketAddress::Netlink { port: 0, groups: 0 }),
        ..Received::default()
    };
    let mut left = datagram.as_slice();
    for buffer in message.buffers.iter_mut() {
        let count = left.len().min(buffer.len());
        let (now, later) = left.split_at(count);
        if let Some(place) = buffer.get_mut(..count) {
            place.copy_from_slice(now);
        }
        left = later;
        received.length += count;
    }
    if !left.is_empty() {
        received.flags |= MessageFlags::TRUNC;
        if message.flags.contains(MessageFlags::TRUNC) {
            received.length = datagram.len();
        }
    }
    Ok(received)
}
