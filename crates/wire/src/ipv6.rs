//! IPv6 (RFC 8200).
//!
//! As with IPv4, a view reads the header alone. Extension headers are walked by [`Ipv6Extensions`].
use core::net::Ipv6Addr;

use crate::{Checksum, Headers, IpProtocol, ParseError};

mod extensions;

pub use extensions::{
    ExtensionHeader, ExtensionOption, ExtensionOptions, FragmentHeader, Ipv6Extensions, UpperLayer,
    emit_jumbo_payload, emit_options_header,
};

/// Length of the fixed header.
pub const HEADER_LEN: usize = 40;
/// Where the payload's length is in the header.
pub const LENGTH_OFFSET: usize = 4;
/// Every link carries packets of this length (RFC 8200 5).
pub const MIN_MTU: usize = 1280;

/// An IPv6 header in borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6View<'a> {
    fixed: &'a [u8; HEADER_LEN],
}

impl<'a> Ipv6View<'a> {
    /// Reads the fixed header at the start of `bytes`; what follows is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let fixed = bytes.first_chunk().ok_or(ParseError::Truncated)?;
        if fixed[0] >> 4 != 6 {
            return Err(ParseError::Version);
        }
        Ok(Ipv6View { fixed })
    }

    /// Length of the fixed header.
    pub fn header_len(&self) -> usize {
        HEADER_LEN
    }

    /// DSCP and ECN.
    pub fn traffic_class(&self) -> u8 {
        (self.fixed[0] << 4) | (self.fixed[1] >> 4)
    }

    /// The 20-bit flow label.
    pub fn flow_label(&self) -> u32 {
        u32::from_be_bytes([0, self.fixed[1] & 0x0f, self.fixed[2], self.fixed[3]])
    }

    /// The payload length field: what follows the fixed header, extension headers included; 0 in a super-segment.
    pub fn payload_length(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    /// What follows: an extension header or the upper layer.
    pub fn next_header(&self) -> IpProtocol {
        IpProtocol(self.fixed[6])
    }

    /// How many more hops the packet may take.
    pub fn hop_limit(&self) -> u8 {
        self.fixed[7]
    }

    /// Where it comes from.
    pub fn source(&self) -> Ipv6Addr {
        let [
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            source @ ..,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
        ] = *self.fixed;
        Ipv6Addr::from(source)
    }

    /// Where it goes (next, if there is a routing header).
    pub fn destination(&self) -> Ipv6Addr {
        let destination: [u8; 16] = self.fixed.last_chunk().copied().unwrap_or_default();
        Ipv6Addr::from(destination)
    }

    /// The pseudo header for an upper layer of `length` bytes.
    pub fn pseudo_header(&self, protocol: IpProtocol, length: usize) -> Checksum {
        Checksum::pseudo_header_v6(self.source(), self.destination(), protocol, length)
    }
}

/// An IPv6 fixed header as values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6Header {
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// The flow label, of which the low 20 bits are used.
    pub flow_label: u32,
    /// Length of what follows the fixed header, extension headers included. If it does not fit 16 bits the field is emitted
    /// as 0, which is how Linux marks a super-segment.
    pub payload_length: usize,
    /// What follows.
    pub next_header: IpProtocol,
    /// How many more hops the packet may take.
    pub hop_limit: u8,
    /// Where it comes from.
    pub source: Ipv6Addr,
    /// Where it goes.
    pub destination: Ipv6Addr,
}

impl Ipv6Header {
    /// A header with hop limit 64.
    pub fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: IpProtocol,
        payload_length: usize,
    ) -> Self {
        Ipv6Header {
            traffic_class: 0,
            flow_label: 0,
            payload_length,
            next_header,
            hop_limit: 64,
            source,
            destination,
        }
    }

    /// Length of the fixed header.
    pub fn header_len(&self) -> usize {
        HEADER_LEN
    }

    /// Appends the header.
    pub fn emit(&self, out: &mut Headers) {
        out.extend_from_slice(&self.to_array());
    }

    /// Puts the header in front of what is in `out`.
    pub fn prepend(&self, out: &mut Headers) {
        out.prepend(&self.to_array());
    }

    fn to_array(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let first =
            0x6000_0000 | (u32::from(self.traffic_class) << 20) | (self.flow_label & 0x000f_ffff);
        bytes[0..4].copy_from_slice(&first.to_be_bytes());
        let length = u16::try_from(self.payload_length).unwrap_or(0);
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes[6] = self.next_header.0;
        bytes[7] = self.hop_limit;
        bytes[8..24].copy_from_slice(&self.source.octets());
        bytes[24..40].copy_from_slice(&self.destination.octets());
        bytes
    }
}

impl From<Ipv6View<'_>> for Ipv6Header {
    fn from(view: Ipv6View<'_>) -> Self {
        Ipv6Header {
            traffic_class: view.traffic_class(),
            flow_label: view.flow_label(),
            payload_length: usize::from(view.payload_length()),
            next_header: view.next_header(),
            hop_limit: view.hop_limit(),
            source: view.source(),
            destination: view.destination(),
        }
    }
}

#[cfg(test)]
mod tests;
