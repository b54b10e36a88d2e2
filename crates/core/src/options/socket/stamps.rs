//! When packets came.

use super::{Entry, int, refused};
use crate::Errno;
use crate::options::Timestamping;
use crate::options::table::{Target, Value};

const NO_STAMPS: &str = "only SO_TIMESTAMP and SO_TIMESTAMPNS stamp packets";

pub(super) const MICROS: Entry = int(
    29,
    "SO_TIMESTAMP",
    |t| is_stamping(t, Timestamping::Micros),
    |t, value| stamp(t, value, Timestamping::Micros),
)
.typed(Value::Bool);
pub(super) const NANOS: Entry = int(
    35,
    "SO_TIMESTAMPNS",
    |t| is_stamping(t, Timestamping::Nanos),
    |t, value| stamp(t, value, Timestamping::Nanos),
)
.typed(Value::Bool);
pub(super) const DETAILED: Entry = refused(37, "SO_TIMESTAMPING", Errno::ENOPROTOOPT, NO_STAMPS);
pub(super) const MICROS_NEW: Entry = refused(63, "SO_TIMESTAMP_NEW", Errno::ENOPROTOOPT, NO_STAMPS);
pub(super) const NANOS_NEW: Entry =
    refused(64, "SO_TIMESTAMPNS_NEW", Errno::ENOPROTOOPT, NO_STAMPS);
pub(super) const DETAILED_NEW: Entry =
    refused(65, "SO_TIMESTAMPING_NEW", Errno::ENOPROTOOPT, NO_STAMPS);

fn is_stamping(t: &mut Target<'_>, stamping: Timestamping) -> Result<i32, Errno> {
    Ok(i32::from(t.socket()?.options.timestamping == stamping))
}

fn stamp(t: &mut Target<'_>, value: i32, stamping: Timestamping) -> Result<(), Errno> {
    // Switching either off switches stamps off; switching one on takes the place of the other.
    t.socket_mut()?.options.timestamping = if value != 0 {
        stamping
    } else {
        Timestamping::Off
    };
    Ok(())
}
