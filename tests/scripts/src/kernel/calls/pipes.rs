//! Calls that move data between descriptors.

use std::ffi::CString;

use sockeye_drill::{Answer, Call};

use super::{plain, value, vectors};

fn told(result: isize) -> Answer {
    Answer {
        value: value(result),
        ..Answer::default()
    }
}

/// `writev`
pub(super) fn write(fd: i32, vectors: &[libc::iovec]) -> Answer {
    let count = i32::try_from(vectors.len()).unwrap_or(0);
    // SAFETY: each vector is of memory that lives until the call returns, or is null.
    told(unsafe { libc::writev(fd, vectors.as_ptr(), count) })
}

/// `readv`
pub(super) fn read(fd: i32, vectors: &[libc::iovec]) -> i64 {
    let count = i32::try_from(vectors.len()).unwrap_or(0);
    // SAFETY: each vector is of memory that lives until the call returns and that nothing else uses, or is null.
    value(unsafe { libc::readv(fd, vectors.as_ptr(), count) })
}

/// Makes one of these calls.
pub(super) fn make(call: &Call) -> Answer {
    // SAFETY: every pointer below is to memory that lives until the call returns, with its true length beside it.
    unsafe {
        match call {
            Call::Open { path, flags } => {
                let path = CString::new(path.as_str()).unwrap_or_default();
                plain(libc::open(path.as_ptr(), *flags | libc::O_CLOEXEC))
            }
            Call::Pipe { flags } => {
                let mut ends = [0; 2];
                let made = libc::pipe2(ends.as_mut_ptr(), *flags | libc::O_CLOEXEC);
                Answer {
                    ends,
                    ..plain(made)
                }
            }
            Call::SendFile {
                to,
                from,
                offset,
                length,
            } => {
                let mut place = offset.unwrap_or(0);
                let begin = match offset {
                    Some(_) => &raw mut place,
                    None => std::ptr::null_mut(),
                };
                told(libc::sendfile(*to, *from, begin, *length))
            }
            Call::Splice {
                from,
                to,
                length,
                flags,
            } => {
                let nowhere = std::ptr::null_mut();
                told(libc::splice(
                    *from,
                    nowhere,
                    *to,
                    nowhere,
                    *length,
                    flags.cast_unsigned(),
                ))
            }
            Call::Tee {
                from,
                to,
                length,
                flags,
            } => told(libc::tee(*from, *to, *length, flags.cast_unsigned())),
            Call::VmSplice { fd, data, flags } => {
                let mut data = data.clone();
                let vectors = vectors(&mut data, None);
                let flags = flags.cast_unsigned();
                let moved = libc::vmsplice(*fd, vectors.as_ptr(), vectors.len(), flags);
                // What is in the pipe is the very memory.
                std::mem::forget(data);
                told(moved)
            }
            _ => plain(-1),
        }
    }
}
