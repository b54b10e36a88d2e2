//! ICMP and ICMPv6: what the host itself answers, reports, and hears about its own packets.
//!
//! RFC 792, 4443, 1122 3.2.2; the limits are Linux's `icmp_msgs_per_sec` and `icmp_msgs_burst` (loopback has none).

use core::net::IpAddr;

use bytes::Bytes;
use sockeye_wire::{
    Checksum, Frame, Headers, IcmpView, Icmpv4Error, Icmpv4Header, Icmpv6Error, Icmpv6Header,
    IpProtocol, Payload, Quote, QuotedTransport, icmp, icmpv4, icmpv6, ipv4, quote,
};

use super::output::{Fragmentation, IpMeta, Path};
use super::{IcmpReport, Inbound};
use crate::host::{Host, Stack};
use crate::ids::InterfaceId;
use crate::message::ErrorOrigin;
use crate::{Errno, Instant, ping, raw, tcp, udp};

/// Tokens of the limit on ICMP errors.
#[derive(Debug)]
pub(crate) struct RateLimit {
    tokens: u64,
    refilled: Instant,
}

impl RateLimit {
    pub(crate) fn new(burst: u32) -> Self {
        Self {
            tokens: burst.into(),
            refilled: Instant::ZERO,
        }
    }

    /// Whether one more message may go.
    fn allow(&mut self, per_second: u32, burst: u32, now: Instant) -> bool {
        let elapsed = u64::try_from((now - self.refilled).as_nanos()).unwrap_or(u64::MAX);
        let earned = elapsed.saturating_mul(per_second.into()) / 1_000_000_000;
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned).min(burst.into());
            self.refilled = now;
        }
        let has_token = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        has_token
    }
}

/// Why a packet could not be delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Problem {
    /// Nobody has the port.
    Port,
    /// Nobody has the protocol (IPv4).
    Protocol,
    /// The header makes no sense at this byte (IPv4).
    Header { pointer: u8 },
    /// Fragments are missing.
    ReassemblyTimeout,
    /// An ICMPv6 error as it is.
    V6(Icmpv6Error),
}

impl Problem {
    fn v4(self) -> Option<Icmpv4Error> {
        use icmpv4::Unreachable;
        Some(match self {
            Self::Port => Icmpv4Error::DestinationUnreachable(Unreachable::Port),
            Self::Protocol => Icmpv4Error::DestinationUnreachable(Unreachable::Protocol),
            Self::Header { pointer } => Icmpv4Error::ParameterProblem { code: 0, pointer },
            Self::ReassemblyTimeout => Icmpv4Error::ReassemblyTimeout,
            Self::V6(_) => return None,
        })
    }

    fn v6(self) -> Option<Icmpv6Error> {
        Some(match self {
            Self::Port => Icmpv6Error::DestinationUnreachable(icmpv6::Unreachable::Port),
            Self::ReassemblyTimeout => Icmpv6Error::ReassemblyTimeout,
            Self::V6(error) => error,
            Self::Protocol | Self::Header { .. } => return None,
        })
    }
}

