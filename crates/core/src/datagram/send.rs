//! `sendmsg` of datagram sockets.
//!
//! The order in which misuse is answered is Linux's (`udp_sendmsg`, `raw_sendmsg`, `ping_v4_sendmsg`): length and flags,
//! address, control messages, route, length for the path, pending error, shut half.

use core::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use super::{
    DatagramEndpoint, Protocol, endpoint, errors, gather, gathering, ip_protocol, naming,
    overrides, stamps, zero_copy,
};
use crate::address::unmapped;
use crate::host::Host;
use crate::ip::loopback_like;
use crate::ip::output::{Fragmentation, IpMeta, Path, longest_packet};
use crate::message::{Ancillary, MessageFlags, Outgoing};
use crate::multicast::Sender;
use crate::options::{Discovery, SharedOptions, Switches};
use crate::socket::departures::StampRequest;
use crate::socket::{Endpoint, Socket};
use crate::{Domain, Errno, Instant, InterfaceId, SocketAddress, SocketId, ping, raw, udp};

/// No datagram is longer, whatever its protocol.
const LONGEST: usize = 0xffff;
/// With this much data a datagram fits the least MTU of IPv6 (RFC 8200 5), so that none is to be asked for.
const SHORT: usize = 1280 - 40 - 8;
/// `UDP_MAX_SEGMENTS`
const MAX_SEGMENTS: usize = 128;

/// A datagram on its way to its protocol.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) meta: IpMeta,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) data: Bytes,
}

/// Sends one message: with `UDP_SEGMENT` several datagrams.
pub(crate) fn send_message(
    host: &mut Host,
    id: SocketId,
    message: Outgoing<'_>,
    _now: Instant,
) -> Result<usize, Errno> {
    // inet_send_prepare: the port is taken before anything is looked at.
    naming::autobind(host, id)?;
    let length = message.length();
    let socket = host.get_mut(id)?;
    let domain = socket.domain;
    let endpoint = endpoint!(socket);
    // udpv6_sendmsg leaves both to udp_sendmsg, which it asks for mapped destinations only.
    let is_udp_v6 = domain == Domain::Inet6 && endpoint.protocol.is_udp();
    let is_raw = matches!(endpoint.protocol, Protocol::Raw(_));
    if length > LONGEST && !is_raw && !is_udp_v6 {
        return Err(Errno::EMSGSIZE);
    }
    let is_oob = message.flags.contains(MessageFlags::OOB);
    let is_on_link = message.flags.contains(MessageFlags::DONTROUTE);
    if is_oob && !is_udp_v6 {
        return Err(Errno::EOPNOTSUPP);
    }
    let extent = Extent {
        length,
        is_oob,
        is_on_link,
    };
    let is_udp = endpoint.protocol.is_udp();
    // A whole packet is one message.
    let is_gathered = is_udp || (is_raw && !socket.options.is_on(Switches::HEADER_INCLUDED));
    let is_more = message.flags.contains(MessageFlags::MORE)
        || (is_udp && socket.options.is_on(Switches::UDP_CORK));
    if is_gathered && (is_more || endpoint.is_gathering()) {
        gathering::add(host, id, &message, extent, is_more)?;
        return Ok(length);
    }
    let prepared = prepare(host, id, message.address, &message.ancillary, extent)?;
    let is_zero_copy = zero_copy::is_asked_for(host, id, &message)?;
    depart(host, id, &prepared, gather(message.data))?;
    zero_copy::done(host, id, is_zero_copy.into());
    Ok(length)
}

/// What of a message is looked at along with its address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) length: usize,
    pub(super) is_oob: bool,
    /// `MSG_DONTROUTE`
    pub(super) is_on_link: bool,
}

/// How a message goes, found out before there is all of its data.
#[derive(Debug)]
pub(super) struct Prepared {
    meta: IpMeta,
    path: Path,
    port: u16,
    /// `UDP_SEGMENT`, 0 for off.
    segment: usize,
    stamps: StampRequest,
}

