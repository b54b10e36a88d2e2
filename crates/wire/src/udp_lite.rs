//! UDP-Lite (RFC 3828): UDP whose length field says how much of the datagram the checksum covers.
use crate::{Headers, ParseError};

/// Length of the header.
pub const HEADER_LEN: usize = 8;
/// Where the checksum is in the header.
pub const CHECKSUM_OFFSET: usize = 6;

/// A UDP-Lite header in borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct UdpLiteView<'a> {
    fixed: &'a [u8; HEADER_LEN],
}

impl<'a> UdpLiteView<'a> {
    /// Reads the header at the start of `bytes`. The header is always covered: a coverage of 1 to 7 is refused
    /// (RFC 3828 3.1).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let fixed = bytes.first_chunk().ok_or(ParseError::Truncated)?;
        let view = UdpLiteView { fixed };
        match view.coverage() {
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

    /// How many bytes the checksum covers, from the start of the header; 0 for all.
    pub fn coverage(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    /// The checksum field, which is never 0.
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]])
    }

    /// How many of the datagram's `length` bytes, header included, the checksum covers. `None` if it claims more than
    /// there are.
    pub fn covered(&self, length: usize) -> Option<usize> {
        match usize::from(self.coverage()) {
            0 => Some(length),
            coverage => Some(coverage).filter(|coverage| *coverage <= length),
        }
    }
}

/// A UDP-Lite header as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpLiteHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The coverage field: 0 for the whole datagram, else at least [`HEADER_LEN`].
    pub coverage: u16,
}

impl UdpLiteHeader {
    /// Length of the header.
    pub fn header_len(&self) -> usize {
        HEADER_LEN
    }

    /// Appends the header with a checksum field of 0, which [`crate::Frame::complete_checksum`] fills in later.
    pub fn emit(&self, out: &mut Headers) {
        for field in [self.source_port, self.destination_port, self.coverage, 0] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }
}

impl From<UdpLiteView<'_>> for UdpLiteHeader {
    fn from(view: UdpLiteView<'_>) -> Self {
        UdpLiteHeader {
            source_port: view.source_port(),
            destination_port: view.destination_port(),
            coverage: view.coverage(),
        }
    }
}

#[cfg(test)]
mod tests;
