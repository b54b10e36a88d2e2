//! Datagrams in: what is malformed is counted and dropped, fragments are collected, the rest goes to its transport.
//!
//! RFC 1122 3.2.1 (what a host must silently discard), RFC 8200 3, 4 and 4.5. This host forwards nothing: what is for
//! somebody else is dropped.

use core::net::IpAddr;

use sockeye_wire::ipv4::Ipv4Option;
use sockeye_wire::ipv6::ExtensionOption;
use sockeye_wire::{
    Ecn, Frame, Icmpv6Error, IpProtocol, Ipv4View, Ipv6Extensions, Ipv6View, Layout, Version, ipv6,
};

use super::icmp::Problem;
use super::{Delivery, Inbound};
use crate::host::{Host, Stack};
use crate::ids::InterfaceId;
use crate::{Instant, multicast, raw, tcp, udp};

/// What validation leaves to do with a packet.
enum Verdict {
    /// It is whole and for this host.
    Whole(Layout),
    /// It is part of a datagram.
    Part(Layout),
    /// It is dropped, and counted.
    Drop,
}

impl Host {
    /// Takes one packet from below. `is_own` packets were made by this host and never left it: their IP headers are
    /// known to be right.
    pub(crate) fn ip_receive(
        &mut self,
        interface: InterfaceId,
        frame: &mut Frame,
        is_own: bool,
        now: Instant,
    ) {
        let verdict = match Version::of(&frame.headers) {
            Ok(Version::V4) => self.stack.check_v4(interface, frame, is_own, now),
            Ok(Version::V6) => self.stack.check_v6(interface, frame, now),
            Err(_) => {
                self.stack.counters.ip_in_receives += 1;
                self.stack.counters.ip_in_hdr_errors += 1;
                Verdict::Drop
            }
        };
        let layout = match verdict {
            Verdict::Whole(layout) => layout,
            Verdict::Drop => return,
            Verdict::Part(layout) => {
                let Some(whole) = self.stack.collect(interface, frame, layout, now) else {
                    return;
                };
                *frame = whole;
                match frame.layout() {
                    Ok(layout) if self.stack.is_for_us(interface, frame) => layout,
                    _ => return,
                }
            }
        };
        let Ok(ip) = frame.ip() else { return };
        let (source, destination) = (ip.source(), ip.destination());
        if destination.is_multicast() && !multicast::permits(self, interface, destination, source) {
            return;
        }
        let inbound = Inbound {
            interface,
            source,
            destination,
            protocol: layout.protocol,
            hop_limit: ip.hop_limit(),
            traffic_class: ip.traffic_class(),
            transport: layout.transport,
            frame,
        };
        self.deliver(inbound, layout.version, now);
    }

    fn deliver(&mut self, inbound: Inbound<'_>, version: Version, now: Instant) {
        let is_raw = self.stack.raw.is_used() && raw::receive(self, &inbound, now);
        match version {
            Version::V4 => self.stack.counters.ip_in_delivers += 1,
            Version::V6 => self.stack.counters.ip6_in_delivers += 1,
        }
        if !inbound.frame.verify_checksum() {
            self.stack.count_bad_checksum(inbound.protocol, version);
            return;
        }
        match (inbound.protocol, version) {
            (IpProtocol::TCP, _) => tcp::receive(self, inbound, now),
            (IpProtocol::UDP | IpProtocol::UDP_LITE, _) => {
                // The offending packet is needed for the error: cloning it shares its payload.
                let copy = (inbound.interface, inbound.frame.clone());
                if udp::receive(self, inbound, now) == Delivery::NoPort {
                    self.stack
                        .report_problem(copy.0, &copy.1, Problem::Port, now);
                }
            }
            (IpProtocol::ICMPV4, Version::V4) => super::icmp::receive_v4(self, inbound, now),
            (IpProtocol::ICMPV6, Version::V6) => super::icmp::receive_v6(self, inbound, now),
            (IpProtocol::NO_NEXT_HEADER, Version::V6) => {}
            _ if is_raw => {}
            (_, Version::V4) => {
                self.stack.counters.ip_in_unknown_protos += 1;
                self.stack
                    .report_problem(inbound.interface, inbound.frame, Problem::Protocol, now);
            }
            (_, Version::V6) => {
                self.stack.counters.ip6_in_unknown_protos += 1;
                let pointer = next_header_field(&inbound.frame.headers);
                let error = Icmpv6Error::ParameterProblem { code: 1, pointer };
                self.stack.report_problem(
                    inbound.interface,
                    inbound.frame,
                    Problem::V6(error),
                    now,
                );
            }
        }
    }

