//! IPv4 (RFC 791, with the traffic class of RFC 2474 and 3168).
//!
//! A view reads the header alone: the length of the data is the frame's business, because a super-segment's total length
//! does not fit its field (it is then 0, as on Linux).
use core::net::Ipv4Addr;

use arrayvec::ArrayVec;

use crate::{Checksum, Headers, IpProtocol, ParseError};

/// Length of an IPv4 header without options.
pub const MIN_HEADER_LEN: usize = 20;
/// Length of the longest IPv4 header.
pub const MAX_HEADER_LEN: usize = 60;
/// Every host can take a datagram of this length (RFC 791 3.1).
pub const MIN_MTU: usize = 68;
/// The longest datagram.
pub const MAX_LEN: usize = 65535;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
/// Where the total length is in the header.
pub const LENGTH_OFFSET: usize = 2;
/// Where the identification is in the header.
pub const IDENTIFICATION_OFFSET: usize = 4;
/// Where the checksum is in the header.
pub const CHECKSUM_OFFSET: usize = 10;
const OFFSET_MASK: u16 = 0x1fff;

/// An IPv4 header in borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4View<'a> {
    fixed: &'a [u8; MIN_HEADER_LEN],
    options: &'a [u8],
}

impl<'a> Ipv4View<'a> {
    /// Reads the header at the start of `bytes`; what follows the header is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (fixed, rest) = bytes.split_first_chunk().ok_or(ParseError::Truncated)?;
        if fixed[0] >> 4 != 4 {
            return Err(ParseError::Version);
        }
        let options_len = (usize::from(fixed[0] & 0x0f) * 4)
            .checked_sub(MIN_HEADER_LEN)
            .ok_or(ParseError::Length)?;
        let options = rest.get(..options_len).ok_or(ParseError::Truncated)?;
        Ok(Ipv4View { fixed, options })
    }

    /// Length of the header with its options, in bytes.
    pub fn header_len(&self) -> usize {
        MIN_HEADER_LEN + self.options.len()
    }

    /// DSCP and ECN, the old "type of service" byte.
    pub fn traffic_class(&self) -> u8 {
        self.fixed[1]
    }

    /// The total length field: header and data in bytes; 0 in a super-segment.
    pub fn total_length(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// The identification that fragments share.
    pub fn identification(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    fn fragment_field(&self) -> u16 {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]])
    }

    /// The don't-fragment flag.
    pub fn dont_fragment(&self) -> bool {
        self.fragment_field() & DONT_FRAGMENT != 0
    }

    /// The more-fragments flag.
    pub fn more_fragments(&self) -> bool {
        self.fragment_field() & MORE_FRAGMENTS != 0
    }

    /// Where this fragment's data belongs, in bytes.
    pub fn fragment_offset(&self) -> usize {
        usize::from(self.fragment_field() & OFFSET_MASK) * 8
    }

    /// True if this is one part of a datagram.
    pub fn is_fragment(&self) -> bool {
        self.fragment_field() & (MORE_FRAGMENTS | OFFSET_MASK) != 0
    }

    /// Time to live.
    pub fn hop_limit(&self) -> u8 {
        self.fixed[8]
    }

    /// What follows.
    pub fn protocol(&self) -> IpProtocol {
        IpProtocol(self.fixed[9])
    }

    /// The header checksum field.
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[10], self.fixed[11]])
    }

    /// True if the header is intact.
    pub fn checksum_is_valid(&self) -> bool {
        let mut sum = Checksum::new();
        sum.add_array(self.fixed);
        if !self.options.is_empty() {
            sum.add_bytes(self.options);
        }
        sum.is_valid()
    }

    /// Where it comes from.
    pub fn source(&self) -> Ipv4Addr {
        let [.., a, b, c, d, _, _, _, _] = *self.fixed;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Where it goes.
    pub fn destination(&self) -> Ipv4Addr {
        let [.., a, b, c, d] = *self.fixed;
        Ipv4Addr::new(a, b, c, d)
    }

    /// The bytes of the options, padding included.
    pub fn options(&self) -> &'a [u8] {
        self.options
    }

    /// The options one by one.
    pub fn option_iter(&self) -> OptionIter<'a> {
        Ipv4Option::iter(self.options)
    }

    /// The pseudo header for a transport of `length` bytes.
    pub fn pseudo_header(&self, length: usize) -> Checksum {
        Checksum::pseudo_header_v4(self.source(), self.destination(), self.protocol(), length)
    }
}

