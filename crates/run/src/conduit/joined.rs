//! ESTABLISHED, joined directly: the program's two ends are one kernel pair, and we hold nothing.

use crate::slab::Id;

/// One end of a joined connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined {
    /// The other end.
    pub(crate) partner: Id,
    /// The other end resets the connection when it is closed: it has `SO_LINGER` with no time.
    pub(crate) partner_aborts: bool,
    /// It has.
    pub(crate) is_reset: bool,
}

impl Joined {
    pub(crate) fn to(partner: Id) -> Joined {
        Joined {
            partner,
            partner_aborts: false,
            is_reset: false,
        }
    }
}
