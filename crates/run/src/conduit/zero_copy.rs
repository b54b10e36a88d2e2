//! `MSG_ZEROCOPY` of a stream: what the conduit has taken is a copy, so that a send is done with as soon as it returns.

use sockeye_core::{Ancillary, ErrorOrigin, ExtendedError};

/// The sends of a stream, by their numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ZeroCopies {
    /// The number of the next one.
    next: u32,
    /// Up to here the program has been told (`MSG_ERRQUEUE`).
    told: u32,
}

impl ZeroCopies {
    /// One more is done with.
    pub(crate) fn count(&mut self) {
        self.next = self.next.wrapping_add(1);
    }

    /// What the error queue has: all that is done with since it was read last, as one range.
    pub(crate) fn take(&mut self, is_v6: bool) -> Option<Ancillary> {
        /// `SO_EE_CODE_ZEROCOPY_COPIED`
        const COPIED: u8 = 1;
        if self.told == self.next {
            return None;
        }
        let first = std::mem::replace(&mut self.told, self.next);
        Some(Ancillary::ExtendedError(Box::new(ExtendedError {
            errno: None,
            origin: ErrorOrigin::ZeroCopy,
            kind: 0,
            code: COPIED,
            info: first,
            data: self.next.wrapping_sub(1),
            offender: None,
            is_v6,
        })))
    }
}