impl Stack {
    /// Tells the sender of `offending` what is wrong, if that is allowed (RFC 1122 3.2.2, RFC 4443 2.4 (e)).
    pub(crate) fn report_problem(
        &mut self,
        interface: InterfaceId,
        offending: &Frame,
        problem: Problem,
        now: Instant,
    ) {
        let Ok(ip) = offending.ip() else { return };
        let (source, destination) = (ip.source(), ip.destination());
        let is_to_many = destination.is_multicast()
            || matches!(destination, IpAddr::V4(address) if address.is_broadcast());
        // RFC 4443 2.4 (e.3): a "packet too big" and an unknown option may answer multicast; the latter is all we send.
        let may_answer_many = matches!(
            problem,
            Problem::V6(Icmpv6Error::ParameterProblem { code: 2, .. })
        );
        if source.is_unspecified() || source.is_multicast() || (is_to_many && !may_answer_many) {
            return;
        }
        if quote::is_icmp_error(offending) {
            return;
        }
        let is_v4 = source.is_ipv4();
        let sysctl = &self.config.sysctl;
        let (per_second, burst) = (sysctl.icmp_msgs_per_sec, sysctl.icmp_msgs_burst);
        if interface != InterfaceId::LOOPBACK && !self.icmp_limit.allow(per_second, burst, now) {
            if is_v4 {
                self.counters.icmp_out_rate_limit_host += 1;
            } else {
                self.counters.icmp6_out_rate_limit_host += 1;
            }
            return;
        }
        let own = (!is_to_many).then_some(destination);
        let path = self.path_back(offending);
        let Some(path) = path.or_else(|| self.route(source, own, None).ok()) else {
            return;
        };
        let error = match (path.source, source) {
            (IpAddr::V4(_), IpAddr::V4(_)) => {
                let Some(error) = problem.v4() else { return };
                if matches!(error, Icmpv4Error::DestinationUnreachable(_)) {
                    self.counters.icmp_out_dest_unreachs += 1;
                }
                quote::icmpv4_error(error, offending, ipv4::MIN_HEADER_LEN)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let Some(error) = problem.v6() else { return };
                if matches!(error, Icmpv6Error::DestinationUnreachable(_)) {
                    self.counters.icmp6_out_dest_unreachs += 1;
                }
                quote::icmpv6_error(error, offending, from, to, 0)
            }
            _ => return,
        };
        self.send_icmp_by(&path, source, error, 0, 0);
    }

    /// Sends an ICMP message, checksum in place, of the family of `destination`.
    fn send_icmp(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        message: Frame,
        traffic_class: u8,
        flow_label: u32,
    ) {
        if let Ok(path) = self.route(destination, Some(source), None) {
            self.send_icmp_by(&path, destination, message, traffic_class, flow_label);
        }
    }

    fn send_icmp_by(
        &mut self,
        path: &Path,
        destination: IpAddr,
        message: Frame,
        traffic_class: u8,
        flow_label: u32,
    ) {
        let is_v4 = destination.is_ipv4();
        if is_v4 {
            self.counters.icmp_out_msgs += 1;
        } else {
            self.counters.icmp6_out_msgs += 1;
        }
        let meta = IpMeta {
            source: path.source,
            destination,
            protocol: if is_v4 {
                IpProtocol::ICMPV4
            } else {
                IpProtocol::ICMPV6
            },
            hop_limit: if is_v4 {
                self.config.sysctl.ip_default_ttl
            } else {
                self.config.sysctl.ipv6_hop_limit
            },
            traffic_class,
            flow_label,
            fragmentation: Fragmentation::Allowed,
            options: None,
        };
        let mut headers = Headers::new();
        self.ip_header(&mut headers, &meta, path, message.len());
        headers.extend_from_slice(&message.headers);
        // The route stands, so only a packet too long even in pieces fails; there is nobody to tell.
        let _ = self.output(
            Frame::new(headers, message.payload),
            path,
            Fragmentation::Allowed,
        );
    }
}

