//! The start of a packet that an ICMP error carries back (RFC 792, RFC 1812 4.3.2.3, RFC 4443 2.4 (c)).
use core::net::IpAddr;

use bytes::{Bytes, BytesMut};

use crate::{
    Frame, Icmpv4Error, Icmpv4Header, Icmpv6Error, Icmpv6Header, IpProtocol, IpView, Layout,
    ParseError, Payload, Version, icmp, icmpv6, ipv4, ipv6,
};

/// RFC 1812 4.3.2.3: an ICMP error is at most 576 bytes long, IP header included.
pub const MAX_ERROR_LEN_V4: usize = 576;
/// RFC 4443 2.4 (c): an ICMPv6 error fits the minimum MTU.
pub const MAX_ERROR_LEN_V6: usize = ipv6::MIN_MTU;

/// Whose packet an ICMP error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The quoted packet's source: the host that gets the error.
    pub source: IpAddr,
    /// The quoted packet's destination.
    pub destination: IpAddr,
    /// The quoted packet's protocol.
    pub protocol: IpProtocol,
    /// Where in the quote the transport header starts.
    pub transport_offset: usize,
    /// What names the socket that sent the packet.
    pub transport: QuotedTransport,
}

/// What names the socket that sent a quoted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotedTransport {
    /// TCP.
    Tcp {
        /// Source port.
        source_port: u16,
        /// Destination port.
        destination_port: u16,
        /// Sequence number of the quoted segment, to be checked against what is in flight (RFC 5927 4.1).
        sequence: u32,
    },
    /// UDP, UDP-Lite.
    Udp {
        /// Source port.
        source_port: u16,
        /// Destination port.
        destination_port: u16,
    },
    /// ICMP or ICMPv6 echo request.
    Echo {
        /// Identifier.
        identifier: u16,
        /// Sequence number.
        sequence: u16,
    },
    /// Another protocol, a fragment that is not the first, or too little of it.
    Other,
}

impl Quote {
    /// Reads what an ICMP or ICMPv6 error quotes. The quote may end anywhere after the IP header.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let ip = IpView::parse(bytes)?;
        let (layout, first) = match ip {
            IpView::V4(view) => (Layout::of(bytes)?, view.fragment_offset() == 0),
            IpView::V6(view) => {
                let rest = bytes.get(ipv6::HEADER_LEN..).unwrap_or_default();
                let upper = crate::Ipv6Extensions::new(view.next_header(), rest).upper_layer()?;
                let first = upper.fragment.is_none_or(|fragment| fragment.offset == 0);
                (Layout::of(bytes)?, first)
            }
        };
        let transport = bytes.get(layout.transport..).unwrap_or_default();
        Ok(Quote {
            source: ip.source(),
            destination: ip.destination(),
            protocol: layout.protocol,
            transport_offset: layout.transport,
            transport: if first {
                QuotedTransport::parse(layout.protocol, transport)
            } else {
                QuotedTransport::Other
            },
        })
    }
}

impl QuotedTransport {
    /// RFC 792 promises eight bytes of the transport header.
    fn parse(protocol: IpProtocol, transport: &[u8]) -> Self {
        let Some(&[a, b, c, d, e, f, g, h]) = transport.first_chunk::<8>() else {
            return QuotedTransport::Other;
        };
        let source_port = u16::from_be_bytes([a, b]);
        let destination_port = u16::from_be_bytes([c, d]);
        match protocol {
            IpProtocol::TCP => QuotedTransport::Tcp {
                source_port,
                destination_port,
                sequence: u32::from_be_bytes([e, f, g, h]),
            },
            IpProtocol::UDP | IpProtocol::UDP_LITE => QuotedTransport::Udp {
                source_port,
                destination_port,
            },
            IpProtocol::ICMPV4 if a == 8 => QuotedTransport::Echo {
                identifier: u16::from_be_bytes([e, f]),
                sequence: u16::from_be_bytes([g, h]),
            },
            IpProtocol::ICMPV6 if a == 128 => QuotedTransport::Echo {
                identifier: u16::from_be_bytes([e, f]),
                sequence: u16::from_be_bytes([g, h]),
            },
            _ => QuotedTransport::Other,
        }
    }
}

/// The first bytes of `frame`, at most `limit` of them, as one piece.
pub fn quote(frame: &Frame, limit: usize) -> Bytes {
    let length = frame.len().min(limit);
    let mut bytes = BytesMut::with_capacity(length);
    let head = frame.headers.len().min(length);
    bytes.extend_from_slice(frame.headers.get(..head).unwrap_or_default());
    for chunk in frame.payload.chunks() {
        let left = length - bytes.len();
        if left == 0 {
            break;
        }
        bytes.extend_from_slice(chunk.get(..left).unwrap_or(chunk));
    }
    bytes.freeze()
}

/// The ICMP header and the quote of an error about `offending`: what follows an IPv4 header of `ip_header_len` bytes.
///
/// Returns a frame whose `headers` start with the ICMP header; the IP layer puts its own in front. Whether an error may be
/// sent at all (RFC 1122 3.2.2) is the caller's to decide.
pub fn icmpv4_error(error: Icmpv4Error, offending: &Frame, ip_header_len: usize) -> Frame {
    let limit =
        MAX_ERROR_LEN_V4.saturating_sub(ip_header_len.max(ipv4::MIN_HEADER_LEN) + icmp::HEADER_LEN);
    let quoted = quote(offending, limit);
    let mut frame = Frame::default();
    Icmpv4Header::Error(error).emit(&mut frame.headers, [&*quoted]);
    frame.payload = Payload::from(quoted);
    frame
}

/// The ICMPv6 header and the quote of an error about `offending`, to be sent from `source` to `destination`.
///
/// As [`icmpv4_error`]; `extensions_len` is the length of extension headers that the error itself will carry, usually 0.
pub fn icmpv6_error(
    error: Icmpv6Error,
    offending: &Frame,
    source: core::net::Ipv6Addr,
    destination: core::net::Ipv6Addr,
    extensions_len: usize,
) -> Frame {
    let limit =
        MAX_ERROR_LEN_V6.saturating_sub(ipv6::HEADER_LEN + extensions_len + icmp::HEADER_LEN);
    let quoted = quote(offending, limit);
    let length = icmp::HEADER_LEN + quoted.len();
    let pseudo_header =
        crate::Checksum::pseudo_header_v6(source, destination, IpProtocol::ICMPV6, length);
    let mut frame = Frame::default();
    Icmpv6Header::Error(error).emit(&mut frame.headers, pseudo_header, [&*quoted]);
    frame.payload = Payload::from(quoted);
    frame
}

/// True if `frame` is itself an ICMP or ICMPv6 error, about which no error is ever sent (RFC 1122 3.2.2, RFC 4443 2.4 (e)).
pub fn is_icmp_error(frame: &Frame) -> bool {
    let Ok(layout) = frame.layout() else {
        return false;
    };
    let Some(&kind) = frame.headers.get(layout.transport) else {
        return false;
    };
    match (layout.version, layout.protocol) {
        (Version::V4, IpProtocol::ICMPV4) => matches!(kind, 3 | 4 | 5 | 11 | 12),
        (Version::V6, IpProtocol::ICMPV6) => icmpv6::is_error(kind),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
