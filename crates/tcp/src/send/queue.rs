//! The send queue: a rope of shared slices from SND.UNA on.
//!
//! Bytes are copied in once (or not at all, for [`SendQueue::push_bytes`]); segments and retransmissions are slices of
//! it. Two cursors, one for new data and one for retransmissions, make access O(1) amortised. Small writes gather in
//! the spare room of the last chunk. An empty queue owns no memory.
use bytes::{Buf, Bytes, BytesMut};
use sockeye_wire::Payload;

use crate::deque::InlineDeque;
use crate::seq::{length, span};

/// Longest chunk made for a write.
const MAX_CHUNK: usize = 64 << 10;
/// Shortest chunk made to gather small writes.
const MIN_CHUNK: usize = 4 << 10;
/// A write into an empty queue of up to this size gets a chunk that is one allocation with its reference count.
const INLINE_CHUNK: usize = 64;

/// One small write.
struct SmallChunk {
    bytes: [u8; INLINE_CHUNK],
    length: u8,
}

impl AsRef<[u8]> for SmallChunk {
    fn as_ref(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// A place in the rope: a chunk and the offset of its first byte from the front of the queue.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    index: u32,
    offset: u32,
}

/// Which cursor an access moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    New,
    Again,
}

#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    chunks: InlineDeque<Bytes>,
    /// Written, but not yet part of a segment: what follows may still be appended without a new chunk.
    tail: BytesMut,
    length: u32,
    new: Cursor,
    again: Cursor,
}

impl SendQueue {
    pub(crate) fn len(&self) -> u32 {
        self.length
    }

    /// Heap memory owned by the queue's structure and its spare room.
    pub(crate) fn heap(&self) -> usize {
        self.chunks.heap() + self.tail.capacity()
    }

    /// Copies `data` in.
    pub(crate) fn push_slice(&mut self, data: &[u8]) {
        if let (Ok(small), 0) = (u8::try_from(data.len()), self.length)
            && data.len() <= INLINE_CHUNK
        {
            let mut bytes = [0; INLINE_CHUNK];
            if let Some(room) = bytes.get_mut(..data.len()) {
                room.copy_from_slice(data);
            }
            self.push_bytes(Bytes::from_owner(SmallChunk {
                bytes,
                length: small,
            }));
            return;
        }
        let mut rest = data;
        while !rest.is_empty() {
            let spare = self.tail.capacity() - self.tail.len();
            if spare == 0 {
                self.freeze_tail();
                let written = length(self.length).clamp(MIN_CHUNK, MAX_CHUNK);
                let size = if rest.len() >= MIN_CHUNK {
                    rest.len().min(MAX_CHUNK)
                } else {
                    written
                };
                self.tail = BytesMut::with_capacity(size);
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(spare));
            self.tail.extend_from_slice(now);
            self.length += span(now.len());
            rest = later;
        }
    }

    /// Takes `data` as it is.
    pub(crate) fn push_bytes(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        self.freeze_tail();
        self.length += span(data.len());
        self.chunks.push_back(data);
    }

    fn freeze_tail(&mut self) {
        if !self.tail.is_empty() {
            let full = self.tail.len() == self.tail.capacity();
            let chunk = if full {
                core::mem::take(&mut self.tail)
            } else {
                self.tail.split()
            };
            self.chunks.push_back(chunk.freeze());
        }
    }

    /// The bytes from `offset` on, at most `count`, sharing the queue's memory.
    pub(crate) fn slice(&mut self, offset: u32, count: u32, access: Access) -> Payload {
        let end = offset.saturating_add(count).min(self.length);
        let frozen = self.length - span(self.tail.len());
        if end > frozen {
            self.freeze_tail();
        }
        let cursor = match access {
            Access::New => &mut self.new,
            Access::Again => &mut self.again,
        };
        if cursor.offset > offset {
            *cursor = Cursor::default();
        }
        let mut payload = Payload::new();
        let mut position = offset;
        while let Some(chunk) = self.chunks.get(length(cursor.index)) {
            let chunk_end = cursor.offset + span(chunk.len());
            if position < chunk_end && position < end {
                let from = length(position - cursor.offset);
                let to = length(end.min(chunk_end) - cursor.offset);
                payload.push_back(chunk.slice(from..to));
                position = end.min(chunk_end);
            }
            if chunk_end > end
                || (chunk_end == end && self.chunks.len() == length(cursor.index) + 1)
            {
                break;
            }
            cursor.index += 1;
            cursor.offset = chunk_end;
        }
        payload
    }

    /// Drops the first `count` bytes: they were acknowledged.
    pub(crate) fn advance(&mut self, count: u32) {
        let count = count.min(self.length);
        if count == self.length {
            *self = SendQueue::default();
            return;
        }
        self.length -= count;
        let mut left = length(count);
        let mut popped = 0;
        while left > 0 {
            let Some(front) = self.chunks.front_mut() else {
                self.tail.advance(left.min(self.tail.len()));
                break;
            };
            if left < front.len() {
                front.advance(left);
                break;
            }
            left -= front.len();
            self.chunks.pop_front();
            popped += 1;
        }
        for cursor in [&mut self.new, &mut self.again] {
            cursor.index = cursor.index.saturating_sub(popped);
            cursor.offset = if cursor.index == 0 {
                0
            } else {
                cursor.offset - count
            };
        }
    }
}

#[cfg(test)]
mod tests;
