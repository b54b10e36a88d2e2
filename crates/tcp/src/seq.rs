//! Sequence numbers (RFC 9293 3.4).
//!
//! The space is circular, so there is no order, only "before" and "after" within half of it. The type offers just
//! that: no `Ord`, no maximum, no multiplication.
use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A sequence number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seq(u32);

impl Seq {
    /// The sequence number with this value on the wire.
    pub const fn new(value: u32) -> Seq {
        Seq(value)
    }

    /// The value on the wire.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// True if this is earlier than `other`: `other` is reached by going forward less than half of the space.
    pub const fn before(self, other: Seq) -> bool {
        self.offset_to(other) > 0
    }

    /// True if this is later than `other`.
    pub const fn after(self, other: Seq) -> bool {
        other.before(self)
    }

    /// True if this is `other` or earlier.
    pub const fn at_or_before(self, other: Seq) -> bool {
        !other.before(self)
    }

    /// True if this is `other` or later.
    pub const fn at_or_after(self, other: Seq) -> bool {
        !self.before(other)
    }

    /// How far one has to go forward from `earlier` to come here.
    pub const fn since(self, earlier: Seq) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// As [`Seq::since`], but 0 if `earlier` is after this.
    pub const fn since_or_zero(self, earlier: Seq) -> u32 {
        if earlier.before(self) {
            self.since(earlier)
        } else {
            0
        }
    }

    /// The later of two.
    pub const fn latest(self, other: Seq) -> Seq {
        if self.before(other) { other } else { self }
    }

    /// The earlier of two.
    pub const fn earliest(self, other: Seq) -> Seq {
        if self.before(other) { self } else { other }
    }

    /// The signed way to `other`.
    const fn offset_to(self, other: Seq) -> i32 {
        other.0.wrapping_sub(self.0).cast_signed()
    }
}

/// A length as a distance of sequence numbers. No queue of a connection can hold more than 2^31 bytes, so the limit is
/// never met; it is there in place of a narrowing cast.
pub(crate) fn span(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A distance of sequence numbers as a length.
pub(crate) fn length(span: u32) -> usize {
    usize::try_from(span).unwrap_or(usize::MAX)
}

impl Add<u32> for Seq {
    type Output = Seq;

    fn add(self, span: u32) -> Seq {
        Seq(self.0.wrapping_add(span))
    }
}

impl Add<usize> for Seq {
    type Output = Seq;

    fn add(self, length: usize) -> Seq {
        self + span(length)
    }
}

impl AddAssign<u32> for Seq {
    fn add_assign(&mut self, span: u32) {
        *self = *self + span;
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;

    fn sub(self, span: u32) -> Seq {
        Seq(self.0.wrapping_sub(span))
    }
}

impl From<u32> for Seq {
    fn from(value: u32) -> Seq {
        Seq(value)
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests;