impl Prepared {
    pub(super) fn redirect(&mut self, source: IpAddr, destination: IpAddr, port: u16) {
        self.meta.source = source;
        self.meta.destination = destination;
        self.port = port;
    }

    /// The destination with its port.
    fn to(&self) -> (IpAddr, u16) {
        (self.meta.destination, self.port)
    }
}

/// Looks at everything but the data: where it goes, by which way, and whether it may.
pub(super) fn prepare(
    host: &mut Host,
    id: SocketId,
    address: Option<&SocketAddress>,
    control: &[Ancillary],
    extent: Extent,
) -> Result<Prepared, Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    let domain = socket.domain;
    let endpoint = endpoint!(socket);
    let names = &endpoint.names;
    let (asked, port) = destination(
        (domain, socket.protocol),
        &socket.options,
        endpoint,
        address,
        extent,
    )?;
    let is_udp = endpoint.protocol.is_udp();
    let overrides = overrides::read(stack, (domain, &socket.options), is_udp, asked, control)?;
    // INADDR_ANY as a destination is this host (RFC 1122 3.2.1.3 lets it; Linux does).
    let destination = if asked.is_unspecified() {
        loopback_like(asked)
    } else {
        asked
    };
    overrides::check_source(stack, &socket.options, destination, overrides.source)?;
    let same_family = names.local().is_ipv4() == destination.is_ipv4();
    let bound = naming::source(stack, domain, names.local()).filter(|_| same_family);
    let scope_id = match address {
        Some(SocketAddress::V6(address)) => address.scope_id(),
        Some(_) => 0,
        None => names.scope_id,
    };
    let scope = naming::scope(stack, destination, scope_id)?;
    let sender = Sender {
        options: &socket.options,
        source: overrides.source.or(bound),
        device: overrides.device.or(scope).or(socket.options.device),
        is_on_link: extent.is_on_link,
    };
    let from = (sender.source, names.local_port);
    let space = endpoint.space(domain);
    let mut path = match stack.path_to_stand_in(space, from, (destination, port)) {
        Some(path) => path,
        None => stack.route_from(&sender, destination)?,
    };
    if stack.is_broadcast(destination) && !socket.options.is_on(Switches::BROADCAST) {
        return Err(Errno::EACCES);
    }
    let mut fragmentation = fragmentation(&socket.options, destination, overrides.dont_fragment);
    // From IP_PMTUDISC_PROBE on it is the device's MTU that counts.
    if socket.options.discovery(destination.is_ipv4()) >= Discovery::PROBE {
        if let Some(device) = stack.interface(path.interface) {
            path.mtu = longest_packet(destination, device.mtu);
        }
    } else {
        let known = stack.path_mtu(destination, &path, stack.now);
        path.mtu = known.map_or(path.mtu, |known| known.mtu.min(path.mtu));
        let is_locked = path.is_mtu_locked || known.is_some_and(|known| known.is_locked);
        if is_locked && fragmentation == Fragmentation::LocalOnly {
            fragmentation = Fragmentation::Allowed;
        }
    }
    if destination.is_ipv6()
        && extent.length > SHORT
        && let Some(most) = socket.options.fragment_size_v6()
    {
        path.mtu = path.mtu.min(most);
    }
    let ip_options = socket
        .options
        .ip_options()
        .filter(|_| destination.is_ipv4());
    let is_whole = socket.options.is_on(Switches::HEADER_INCLUDED);
    let limit = if is_whole && destination.is_ipv6() {
        // rawv6_send_hdrinc compares with the interface's MTU alone, which may be a byte more.
        path.mtu
    } else {
        longest(&endpoint.protocol, destination)
            .saturating_sub(ip_options.map_or(0, |options| options.len()))
    };
    if extent.length > limit {
        // udp_sendmsg refuses what no length field can say before it comes to where errors are queued.
        if asked.is_ipv6() || extent.length <= LONGEST {
            too_long(host, id, (destination, port), &path);
        }
        return Err(Errno::EMSGSIZE);
    }
    // For a raw packet without a header of its own ip_append_data takes memory past sock_alloc_send_skb, which looks.
    if is_whole || !matches!(endpoint.protocol, Protocol::Raw(_)) {
        if let Some(errno) = socket.error.take() {
            return Err(errno);
        }
        if endpoint.is_write_shut {
            return Err(Errno::EPIPE);
        }
    }
    let hop_limit = overrides
        .hop_limit
        .unwrap_or_else(|| hop_limit(&socket.options, &stack.config.sysctl, destination));
    if destination.is_multicast() && path.interface != InterfaceId::LOOPBACK {
        // RFC 1112 6.1: with a time to live of 0 it stays on this host; so does what is for the interface alone.
        path.reach.link = hop_limit != 0 && !is_interface_local(destination);
    }
    let meta = IpMeta {
        source: path.source,
        destination,
        protocol: ip_protocol(socket.protocol),
        hop_limit,
        traffic_class: overrides.traffic_class.unwrap_or(match destination {
            IpAddr::V4(_) => socket.options.type_of_service,
            IpAddr::V6(_) => socket.options.traffic_class,
        }),
        flow_label: 0,
        fragmentation,
        options: ip_options.cloned(),
    };
    Ok(Prepared {
        meta,
        path,
        port,
        segment: usize::from(overrides.segment_size.unwrap_or(socket.options.udp_segment)),
        stamps: overrides.stamps,
    })
}