/// An ICMP message for this host.
pub(crate) fn receive_v4(host: &mut Host, inbound: Inbound<'_>, now: Instant) {
    host.stack.counters.icmp_in_msgs += 1;
    let Ok(view) = IcmpView::parse(inbound.transport_header()) else {
        host.stack.counters.icmp_in_errors += 1;
        return;
    };
    match Icmpv4Header::from(view) {
        Icmpv4Header::EchoRequest {
            identifier,
            sequence,
        } => {
            host.stack.counters.icmp_in_echos += 1;
            // Linux answers no broadcast (icmp_echo_ignore_broadcasts).
            if host.stack.config.sysctl.icmp_echo_ignore_all || inbound.is_multicast() {
                return;
            }
            host.stack.counters.icmp_out_echo_reps += 1;
            let mut reply = Frame::new(
                Default::default(),
                core::mem::take(&mut inbound.frame.payload),
            );
            let header = Icmpv4Header::EchoReply {
                identifier,
                sequence,
            };
            header.emit(
                &mut reply.headers,
                reply.payload.chunks().map(|chunk| &chunk[..]),
            );
            host.stack.send_icmp(
                inbound.destination,
                inbound.source,
                reply,
                inbound.traffic_class,
                0,
            );
        }
        Icmpv4Header::EchoReply { .. } => {
            host.stack.counters.icmp_in_echo_reps += 1;
            ping::receive(host, inbound, now);
        }
        Icmpv4Header::Error(error) => {
            if matches!(error, Icmpv4Error::DestinationUnreachable(_)) {
                host.stack.counters.icmp_in_dest_unreachs += 1;
            }
            if let Some((errno, is_fatal)) = meaning_v4(error) {
                let mtu = match error {
                    Icmpv4Error::DestinationUnreachable(
                        icmpv4::Unreachable::FragmentationNeeded { mtu },
                    ) => mtu.into(),
                    _ => 0,
                };
                let report = IcmpReport {
                    origin: ErrorOrigin::Icmp,
                    kind: error.kind(),
                    code: error.code(),
                    errno,
                    is_fatal,
                    mtu,
                    offender: inbound.source,
                    quoted: inbound.frame.payload.to_bytes(),
                };
                spread(host, &report, now);
            }
        }
        Icmpv4Header::TimestampRequest { .. }
        | Icmpv4Header::TimestampReply { .. }
        | Icmpv4Header::Other { .. } => {}
    }
}

/// An ICMPv6 message for this host.
pub(crate) fn receive_v6(host: &mut Host, inbound: Inbound<'_>, now: Instant) {
    host.stack.counters.icmp6_in_msgs += 1;
    let Ok(view) = IcmpView::parse(inbound.transport_header()) else {
        host.stack.counters.icmp6_in_errors += 1;
        return;
    };
    match Icmpv6Header::from(view) {
        Icmpv6Header::EchoRequest {
            identifier,
            sequence,
        } => {
            host.stack.counters.icmp6_in_echos += 1;
            let own = (!inbound.is_multicast()).then_some(inbound.destination);
            let Ok(path) = host.stack.route(inbound.source, own, None) else {
                return;
            };
            let (IpAddr::V6(from), IpAddr::V6(to)) = (path.source, inbound.source) else {
                return;
            };
            host.stack.counters.icmp6_out_echo_replies += 1;
            let mut reply = Frame::new(
                Default::default(),
                core::mem::take(&mut inbound.frame.payload),
            );
            let length = icmp::HEADER_LEN + reply.payload.len();
            let pseudo = Checksum::pseudo_header_v6(from, to, IpProtocol::ICMPV6, length);
            let header = Icmpv6Header::EchoReply {
                identifier,
                sequence,
            };
            header.emit(
                &mut reply.headers,
                pseudo,
                reply.payload.chunks().map(|chunk| &chunk[..]),
            );
            host.stack
                .send_icmp(path.source, inbound.source, reply, inbound.traffic_class, 0);
        }
        Icmpv6Header::EchoReply { .. } => {
            host.stack.counters.icmp6_in_echo_replies += 1;
            ping::receive(host, inbound, now);
        }
        Icmpv6Header::Error(error) => {
            if matches!(error, Icmpv6Error::DestinationUnreachable(_)) {
                host.stack.counters.icmp6_in_dest_unreachs += 1;
            }
            let (errno, is_fatal) = meaning_v6(error);
            let report = IcmpReport {
                origin: ErrorOrigin::Icmp6,
                kind: error.kind(),
                code: error.code(),
                errno,
                is_fatal,
                mtu: if let Icmpv6Error::PacketTooBig { mtu } = error {
                    mtu
                } else {
                    0
                },
                offender: inbound.source,
                quoted: inbound.frame.payload.to_bytes(),
            };
            spread(host, &report, now);
        }
        Icmpv6Header::Other { .. } => {}
    }
}

