//! UDP (RFC 768, RFC 8200 8.1) and UDP-Lite (RFC 3828) beneath their sockets: datagrams in and out.

mod count;
mod coverage;
mod many;

use sockeye_wire::{
    ChecksumState, Frame, Headers, IpProtocol, Payload, Quote, QuotedTransport, UdpHeader,
    UdpLiteHeader, UdpLiteView, UdpView,
};

pub(crate) use count::{Event, Kind};
pub(crate) use coverage::Coverage;
use many::deliver_to_many;

use crate::datagram::{Departure, Protocol, errors};
use crate::host::{Host, Stack};
use crate::inet::demux::FourTuple;
use crate::ip::icmp::quoted_data;
use crate::ip::output::Path;
use crate::ip::{Delivery, IcmpReport, Inbound};
use crate::options::{SharedOptions, Switches};
use crate::socket::Endpoint;
use crate::socket::datagrams::{Datagram, Envelope};
use crate::{Errno, Instant, InterfaceId, SocketId};

const HEADER_LEN: usize = 8;

/// Puts the header on and sends it. Over IPv4 the checksum may be left out on request (`SO_NO_CHECK`), but not with
/// UDP-Lite, whose sockets have a coverage.
pub(crate) fn send(
    stack: &mut Stack,
    departure: Departure,
    path: &Path,
    options: &SharedOptions,
    lite: Option<Coverage>,
) -> Result<(), Errno> {
    let Departure {
        meta,
        source_port,
        destination_port,
        data,
    } = departure;
    let is_ipv4 = meta.destination.is_ipv4();
    let mut headers = Headers::new();
    stack.ip_header(&mut headers, &meta, path, HEADER_LEN + data.len());
    let frame = if let Some(coverage) = lite {
        UdpLiteHeader {
            source_port,
            destination_port,
            coverage: coverage.field(HEADER_LEN + data.len()),
        }
        .emit(&mut headers);
        let mut frame = Frame::new(headers, Payload::from(data));
        frame.offload.checksum = ChecksumState::Partial;
        // No device does it (udplite_csum): it is in the packet from the start.
        frame.complete_checksum();
        frame
    } else {
        UdpHeader {
            source_port,
            destination_port,
            payload_length: data.len(),
        }
        .emit(&mut headers);
        let mut frame = Frame::new(headers, Payload::from(data));
        if !(is_ipv4 && options.is_on(Switches::NO_CHECKSUM)) {
            frame.offload.checksum = ChecksumState::Partial;
        }
        frame
    };
    stack.output(frame, path, meta.fragmentation)?;
    Kind::new(lite.is_some(), is_ipv4).count(&mut stack.counters, Event::OutDatagram);
    Ok(())
}

/// Takes a datagram whose checksum is right to its sockets.
pub(crate) fn receive(host: &mut Host, mut inbound: Inbound<'_>, now: Instant) -> Delivery {
    let is_lite = inbound.protocol == IpProtocol::UDP_LITE;
    let kind = Kind::new(is_lite, inbound.destination.is_ipv4());
    let parts = if is_lite {
        lite_parts(&inbound)
    } else {
        parts(&inbound)
    };
    let Some(Parts {
        source_port,
        destination_port,
        length,
        partial,
    }) = parts
    else {
        kind.count(&mut host.stack.counters, Event::InError);
        return Delivery::Done;
    };
    inbound.frame.payload.truncate(length - HEADER_LEN);
    let tuple = FourTuple {
        space: kind.space(),
        local: inbound.destination,
        local_port: destination_port,
        remote: inbound.source,
        remote_port: source_port,
    };
    inbound.interface = host.seeming_interface(&tuple, inbound.interface);
    let mut datagram = Datagram {
        envelope: Envelope {
            source: inbound.source,
            source_port,
            destination: inbound.destination,
            specific: None,
            destination_port,
            interface: inbound.interface,
            hop_limit: inbound.hop_limit,
            traffic_class: inbound.traffic_class,
        },
        received: now,
        payload: core::mem::take(&mut inbound.frame.payload),
    };
    if inbound.is_multicast() || host.stack.is_broadcast(inbound.destination) {
        datagram.envelope.specific = host.stack.specific_address(&inbound);
        deliver_to_many(host, kind, &tuple, &datagram, partial);
        return Delivery::Done;
    }
    match find(host, &tuple, inbound.interface) {
        Some(id) => {
            deliver(host, id, kind, datagram, partial);
            Delivery::Done
        }
        None => {
            kind.count(&mut host.stack.counters, Event::NoPort);
            Delivery::NoPort
        }
    }
}