    /// Packets whose missing fragments did not come in time.
    pub(crate) fn expire_fragments(&mut self, now: Instant) {
        while let Some(late) = self.stack.reassembly_v4.expire(now) {
            self.stack.counters.ip_reasm_timeout += 1;
            self.stack.counters.ip_reasm_fails += 1;
            if let Some(((interface, headers), payload)) = late.first {
                let frame = Frame::new(headers, payload);
                self.stack
                    .report_problem(interface, &frame, Problem::ReassemblyTimeout, now);
            }
        }
        while let Some(late) = self.stack.reassembly_v6.expire(now) {
            self.stack.counters.ip6_reasm_timeout += 1;
            self.stack.counters.ip6_reasm_fails += 1;
            if let Some(((interface, headers), payload)) = late.first {
                let frame = Frame::new(headers, payload);
                self.stack
                    .report_problem(interface, &frame, Problem::ReassemblyTimeout, now);
            }
        }
    }
}

/// How many packets a frame was put together from, or stands for (`gso_segs`).
fn packets_in(frame: &Frame) -> u64 {
    match frame.offload.segment_size {
        Some(size) => frame.payload.len().div_ceil(size.get().into()).max(1) as u64,
        None => 1,
    }
}

impl Stack {
    /// Whether packets to this address are for this host, among others perhaps.
    fn is_for(&self, destination: IpAddr) -> bool {
        self.is_local(destination) || destination.is_multicast() || self.is_broadcast(destination)
    }

    /// Whether a packet that was in pieces is for this host: of the pieces that could not be said for sure.
    fn is_for_us(&self, interface: InterfaceId, whole: &Frame) -> bool {
        let destination = whole.ip().map(|ip| ip.destination());
        destination.is_ok_and(|destination| self.is_for(destination))
            || self.is_for_own_end(interface, whole)
    }

    fn check_v4(
        &mut self,
        interface: InterfaceId,
        frame: &Frame,
        is_own: bool,
        now: Instant,
    ) -> Verdict {
        self.counters.ip_in_receives += 1;
        let Ok(view) = Ipv4View::parse(&frame.headers) else {
            self.counters.ip_in_hdr_errors += 1;
            return Verdict::Drop;
        };
        let total = usize::from(view.total_length());
        // A super-segment has no length of its own.
        let is_sound = is_own || ((total == frame.len() || total == 0) && view.checksum_is_valid());
        if !is_sound {
            if total > frame.len() {
                self.counters.ip_ext_in_truncated_pkts += 1;
            } else {
                self.counters.ip_in_hdr_errors += 1;
            }
            return Verdict::Drop;
        }
        let ecn = Ecn::of(view.traffic_class());
        self.counters.count_ecn(Version::V4, ecn, packets_in(frame));
        let (source, destination) = (view.source(), view.destination());
        // RFC 1122 3.2.1.3: such a source is never valid; 127/8 never appears outside of a host, and nobody else has an
        // address of this one.
        let is_martian = source.is_multicast()
            || source.is_broadcast()
            || (source.is_unspecified() && !may_be_nameless(view))
            || (interface != InterfaceId::LOOPBACK
                && (source.is_loopback()
                    || destination.is_loopback()
                    || (!is_own && self.is_local(source.into()))));
        if destination.is_multicast() && !self.groups.is_joined(interface, destination.into()) {
            return Verdict::Drop;
        }
        let is_ours = self.is_for(destination.into()) || self.is_for_own_end(interface, frame);
        if is_martian || !is_ours {
            self.counters.ip_in_addr_errors += 1;
            return Verdict::Drop;
        }
        for option in view.option_iter() {
            match option {
                // Linux refuses source routes unless accept_source_route is set; its default for hosts is off.
                Ok(option)
                    if matches!(
                        option.kind,
                        Ipv4Option::LOOSE_SOURCE_ROUTE | Ipv4Option::STRICT_SOURCE_ROUTE
                    ) =>
                {
                    self.counters.ip_in_hdr_errors += 1;
                    return Verdict::Drop;
                }
                Ok(_) => {}
                Err(offset) => {
                    self.counters.ip_in_hdr_errors += 1;
                    let pointer = u8::try_from(offset + 20).unwrap_or(u8::MAX);
                    self.report_problem(interface, frame, Problem::Header { pointer }, now);
                    return Verdict::Drop;
                }
            }
        }
        let layout = Layout {
            version: Version::V4,
            transport: view.header_len(),
            protocol: view.protocol(),
            fragment: view.is_fragment(),
        };
        if layout.fragment {
            Verdict::Part(layout)
        } else {
            Verdict::Whole(layout)
        }
    }