/// Sends data on its prepared way.
pub(super) fn depart(
    host: &mut Host,
    id: SocketId,
    prepared: &Prepared,
    data: Bytes,
) -> Result<(), Errno> {
    let Host { sockets, stack } = host;
    let socket = sockets.get_mut(id).ok_or(Errno::EBADF)?;
    let endpoint = endpoint!(socket);
    let Prepared {
        meta,
        path,
        port,
        segment,
        stamps: asked,
    } = prepared;
    let segment = *segment;
    let source_port = endpoint.names.local_port;
    let departure = |data| Departure {
        meta: meta.clone(),
        source_port,
        destination_port: *port,
        data,
    };
    stamps::begin(stack, *asked);
    let options = &socket.options;
    let result = match &endpoint.protocol {
        Protocol::Udp if segment > 0 && data.len() > segment => {
            if data.len().div_ceil(segment) > MAX_SEGMENTS {
                return Err(Errno::EINVAL);
            }
            let mut data = data;
            let mut result = Ok(());
            while !data.is_empty() && result.is_ok() {
                let piece = data.split_to(segment.min(data.len()));
                result = udp::send(stack, departure(piece), path, options, None);
            }
            result
        }
        Protocol::Udp => udp::send(stack, departure(data), path, options, None),
        // udp_send_skb: it has no segmentation.
        Protocol::UdpLite(_) if segment > 0 => Err(Errno::EIO),
        Protocol::UdpLite(coverage) => {
            udp::send(stack, departure(data), path, options, Some(*coverage))
        }
        Protocol::Ping => ping::send(stack, departure(data), path),
        Protocol::Raw(state) => {
            let is_whole = options.is_on(Switches::HEADER_INCLUDED);
            raw::send(stack, departure(data), path, state, is_whole)
        }
    };
    if result == Err(Errno::EMSGSIZE) {
        too_long(host, id, prepared.to(), path);
    }
    stamps::end(host, id, *asked, path.interface, result.is_ok());
    result
}

/// The most data that a gathered datagram may come to (`__ip_append_data`): one that must not be cut fits its path.
pub(super) fn most(host: &Host, id: SocketId, prepared: &Prepared) -> usize {
    let socket = host.sockets.get(id);
    let Some(Endpoint::Datagram(endpoint)) = socket.map(|socket| &socket.endpoint) else {
        return 0;
    };
    let longest = longest(&endpoint.protocol, prepared.meta.destination);
    let is_cut = matches!(
        prepared.meta.fragmentation,
        Fragmentation::Allowed | Fragmentation::LocalOnly
    );
    if is_cut || prepared.segment > 0 {
        return longest;
    }
    let transport = if endpoint.protocol.is_udp() { 8 } else { 0 };
    let ip = if prepared.meta.destination.is_ipv4() {
        20
    } else {
        40
    };
    longest.min(prepared.path.mtu.saturating_sub(ip + transport))
}

