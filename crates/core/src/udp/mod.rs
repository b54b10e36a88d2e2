//! UDP (RFC 768, RFC 8200 8.1) beneath its sockets: datagrams in and out.

use sockeye_wire::{ChecksumState, Frame, Payload, Quote, QuotedTransport, UdpHeader, UdpView};

use crate::datagram::{Departure, Protocol, errors};
use crate::host::{Host, Stack};
use crate::inet::bind_table::PortSpace;
use crate::inet::demux::FourTuple;
use crate::ip::icmp::quoted_data;
use crate::ip::output::Path;
use crate::ip::{Delivery, IcmpReport, Inbound};
use crate::options::{SharedOptions, Switches};
use crate::socket::Endpoint;
use crate::socket::datagrams::{Datagram, Envelope};
use crate::{Errno, Instant, InterfaceId, SocketId};

const HEADER_LEN: usize = 8;

/// Puts the header on and sends it. Over IPv4 the checksum may be left out on request (`SO_NO_CHECK`).
pub(crate) fn send(
    stack: &mut Stack,
    departure: Departure,
    path: &Path,
    options: &SharedOptions,
) -> Result<(), Errno> {
    let Departure {
        meta,
        source_port,
        destination_port,
        data,
    } = departure;
    let is_ipv4 = meta.destination.is_ipv4();
    let mut headers = stack.ip_header(&meta, path, HEADER_LEN + data.len());
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
    stack.output(frame, path, meta.fragmentation)?;
    let counters = &mut stack.counters;
    *pick(
        is_ipv4,
        &mut counters.udp_out_datagrams,
        &mut counters.udp6_out_datagrams,
    ) += 1;
    Ok(())
}

/// Takes a datagram whose checksum is right to its sockets.
pub(crate) fn receive(host: &mut Host, mut inbound: Inbound, now: Instant) -> Delivery {
    let is_ipv4 = inbound.destination.is_ipv4();
    let header = UdpView::parse(inbound.transport_header()).ok();
    let header = header.map(|view| {
        (
            view.source_port(),
            view.destination_port(),
            usize::from(view.length()),
        )
    });
    // IP may carry padding behind the datagram; more than there is, it can't.
    let fits =
        |length: &usize| (HEADER_LEN..=HEADER_LEN + inbound.frame.payload.len()).contains(length);
    let Some((source_port, destination_port, length)) =
        header.filter(|(_, _, length)| fits(length))
    else {
        let counters = &mut host.stack.counters;
        *pick(
            is_ipv4,
            &mut counters.udp_in_errors,
            &mut counters.udp6_in_errors,
        ) += 1;
        return Delivery::Done;
    };
    inbound.frame.payload.truncate(length - HEADER_LEN);
    let tuple = FourTuple {
        space: PortSpace::Udp,
        local: inbound.destination,
        local_port: destination_port,
        remote: inbound.source,
        remote_port: source_port,
    };
    let datagram = Datagram {
        envelope: Envelope {
            source: inbound.source,
            source_port,
            destination: inbound.destination,
            destination_port,
            interface: inbound.interface,
            hop_limit: inbound.hop_limit,
            traffic_class: inbound.traffic_class,
        },
        received: now,
        payload: core::mem::take(&mut inbound.frame.payload),
    };
    if inbound.is_multicast() || host.stack.is_broadcast(inbound.destination) {
        for id in host.stack.receivers.all(&tuple, inbound.interface) {
            deliver(host, id, datagram.clone());
        }
        return Delivery::Done;
    }
    match find(host, &tuple, inbound.interface) {
        Some(id) => {
            deliver(host, id, datagram);
            Delivery::Done
        }
        None => {
            let counters = &mut host.stack.counters;
            *pick(
                is_ipv4,
                &mut counters.udp_no_ports,
                &mut counters.udp6_no_ports,
            ) += 1;
            Delivery::NoPort
        }
    }
}

fn deliver(host: &mut Host, id: SocketId, datagram: Datagram) {
    let Host { sockets, stack } = host;
    let Some(socket) = sockets.get_mut(id) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    let is_ipv4 = datagram.envelope.destination.is_ipv4();
    let counters = &mut stack.counters;
    if endpoint.queues.push(datagram, &socket.options) {
        *pick(
            is_ipv4,
            &mut counters.udp_in_datagrams,
            &mut counters.udp6_in_datagrams,
        ) += 1;
        host.wake(id);
    } else {
        *pick(
            is_ipv4,
            &mut counters.udp_rcvbuf_errors,
            &mut counters.udp6_rcvbuf_errors,
        ) += 1;
        *pick(
            is_ipv4,
            &mut counters.udp_in_errors,
            &mut counters.udp6_in_errors,
        ) += 1;
    }
}

/// The socket of a datagram with these names: the connected one, else who receives there.
fn find(host: &Host, tuple: &FourTuple, interface: InterfaceId) -> Option<SocketId> {
    let connected = host
        .stack
        .connections
        .find(tuple)
        .filter(|id| is_connected_as(host, *id, tuple));
    connected.or_else(|| host.stack.receivers.find(tuple, interface))
}

fn is_connected_as(host: &Host, id: SocketId, tuple: &FourTuple) -> bool {
    host.sockets
        .get(id)
        .is_some_and(|socket| match &socket.endpoint {
            Endpoint::Datagram(endpoint) => {
                matches!(endpoint.protocol, Protocol::Udp)
                    && endpoint.names.tuple(PortSpace::Udp) == *tuple
            }
            _ => false,
        })
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
        space: PortSpace::Udp,
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

/// The counter of the address family.
fn pick<'a>(is_ipv4: bool, v4: &'a mut u64, v6: &'a mut u64) -> &'a mut u64 {
    if is_ipv4 { v4 } else { v6 }
}
