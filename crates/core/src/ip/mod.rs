//! The internet layer: addresses and routes, datagrams in and out, fragments, ICMP.
//!
//! RFC 791, 1122 3.2 and 3.3 (IPv4 hosts), 8200 (IPv6), 792 and 4443 (ICMP), 6724 (source addresses).

mod collect;
pub(crate) mod fragment;
pub(crate) mod icmp;
pub(crate) mod input;
pub(crate) mod looped;
pub(crate) mod output;
pub(crate) mod path_mtu;
pub(crate) mod reassembly;
pub mod routes;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use sockeye_wire::{Frame, IpProtocol};

use crate::address::as_seen_by;
use crate::ids::InterfaceId;
use crate::message::{ErrorOrigin, ExtendedError};
use crate::{Domain, Errno};

/// A whole datagram for this host, on its way to a transport.
#[derive(Debug)]
pub(crate) struct Inbound<'a> {
    /// Where it came in.
    pub(crate) interface: InterfaceId,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: IpProtocol,
    pub(crate) hop_limit: u8,
    pub(crate) traffic_class: u8,
    /// Where in `frame.headers` the transport header begins. The headers end with it: see [`Frame`].
    pub(crate) transport: usize,
    /// Borrowed, for a packet is large to be handed on.
    pub(crate) frame: &'a mut Frame,
}

impl IcmpReport {
    /// "Fragmentation needed" or "packet too big".
    pub(crate) fn is_too_big(&self) -> bool {
        matches!(
            (self.origin, self.kind, self.code),
            (ErrorOrigin::Icmp, 3, 4) | (ErrorOrigin::Icmp6, 2, _)
        )
    }
}

impl Inbound<'_> {
    /// The transport header's bytes.
    pub(crate) fn transport_header(&self) -> &[u8] {
        self.frame.headers.get(self.transport..).unwrap_or_default()
    }

    /// Whether it was sent to more than one host.
    pub(crate) fn is_multicast(&self) -> bool {
        self.destination.is_multicast() || self.destination == IpAddr::V4(Ipv4Addr::BROADCAST)
    }
}

/// What a transport made of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Delivery {
    /// It is dealt with, or dropped and counted.
    Done,
    /// Nobody holds its port: an ICMP error is due.
    NoPort,
}

/// An ICMP error on its way to the socket whose packet it is about.
#[derive(Clone, Debug)]
pub(crate) struct IcmpReport {
    pub(crate) origin: ErrorOrigin,
    /// ICMP type.
    pub(crate) kind: u8,
    /// ICMP code.
    pub(crate) code: u8,
    /// What the error means to a socket.
    pub(crate) errno: Errno,
    /// Linux calls it fatal: it reaches connected sockets that did not ask for errors, too.
    pub(crate) is_fatal: bool,
    /// The path's MTU for "too big", else 0.
    pub(crate) mtu: u32,
    /// Who sent the report.
    pub(crate) offender: IpAddr,
    /// The quoted packet, from its IP header on.
    pub(crate) quoted: Bytes,
}

impl IcmpReport {
    /// What a socket of this domain finds in its error queue.
    pub(crate) fn extended(&self, domain: Domain) -> ExtendedError {
        ExtendedError {
            errno: Some(self.errno),
            origin: self.origin,
            kind: self.kind,
            code: self.code,
            info: self.mtu,
            data: 0,
            offender: Some(as_seen_by(domain, self.offender, 0, 0)),
            is_v6: domain == Domain::Inet6,
        }
    }
}

/// 127.0.0.1 or ::1.
pub(crate) fn loopback_like(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}
