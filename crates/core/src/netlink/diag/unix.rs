//! `AF_UNIX`: `unix_diag`.

use alloc::vec::Vec;

use super::{
    Batch, CLOSE, DUMP, ESTABLISHED, LISTEN, READ_SHUT, SOCK_DIAG_BY_FAMILY, Subject, WRITE_SHUT,
    dump, inode, is_cookie, is_wanted, memory, single, word,
};
use crate::netlink::exchange::{Answer, Asker, Head};
use crate::netlink::message::{Message, number_u32};
use crate::socket::{Endpoint, Socket};
use crate::unix::{Shown, State};
use crate::{Errno, Host, SocketId, UnixAddress};

/// `sizeof(struct unix_diag_req)`
const REQUEST_SIZE: usize = 24;
/// `UDIAG_SHOW_*`
const SHOW_NAME: u32 = 1;
const SHOW_VFS: u32 = 2;
const SHOW_PEER: u32 = 4;
const SHOW_ICONS: u32 = 8;
const SHOW_RQLEN: u32 = 0x10;
const SHOW_MEMINFO: u32 = 0x20;
const SHOW_UID: u32 = 0x40;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_VFS: u16 = 1;
const UNIX_DIAG_PEER: u16 = 2;
const UNIX_DIAG_ICONS: u16 = 3;
const UNIX_DIAG_RQLEN: u16 = 4;
const UNIX_DIAG_MEMINFO: u16 = 5;
const UNIX_DIAG_SHUTDOWN: u16 = 6;
const UNIX_DIAG_UID: u16 = 7;

/// A dump.
#[derive(Debug)]
pub(super) struct Listing {
    states: u32,
    show: u32,
    /// The slot that is next.
    next: u32,
}

impl Listing {
    /// `unix_diag_dump`
    pub(super) fn fill(&mut self, host: &Host, head: Head, batch: &mut Batch) {
        for (id, socket) in host.sockets.iter_from(self.next) {
            let Some(shown) = shown(host, id, socket) else {
                continue;
            };
            if is_wanted(self.states, state(&shown))
                && !batch.add(&encode(host, id, socket, &shown, self.show, head))
            {
                self.next = id.index();
                return;
            }
        }
        self.next = u32::MAX;
    }
}

/// `unix_diag_handler_dump`
pub(super) fn answer(host: &Host, message: &Message<'_>, asker: Asker) -> Result<Answer, Errno> {
    let fixed = message.payload.get(..REQUEST_SIZE).ok_or(Errno::EINVAL)?;
    let number = |at| number_u32(fixed, at).ok_or(Errno::EINVAL);
    let (states, wanted, show) = (number(4)?, number(8)?, number(12)?);
    let cookie = u64::from(number(16)?) | u64::from(number(20)?) << 32;
    if message.flags & DUMP != 0 {
        let listing = Listing {
            states,
            show,
            next: 0,
        };
        return Ok(dump(Subject::Unix(listing), message, asker));
    }
    // `unix_diag_get_exact`
    if wanted == 0 {
        return Err(Errno::EINVAL);
    }
    let id = host.socket_of_inode(wanted).ok_or(Errno::ENOENT)?;
    let socket = host.sockets.get(id).ok_or(Errno::ENOENT)?;
    let shown = shown(host, id, socket).ok_or(Errno::ENOENT)?;
    if !is_cookie(cookie, socket.cookie) {
        return Err(Errno::ESTALE);
    }
    let head = single(message, asker);
    Ok(Answer::Reply(encode(host, id, socket, &shown, show, head)))
}

/// What there is to show of a socket; one that no program has is not listed.
fn shown<'a>(host: &'a Host, id: SocketId, socket: &'a Socket) -> Option<Shown<'a>> {
    match &socket.endpoint {
        Endpoint::Unix(endpoint) if inode(id, socket) != 0 => Some(endpoint.shown(host, id)),
        _ => None,
    }
}

fn state(shown: &Shown<'_>) -> u8 {
    match shown.state {
        State::Closed => CLOSE,
        State::Listening => LISTEN,
        State::Established => ESTABLISHED,
    }
}

/// `sk_diag_fill` of `AF_UNIX`
fn encode(
    host: &Host,
    id: SocketId,
    socket: &Socket,
    shown: &Shown<'_>,
    show: u32,
    head: Head,
) -> Vec<u8> {
    let byte = |number: i32| u8::try_from(number).unwrap_or(0);
    let inode_of = |id: SocketId| {
        let socket = host.sockets.get(id);
        socket.map_or(0, |socket| inode(id, socket))
    };
    let mut message = head.begin(SOCK_DIAG_BY_FAMILY);
    message
        .fixed(&[
            byte(socket.domain.number()),
            byte(socket.kind.number()),
            state(shown),
            0,
        ])
        .fixed(&inode(id, socket).to_ne_bytes())
        .fixed(&socket.cookie.to_ne_bytes());
    if show & SHOW_NAME != 0 {
        match shown.name {
            UnixAddress::Unnamed => {}
            UnixAddress::Abstract(name) => {
                message.attribute(UNIX_DIAG_NAME, &[&[0], &**name].concat());
            }
            UnixAddress::Path(path) => {
                message.attribute(UNIX_DIAG_NAME, &[path, &[0][..]].concat());
            }
        }
    }
    if show & SHOW_VFS != 0
        && let Some(node) = shown.node
    {
        // The embedder's nodes have no device.
        let number = u32::try_from(node.0 & u64::from(u32::MAX)).unwrap_or(0);
        let bytes = [number.to_ne_bytes(), [0; 4]].concat();
        message.attribute(UNIX_DIAG_VFS, &bytes);
    }
    if show & SHOW_PEER != 0
        && let Some(peer) = shown.peer
    {
        message.u32(UNIX_DIAG_PEER, inode_of(peer));
    }
    if show & SHOW_ICONS != 0 && shown.state == State::Listening {
        let peers = shown.waiting.iter().map(|peer| peer.map_or(0, inode_of));
        let bytes: Vec<u8> = peers.flat_map(u32::to_ne_bytes).collect();
        message.attribute(UNIX_DIAG_ICONS, &bytes);
    }
    if show & SHOW_RQLEN != 0 {
        let (unread, unsent) = shown.queues;
        let bytes = [word(unread).to_ne_bytes(), word(unsent).to_ne_bytes()].concat();
        message.attribute(UNIX_DIAG_RQLEN, &bytes);
    }
    if show & SHOW_MEMINFO != 0
        && let Some(summary) = host.summary(id)
    {
        message.attribute(UNIX_DIAG_MEMINFO, &memory(&summary));
    }
    let half = |is_shut: bool, bit| if is_shut { bit } else { 0 };
    let (read, write) = shown.shut;
    let shut = half(read, READ_SHUT) | half(write, WRITE_SHUT);
    message.u8(UNIX_DIAG_SHUTDOWN, shut);
    if show & SHOW_UID != 0 {
        message.u32(UNIX_DIAG_UID, socket.credentials().uid);
    }
    message.finish()
}
