//! ICMP echo sockets ("ping sockets", `SOCK_DGRAM` with `IPPROTO_ICMP` or `IPPROTO_ICMPV6`) beneath the socket layer.
//!
//! A program sends the whole ICMP message; the host owns its identifier, which is the socket's port number, and its
//! checksum. Replies to that identifier are the socket's.

use bytes::Bytes;
use core::net::IpAddr;

use sockeye_wire::{Checksum, Frame, Headers, IpProtocol, Payload, Quote, QuotedTransport};

use crate::datagram::{Departure, Protocol, errors};
use crate::host::{Host, Stack};
use crate::inet::bind_table::PortSpace;
use crate::inet::demux::FourTuple;
use crate::ip::icmp::quoted_data;
use crate::ip::output::Path;
use crate::ip::{IcmpReport, Inbound};
use crate::socket::Endpoint;
use crate::socket::datagrams::{Datagram, Envelope};
use crate::{Credentials, Domain, Errno, Instant, SocketId};

/// Type, code, checksum, identifier, sequence number.
const HEADER_LEN: usize = 8;

/// What `socket(2)` with `SOCK_DGRAM` and ICMP's protocol number makes, for the groups in `net.ipv4.ping_group_range`.
pub(crate) fn open(
    stack: &Stack,
    domain: Domain,
    protocol: IpProtocol,
    credentials: Credentials,
) -> Result<Protocol, Errno> {
    let expected = if domain == Domain::Inet {
        IpProtocol::ICMPV4
    } else {
        IpProtocol::ICMPV6
    };
    if protocol != expected {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let (low, high) = stack.config.sysctl.ping_group_range;
    if (low..=high).contains(&credentials.gid) {
        Ok(Protocol::Ping)
    } else {
        Err(Errno::EACCES)
    }
}

/// Sends an echo request. Anything else is EINVAL (`ping_supported`); too short a message too (`ping_common_sendmsg`).
pub(crate) fn send(stack: &mut Stack, departure: Departure, path: &Path) -> Result<(), Errno> {
    let Departure {
        meta,
        source_port,
        data,
        ..
    } = departure;
    let request = if meta.destination.is_ipv4() { 8 } else { 128 };
    let mut message = data.to_vec();
    let Some(header) = message.first_chunk_mut::<HEADER_LEN>() else {
        return Err(Errno::EINVAL);
    };
    if header[0] != request || header[1] != 0 {
        return Err(Errno::EINVAL);
    }
    header[2..4].fill(0);
    header[4..6].copy_from_slice(&source_port.to_be_bytes());
    let mut sum = match (meta.source, meta.destination) {
        // RFC 4443 2.3: ICMPv6 sums a pseudo header, ICMP does not.
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Checksum::pseudo_header_v6(source, destination, IpProtocol::ICMPV6, message.len())
        }
        _ => Checksum::default(),
    };
    sum.add_bytes(&message);
    let checksum = sum.finish();
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    let mut headers = Headers::new();
    stack.ip_header(&mut headers, &meta, path, message.len());
    let data = message.split_off(HEADER_LEN);
    headers.extend_from_slice(&message);
    let frame = Frame::new(headers, Payload::from(Bytes::from(data)));
    stack.output(frame, path, meta.fragmentation)
}

fn tuple(local: IpAddr, identifier: u16, remote: IpAddr) -> FourTuple {
    let space = if local.is_ipv4() {
        PortSpace::Ping
    } else {
        PortSpace::PingV6
    };
    FourTuple {
        space,
        local,
        local_port: identifier,
        remote,
        remote_port: 0,
    }
}

/// The socket with this identifier that `remote` may speak to.
fn find(host: &Host, tuple: &FourTuple, inbound: crate::InterfaceId) -> Option<SocketId> {
    let id = host.stack.receivers.find(tuple, inbound)?;
    let socket = host.sockets.get(id)?;
    let Endpoint::Datagram(endpoint) = &socket.endpoint else {
        return None;
    };
    let hears = !endpoint.is_connected || endpoint.names.remote() == tuple.remote;
    hears.then_some(id)
}

/// Takes an echo reply to the socket whose identifier it carries.
pub(crate) fn receive(host: &mut Host, inbound: Inbound<'_>, now: Instant) {
    let Some(&[_, _, _, _, high, low, _, _]) =
        inbound.transport_header().first_chunk::<HEADER_LEN>()
    else {
        return;
    };
    let identifier = u16::from_be_bytes([high, low]);
    let tuple = tuple(inbound.destination, identifier, inbound.source);
    let Some(id) = find(host, &tuple, inbound.interface) else {
        return;
    };
    let Some(socket) = host.sockets.get_mut(id) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    let datagram = Datagram {
        envelope: Envelope {
            source: inbound.source,
            source_port: 0,
            destination: inbound.destination,
            specific: None,
            destination_port: identifier,
            interface: inbound.interface,
            hop_limit: inbound.hop_limit,
            traffic_class: inbound.traffic_class,
        },
        received: now,
        payload: inbound.frame.ip_payload(inbound.transport),
    };
    if endpoint.queues.push(datagram, &socket.options) {
        host.wake(id);
    }
}

/// Takes an ICMP error to the socket that sent the quoted request.
pub(crate) fn icmp_error(host: &mut Host, quote: &Quote, report: &IcmpReport, _now: Instant) {
    let QuotedTransport::Echo { identifier, .. } = quote.transport else {
        return;
    };
    let tuple = tuple(quote.source, identifier, quote.destination);
    if let Some(id) = find(host, &tuple, crate::InterfaceId::LOOPBACK) {
        let data = quoted_data(quote, report, 0);
        errors::report(host, id, report, (quote.destination, 0), data);
    }
}
