//! TCP, UDP, UDP-Lite and raw sockets: `inet_diag`, `tcp_diag`, `udp_diag`, `raw_diag`.

mod filter;
mod find;
mod row;

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    AF_INET, AF_INET6, Batch, CLOSE, DUMP, SOCK_DIAG_BY_FAMILY, Subject, dump, is_wanted, single,
};
use crate::netlink::exchange::{Answer, Asker, Head};
use crate::netlink::message::{Attributes, Message, number_u32};
use crate::{Errno, Host};
use filter::{Entry, Filter};
pub(super) use find::{Found, Source, find};
use row::{Kind, Row};

/// `sizeof(struct inet_diag_req_v2)`
const REQUEST_SIZE: usize = 56;
/// `sizeof(struct inet_diag_req)`
const OLD_REQUEST_SIZE: usize = 60;
/// `INET_DIAG_REQ_BYTECODE`
const BYTECODE: u16 = 1;
/// `INET_DIAG_REQ_PROTOCOL`
const PROTOCOL: u16 = 3;

const AF_UNSPEC: u8 = 0;
pub(super) const TCP: u32 = 6;
pub(super) const UDP: u32 = 17;
pub(super) const UDP_LITE: u32 = 136;
pub(super) const RAW: u32 = 255;

/// `TCP_BOUND_INACTIVE`: a pseudo-state to ask for sockets that have a port, and neither listen nor are connected.
const BOUND_INACTIVE: u8 = 13;

/// `struct inet_diag_sockid`
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    source_port: u16,
    destination_port: u16,
    source: [u8; 16],
    destination: [u8; 16],
    interface: u32,
    pub(super) cookie: u64,
}

impl Names {
    fn read(bytes: &[u8]) -> Option<Self> {
        let port = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let address = |at: usize| bytes.get(at..at + 16)?.try_into().ok();
        Some(Self {
            source_port: port(0)?,
            destination_port: port(2)?,
            source: address(4)?,
            destination: address(20)?,
            interface: number_u32(bytes, 36)?,
            cookie: u64::from(number_u32(bytes, 40)?) | u64::from(number_u32(bytes, 44)?) << 32,
        })
    }
}

