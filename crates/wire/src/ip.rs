//! What IPv4 and IPv6 have in common: where the transport header is, and whose packet it is.
use core::net::IpAddr;

use crate::{Checksum, IpProtocol, Ipv4View, Ipv6Extensions, Ipv6View, ParseError, ipv6};

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Version {
    /// The version of a packet, from its first four bits.
    pub fn of(bytes: &[u8]) -> Result<Self, ParseError> {
        match bytes.first().ok_or(ParseError::Truncated)? >> 4 {
            4 => Ok(Version::V4),
            6 => Ok(Version::V6),
            _ => Err(ParseError::Version),
        }
    }
}

/// An IP header of either version in borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub enum IpView<'a> {
    /// IPv4.
    V4(Ipv4View<'a>),
    /// IPv6.
    V6(Ipv6View<'a>),
}

impl<'a> IpView<'a> {
    /// Reads the header at the start of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match Version::of(bytes)? {
            Version::V4 => Ipv4View::parse(bytes).map(IpView::V4),
            Version::V6 => Ipv6View::parse(bytes).map(IpView::V6),
        }
    }

    /// Where the packet comes from.
    pub fn source(&self) -> IpAddr {
        match self {
            IpView::V4(view) => view.source().into(),
            IpView::V6(view) => view.source().into(),
        }
    }

    /// Where it goes.
    pub fn destination(&self) -> IpAddr {
        match self {
            IpView::V4(view) => view.destination().into(),
            IpView::V6(view) => view.destination().into(),
        }
    }

    /// Time to live or hop limit.
    pub fn hop_limit(&self) -> u8 {
        match self {
            IpView::V4(view) => view.hop_limit(),
            IpView::V6(view) => view.hop_limit(),
        }
    }

    /// DSCP and ECN.
    pub fn traffic_class(&self) -> u8 {
        match self {
            IpView::V4(view) => view.traffic_class(),
            IpView::V6(view) => view.traffic_class(),
        }
    }

    /// The pseudo header for an upper layer of `length` bytes.
    pub fn pseudo_header(&self, protocol: IpProtocol, length: usize) -> Checksum {
        match self {
            IpView::V4(view) => {
                Checksum::pseudo_header_v4(view.source(), view.destination(), protocol, length)
            }
            IpView::V6(view) => view.pseudo_header(protocol, length),
        }
    }
}

/// Where the parts of an IP packet are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The version of IP.
    pub version: Version,
    /// Where the transport header (or, in a fragment, the fragment's data) starts: the length of the IP header with options
    /// or extension headers.
    pub transport: usize,
    /// What is at `transport`.
    pub protocol: IpProtocol,
    /// This packet is one part of a datagram, so that what is at `transport` can't be read yet. (An IPv6 packet whose fragment
    /// header says that it is whole is not a fragment, RFC 6946.)
    pub fragment: bool,
}

impl Layout {
    /// Finds the parts in `bytes`, which hold at least the IP header and its options or extension headers.
    pub fn of(bytes: &[u8]) -> Result<Self, ParseError> {
        match IpView::parse(bytes)? {
            IpView::V4(view) => Ok(Layout {
                version: Version::V4,
                transport: view.header_len(),
                protocol: view.protocol(),
                fragment: view.is_fragment(),
            }),
            IpView::V6(view) => {
                let rest = bytes.get(ipv6::HEADER_LEN..).unwrap_or_default();
                let upper = Ipv6Extensions::new(view.next_header(), rest).upper_layer()?;
                Ok(Layout {
                    version: Version::V6,
                    transport: ipv6::HEADER_LEN + upper.offset,
                    protocol: upper.protocol,
                    fragment: upper.fragment.is_some_and(|fragment| !fragment.is_atomic()),
                })
            }
        }
    }
}
