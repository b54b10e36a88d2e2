//! `NETLINK_SOCK_DIAG`: what a host tells of its sockets. sock_diag(7)
//!
//! A socket's inode number is told too, which a host alone has no use for: it is the number of the socket's slot, so that
//! no two sockets have the same, and whoever embeds the host can put its own in its place ([`Host::socket_of_inode`]).
//!
//! A dump goes over the sockets as it is read, one piece at a time, and its place is a slot: what is opened or closed
//! meanwhile is told or not, as in Linux, which sets no `NLM_F_DUMP_INTR` here.

mod destroy;
mod inet;
mod netlink;
#[cfg(test)]
mod tests;
mod unix;

use alloc::vec::Vec;

use super::exchange::{self, Answer, Asker, Head, MULTI};
use super::message::Message;
use crate::host::SocketSummary;
use crate::socket::Socket;
use crate::{Errno, Host, Instant, SocketId};

/// `TCPDIAG_GETSOCK`
const TCPDIAG_GETSOCK: u16 = 18;
/// `SOCK_DIAG_BY_FAMILY`
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `SOCK_DESTROY`
const SOCK_DESTROY: u16 = 21;
/// `NLM_F_DUMP`: `NLM_F_ROOT` or `NLM_F_MATCH`.
const DUMP: u16 = 0x300;

const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const AF_NETLINK: u8 = 16;
const AF_PACKET: u8 = 17;
/// `AF_MAX`
const MOST_FAMILIES: u8 = 46;

/// `TCP_ESTABLISHED`, which sockets of other kinds borrow.
const ESTABLISHED: u8 = 1;
/// `TCP_CLOSE`
const CLOSE: u8 = 7;
/// `TCP_LISTEN`
const LISTEN: u8 = 10;

/// `RCV_SHUTDOWN`
const READ_SHUT: u8 = 1;
/// `SEND_SHUTDOWN`
const WRITE_SHUT: u8 = 2;

/// A cookie that fits any socket (`INET_DIAG_NOCOOKIE`).
const ANY_COOKIE: u64 = u64::MAX;

/// What a dump lists.
#[derive(Debug)]
enum Subject {
    Inet(inet::Listing),
    Unix(unix::Listing),
    Netlink(netlink::Listing),
    /// What this host has none of.
    Nothing,
}

/// A dump under way.
#[derive(Debug)]
pub(crate) struct Dump {
    subject: Subject,
    sequence: u32,
    port: u32,
}

impl Dump {
    /// The next messages, at least one and as many as fit into `room`. Empty at the end.
    pub(super) fn fill(&mut self, host: &Host, room: usize) -> Vec<u8> {
        let mut batch = Batch {
            bytes: Vec::new(),
            room,
        };
        let head = self.head();
        match &mut self.subject {
            Subject::Inet(listing) => listing.fill(host, head, &mut batch),
            Subject::Unix(listing) => listing.fill(host, head, &mut batch),
            Subject::Netlink(listing) => listing.fill(host, head, &mut batch),
            Subject::Nothing => {}
        }
        batch.bytes
    }

    /// See [`exchange::Dump`].
    pub(super) fn is_paused(&self) -> bool {
        matches!(&self.subject, Subject::Inet(listing) if !listing.is_over())
    }

    pub(super) fn head(&self) -> Head {
        Head {
            flags: MULTI,
            sequence: self.sequence,
            port: self.port,
        }
    }

    /// What is wrong with it: known only when it has begun, so that `NLMSG_DONE` tells.
    pub(super) fn result(&self) -> Option<Errno> {
        match &self.subject {
            Subject::Inet(listing) => listing.error(),
            Subject::Netlink(listing) => listing.error(),
            Subject::Unix(_) | Subject::Nothing => None,
        }
    }
}

/// One datagram of a dump.
#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    room: usize,
}

impl Batch {
    /// Adds a message; false if it has to wait for the next datagram.
    fn add(&mut self, message: &[u8]) -> bool {
        let fits = self.bytes.is_empty() || self.bytes.len() + message.len() <= self.room;
        if fits {
            self.bytes.extend_from_slice(message);
        }
        fits
    }
}

/// Answers a request (`sock_diag_rcv_msg`).
pub(super) fn answer(
    host: &mut Host,
    request: &Message<'_>,
    asker: Asker,
    now: Instant,
) -> Result<Answer, Errno> {
    match request.kind {
        TCPDIAG_GETSOCK => inet::answer_old(host, request, asker),
        SOCK_DIAG_BY_FAMILY | SOCK_DESTROY => by_family(host, request, asker, now),
        _ => Err(Errno::EINVAL),
    }
}

/// `__sock_diag_cmd`
fn by_family(
    host: &mut Host,
    request: &Message<'_>,
    asker: Asker,
    now: Instant,
) -> Result<Answer, Errno> {
    let [family, protocol, ..] = *request.payload else {
        return Err(Errno::EINVAL);
    };
    let is_destruction = request.kind == SOCK_DESTROY;
    let is_dump = request.flags & DUMP != 0;
    match family {
        AF_INET | AF_INET6 if is_destruction => destroy::carry_out(host, request, asker, now),
        AF_INET | AF_INET6 => inet::answer(host, request, asker),
        AF_UNIX | AF_NETLINK | AF_PACKET if is_destruction => Err(Errno::EOPNOTSUPP),
        AF_UNIX => unix::answer(host, request, asker),
        AF_NETLINK => netlink::answer(request, asker),
        // There are no packet sockets, which is an answer, too (`packet_diag_handler_dump`).
        AF_PACKET if request.payload.len() < 20 || protocol != 0 => Err(Errno::EINVAL),
        AF_PACKET if is_dump => Ok(dump(Subject::Nothing, request, asker)),
        AF_PACKET => Err(Errno::EOPNOTSUPP),
        MOST_FAMILIES.. => Err(Errno::EINVAL),
        _ => Err(Errno::ENOENT),
    }
}

fn dump(subject: Subject, request: &Message<'_>, asker: Asker) -> Answer {
    Answer::Dump(exchange::Dump::Diag(Dump {
        subject,
        sequence: request.sequence,
        port: asker.port,
    }))
}

/// How the only message of an answer begins.
fn single(request: &Message<'_>, asker: Asker) -> Head {
    Head {
        flags: 0,
        sequence: request.sequence,
        port: asker.port,
    }
}

/// Asked for by its cookie, or by none in particular.
fn is_cookie(asked: u64, cookie: u64) -> bool {
    asked == ANY_COOKIE || asked == cookie
}

/// The inode number of a socket: none if no program has it, as in Linux.
fn inode(id: SocketId, socket: &Socket) -> u32 {
    if socket.is_hidden || socket.is_orphan() {
        return 0;
    }
    id.index().wrapping_add(1)
}

/// A number of the summary as netlink tells it.
fn word(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// `sock_diag_put_meminfo`
fn memory(summary: &SocketSummary) -> Vec<u8> {
    let words = summary.memory_info();
    words.into_iter().flat_map(u32::to_ne_bytes).collect()
}

/// A state as a bit of `*diag_states`.
fn is_wanted(states: u32, state: u8) -> bool {
    states & 1_u32.checked_shl(state.into()).unwrap_or(0) != 0
}

impl Host {
    /// The socket that an answer of `NETLINK_SOCK_DIAG` names by this inode number.
    pub fn socket_of_inode(&self, inode: u32) -> Option<SocketId> {
        let id = self.sockets.id_at(inode.checked_sub(1)?)?;
        let socket = self.sockets.get(id)?;
        (self::inode(id, socket) == inode).then_some(id)
    }
}