/// The address in 16 bytes, whose first four are one of IPv4.
fn address(family: u8, bytes: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, ..] = bytes;
    match family {
        AF_INET => Some(Ipv4Addr::new(a, b, c, d).into()),
        AF_INET6 => Some(Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// `AF_*`, or `AF_UNSPEC` for all.
    pub(super) family: u8,
    pub(super) protocol: u32,
    /// Which attributes: `1 << (INET_DIAG_* - 1)`.
    extensions: u8,
    states: u32,
    pub(super) names: Names,
    /// Of raw sockets the protocol that they are for (`sdiag_raw_protocol`).
    raw_protocol: u8,
    /// `CAP_NET_ADMIN`: marks are told.
    is_privileged: bool,
    /// The type of the answers.
    kind: u16,
}

impl Request {
    /// `struct inet_diag_req_v2`
    pub(super) fn read(message: &Message<'_>, asker: Asker) -> Result<Self, Errno> {
        let fixed = message.payload.get(..REQUEST_SIZE).ok_or(Errno::EINVAL)?;
        let [family, protocol, extensions, raw_protocol, ..] = *fixed else {
            return Err(Errno::EINVAL);
        };
        let named = Attributes::after(message.payload, REQUEST_SIZE).find(PROTOCOL);
        let protocol = match named {
            Some(attribute) => attribute.as_u32().ok_or(Errno::EINVAL)?,
            None => protocol.into(),
        };
        Ok(Self {
            family,
            protocol,
            extensions,
            states: number_u32(fixed, 4).ok_or(Errno::EINVAL)?,
            names: Names::read(fixed.get(8..).unwrap_or_default()).ok_or(Errno::EINVAL)?,
            raw_protocol,
            is_privileged: asker.uid == 0,
            kind: SOCK_DIAG_BY_FAMILY,
        })
    }

    /// `struct inet_diag_req`
    fn read_old(message: &Message<'_>, asker: Asker) -> Result<Self, Errno> {
        let fixed = message.payload.get(..OLD_REQUEST_SIZE);
        let fixed = fixed.ok_or(Errno::EINVAL)?;
        let [family, _, _, extensions, ..] = *fixed else {
            return Err(Errno::EINVAL);
        };
        Ok(Self {
            family,
            // `inet_diag_type2proto`
            protocol: TCP,
            extensions,
            states: number_u32(fixed, 52).ok_or(Errno::EINVAL)?,
            names: Names::read(fixed.get(4..).unwrap_or_default()).ok_or(Errno::EINVAL)?,
            raw_protocol: 0,
            is_privileged: asker.uid == 0,
            kind: message.kind,
        })
    }

    /// Whether an attribute is asked for.
    fn wants(&self, attribute: u16) -> bool {
        self.extensions & 1_u8.checked_shl(u32::from(attribute) - 1).unwrap_or(0) != 0
    }

    /// Whether the filters of the fixed part let a socket through.
    fn takes(&self, row: &Row<'_>, entry: &Entry) -> bool {
        let states = self.states;
        let is_port = |wanted: u16, port: u16| wanted == 0 || wanted == port;
        let has_ports = is_port(self.names.source_port, entry.source_port)
            && is_port(self.names.destination_port, entry.destination_port);
        let is_of_family = row.family == self.family || self.family == AF_UNSPEC;
        is_of_family
            && match row.kind {
                // No port is a filter of these.
                Kind::Bound => is_wanted(states, BOUND_INACTIVE),
                Kind::Raw => has_ports,
                _ => has_ports && is_wanted(states, row.state),
            }
    }
}

/// How much of [`Listing::cost`] one datagram may take: some ten milliseconds.
const MOST_WORK: usize = 1 << 22;

/// Which sockets a dump has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Those of TCP that listen or are bound.
    Waiting,
    /// All others.
    Sockets,
    /// Records, which no socket stands for.
    TimeWait,
    Over,
}

/// A dump.
#[derive(Debug)]
pub(super) struct Listing {
    request: Request,
    filter: Option<Filter>,
    stage: Stage,
    /// The slot or the record that is next.
    next: u64,
}

impl Listing {
    fn new(request: Request, filter: Option<Filter>) -> Self {
        let stage = match request.protocol {
            TCP => Stage::Waiting,
            UDP | UDP_LITE | RAW => Stage::Sockets,
            _ => Stage::Over,
        };
        Self {
            stage,
            request,
            filter,
            next: 0,
        }
    }

    /// `inet_diag_dump`: nobody tells of other protocols.
    pub(super) fn error(&self) -> Option<Errno> {
        let is_known = matches!(self.request.protocol, TCP | UDP | UDP_LITE | RAW);
        (!is_known).then_some(Errno::ENOENT)
    }

    /// `inet_diag_dump_icsk`, `udp_dump`, `raw_diag_dump`
    pub(super) fn fill(&mut self, host: &Host, head: Head, batch: &mut Batch) {
        let mut work = MOST_WORK;
        while self.stage != Stage::Over {
            let is_full = match self.stage {
                Stage::TimeWait => self.fill_records(host, head, batch, &mut work),
                _ => self.fill_sockets(host, head, batch, &mut work),
            };
            if is_full {
                return;
            }
            self.next = 0;
            self.stage = match self.stage {
                Stage::Waiting => Stage::Sockets,
                Stage::Sockets if self.request.protocol == TCP => Stage::TimeWait,
                _ => Stage::Over,
            };
        }
    }

    /// All has been told.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// What it may take to look at one socket: the longest way through the filter.
    fn cost(&self) -> usize {
        1 + self.filter.as_ref().map_or(0, Filter::longest)
    }

