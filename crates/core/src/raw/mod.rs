//! Raw sockets beneath the socket layer (`SOCK_RAW`): whole packets of a protocol in, packets of any shape out.
//!
//! Every raw socket of a packet's protocol gets a copy of it, before its transport does (raw(7)).

mod filter;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;
use hashbrown::HashMap;
use sockeye_wire::{Checksum, Frame, Headers, IpProtocol, Payload, Quote};

pub(crate) use filter::IcmpFilter;

use crate::datagram::{Departure, Protocol, errors};
use crate::host::{Host, Stack};
use crate::inet::keyed::Keyed;
use crate::ip::icmp::quoted_data;
use crate::ip::output::Path;
use crate::ip::{IcmpReport, Inbound};
use crate::socket::Endpoint;
use crate::socket::datagrams::{Datagram, Envelope};
use crate::{Credentials, Domain, Errno, Instant, SocketId, multicast};

/// `IPPROTO_RAW`
pub(crate) const ANY_PROTOCOL: u16 = 255;
const IPV4_HEADER_LEN: usize = 20;

/// What only raw sockets have.
#[derive(Debug)]
pub(crate) struct RawOptions {
    /// `IPV6_CHECKSUM`: where the host fills in and checks a checksum.
    pub(crate) checksum_offset: Option<u32>,
    /// `ICMP_FILTER` or `ICMPV6_FILTER`.
    pub(crate) filter: IcmpFilter,
}

/// The raw sockets of a host, by family and protocol.
#[derive(Debug)]
pub(crate) struct RawTable {
    sockets: HashMap<(Domain, u16), Vec<SocketId>, Keyed>,
}

impl RawTable {
    /// No sockets yet.
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            sockets: HashMap::with_hasher(keyed),
        }
    }

    /// Whether there is any.
    pub(crate) fn is_used(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Adds a new socket.
    pub(crate) fn add(&mut self, domain: Domain, protocol: u16, id: SocketId) {
        self.sockets.entry((domain, protocol)).or_default().push(id);
    }

    /// Forgets a socket that is closed.
    pub(crate) fn remove(&mut self, domain: Domain, protocol: u16, id: SocketId) {
        if let Some(sockets) = self.sockets.get_mut(&(domain, protocol)) {
            sockets.retain(|other| *other != id);
            if sockets.is_empty() {
                self.sockets.remove(&(domain, protocol));
            }
        }
    }

    fn of(&self, address: IpAddr, protocol: IpProtocol) -> Vec<SocketId> {
        let domain = if address.is_ipv4() {
            Domain::Inet
        } else {
            Domain::Inet6
        };
        self.sockets
            .get(&(domain, protocol.0.into()))
            .cloned()
            .unwrap_or_default()
    }
}

/// What `socket(2)` with `SOCK_RAW` makes: raw sockets name their protocol, and are root's (`CAP_NET_RAW`).
pub(crate) fn open(
    domain: Domain,
    protocol: i32,
    credentials: Credentials,
) -> Result<(u16, Protocol), Errno> {
    // Numbers beyond a byte are taken, as Linux does: such a socket sends the low byte and hears nothing.
    let number = u16::try_from(protocol)
        .ok()
        .filter(|number| *number != 0)
        .ok_or(Errno::EPROTONOSUPPORT)?;
    if credentials.uid != 0 {
        return Err(Errno::EPERM);
    }
    let is_icmpv6 = domain == Domain::Inet6 && number == IpProtocol::ICMPV6.0.into();
    let options = RawOptions {
        checksum_offset: is_icmpv6.then_some(2),
        filter: IcmpFilter::default(),
    };
    Ok((number, Protocol::Raw(Box::new(options))))
}

/// Sends a packet: `data` is what follows the IP header, or with `IP_HDRINCL` the whole packet.
pub(crate) fn send(
    stack: &mut Stack,
    departure: Departure,
    path: &Path,
    state: &RawOptions,
    is_whole: bool,
) -> Result<(), Errno> {
    let Departure { meta, data, .. } = departure;
    let fragmentation = meta.fragmentation;
    let bytes = if is_whole {
        whole_packet(stack, meta.source, meta.destination, data, path)?
    } else {
        let mut data = data.to_vec();
        fill_checksum(
            state,
            meta.source,
            meta.destination,
            meta.protocol,
            &mut data,
        )?;
        let mut headers = Headers::new();
        stack.ip_header(&mut headers, &meta, path, data.len());
        let mut bytes = headers.to_vec();
        bytes.append(&mut data);
        Bytes::from(bytes)
    };
    // The headers of what may be any protocol are found as for a packet that came from a device.
    let mut frame = Frame::from_bytes(bytes.clone());
    if frame.headers.is_empty() {
        let split = if meta.destination.is_ipv4() {
            IPV4_HEADER_LEN
        } else {
            40
        };
        let (headers, data) = bytes.split_at(split.min(bytes.len()));
        frame = Frame::new(headers.into(), Payload::from(Bytes::copy_from_slice(data)));
    }
    stack.output(frame, path, fragmentation)
}