/// The options of an IPv4 header as bytes, padded with end-of-list to whole 32-bit words when emitted.
pub type Ipv4Options = ArrayVec<u8, 40>;

/// One option of an IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Option<'a> {
    /// The option type byte: copied flag, class and number.
    pub kind: u8,
    /// What follows kind and length; empty for the no-operation.
    pub data: &'a [u8],
    /// Where the option starts, counted from the end of the fixed header.
    pub offset: usize,
}

impl<'a> Ipv4Option<'a> {
    /// The options in `bytes`, one by one.
    pub fn iter(bytes: &'a [u8]) -> OptionIter<'a> {
        OptionIter { bytes, offset: 0 }
    }

    /// End of option list. Never returned by the iterator.
    pub const END: u8 = 0;
    /// No operation.
    pub const NO_OPERATION: u8 = 1;
    /// Record route.
    pub const RECORD_ROUTE: u8 = 7;
    /// Timestamp.
    pub const TIMESTAMP: u8 = 68;
    /// Loose source route.
    pub const LOOSE_SOURCE_ROUTE: u8 = 131;
    /// Strict source route.
    pub const STRICT_SOURCE_ROUTE: u8 = 137;
    /// Router alert (RFC 2113).
    pub const ROUTER_ALERT: u8 = 148;

    /// True if every fragment carries the option (RFC 791 3.1).
    pub fn copied(&self) -> bool {
        self.kind & 0x80 != 0
    }
}

/// Walks the options of an IPv4 header.
///
/// A malformed option ends the walk with one `Err(offset)`: its position from the end of the fixed header, which an ICMP
/// parameter problem points to (plus 20).
#[derive(Clone, Debug)]
pub struct OptionIter<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for OptionIter<'a> {
    type Item = Result<Ipv4Option<'a>, usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let (&kind, rest) = self.bytes.get(offset..)?.split_first()?;
        if kind == Ipv4Option::END {
            self.offset = self.bytes.len();
            return None;
        }
        let length = match (kind, rest.first()) {
            (Ipv4Option::NO_OPERATION, _) => 1,
            (_, Some(&length)) => usize::from(length),
            (_, None) => 0,
        };
        let data = match length {
            1 if kind == Ipv4Option::NO_OPERATION => Some(&[][..]),
            2.. => rest.get(1..length - 1),
            _ => None,
        };
        self.offset = match data {
            Some(_) => offset + length,
            None => self.bytes.len(),
        };
        Some(data.map_or(Err(offset), |data| Ok(Ipv4Option { kind, data, offset })))
    }
}

/// An IPv4 header as values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4Header {
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// The identification that fragments share.
    pub identification: u16,
    /// Routers may not fragment.
    pub dont_fragment: bool,
    /// Fragments follow this one.
    pub more_fragments: bool,
    /// Where this fragment's data belongs, in bytes; a multiple of 8 below 65536 (other values are rounded down).
    pub fragment_offset: usize,
    /// Time to live.
    pub hop_limit: u8,
    /// What follows.
    pub protocol: IpProtocol,
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// Option bytes.
    pub options: Ipv4Options,
    /// Length of what follows this header, in bytes. If the total length does not fit 16 bits, the field is emitted as 0,
    /// which is how Linux marks a super-segment.
    pub payload_length: usize,
}

