//! Busy polling and what drives it: the host never waits.

use super::{Entry, int, recorded, refused};
use crate::Errno;
use crate::options::table::read_only;

const NEVER_WAITS: &str = "the host never waits, so it never polls";

pub(super) const SELECT_ERROR_QUEUE: Entry = refused(
    45,
    "SO_SELECT_ERR_QUEUE",
    Errno::ENOPROTOOPT,
    "poll(2) does not tell POLLPRI for the error queue",
);
pub(super) const BUSY_POLL: Entry = recorded(46, "SO_BUSY_POLL", (0, 0, i32::MAX), NEVER_WAITS);
pub(super) const INCOMING_CPU: Entry = recorded(
    49,
    "SO_INCOMING_CPU",
    (-1, i32::MIN, i32::MAX),
    "a host runs where its embedder calls it",
);
pub(super) const INCOMING_NAPI_ID: Entry =
    int(56, "SO_INCOMING_NAPI_ID", |_| Ok(0), read_only).own();
pub(super) const PREFER_BUSY_POLL: Entry =
    recorded(69, "SO_PREFER_BUSY_POLL", (0, 0, 1), NEVER_WAITS);
pub(super) const BUSY_POLL_BUDGET: Entry =
    refused(70, "SO_BUSY_POLL_BUDGET", Errno::ENOPROTOOPT, NEVER_WAITS);