/// `raw_send_hdrinc`: the caller's IP header, of which the host fills in length and checksum always, source and
/// identification when they are zero.
fn whole_packet(
    stack: &mut Stack,
    source: IpAddr,
    destination: IpAddr,
    data: Bytes,
    path: &Path,
) -> Result<Bytes, Errno> {
    if data.len() > path.mtu {
        return Err(Errno::EMSGSIZE);
    }
    let IpAddr::V4(source) = source else {
        // rawv6_send_hdrinc sends what it is given.
        return if data.len() < 40 {
            Err(Errno::EINVAL)
        } else {
            Ok(data)
        };
    };
    debug_assert!(destination.is_ipv4());
    let mut packet = data.to_vec();
    let length = u16::try_from(packet.len()).map_err(|_| Errno::EMSGSIZE)?;
    let header_len = packet
        .first()
        .map_or(0, |first| usize::from(first & 0xf) * 4);
    if header_len < IPV4_HEADER_LEN || header_len > packet.len() {
        return Err(Errno::EINVAL);
    }
    let identification = stack.rng.next_u16().max(1);
    let header = packet.get_mut(..header_len).ok_or(Errno::EINVAL)?;
    header[2..4].copy_from_slice(&length.to_be_bytes());
    if header[4..6] == [0, 0] {
        header[4..6].copy_from_slice(&identification.to_be_bytes());
    }
    if header[12..16] == [0; 4] {
        header[12..16].copy_from_slice(&source.octets());
    }
    header[10..12].fill(0);
    let checksum = sockeye_wire::checksum::checksum(header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    Ok(Bytes::from(packet))
}

/// RFC 3542 3.1: over IPv6 the host fills in the checksum at the offset that the program named.
fn fill_checksum(
    state: &RawOptions,
    source: IpAddr,
    destination: IpAddr,
    protocol: IpProtocol,
    data: &mut [u8],
) -> Result<(), Errno> {
    let (Some(offset), IpAddr::V6(source), IpAddr::V6(destination)) =
        (state.checksum_offset, source, destination)
    else {
        return Ok(());
    };
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    let field = at..at.saturating_add(2);
    let mut sum = Checksum::pseudo_header_v6(source, destination, protocol, data.len());
    data.get_mut(field.clone()).ok_or(Errno::EINVAL)?.fill(0);
    sum.add_bytes(data);
    let checksum = sum.finish();
    if let Some(field) = data.get_mut(field) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    Ok(())
}

/// Gives each raw socket of the packet's protocol that it is for a copy. True if there was one: then no "protocol
/// unreachable" is due.
pub(crate) fn receive(host: &mut Host, inbound: &Inbound<'_>, now: Instant) -> bool {
    let sockets = host.stack.raw.of(inbound.destination, inbound.protocol);
    if sockets.is_empty() {
        return false;
    }
    let mut is_taken = false;
    let envelope = envelope(&host.stack, inbound);
    for id in sockets {
        let Some(socket) = host.sockets.get_mut(id) else {
            continue;
        };
        let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
            continue;
        };
        let Protocol::Raw(state) = &endpoint.protocol else {
            continue;
        };
        let names = &endpoint.names;
        let is_for_it = (names.local().is_unspecified() || names.local() == inbound.destination)
            && (!endpoint.is_connected || names.remote() == inbound.source)
            && socket
                .options
                .device
                .is_none_or(|device| device == inbound.interface)
            && (!inbound.destination.is_multicast()
                || multicast::hears(
                    &socket.options,
                    inbound.destination,
                    inbound.interface,
                    inbound.source,
                ));
        if !is_for_it {
            continue;
        }
        is_taken = true;
        let upper = inbound.frame.ip_payload(inbound.transport);
        if is_icmp(inbound)
            && state
                .filter
                .blocks(inbound.destination.is_ipv4(), inbound.transport_header())
        {
            continue;
        }
        if !checksum_is_right(state, inbound, &upper) {
            continue;
        }
        // IPv4 gives the IP header too, IPv6 what follows its headers (RFC 3542 3).
        let payload = if inbound.destination.is_ipv4() {
            inbound.frame.ip_payload(0)
        } else {
            upper
        };
        let datagram = Datagram {
            envelope,
            received: now,
            payload,
        };
        if endpoint.queues.push(datagram, &socket.options) {
            host.wake(id);
        }
    }
    is_taken
}

fn is_icmp(inbound: &Inbound<'_>) -> bool {
    let expected = if inbound.destination.is_ipv4() {
        IpProtocol::ICMPV4
    } else {
        IpProtocol::ICMPV6
    };
    inbound.protocol == expected
}

fn checksum_is_right(state: &RawOptions, inbound: &Inbound<'_>, upper: &Payload) -> bool {
    let (Some(_), IpAddr::V6(source), IpAddr::V6(destination)) =
        (state.checksum_offset, inbound.source, inbound.destination)
    else {
        return true;
    };
    // What this host made and never left it may go without checksums.
    if inbound.frame.offload.checksum != sockeye_wire::ChecksumState::Complete {
        return true;
    }
    let mut sum = Checksum::pseudo_header_v6(source, destination, inbound.protocol, upper.len());
    sum.add_bytes(&upper.to_bytes());
    sum.is_valid()
}

fn envelope(stack: &Stack, inbound: &Inbound<'_>) -> Envelope {
    Envelope {
        source: inbound.source,
        source_port: inbound.protocol.0.into(),
        destination: inbound.destination,
        specific: stack.specific_address(inbound),
        destination_port: 0,
        interface: inbound.interface,
        hop_limit: inbound.hop_limit,
        traffic_class: inbound.traffic_class,
    }
}

/// Tells the raw sockets of a quoted packet's protocol of an ICMP error.
pub(crate) fn icmp_error(host: &mut Host, quote: &Quote, report: &IcmpReport, _now: Instant) {
    for id in host.stack.raw.of(quote.source, quote.protocol) {
        let Some(socket) = host.sockets.get(id) else {
            continue;
        };
        let Endpoint::Datagram(endpoint) = &socket.endpoint else {
            continue;
        };
        let names = &endpoint.names;
        let is_its_own = (names.local().is_unspecified() || names.local() == quote.source)
            && (!endpoint.is_connected || names.remote() == quote.destination);
        if is_its_own {
            let data = quoted_data(quote, report, 0);
            errors::report(host, id, report, (quote.destination, 0), data);
        }
    }
}
