//! Buffers for what is read from the program, recycled.

use std::io;
use std::os::fd::BorrowedFd;

use bytes::Bytes;
use sockeye_wire::Chunks;

use crate::slab::Id;
use crate::sys;

/// The most one read takes.
const READ: usize = 128 * 1024;
/// Reads up to this size are copied out, so that a few unread bytes never keep a whole chunk.
const SMALL: usize = Chunks::LEAST;

/// The pump's memory.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    chunks: Chunks,
    /// One datagram on its way.
    pub(crate) datagram: Vec<u8>,
    /// Connections that have more to move.
    pub(crate) again: Vec<Id>,
}

impl Buffers {
    /// Whether a connection waits for another turn.
    pub(crate) fn has_more(&self) -> bool {
        !self.again.is_empty()
    }

    /// Reads what there is, up to a bound; also whether there may be more.
    pub(crate) fn read(&mut self, file: BorrowedFd<'_>) -> io::Result<(Bytes, bool)> {
        let room = self.chunks.room(READ);
        let read = sys::receive_spare(file, room, READ)?;
        let data = if read <= SMALL {
            let data = Bytes::copy_from_slice(room);
            room.clear();
            data
        } else {
            room.split().freeze()
        };
        Ok((data, read == READ))
    }
}
