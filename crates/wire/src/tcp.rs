//! TCP headers (RFC 9293 3.1).
use core::fmt;

use bitflags::bitflags;

use crate::{Checksum, Headers, ParseError};

mod options;

pub use options::{FastOpenCookie, SackBlocks, TcpOptions, Timestamps};

/// Length of a header without options.
pub const MIN_HEADER_LEN: usize = 20;
/// Length of the longest header.
pub const MAX_HEADER_LEN: usize = 60;
/// Where the checksum is in the header.
pub const CHECKSUM_OFFSET: usize = 16;
/// Where the sequence number is in the header.
pub const SEQUENCE_OFFSET: usize = 4;
/// Where the flags are in the header.
pub const FLAGS_OFFSET: usize = 13;

bitflags! {
    /// The control bits.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct TcpFlags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Synchronize sequence numbers.
        const SYN = 0x02;
        /// Reset the connection.
        const RST = 0x04;
        /// Push.
        const PSH = 0x08;
        /// The acknowledgment field is significant.
        const ACK = 0x10;
        /// The urgent pointer is significant.
        const URG = 0x20;
        /// ECN echo (RFC 3168).
        const ECE = 0x40;
        /// Congestion window reduced (RFC 3168).
        const CWR = 0x80;
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// A TCP header in borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct TcpView<'a> {
    fixed: &'a [u8; MIN_HEADER_LEN],
    options: &'a [u8],
}

impl<'a> TcpView<'a> {
    /// Reads the header at the start of `bytes`; what follows the header is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (fixed, rest) = bytes.split_first_chunk().ok_or(ParseError::Truncated)?;
        let options_len = (usize::from(fixed[12] >> 4) * 4)
            .checked_sub(MIN_HEADER_LEN)
            .ok_or(ParseError::Length)?;
        let options = rest.get(..options_len).ok_or(ParseError::Truncated)?;
        Ok(TcpView { fixed, options })
    }

    /// Length of the header with its options (the data offset), in bytes.
    pub fn header_len(&self) -> usize {
        MIN_HEADER_LEN + self.options.len()
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[0], self.fixed[1]])
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// Sequence number of the first data byte, or of the SYN.
    pub fn sequence(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The next sequence number expected by the sender, if `ACK` is set.
    pub fn acknowledgment(&self) -> u32 {
        let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The control bits.
    pub fn flags(&self) -> TcpFlags {
        TcpFlags::from_bits_retain(self.fixed[13])
    }

    /// AE, the third of the flags by which a SYN offers accurate ECN (RFC 9768 3.1).
    pub fn has_accurate_ecn(&self) -> bool {
        self.fixed[12] & 1 != 0
    }

    /// The window field, not scaled.
    pub fn window(&self) -> u16 {
        u16::from_be_bytes([self.fixed[14], self.fixed[15]])
    }

    /// The checksum field.
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[16], self.fixed[17]])
    }

    /// The urgent pointer field.
    pub fn urgent(&self) -> u16 {
        u16::from_be_bytes([self.fixed[18], self.fixed[19]])
    }

    /// The bytes of the options, padding included.
    pub fn option_bytes(&self) -> &'a [u8] {
        self.options
    }

    /// The options that are known and well formed; others are skipped.
    pub fn options(&self) -> TcpOptions {
        TcpOptions::parse(self.options)
    }
}

/// A TCP header as values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number of the first data byte, or of the SYN.
    pub sequence: u32,
    /// The next sequence number expected, if `ACK` is set.
    pub acknowledgment: u32,
    /// The control bits.
    pub flags: TcpFlags,
    /// The window field, already scaled down.
    pub window: u16,
    /// The urgent pointer field.
    pub urgent: u16,
    /// The options.
    pub options: TcpOptions,
}

impl TcpHeader {
    /// Length of the header with its options, in bytes.
    pub fn header_len(&self) -> usize {
        MIN_HEADER_LEN + self.options.len()
    }

    /// Appends the header with a checksum field of 0, which [`crate::Frame::complete_checksum`] fills in later.
    pub fn emit(&self, out: &mut Headers) {
        let (bytes, length) = self.to_array();
        out.extend_from_slice(bytes.get(..length).unwrap_or(&bytes));
    }

    /// Appends the header with the checksum filled in, given the pseudo header's sum and the data in any number of pieces.
    pub fn emit_with_checksum<'a>(
        &self,
        out: &mut Headers,
        mut pseudo_header: Checksum,
        data: impl IntoIterator<Item = &'a [u8]>,
    ) {
        let (mut bytes, length) = self.to_array();
        // What is behind `length` is zeros, which add nothing.
        pseudo_header.add_array(&bytes);
        for piece in data {
            pseudo_header.add_bytes(piece);
        }
        bytes[16..18].copy_from_slice(&pseudo_header.finish().to_be_bytes());
        out.extend_from_slice(bytes.get(..length).unwrap_or(&bytes));
    }

    fn to_array(self) -> ([u8; MAX_HEADER_LEN], usize) {
        let mut bytes = [0; MAX_HEADER_LEN];
        bytes[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        bytes[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.acknowledgment.to_be_bytes());
        bytes[13] = self.flags.bits();
        bytes[14..16].copy_from_slice(&self.window.to_be_bytes());
        bytes[18..20].copy_from_slice(&self.urgent.to_be_bytes());
        let options = match bytes.last_chunk_mut::<{ TcpOptions::MAX_LEN }>() {
            Some(room) => self.options.emit(room),
            None => 0,
        };
        let length = MIN_HEADER_LEN + options;
        // At most 60 / 4 = 15.
        bytes[12] = u8::try_from(length / 4).unwrap_or(15) << 4;
        (bytes, length)
    }
}

impl From<TcpView<'_>> for TcpHeader {
    fn from(view: TcpView<'_>) -> Self {
        TcpHeader {
            source_port: view.source_port(),
            destination_port: view.destination_port(),
            sequence: view.sequence(),
            acknowledgment: view.acknowledgment(),
            flags: view.flags(),
            window: view.window(),
            urgent: view.urgent(),
            options: view.options(),
        }
    }
}

#[cfg(test)]
mod tests;
