//! What the messages of ICMP and ICMPv6 have in common (RFC 792, RFC 4443 2.1): type, code, checksum, and four bytes whose
//! meaning depends on the type.

use crate::{Checksum, Headers, ParseError};

/// Length of the header of every message read here; quoted packets and echo data follow.
pub const HEADER_LEN: usize = 8;

/// An ICMP or ICMPv6 message's first eight bytes, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct IcmpView<'a> {
    fixed: &'a [u8; HEADER_LEN],
}

impl<'a> IcmpView<'a> {
    /// Reads the header at the start of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let fixed = bytes.first_chunk().ok_or(ParseError::Truncated)?;
        Ok(IcmpView { fixed })
    }

    /// The type.
    pub fn kind(&self) -> u8 {
        self.fixed[0]
    }

    /// The code.
    pub fn code(&self) -> u8 {
        self.fixed[1]
    }

    /// The checksum field.
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// The four bytes whose meaning depends on the type.
    pub fn rest(&self) -> [u8; 4] {
        let [.., a, b, c, d] = *self.fixed;
        [a, b, c, d]
    }

    /// The rest as identifier and sequence number of a question and its answer.
    pub(crate) fn question(&self) -> (u16, u16) {
        let [a, b, c, d] = self.rest();
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }
}

/// Identifier and sequence number as the rest of a header.
pub(crate) fn question(identifier: u16, sequence: u16) -> [u8; 4] {
    let [a, b] = identifier.to_be_bytes();
    let [c, d] = sequence.to_be_bytes();
    [a, b, c, d]
}

/// Appends a header, its checksum begun by `sum` and computed over the header and `data`, the pieces of what follows.
pub(crate) fn emit<'a>(
    out: &mut Headers,
    (kind, code, rest): (u8, u8, [u8; 4]),
    mut sum: Checksum,
    data: impl IntoIterator<Item = &'a [u8]>,
) {
    let [e, f, g, h] = rest;
    sum.add_bytes(&[kind, code, 0, 0, e, f, g, h]);
    for piece in data {
        sum.add_bytes(piece);
    }
    let [c, d] = sum.finish().to_be_bytes();
    out.extend_from_slice(&[kind, code, c, d, e, f, g, h]);
}
