//! `AF_NETLINK`: `netlink_diag`. The kernel's own sockets, which Linux lists too, are not there.

use super::{Batch, CLOSE, DUMP, ESTABLISHED, SOCK_DIAG_BY_FAMILY, Subject, dump, inode, memory};
use crate::netlink::exchange::{Answer, Asker, Head};
use crate::netlink::message::{Message, number_u32};
use crate::netlink::{MOST_PROTOCOLS, NETLINK_SOCK_DIAG, NetlinkEndpoint, NetlinkOptions};
use crate::socket::{Endpoint, Socket};
use crate::{Errno, Host, SocketId};

/// `sizeof(struct netlink_diag_req)`
const REQUEST_SIZE: usize = 20;
/// `NDIAG_PROTO_ALL`
const ALL_PROTOCOLS: u8 = 255;
/// `NDIAG_SHOW_MEMINFO`, `NDIAG_SHOW_GROUPS`, `NDIAG_SHOW_FLAGS`
const SHOW_MEMORY: u32 = 1;
const SHOW_GROUPS: u32 = 2;
const SHOW_FLAGS: u32 = 8;
const NETLINK_DIAG_MEMINFO: u16 = 0;
const NETLINK_DIAG_GROUPS: u16 = 1;
const NETLINK_DIAG_FLAGS: u16 = 4;
/// `NDIAG_FLAG_CB_RUNNING` and the flags of options.
const FLAG_DUMPING: u32 = 1;
const FLAG_BROADCAST_ERROR: u32 = 4;
const FLAG_NO_ENOBUFS: u32 = 8;
const FLAG_CAP_ACK: u32 = 0x20;

/// A dump.
#[derive(Debug)]
pub(super) struct Listing {
    protocol: u8,
    show: u32,
    /// The slot that is next.
    next: u32,
}

/// `netlink_diag_handler_dump`
pub(super) fn answer(message: &Message<'_>, asker: Asker) -> Result<Answer, Errno> {
    let fixed = message.payload.get(..REQUEST_SIZE).ok_or(Errno::EINVAL)?;
    if message.flags & DUMP == 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let listing = Listing {
        protocol: fixed.get(1).copied().ok_or(Errno::EINVAL)?,
        show: number_u32(fixed, 8).ok_or(Errno::EINVAL)?,
        next: 0,
    };
    Ok(dump(Subject::Netlink(listing), message, asker))
}

impl Listing {
    /// `netlink_diag_dump`
    pub(super) fn error(&self) -> Option<Errno> {
        let is_known = self.protocol == ALL_PROTOCOLS || i32::from(self.protocol) < MOST_PROTOCOLS;
        (!is_known).then_some(Errno::ENOENT)
    }

    pub(super) fn fill(&mut self, host: &Host, head: Head, batch: &mut Batch) {
        for (id, socket) in host.sockets.iter_from(self.next) {
            let Endpoint::Netlink(endpoint) = &socket.endpoint else {
                continue;
            };
            let is_of =
                self.protocol == ALL_PROTOCOLS || u16::from(self.protocol) == socket.protocol;
            if is_of && !batch.add(&encode(host, id, socket, endpoint, self.show, head)) {
                self.next = id.index();
                return;
            }
        }
        self.next = u32::MAX;
    }
}

/// `sk_diag_fill` of netlink
fn encode(
    host: &Host,
    id: SocketId,
    socket: &Socket,
    endpoint: &NetlinkEndpoint,
    show: u32,
    head: Head,
) -> alloc::vec::Vec<u8> {
    let byte = |number: i32| u8::try_from(number).unwrap_or(0);
    let (peer, peer_groups) = endpoint.peer;
    // NETLINK_CONNECTED has the number of TCP_ESTABLISHED.
    let state = if peer == 0 && peer_groups == 0 {
        CLOSE
    } else {
        ESTABLISHED
    };
    let mut message = head.begin(SOCK_DIAG_BY_FAMILY);
    message.fixed(&[
        byte(socket.domain.number()),
        byte(socket.kind.number()),
        u8::try_from(socket.protocol).unwrap_or(0),
        state,
    ]);
    // Of the peer's groups the number of the first (`ffs`).
    let group = match peer_groups {
        0 => 0,
        groups => groups.trailing_zeros() + 1,
    };
    for number in [endpoint.port.unwrap_or(0), peer, group, inode(id, socket)] {
        message.fixed(&number.to_ne_bytes());
    }
    message.fixed(&socket.cookie.to_ne_bytes());
    if show & SHOW_GROUPS != 0 && endpoint.groups != 0 {
        message.attribute(NETLINK_DIAG_GROUPS, &endpoint.groups.to_ne_bytes());
    }
    if show & SHOW_MEMORY != 0
        && let Some(summary) = host.summary(id)
    {
        message.attribute(NETLINK_DIAG_MEMINFO, &memory(&summary));
    }
    if show & SHOW_FLAGS != 0 {
        // The dump that tells it is under way, too.
        let is_own = NETLINK_SOCK_DIAG == socket.protocol && endpoint.port == Some(head.port);
        message.u32(NETLINK_DIAG_FLAGS, flags(endpoint, is_own));
    }
    message.finish()
}

fn flags(endpoint: &NetlinkEndpoint, is_dumping: bool) -> u32 {
    let options = endpoint.options;
    let flag = |is_on: bool, bit| if is_on { bit } else { 0 };
    flag(is_dumping || endpoint.dump.is_some(), FLAG_DUMPING)
        | flag(
            options.contains(NetlinkOptions::BROADCAST_ERROR),
            FLAG_BROADCAST_ERROR,
        )
        | flag(
            options.contains(NetlinkOptions::NO_ENOBUFS),
            FLAG_NO_ENOBUFS,
        )
        | flag(options.contains(NetlinkOptions::CAP_ACK), FLAG_CAP_ACK)
}
