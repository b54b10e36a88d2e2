//! UDP (RFC 768).
use crate::{Checksum, Headers, ParseError};

/// Length of the header.
pub const HEADER_LEN: usize = 8;
/// Where the checksum is in the header.
pub const CHECKSUM_OFFSET: usize = 6;
/// Where the length is in the header.
pub const LENGTH_OFFSET: usize = 4;

/// A UDP header in borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct UdpView<'a> {
    fixed: &'a [u8; HEADER_LEN],
}

impl<'a> UdpView<'a> {
    /// Reads the header at the start of `bytes`. A length field of 1 to 7 is refused; 0 is a jumbogram's (RFC 2675 4).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let fixed = bytes.first_chunk().ok_or(ParseError::Truncated)?;
        let view = UdpView { fixed };
        match view.length() {
            1..8 => Err(ParseError::Length),
            _ => Ok(view),
        }
    }

    /// Source port; 0 if none is given.
    pub fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[0], self.fixed[1]])
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// The length field: header and data in bytes.
    pub fn length(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    /// The checksum field; 0 means that the sender made none (over IPv4).
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]])
    }
}

/// A UDP header as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Length of the data. If header and data do not fit 16 bits the field is emitted as 0.
    pub payload_length: usize,
}

impl UdpHeader {
    /// Length of the header.
    pub fn header_len(&self) -> usize {
        HEADER_LEN
    }

    /// Appends the header with a checksum field of 0, which [`crate::Frame::complete_checksum`] fills in later.
    pub fn emit(&self, out: &mut Headers) {
        out.extend_from_slice(&self.to_bytes(0));
    }

    /// Appends the header with the checksum filled in, given the pseudo header's sum and the data in any number of pieces.
    pub fn emit_with_checksum<'a>(
        &self,
        out: &mut Headers,
        mut pseudo_header: Checksum,
        data: impl IntoIterator<Item = &'a [u8]>,
    ) {
        pseudo_header.add_bytes(&self.to_bytes(0));
        for piece in data {
            pseudo_header.add_bytes(piece);
        }
        out.extend_from_slice(&self.to_bytes(nonzero(pseudo_header.finish())));
    }

    fn to_bytes(self, checksum: u16) -> [u8; HEADER_LEN] {
        let length = u16::try_from(self.payload_length + HEADER_LEN).unwrap_or(0);
        let [a, b] = self.source_port.to_be_bytes();
        let [c, d] = self.destination_port.to_be_bytes();
        let [e, f] = length.to_be_bytes();
        let [g, h] = checksum.to_be_bytes();
        [a, b, c, d, e, f, g, h]
    }
}

/// RFC 768: a computed checksum of zero is sent as all ones, because zero says that there is none.
pub fn nonzero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

impl From<UdpView<'_>> for UdpHeader {
    fn from(view: UdpView<'_>) -> Self {
        UdpHeader {
            source_port: view.source_port(),
            destination_port: view.destination_port(),
            payload_length: usize::from(view.length()).saturating_sub(HEADER_LEN),
        }
    }
}

#[cfg(test)]
mod tests;