/// What the header says, made plausible.
struct Parts {
    source_port: u16,
    destination_port: u16,
    /// Of header and data.
    length: usize,
    /// How much of it the checksum covers, if not all.
    partial: Option<u16>,
}

fn parts(inbound: &Inbound<'_>) -> Option<Parts> {
    let view = UdpView::parse(inbound.transport_header()).ok()?;
    let length = usize::from(view.length());
    // IP may carry padding behind the datagram; more than there is, it can't.
    let most = HEADER_LEN + inbound.frame.payload.len();
    (HEADER_LEN..=most).contains(&length).then_some(Parts {
        source_port: view.source_port(),
        destination_port: view.destination_port(),
        length,
        partial: None,
    })
}

/// RFC 3828 3.1: the length is IP's.
fn lite_parts(inbound: &Inbound<'_>) -> Option<Parts> {
    let view = UdpLiteView::parse(inbound.transport_header()).ok()?;
    let length = HEADER_LEN + inbound.frame.payload.len();
    let is_partial = view.covered(length)? < length;
    Some(Parts {
        source_port: view.source_port(),
        destination_port: view.destination_port(),
        length,
        partial: is_partial.then_some(view.coverage()),
    })
}

fn deliver(host: &mut Host, id: SocketId, kind: Kind, datagram: Datagram, partial: Option<u16>) {
    let Host { sockets, stack } = host;
    let Some(socket) = sockets.get_mut(id) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    if socket.options.takes_esp() && is_for_ipsec(&datagram.payload) {
        return;
    }
    let counters = &mut stack.counters;
    if let (Protocol::UdpLite(coverage), Some(covered)) = (&endpoint.protocol, partial)
        && !coverage.accepts(covered)
    {
        endpoint.queues.dropped = endpoint.queues.dropped.wrapping_add(1);
        kind.count(counters, Event::InError);
        return;
    }
    if endpoint.queues.push(datagram, &socket.options) {
        kind.count(counters, Event::InDatagram);
        host.wake(id);
    } else {
        kind.count(counters, Event::ReceiveBufferError);
        kind.count(counters, Event::InError);
    }
}

/// The socket of a datagram with these names: the connected one, else who receives there.
fn find(host: &Host, tuple: &FourTuple, interface: InterfaceId) -> Option<SocketId> {
    let connected = host
        .connected(tuple)
        .filter(|id| is_connected_as(host, *id, tuple));
    connected.or_else(|| host.stack.receivers.find(tuple, interface))
}

fn is_connected_as(host: &Host, id: SocketId, tuple: &FourTuple) -> bool {
    host.sockets
        .get(id)
        .is_some_and(|socket| match &socket.endpoint {
            Endpoint::Datagram(endpoint) => {
                endpoint.space(socket.domain) == Some(tuple.space)
                    && endpoint.names.tuple(tuple.space) == *tuple
            }
            _ => false,
        })
}

/// RFC 3948 2: what begins with a security parameter index is ESP, and nobody here has an association for it; a single
/// byte is a keepalive. What begins with four zeros is IKE's, and the program's.
fn is_for_ipsec(payload: &Payload) -> bool {
    const ESP_HEADER: usize = 8;
    let mut marker = [0; 4];
    let count = payload.copy_to_slice(0, &mut marker);
    match payload.len() {
        1 => marker[0] == 0xff,
        length => length > ESP_HEADER && count == marker.len() && marker != [0; 4],
    }
}

/// Takes an ICMP error to the socket that sent the quoted datagram.
pub(crate) fn icmp_error(host: &mut Host, quote: &Quote, report: &IcmpReport, _now: Instant) {
    let QuotedTransport::Udp {
        source_port,
        destination_port,
    } = quote.transport
    else {
        return;
    };
    let tuple = FourTuple {
        space: Kind::new(quote.protocol == IpProtocol::UDP_LITE, true).space(),
        local: quote.source,
        local_port: source_port,
        remote: quote.destination,
        remote_port: destination_port,
    };
    if let Some(id) = find(host, &tuple, InterfaceId::LOOPBACK) {
        let data = quoted_data(quote, report, HEADER_LEN);
        errors::report(
            host,
            id,
            report,
            (quote.destination, destination_port),
            data,
        );
    }
}

#[cfg(test)]
mod tests;