/// Brings a report to the transport whose packet it is about.
fn spread(host: &mut Host, report: &IcmpReport, now: Instant) {
    let Ok(quote) = Quote::parse(&report.quoted) else {
        match report.origin {
            ErrorOrigin::Icmp6 => host.stack.counters.icmp6_in_errors += 1,
            _ => host.stack.counters.icmp_in_errors += 1,
        }
        return;
    };
    // Only packets that this host sent concern it.
    if !host.stack.is_local(quote.source) && !host.stack.is_of_stand_in(&quote) {
        return;
    }
    if host.stack.raw.is_used() {
        raw::icmp_error(host, &quote, report, now);
    }
    match quote.transport {
        QuotedTransport::Tcp { .. } => tcp::icmp_error(host, &quote, report, now),
        QuotedTransport::Udp { .. } => udp::icmp_error(host, &quote, report, now),
        QuotedTransport::Echo { .. } => ping::icmp_error(host, &quote, report, now),
        QuotedTransport::Other => {}
    }
}

/// What an ICMP error means to a socket, and whether Linux calls it fatal (`icmp_err_convert`).
fn meaning_v4(error: Icmpv4Error) -> Option<(Errno, bool)> {
    Some(match error {
        Icmpv4Error::DestinationUnreachable(why) => match why.code() {
            0 | 11 => (Errno::ENETUNREACH, false),
            2 => (Errno::ENOPROTOOPT, true),
            3 => (Errno::ECONNREFUSED, true),
            4 => (Errno::EMSGSIZE, false),
            5 => (Errno::EOPNOTSUPP, false),
            6 | 9 => (Errno::ENETUNREACH, true),
            7 => (Errno::EHOSTDOWN, true),
            8 => (Errno::ENONET, true),
            10 | 13..=15 => (Errno::EHOSTUNREACH, true),
            1 | 12 => (Errno::EHOSTUNREACH, false),
            // Linux ignores codes that nobody has defined.
            _ => return None,
        },
        Icmpv4Error::ParameterProblem { .. } => (Errno::EPROTO, true),
        Icmpv4Error::HopLimitExceeded | Icmpv4Error::ReassemblyTimeout => {
            (Errno::EHOSTUNREACH, false)
        }
        // RFC 6633; and redirects are not taken, for there is no second router to be sent to yet.
        Icmpv4Error::SourceQuench | Icmpv4Error::Redirect { .. } => return None,
    })
}

/// `icmpv6_err_convert`.
fn meaning_v6(error: Icmpv6Error) -> (Errno, bool) {
    match error {
        Icmpv6Error::DestinationUnreachable(why) => match why.code() {
            0 => (Errno::ENETUNREACH, false),
            1 | 5 | 6 => (Errno::EACCES, true),
            2 | 3 => (Errno::EHOSTUNREACH, false),
            4 => (Errno::ECONNREFUSED, true),
            _ => (Errno::EPROTO, true),
        },
        Icmpv6Error::PacketTooBig { .. } => (Errno::EMSGSIZE, false),
        Icmpv6Error::HopLimitExceeded | Icmpv6Error::ReassemblyTimeout => {
            (Errno::EHOSTUNREACH, false)
        }
        Icmpv6Error::ParameterProblem { .. } => (Errno::EPROTO, true),
    }
}

/// The data of the packet that a report quotes, behind its transport header of `header_len` bytes: what
/// `recvmsg(MSG_ERRQUEUE)` gives.
pub(crate) fn quoted_data(quote: &Quote, report: &IcmpReport, header_len: usize) -> Payload {
    let at = (quote.transport_offset + header_len).min(report.quoted.len());
    let data: Bytes = report.quoted.slice(at..);
    Payload::from(data)
}
