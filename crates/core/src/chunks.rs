//! Memory for what callers send: large pieces that are used again as soon as nobody reads them any more.
//!
//! A write of 64 KiB must not cost a fresh allocation, whose pages the system would have to clear. Slices are cut from a
//! few large pieces in turn; a piece whose slices have all been dropped is taken from its beginning again.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// The least that is worth it: a slice keeps its whole piece alive, so that small ones could pin much.
pub(crate) const LEAST: usize = 16 * 1024;
const PIECE: usize = 256 * 1024;
/// Pieces that are kept for later use, at most: 8 MiB a host.
const MOST: usize = 32;
/// Pieces that are looked at before a new one is made.
const TRIES: usize = 3;

/// The pieces of a host, the one in use first.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    pieces: VecDeque<BytesMut>,
}

impl Chunks {
    /// A copy of `data`.
    pub(crate) fn copy(&mut self, data: &[u8]) -> Bytes {
        for _ in 0..TRIES.min(self.pieces.len()) {
            let Some(piece) = self.pieces.front_mut() else {
                break;
            };
            if piece.capacity() >= data.len() || piece.try_reclaim(data.len()) {
                piece.extend_from_slice(data);
                return piece.split().freeze();
            }
            self.pieces.rotate_left(1);
        }
        let mut piece = BytesMut::with_capacity(data.len().max(PIECE));
        piece.extend_from_slice(data);
        let copy = piece.split().freeze();
        self.pieces.push_front(piece);
        // The last is the one that was used longest ago; its readers keep it alive.
        self.pieces.truncate(MOST);
        copy
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
