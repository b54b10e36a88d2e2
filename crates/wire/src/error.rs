//! Why bytes are not the packet they should be.
use core::fmt;

/// Why bytes could not be read as a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParseError {
    /// There are fewer bytes than the header needs or says it has.
    Truncated,
    /// The version field is neither the one asked for nor a known one.
    Version,
    /// A length field contradicts the format (an IHL below 5, a data offset below 5, a UDP length below 8).
    Length,
    /// A field has a value that the format forbids.
    Malformed,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseError::Truncated => "packet is shorter than its header says",
            ParseError::Version => "unexpected IP version",
            ParseError::Length => "length field contradicts the format",
            ParseError::Malformed => "field has a forbidden value",
        })
    }
}

impl core::error::Error for ParseError {}
