//! Buffers for what is read from the program, recycled.

use std::io;
use std::os::fd::BorrowedFd;

use bytes::Bytes;
use sockeye_wire::Chunks;

use crate::slab::Id;
use crate::sys;

/// The most one read takes.
pub(crate) const MOST_READ: usize = 128 * 1024;

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

    /// Reads what there is, up to a bound of at most [`MOST_READ`]; also whether there may be more.
    pub(crate) fn read(&mut self, file: BorrowedFd<'_>, bound: usize) -> io::Result<(Bytes, bool)> {
        // What is left of a piece is used up first: a read that took a fresh one each time would pin far more than it holds.
        let room = self.chunks.room(Chunks::LEAST);
        let most = room.capacity().min(bound);
        let read = sys::receive_spare(file, room, most)?;
        let data = if read < Chunks::LEAST {
            let data = Bytes::copy_from_slice(room);
            room.clear();
            data
        } else {
            room.split().freeze()
        };
        Ok((data, read == most))
    }
}