impl Ipv4Header {
    /// A header with hop limit 64, no options and the don't-fragment flag clear.
    pub fn new(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        payload_length: usize,
    ) -> Self {
        Ipv4Header {
            traffic_class: 0,
            identification: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            hop_limit: 64,
            protocol,
            source,
            destination,
            options: Ipv4Options::new_const(),
            payload_length,
        }
    }

    /// Length of the header with its options, in bytes.
    pub fn header_len(&self) -> usize {
        MIN_HEADER_LEN + self.options.len().next_multiple_of(4)
    }

    /// The total length field that will be emitted.
    pub fn total_length(&self) -> u16 {
        u16::try_from(self.header_len() + self.payload_length).unwrap_or(0)
    }

    /// Appends the header, checksum filled in.
    pub fn emit(&self, out: &mut Headers) {
        let fixed = self.fixed();
        if self.options.is_empty() {
            out.extend_from_slice(&fixed);
        } else {
            out.extend_from_slice(&self.with_options(fixed));
        }
    }

    /// Puts the header in front of what is in `out`, checksum filled in.
    pub fn prepend(&self, out: &mut Headers) {
        let fixed = self.fixed();
        if self.options.is_empty() {
            out.prepend(&fixed);
        } else {
            out.prepend(&self.with_options(fixed));
        }
    }

    /// The first 20 bytes, with the checksum that is right if there are no options.
    fn fixed(&self) -> [u8; MIN_HEADER_LEN] {
        let mut fragment = u16::try_from(self.fragment_offset / 8).unwrap_or(0) & OFFSET_MASK;
        if self.dont_fragment {
            fragment |= DONT_FRAGMENT;
        }
        if self.more_fragments {
            fragment |= MORE_FRAGMENTS;
        }
        let mut bytes = [0; MIN_HEADER_LEN];
        // At most 15: 60 bytes are the longest header that `options` can make.
        bytes[0] = 0x40 | u8::try_from(self.header_len() / 4).unwrap_or(15);
        bytes[1] = self.traffic_class;
        bytes[2..4].copy_from_slice(&self.total_length().to_be_bytes());
        bytes[4..6].copy_from_slice(&self.identification.to_be_bytes());
        bytes[6..8].copy_from_slice(&fragment.to_be_bytes());
        bytes[8] = self.hop_limit;
        bytes[9] = self.protocol.0;
        bytes[12..16].copy_from_slice(&self.source.octets());
        bytes[16..20].copy_from_slice(&self.destination.octets());
        let mut sum = Checksum::new();
        sum.add_array(&bytes);
        bytes[10..12].copy_from_slice(&sum.finish().to_be_bytes());
        bytes
    }

    fn with_options(&self, fixed: [u8; MIN_HEADER_LEN]) -> ArrayVec<u8, MAX_HEADER_LEN> {
        let mut bytes = ArrayVec::new();
        bytes.extend(fixed);
        bytes.extend(self.options.iter().copied());
        bytes.extend(core::iter::repeat_n(0, self.header_len() - bytes.len()));
        let mut sum = Checksum::new();
        sum.add_bytes(&self.options);
        let [high, low] =
            Checksum::update(u16::from_be_bytes([fixed[10], fixed[11]]), 0, sum.folded())
                .to_be_bytes();
        bytes[10] = high;
        bytes[11] = low;
        bytes
    }
}

impl From<Ipv4View<'_>> for Ipv4Header {
    fn from(view: Ipv4View<'_>) -> Self {
        let mut options = Ipv4Options::new_const();
        options.extend(view.options.iter().copied().take(40));
        Ipv4Header {
            traffic_class: view.traffic_class(),
            identification: view.identification(),
            dont_fragment: view.dont_fragment(),
            more_fragments: view.more_fragments(),
            fragment_offset: view.fragment_offset(),
            hop_limit: view.hop_limit(),
            protocol: view.protocol(),
            source: view.source(),
            destination: view.destination(),
            options,
            payload_length: usize::from(view.total_length()).saturating_sub(view.header_len()),
        }
    }
}

#[cfg(test)]
mod tests;
