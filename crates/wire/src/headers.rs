//! The header bytes of one packet, inline.
use core::fmt;
use core::ops::{Deref, DerefMut};

use smallvec::SmallVec;

/// Room kept inline: the longest IPv4 and TCP headers (60 + 60) fit. Only long chains of IPv6 extension headers spill.
const INLINE: usize = 128;

/// Every header of a packet from the lowest up to and including the transport header, contiguous.
///
/// Grows at both ends: transport code appends, and the layer below prepends. No heap memory below 128 bytes.
#[derive(Default, PartialEq, Eq)]
pub struct Headers(SmallVec<[u8; INLINE]>);

impl Clone for Headers {
    fn clone(&self) -> Self {
        // As a block: the derived one goes byte by byte.
        Headers(SmallVec::from_slice(&self.0))
    }
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Headers(SmallVec::new())
    }

    /// Appends bytes after the headers that are there.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Puts bytes in front of the headers that are there.
    pub fn prepend(&mut self, bytes: &[u8]) {
        self.0.insert_from_slice(0, bytes);
    }

    /// Removes the first `count` bytes (all of them if there are fewer).
    pub fn remove_front(&mut self, count: usize) {
        let count = count.min(self.0.len());
        self.0.drain(..count);
    }

    /// Shortens to `length` bytes; does nothing if there are fewer.
    pub fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Removes all bytes.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Headers {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Headers {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl From<&[u8]> for Headers {
    fn from(bytes: &[u8]) -> Self {
        Headers(SmallVec::from_slice(bytes))
    }
}

impl Extend<u8> for Headers {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers(")?;
        for byte in self.iter() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}
