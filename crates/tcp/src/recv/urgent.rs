//! Urgent data (RFC 6093, with the BSD reading of the pointer: it names the byte behind the urgent one).
//!
//! As Linux: one urgent byte at a time; not inline it is skipped by reads, which stop before it.
use crate::Seq;

/// What is known of the urgent byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrgentByte {
    /// Announced, not here yet.
    Awaited,
    /// Here and unread.
    Here(u8),
    /// Read by `MSG_OOB`.
    Taken,
}

/// The latest urgent byte and where it is in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Urgent {
    pub(crate) mark: Seq,
    pub(crate) byte: UrgentByte,
}

/// What asking for the urgent byte (`MSG_OOB`) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrgentRead {
    /// The byte.
    Byte(u8),
    /// There is none, it was read already, or urgent data stays inline: `EINVAL`.
    None,
    /// It was announced but has not come: `EAGAIN`.
    Awaited,
    /// There was one, but the connection ended without the peer's FIN: `ENOTCONN`.
    CutOff,
}
