//! `AF_NETLINK`: questions about the host's own network, asked by messages. netlink(7), rtnetlink(7), RFC 3549.
//!
//! Served are `NETLINK_ROUTE`, and of it what asks: links, addresses, routes, neighbours and rules; and `NETLINK_SOCK_DIAG`:
//! sockets. Both answer one by one or with dumps. The kernel answers while it is asked, so the answer can be read as soon as `sendmsg` has returned; a dump goes
//! on as it is read, and holds one datagram in memory however long it is.

mod diag;
mod exchange;
pub mod message;
mod naming;
pub(crate) mod route;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

pub(crate) use crate::socket::defaults::{
    accept, at_mark, listen, receive_payload, send_bytes, unaccept,
};
pub(crate) use exchange::{receive_message, send_message};
pub(crate) use naming::{bind, close, connect, local_address, peer_address};

use crate::host::{Host, SocketSummary};
use crate::ids::SocketId;
use crate::options::SharedOptions;
use crate::socket::{Endpoint, Socket};
use crate::{
    Credentials, Domain, Errno, Instant, Queued, Readiness, Shutdown, SocketAddress, SocketType,
};
use exchange::Dump;

/// `NETLINK_ROUTE`.
pub(crate) const NETLINK_ROUTE: u16 = 0;
/// `MAX_LINKS`: protocols there can be.
const MOST_PROTOCOLS: i32 = 32;
/// `NETLINK_SOCK_DIAG`.
pub(crate) const NETLINK_SOCK_DIAG: u16 = 4;

/// How many multicast groups a protocol has.
pub(crate) fn groups_of(protocol: u16) -> u32 {
    /// `RTNLGRP_MAX`
    const OF_ROUTE: u32 = 37;
    /// `netlink_kernel_create` gives no fewer; `NETLINK_SOCK_DIAG` asks for four (`SKNLGRP_MAX`).
    const LEAST: u32 = 32;
    if protocol == NETLINK_ROUTE {
        OF_ROUTE
    } else {
        LEAST
    }
}

bitflags::bitflags! {
    /// Options of `SOL_NETLINK` that are on or off.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct NetlinkOptions: u16 {
        /// `NETLINK_NO_ENOBUFS`: what was lost is no error.
        const NO_ENOBUFS = 1;
        /// `NETLINK_CAP_ACK`: an error does not quote the request.
        const CAP_ACK = 1 << 1;
        /// `NETLINK_EXT_ACK`: an error may bear a text.
        const EXT_ACK = 1 << 2;
        /// `NETLINK_GET_STRICT_CHK`: what a dump's request names is a filter.
        const STRICT_CHECK = 1 << 3;
        /// `NETLINK_BROADCAST_ERROR`.
        const BROADCAST_ERROR = 1 << 4;
    }
}

/// The state of a netlink socket.
#[derive(Debug, Default)]
pub(crate) struct NetlinkEndpoint {
    /// `nl_pid`, once the socket is bound.
    port: Option<u32>,
    /// The multicast groups it belongs to, the first in the lowest bit.
    pub(crate) groups: u64,
    /// `nl_pid` and `nl_groups` of the peer.
    peer: (u32, u32),
    pub(crate) options: NetlinkOptions,
    /// Datagrams to be read.
    queue: VecDeque<Vec<u8>>,
    queued: usize,
    /// The dump that goes on when the queue has been read.
    dump: Option<Box<Dump>>,
    /// The most room that a read has offered: a dump fills so much.
    largest_read: usize,
}

impl NetlinkEndpoint {
    fn has_datagram(&self) -> bool {
        !self.queue.is_empty() || self.dump.is_some()
    }

    /// Queues a datagram; false if there is no room.
    fn push(&mut self, datagram: Vec<u8>, limit: usize) -> bool {
        let fits = self.queued <= limit;
        if fits {
            self.queued += charge(&datagram);
            self.queue.push_back(datagram);
        }
        fits
    }
}

/// The memory a datagram is charged for, with its bookkeeping.
fn charge(datagram: &[u8]) -> usize {
    const OVERHEAD: usize = 512;
    datagram.len() + OVERHEAD
}

/// The sockets of each protocol by port.
pub(crate) type Ports = BTreeMap<(u16, u32), SocketId>;

/// `socket(2)` (`netlink_create`)
pub(crate) fn socket(
    host: &mut Host,
    kind: SocketType,
    protocol: i32,
    credentials: Credentials,
) -> Result<SocketId, Errno> {
    if !matches!(kind, SocketType::Raw | SocketType::Datagram) {
        return Err(Errno::ESOCKTNOSUPPORT);
    }
    let number = u16::try_from(protocol).map_err(|_| Errno::EPROTONOSUPPORT)?;
    if protocol >= MOST_PROTOCOLS || !matches!(number, NETLINK_ROUTE | NETLINK_SOCK_DIAG) {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let options = SharedOptions::new(&host.stack.config.sysctl);
    let endpoint = Endpoint::Netlink(Box::default());
    host.insert_socket(Socket::new(
        Domain::Netlink,
        kind,
        number,
        credentials,
        options,
        endpoint,
    ))
}

fn endpoint(host: &Host, id: SocketId) -> Result<(&Socket, &NetlinkEndpoint), Errno> {
    let socket = host.get(id)?;
    match &socket.endpoint {
        Endpoint::Netlink(endpoint) => Ok((socket, endpoint)),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

fn endpoint_mut(host: &mut Host, id: SocketId) -> Result<&mut NetlinkEndpoint, Errno> {
    match &mut host.get_mut(id)?.endpoint {
        Endpoint::Netlink(endpoint) => Ok(endpoint),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// `shutdown(2)`: there is no such thing (`sock_no_shutdown`).
pub(crate) fn shutdown(
    _host: &mut Host,
    _id: SocketId,
    _how: Shutdown,
    _now: Instant,
) -> Result<(), Errno> {
    Err(Errno::EOPNOTSUPP)
}

/// `ioctl` on the queues: `netlink_ioctl` knows none.
pub(crate) fn queued(_host: &Host, _id: SocketId, _what: Queued) -> Result<usize, Errno> {
    Err(Errno::ENOTTY)
}

/// `poll(2)` (`datagram_poll`)
pub(crate) fn readiness(socket: &Socket, endpoint: &NetlinkEndpoint) -> Readiness {
    let mut ready = Readiness::OUT;
    ready.set(Readiness::IN, endpoint.has_datagram());
    ready.set(Readiness::ERR, socket.error.is_some());
    ready
}

/// What `ss` shows.
pub(crate) fn summarize(endpoint: &NetlinkEndpoint, summary: &mut SocketSummary) {
    summary.local = Some(SocketAddress::Netlink {
        port: endpoint.port.unwrap_or(0),
        groups: naming::low_groups(endpoint.groups),
    });
    summary.recv_q = endpoint.queued;
    summary.memory += size_of::<NetlinkEndpoint>() + endpoint.queued;
}