    fn fill_sockets(
        &mut self,
        host: &Host,
        head: Head,
        batch: &mut Batch,
        work: &mut usize,
    ) -> bool {
        let cost = self.cost();
        let is_for_waiting = self.stage == Stage::Waiting;
        let first = u32::try_from(self.next).unwrap_or(u32::MAX);
        for (id, socket) in host.sockets.iter_from(first) {
            let Some(row) = Row::of(socket, self.request.protocol) else {
                continue;
            };
            let waits = matches!(row.kind, Kind::Listener | Kind::Bound);
            if waits != is_for_waiting {
                continue;
            }
            if *work < cost {
                self.next = id.index().into();
                return true;
            }
            *work -= cost;
            let entry = row.entry(socket);
            if self.takes(&row, &entry) {
                let message = row::encode(host, id, &row, &entry, &self.request, head);
                if !batch.add(&message) {
                    self.next = id.index().into();
                    return true;
                }
            }
        }
        false
    }

    fn fill_records(
        &mut self,
        host: &Host,
        head: Head,
        batch: &mut Batch,
        work: &mut usize,
    ) -> bool {
        let cost = self.cost();
        for (place, tuple, waiting) in host.stack.time_wait.iter_from(self.next) {
            if *work < cost {
                self.next = place;
                return true;
            }
            *work -= cost;
            let Some(row) = Row::of_record(tuple, waiting) else {
                continue;
            };
            let entry = row.entry_of_record(tuple);
            if self.takes(&row, &entry) {
                let left = waiting.record.deadline() - host.stack.now;
                let message = row::encode_record(&row, &entry, left, waiting, &self.request, head);
                if !batch.add(&message) {
                    self.next = place;
                    return true;
                }
            }
        }
        false
    }

    fn takes(&self, row: &Row<'_>, entry: &Entry) -> bool {
        let filter = self.filter.as_ref();
        self.request.takes(row, entry) && filter.is_none_or(|filter| filter.accepts(entry))
    }
}

/// `SOCK_DIAG_BY_FAMILY` (`inet_diag_handler_cmd`)
pub(super) fn answer(host: &Host, message: &Message<'_>, asker: Asker) -> Result<Answer, Errno> {
    let request = Request::read(message, asker)?;
    reply(host, request, message, asker, REQUEST_SIZE)
}

/// `TCPDIAG_GETSOCK` (`inet_diag_rcv_msg_compat`)
pub(super) fn answer_old(
    host: &Host,
    message: &Message<'_>,
    asker: Asker,
) -> Result<Answer, Errno> {
    let mut request = Request::read_old(message, asker)?;
    if message.flags & DUMP != 0 {
        // `inet_diag_dump_compat`: of both families, whichever is named.
        request.family = AF_UNSPEC;
    }
    reply(host, request, message, asker, OLD_REQUEST_SIZE)
}

fn reply(
    host: &Host,
    request: Request,
    message: &Message<'_>,
    asker: Asker,
    fixed: usize,
) -> Result<Answer, Errno> {
    if message.flags & DUMP != 0 {
        let code = Attributes::after(message.payload, fixed).find(BYTECODE);
        let filter = match code {
            Some(code) => Some(Filter::new(code.value, request.is_privileged)?),
            None => None,
        };
        let subject = Subject::Inet(Listing::new(request, filter));
        return Ok(dump(subject, message, asker));
    }
    let found = find(host, &request, Source::Peer)?;
    let head = single(message, asker);
    let reply: Option<Vec<u8>> = match found {
        Found::Socket(id) => host.sockets.get(id).and_then(|socket| {
            let row = Row::of(socket, request.protocol)?;
            let entry = row.entry(socket);
            Some(row::encode(host, id, &row, &entry, &request, head))
        }),
        Found::Record(tuple) => host.stack.time_wait.get(&tuple).and_then(|waiting| {
            let row = Row::of_record(&tuple, waiting)?;
            let entry = row.entry_of_record(&tuple);
            let left = waiting.record.deadline() - host.stack.now;
            Some(row::encode_record(
                &row, &entry, left, waiting, &request, head,
            ))
        }),
    };
    reply.map(Answer::Reply).ok_or(Errno::ENOENT)
}