/// What was gathered has grown too long.
pub(super) fn refuse_gathered(host: &mut Host, id: SocketId, prepared: &Prepared) {
    too_long(host, id, prepared.to(), &prepared.path);
}

/// Queues the error of a datagram that is too long (`ip_local_error`, `ipv6_local_error`).
fn too_long(host: &mut Host, id: SocketId, to: (IpAddr, u16), path: &Path) {
    let Host { sockets, stack } = host;
    let Some(Socket {
        options,
        endpoint: Endpoint::Datagram(endpoint),
        ..
    }) = sockets.get(id)
    else {
        return;
    };
    let (destination, port) = to;
    let (mtu, port) = match destination {
        IpAddr::V6(_) => (path.mtu, port),
        // The port is the peer's, not the address's. From IP_PMTUDISC_PROBE on the device's MTU is taken, not the path's.
        IpAddr::V4(_) => {
            let device = stack.interface(path.interface);
            let mtu = match (options.mtu_discover, device) {
                (3.., Some(device)) => device.mtu,
                _ => path.mtu,
            };
            let more = options.ip_options().map_or(0, |options| options.len());
            (mtu.saturating_sub(more), endpoint.names.remote_port)
        }
    };
    let mtu = u32::try_from(mtu).unwrap_or(u32::MAX);
    errors::local_error(host, id, Errno::EMSGSIZE, (destination, port), mtu);
}

/// Where the datagram goes: the address that was given, or the peer.
fn destination(
    (domain, number): (Domain, u16),
    options: &SharedOptions,
    endpoint: &DatagramEndpoint,
    address: Option<&SocketAddress>,
    extent: Extent,
) -> Result<(IpAddr, u16), Errno> {
    let names = &endpoint.names;
    let length = extent.length;
    let is_raw = matches!(endpoint.protocol, Protocol::Raw(_));
    let has_ports = endpoint.protocol.is_udp();
    // rawv6_sendmsg looks at the address first, raw_sendmsg at the length; neither protocol carries more.
    if is_raw && length > LONGEST && domain == Domain::Inet {
        return Err(Errno::EMSGSIZE);
    }
    let given = match (domain, address) {
        (_, None) => None,
        (_, Some(SocketAddress::Malformed(errno))) => return Err(*errno),
        (Domain::Inet, Some(SocketAddress::V4(address))) => {
            Some(((*address.ip()).into(), address.port()))
        }
        // Linux takes AF_UNSPEC for AF_INET here; such an address holds zeros.
        (Domain::Inet, Some(SocketAddress::Unspecified)) => Some((Ipv4Addr::UNSPECIFIED.into(), 0)),
        (Domain::Inet, Some(_)) => return Err(Errno::EAFNOSUPPORT),
        (_, Some(SocketAddress::V6(address))) => {
            Some((unmapped((*address.ip()).into()), address.port()))
        }
        (_, Some(SocketAddress::V4(address))) if !is_raw => {
            Some(((*address.ip()).into(), address.port()))
        }
        // As if there was no address, but that the peer's then is looked up as IPv6 even if it is a mapped one.
        (_, Some(SocketAddress::Unspecified)) if !is_raw => {
            if endpoint.is_connected && names.remote().is_ipv4() {
                return Err(Errno::ENETUNREACH);
            }
            None
        }
        (_, Some(_)) => return Err(Errno::EINVAL),
    };
    let Some((address, port)) = given else {
        if !endpoint.is_connected {
            return Err(Errno::EDESTADDRREQ);
        }
        // For a mapped peer udp_sendmsg is asked, with the address written out: its port must not be zero.
        if domain == Domain::Inet6 && names.remote().is_ipv4() && has_ports {
            ask_ipv4(options, extent)?;
            if names.remote_port == 0 {
                return Err(Errno::EINVAL);
            }
        }
        if domain == Domain::Inet6 && names.remote().is_ipv4() && !has_ports {
            return Err(Errno::ENETUNREACH);
        }
        return Ok((names.remote(), names.remote_port));
    };
    if domain == Domain::Inet6 && address.is_ipv4() && has_ports {
        ask_ipv4(options, extent)?;
    }
    if port == 0 && has_ports {
        return Err(Errno::EINVAL);
    }
    if is_raw && domain == Domain::Inet6 {
        // The port of a raw IPv6 address is the protocol, if it is anything (RFC 3542 3).
        let named = if port == 0 { number } else { port };
        if named > 0xff || (named != number && number != raw::ANY_PROTOCOL) {
            return Err(Errno::EINVAL);
        }
    }
    if domain == Domain::Inet6 && address.is_ipv4() && !has_ports {
        return Err(Errno::ENETUNREACH);
    }
    Ok((address, port))
}

