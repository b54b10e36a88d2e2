//! Ends that stand for the addresses that datagrams come from.
//!
//! The kernel keeps the name of the end with each datagram in the program's queue. Ancillary data travels as a file that
//! is passed along: a trapped receive reads it, and the kernel drops it with a datagram that is read natively, so the two
//! can't get out of step.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::conduit::PendingDatagram;
use crate::names::Names;
use crate::sys::{self, Name};

/// How many ends are kept for addresses.
const MOST_SOURCES: usize = 256;
/// The most ancillary data that comes with a datagram.
const MOST_CONTROL: usize = 16 * 1024;

/// The ends, oldest first to go.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    ends: BTreeMap<Vec<u8>, OwnedFd>,
    order: VecDeque<Vec<u8>>,
    next: u64,
}

impl Sources {
    /// Sends a datagram to the file named `target` from an end that stands for its source.
    pub(super) fn send(
        &mut self,
        names: &Names,
        datagram: &PendingDatagram,
        target: &Name,
    ) -> io::Result<()> {
        if !self.ends.contains_key(&datagram.source) {
            if self.ends.len() >= MOST_SOURCES
                && let Some(oldest) = self.order.pop_front()
            {
                self.ends.remove(&oldest);
            }
            let end = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, true)?;
            sys::bind(end.as_fd(), &names.address_name(0, &datagram.source))?;
            sys::set_send_buffer(end.as_fd(), 4 << 20);
            self.ends.insert(datagram.source.clone(), end);
            self.order.push_back(datagram.source.clone());
        }
        match self.ends.get(&datagram.source) {
            Some(end) => send_from(end.as_fd(), datagram, Some(target)),
            None => Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
        }
    }

    /// A number for a name of its own.
    pub(super) fn salt(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Sends a datagram from `end` to its peer or to `target`.
pub(super) fn send_from(
    end: BorrowedFd<'_>,
    datagram: &PendingDatagram,
    target: Option<&Name>,
) -> io::Result<()> {
    if !datagram.control.is_empty() {
        let file = sys::memory_file(&datagram.control)?;
        let number = file.as_raw_fd().to_ne_bytes();
        let mut control = Vec::with_capacity(24);
        sys::push_control_message(&mut control, libc::SOL_SOCKET, libc::SCM_RIGHTS, &number);
        sys::send_message(end, &datagram.data, target, &control, 0)?;
        return Ok(());
    }
    match target {
        Some(target) => sys::send_to(end, &datagram.data, target)?,
        None => sys::send(end, &datagram.data, libc::MSG_DONTWAIT)?,
    };
    Ok(())
}

/// The ancillary data that came along with a datagram.
pub(crate) fn control_of(file: BorrowedFd<'_>) -> Vec<u8> {
    let mut control = vec![0; MOST_CONTROL];
    // From the beginning, however often it is looked at.
    let length = sys::read_at(file, &mut control, 0).unwrap_or(0);
    control.truncate(length);
    control
}