    fn check_v6(&mut self, interface: InterfaceId, frame: &Frame, now: Instant) -> Verdict {
        self.counters.ip6_in_receives += 1;
        let Ok(view) = Ipv6View::parse(&frame.headers) else {
            self.counters.ip6_in_hdr_errors += 1;
            return Verdict::Drop;
        };
        let length = usize::from(view.payload_length());
        if length != 0 && length + ipv6::HEADER_LEN != frame.len() {
            self.counters.ip6_in_hdr_errors += 1;
            return Verdict::Drop;
        }
        let ecn = Ecn::of(view.traffic_class());
        self.counters.count_ecn(Version::V6, ecn, packets_in(frame));
        let (source, destination) = (view.source(), view.destination());
        // RFC 4291 2.5.3, 2.7: never outside of a node, never a source. Mapped addresses don't travel (RFC 4942 2.2).
        let is_martian = source.is_multicast()
            || destination.is_unspecified()
            || (interface != InterfaceId::LOOPBACK
                && (source.is_loopback() || destination.is_loopback()))
            || source.to_ipv4_mapped().is_some();
        if destination.is_multicast() && !self.groups.is_joined(interface, destination.into()) {
            return Verdict::Drop;
        }
        let is_ours = self.is_for(destination.into()) || self.is_for_own_end(interface, frame);
        if is_martian || !is_ours {
            self.counters.ip6_in_addr_errors += 1;
            return Verdict::Drop;
        }
        let Ok(layout) = frame.layout() else {
            self.counters.ip6_in_hdr_errors += 1;
            return Verdict::Drop;
        };
        if layout.transport > ipv6::HEADER_LEN
            && !self.check_extensions(interface, frame, view, now)
        {
            self.counters.ip6_in_hdr_errors += 1;
            return Verdict::Drop;
        }
        if layout.fragment {
            Verdict::Part(layout)
        } else {
            Verdict::Whole(layout)
        }
    }

    /// RFC 8200 4.2: what to do about options nobody knows is in their type. False: discard the packet.
    fn check_extensions(
        &mut self,
        interface: InterfaceId,
        frame: &Frame,
        view: Ipv6View<'_>,
        now: Instant,
    ) -> bool {
        let rest = frame.headers.get(ipv6::HEADER_LEN..).unwrap_or_default();
        for header in Ipv6Extensions::new(view.next_header(), rest) {
            let Ok(header) = header else { return false };
            let at = ipv6::HEADER_LEN + header.offset;
            // RFC 5095: a type 0 routing header with segments left is an error; others are unknown to a host.
            if header.segments_left().is_some_and(|left| left > 0) {
                let pointer = u32::try_from(at + 2).unwrap_or(0);
                let error = Icmpv6Error::ParameterProblem { code: 0, pointer };
                self.report_problem(interface, frame, Problem::V6(error), now);
                return false;
            }
            for option in header.options() {
                let Ok(option) = option else { return false };
                if matches!(
                    option.kind,
                    ExtensionOption::ROUTER_ALERT | ExtensionOption::JUMBO_PAYLOAD
                ) {
                    continue;
                }
                match option.unrecognized_action() {
                    0 => {}
                    1 => return false,
                    action => {
                        // 2 always reports, 3 only what was not sent to many.
                        if action == 2 || !view.destination().is_multicast() {
                            let pointer =
                                u32::try_from(ipv6::HEADER_LEN + option.offset).unwrap_or(0);
                            let error = Icmpv6Error::ParameterProblem { code: 2, pointer };
                            self.report_problem(interface, frame, Problem::V6(error), now);
                        }
                        return false;
                    }
                }
            }
        }
        true
    }

    fn count_bad_checksum(&mut self, protocol: IpProtocol, version: Version) {
        let counters = &mut self.counters;
        match (protocol, version) {
            (IpProtocol::TCP, _) => {
                counters.tcp_in_errs += 1;
                counters.tcp_in_csum_errors += 1;
            }
            (IpProtocol::UDP | IpProtocol::UDP_LITE, _) => {
                let kind = udp::Kind::new(protocol == IpProtocol::UDP_LITE, version == Version::V4);
                kind.count(counters, udp::Event::InError);
                kind.count(counters, udp::Event::InChecksumError);
            }
            (_, Version::V4) => {
                counters.icmp_in_errors += 1;
                counters.icmp_in_csum_errors += 1;
            }
            (_, Version::V6) => {
                counters.icmp6_in_errors += 1;
                counters.icmp6_in_csum_errors += 1;
            }
        }
    }
}

/// RFC 1122 3.2.1.3 (a): who has no address yet may ask everybody on the link for one (`ip_route_input_slow`,
/// `ip_mc_validate_source`).
fn may_be_nameless(packet: Ipv4View<'_>) -> bool {
    let destination = packet.destination();
    let is_link_local = destination.octets()[..3] == [224, 0, 0];
    let is_membership = destination.is_multicast() && packet.protocol() == IpProtocol::IGMP;
    destination.is_broadcast() || is_link_local || is_membership
}

/// Where the last next-header field of an IPv6 header chain is.
pub(super) fn next_header_field(headers: &[u8]) -> u32 {
    let last = Ipv6View::parse(headers).ok().and_then(|view| {
        let rest = headers.get(ipv6::HEADER_LEN..)?;
        Ipv6Extensions::new(view.next_header(), rest)
            .map_while(Result::ok)
            .last()
            .map(|last| last.offset)
    });
    last.map_or(6, |offset| {
        u32::try_from(ipv6::HEADER_LEN + offset).unwrap_or(6)
    })
}
