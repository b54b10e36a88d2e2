//! Errors: Linux's numbers in `std`'s type.

use std::io;

use sockeye_core::Errno;

/// The error `std` would give for this number, so that `kind()` is what a program expects.
pub(crate) fn io_error(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.number())
}

/// The answer of a call on the host as `std` gives it.
pub(crate) fn io_result<T>(answer: Result<T, Errno>) -> io::Result<T> {
    answer.map_err(io_error)
}
