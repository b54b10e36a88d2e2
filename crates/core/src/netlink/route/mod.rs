//! `NETLINK_ROUTE`: what a host tells of its links, addresses, routes, neighbours and rules. rtnetlink(7)
//!
//! Nothing is changed by it: the embedder lays the network out, and nobody inside has `CAP_NET_ADMIN` for that, root neither.

mod address;
mod link;
mod routes;
mod rule;

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::exchange::{self, Answer, Asker, Head, MULTI};
use super::message::Message;
use crate::{Errno, Host};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;
const RTM_NEWRULE: u16 = 32;
const RTM_GETRULE: u16 = 34;
/// `RTM_MAX`.
const RTM_MAX: u16 = 123;
/// Types come in fours: new, delete, get, set.
const KIND_GET: u16 = 2;
/// `NLM_F_DUMP`: `NLM_F_ROOT` or `NLM_F_MATCH`.
const DUMP: u16 = 0x300;
/// `NLM_F_DUMP_FILTERED`.
const FILTERED: u16 = 0x20;

const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_BRIDGE: u8 = 7;
const AF_INET6: u8 = 10;

/// `RT_SCOPE_UNIVERSE`.
const SCOPE_UNIVERSE: u8 = 0;
/// `RT_SCOPE_LINK`.
const SCOPE_LINK: u8 = 253;
/// `RT_SCOPE_HOST`.
const SCOPE_HOST: u8 = 254;
/// `RT_TABLE_MAIN`.
const TABLE_MAIN: u8 = 254;
/// `RT_TABLE_LOCAL`.
const TABLE_LOCAL: u8 = 255;
/// `RTPROT_KERNEL`.
const PROTOCOL_KERNEL: u8 = 2;

/// What a dump lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Links,
    Addresses(address::Filter),
    Routes(routes::Filter),
    Rules,
    /// What this host has none of.
    Nothing,
}

/// A dump under way.
#[derive(Debug)]
pub(crate) struct Dump {
    subject: Subject,
    /// `AF_*`, or `AF_UNSPEC` for all.
    family: u8,
    /// How many messages have been given.
    position: usize,
    /// Entries are told to be only some of all.
    is_filtered: bool,
    sequence: u32,
    port: u32,
}

impl Dump {
    /// The next messages, at least one and as many as fit into `room`. Empty at the end.
    pub(super) fn fill(&mut self, host: &Host, room: usize) -> Vec<u8> {
        let mut datagram = Vec::new();
        let head = self.head();
        let family = self.family;
        let all: Box<dyn Iterator<Item = Vec<u8>> + '_> = match self.subject {
            Subject::Links => Box::new(link::all(host, head)),
            Subject::Addresses(filter) => Box::new(address::all(host, family, filter, head)),
            Subject::Routes(filter) => Box::new(routes::all(host, family, filter, head)),
            Subject::Rules => Box::new(rule::all(family, head)),
            Subject::Nothing => Box::new(core::iter::empty()),
        };
        for message in all.skip(self.position) {
            if !datagram.is_empty() && datagram.len() + message.len() > room {
                break;
            }
            datagram.extend(message);
            self.position += 1;
        }
        datagram
    }

    /// How its messages begin: with `NLM_F_DUMP_FILTERED` if the request named a filter that was heeded.
    pub(super) fn head(&self) -> Head {
        let filtered = if self.is_filtered { FILTERED } else { 0 };
        Head {
            flags: MULTI | filtered,
            sequence: self.sequence,
            port: self.port,
        }
    }

    /// What went wrong with it, with a text if Linux has one for it.
    pub(super) fn result(&self) -> Option<(Errno, &'static str)> {
        match self.subject {
            Subject::Addresses(filter) if filter.is_unknown => Some((Errno::ENODEV, "")),
            Subject::Routes(filter) if self.position == 0 => filter.missing_table(),
            _ => None,
        }
    }
}

/// Answers a request (`rtnetlink_rcv_msg`).
pub(super) fn answer(host: &Host, request: &Message<'_>, asker: Asker) -> Result<Answer, Errno> {
    if request.kind > RTM_MAX {
        return Err(Errno::EOPNOTSUPP);
    }
    let Some(&family) = request.payload.first() else {
        return Ok(Answer::Done);
    };
    if request.kind & 3 != KIND_GET {
        return Err(Errno::EPERM);
    }
    if request.flags & DUMP == 0 {
        let head = Head {
            flags: 0,
            sequence: request.sequence,
            port: asker.port,
        };
        return match request.kind {
            RTM_GETLINK => link::one(host, request, head),
            RTM_GETADDR => address::one(host, request, family, head),
            RTM_GETROUTE => routes::one(host, request, family, asker.uid, head),
            // Interfaces without a link layer have no neighbours.
            RTM_GETNEIGH => Err(Errno::ENOENT),
            _ => Err(Errno::EOPNOTSUPP),
        }
        .map(Answer::Reply);
    }
    let (subject, is_filtered) = match request.kind {
        RTM_GETLINK => (link::subject(request, family, asker.is_strict)?, false),
        RTM_GETADDR => address::subject(host, request, asker.is_strict)?,
        RTM_GETROUTE => routes::subject(request, asker.is_strict)?,
        RTM_GETNEIGH => (Subject::Nothing, false),
        RTM_GETRULE => (Subject::Rules, false),
        _ => return Err(Errno::EOPNOTSUPP),
    };
    Ok(Answer::Dump(exchange::Dump::Route(Dump {
        subject,
        family,
        position: 0,
        is_filtered,
        sequence: request.sequence,
        port: asker.port,
    })))
}

/// Whether an entry of `family` is asked for.
fn is_asked(asked: u8, family: u8) -> bool {
    asked == family || !matches!(asked, AF_INET | AF_INET6)
}
