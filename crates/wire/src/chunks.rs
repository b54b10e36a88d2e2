//! Memory for payloads: large pieces that are used again as soon as nobody reads them any more.
//!
//! A write of 64 KiB must not cost a fresh allocation, whose pages the system would have to clear. Slices are cut from a
//! few large pieces in turn; a piece whose slices have all been dropped is taken from its beginning again.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

const PIECE: usize = 128 * 1024;
/// Pieces that are kept for later use, at most: 4 MiB.
const MOST: usize = 32;
/// Pieces that are looked at before a new one is made.
const TRIES: usize = 3;

fn offers(piece: &mut BytesMut, least: usize) -> bool {
    piece.capacity() >= least || piece.try_reclaim(least)
}

/// The pieces: the one in use first, the others behind it from the one used longest ago.
#[derive(Debug, Default)]
pub struct Chunks {
    pieces: VecDeque<BytesMut>,
}

impl Chunks {
    /// The least that is worth it: a slice keeps its whole piece alive, so that smaller ones could pin much.
    pub const LEAST: usize = 16 * 1024;

    /// Empty memory with room for at least `least` bytes, to be filled and split off.
    pub fn room(&mut self, least: usize) -> &mut BytesMut {
        if !self
            .pieces
            .front_mut()
            .is_some_and(|piece| offers(piece, least))
        {
            self.turn(least);
        }
        &mut self.pieces[0]
    }

    /// Puts a piece with room in front: one that was used longest ago and is free again, or a new one.
    fn turn(&mut self, least: usize) {
        let tries = TRIES.min(self.pieces.len());
        for _ in 0..tries {
            // What is passed over here has a slow reader and gets another chance a round later.
            self.pieces.rotate_left(1);
            if offers(&mut self.pieces[0], least) {
                return;
            }
        }
        self.pieces.rotate_right(tries.saturating_sub(1));
        if self.pieces.len() >= MOST {
            // Its readers keep it alive.
            self.pieces.pop_front();
        }
        self.pieces
            .push_front(BytesMut::with_capacity(least.max(PIECE)));
    }

    /// Empty memory of `length` bytes that nobody else has.
    pub fn take(&mut self, length: usize) -> BytesMut {
        let piece = self.room(length);
        let rest = piece.split_off(length);
        core::mem::replace(piece, rest)
    }

    /// A copy of `data`.
    pub fn copy(&mut self, data: &[u8]) -> Bytes {
        let mut room = self.take(data.len());
        room.extend_from_slice(data);
        room.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_nobody_reads_any_more_is_used_again() {
        let mut chunks = Chunks::default();
        for round in 0..1000u32 {
            let byte = round.to_le_bytes()[0];
            let copies: [Bytes; 4] = core::array::from_fn(|_| chunks.copy(&[byte; 64 * 1024]));
            assert!(
                copies
                    .iter()
                    .all(|copy| copy.iter().all(|other| *other == byte))
            );
        }
        assert!(
            chunks.pieces.len() <= TRIES,
            "{} pieces",
            chunks.pieces.len()
        );
    }

    #[test]
    fn what_is_still_read_is_left_alone_and_memory_is_bounded() {
        let mut chunks = Chunks::default();
        let copies: alloc::vec::Vec<Bytes> = (0..=255u8)
            .map(|byte| chunks.copy(&[byte; 100_000]))
            .collect();
        for (copy, byte) in copies.iter().zip(0..=255u8) {
            assert!(copy.iter().all(|other| *other == byte));
        }
        assert!(chunks.pieces.len() <= MOST);
    }
}