/// What `udpv6_sendmsg` and `udp_sendmsg` look at first when the one asks the other.
fn ask_ipv4(options: &SharedOptions, extent: Extent) -> Result<(), Errno> {
    if options.is_on(Switches::V6_ONLY) {
        return Err(Errno::ENETUNREACH);
    }
    if extent.length > LONGEST {
        return Err(Errno::EMSGSIZE);
    }
    if extent.is_oob {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(())
}

/// `IP_MTU_DISCOVER`: dont, want, do, probe, interface, omit.
fn fragmentation(
    options: &SharedOptions,
    destination: IpAddr,
    dont_fragment: Option<bool>,
) -> Fragmentation {
    let (discover, forbidden) = match destination {
        IpAddr::V4(_) => (options.mtu_discover, false),
        IpAddr::V6(_) => (
            options.mtu_discover_v6,
            dont_fragment.unwrap_or(options.is_on(Switches::DONT_FRAGMENT_V6)),
        ),
    };
    match discover {
        2 | 3 => Fragmentation::Forbidden,
        4 if !forbidden => Fragmentation::OnTheWay,
        _ if forbidden => Fragmentation::Forbidden,
        1 => Fragmentation::LocalOnly,
        _ => Fragmentation::Allowed,
    }
}

fn hop_limit(options: &SharedOptions, sysctl: &crate::Sysctl, destination: IpAddr) -> u8 {
    match destination {
        IpAddr::V4(address) if address.is_multicast() => {
            options.multicast().map_or(1, |multicast| multicast.ttl)
        }
        IpAddr::V6(address) if address.is_multicast() => {
            options.multicast().map_or(1, |multicast| multicast.hops)
        }
        IpAddr::V4(_) => options.time_to_live.unwrap_or(sysctl.ip_default_ttl),
        IpAddr::V6(_) => options.unicast_hops.unwrap_or(sysctl.ipv6_hop_limit),
    }
}

/// RFC 4291 2.7: scope 1.
fn is_interface_local(group: IpAddr) -> bool {
    matches!(group, IpAddr::V6(group) if group.segments()[0] & 0xf == 1)
}

/// The most data that fits a datagram: 65,535 bytes less the headers; IPv6 does not count its own.
fn longest(protocol: &Protocol, destination: IpAddr) -> usize {
    let transport = match protocol {
        Protocol::Udp | Protocol::UdpLite(_) => 8,
        Protocol::Ping | Protocol::Raw(_) => 0,
    };
    match (destination, protocol) {
        (IpAddr::V4(_), Protocol::Raw(_)) => 0xffff,
        (IpAddr::V4(_), _) => 0xffff - 20 - transport,
        (IpAddr::V6(_), _) => 0xffff - transport,
    }
}
