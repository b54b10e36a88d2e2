//! The memory and the files of the processes that call.
//!
//! A caller stands still while its call is open, but it may be killed, and then its number may be somebody else's: what
//! was read counts only if the notification is still valid afterwards ([`crate::notify`] asks before it acts).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use sockeye_core::Errno;
use sockeye_linux::message::{IOVEC_SIZE, IoVector};

use crate::sys::{self, Span};

/// The most a single call may move through the supervisor. Datagrams are smaller by themselves.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// `IOV_MAX`.
pub(crate) const MOST_SPANS: usize = 1024;

/// How many thread handles are kept.
const MOST_HANDLES: usize = 512;

/// Handles on the threads that called lately.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    handles: BTreeMap<i32, OwnedFd>,
}

impl Callers {
    /// A duplicate of a caller's descriptor.
    ///
    /// A kept handle can't mean the wrong thread: that of a thread that has ended answers ESRCH, whoever has its number
    /// now.
    pub(crate) fn file(&mut self, tid: i32, fd: RawFd) -> io::Result<OwnedFd> {
        if let Some(handle) = self.handles.get(&tid) {
            match sys::pidfd_getfd(handle.as_fd(), fd) {
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {
                    self.handles.remove(&tid);
                }
                answer => return answer,
            }
        }
        if self.handles.len() >= MOST_HANDLES {
            self.handles.clear();
        }
        let handle = sys::open_thread(tid)?;
        let answer = sys::pidfd_getfd(handle.as_fd(), fd);
        self.handles.insert(tid, handle);
        answer
    }
}

/// Reads exactly `length` bytes at `address`.
pub(crate) fn read(tid: i32, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
    if length > MOST_BYTES {
        return Err(Errno::EMSGSIZE);
    }
    let mut bytes = vec![0; length];
    read_into(tid, address, &mut bytes)?;
    Ok(bytes)
}

/// Fills `buffer` from `address`.
pub(crate) fn read_into(tid: i32, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
    if buffer.is_empty() {
        return Ok(());
    }
    match sys::read_memory(
        tid,
        &[Span {
            address,
            length: buffer.len(),
        }],
        buffer,
    ) {
        Ok(read) if read == buffer.len() => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// Writes all of `data` at `address`.
pub(crate) fn write(tid: i32, address: u64, data: &[u8]) -> Result<(), Errno> {
    if data.is_empty() {
        return Ok(());
    }
    match sys::write_memory(
        tid,
        &[Span {
            address,
            length: data.len(),
        }],
        data,
    ) {
        Ok(written) if written == data.len() => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// A number of four bytes.
pub(crate) fn read_u32(tid: i32, address: u64) -> Result<u32, Errno> {
    let mut bytes = [0; 4];
    read_into(tid, address, &mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}

/// The spans of an array of `iovec`, checked as the kernel does.
pub(crate) fn spans(vectors: &[u8]) -> Result<Vec<Span>, Errno> {
    vectors
        .chunks_exact(IOVEC_SIZE)
        .map(|bytes| {
            let vector = IoVector::decode(bytes).ok_or(Errno::EFAULT)?;
            let length = usize::try_from(vector.length).map_err(|_| Errno::EINVAL)?;
            if isize::try_from(length).is_err() {
                return Err(Errno::EINVAL);
            }
            Ok(Span {
                address: vector.base,
                length,
            })
        })
        .collect()
}

/// How many bytes the spans hold.
pub(crate) fn total(spans: &[Span]) -> usize {
    spans
        .iter()
        .fold(0_usize, |sum, span| sum.saturating_add(span.length))
}

/// Leaves of the spans no more than so many bytes.
pub(crate) fn shorten(spans: &mut [Span], mut most: usize) {
    for span in spans {
        span.length = span.length.min(most);
        most -= span.length;
    }
}

/// Gathers the bytes of the spans.
pub(crate) fn gather(tid: i32, spans: &[Span]) -> Result<Vec<u8>, Errno> {
    let length = total(spans);
    if length > MOST_BYTES {
        return Err(Errno::EMSGSIZE);
    }
    let mut bytes = vec![0; length];
    if length > 0 {
        match sys::read_memory(tid, spans, &mut bytes) {
            Ok(read) if read == length => {}
            _ => return Err(Errno::EFAULT),
        }
    }
    Ok(bytes)
}

/// Scatters `data` over the spans, which are at least as long.
pub(crate) fn scatter(tid: i32, spans: &[Span], data: &[u8]) -> Result<(), Errno> {
    if data.is_empty() {
        return Ok(());
    }
    match sys::write_memory(tid, spans, data) {
        Ok(written) if written == data.len() => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}
