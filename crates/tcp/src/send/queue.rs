//! The send queue: a rope of shared slices from SND.UNA on.
//!
//! Bytes are copied in once (or not at all, for [`SendQueue::push_bytes`]); segments and retransmissions are slices of
//! it. Two cursors, one for new data and one for retransmissions, make access O(1) amortised. Small writes gather in
//! the spare room of the last chunk. A single chunk lies inline; an empty queue owns no memory.
use alloc::boxed::Box;
use alloc::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use sockeye_wire::Payload;

use super::marks::Marks;
use super::pushes::Pushed;
use crate::lazy::Resting;
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
    /// The first chunk; empty only if the others are.
    first: Bytes,
    rest: Option<Box<Rest>>,
    /// Where a write ends that later ones are not to be put together with (`MSG_EOR`, `TCP_SKB_CB(skb)->eor`).
    pub(crate) records: Marks,
    length: u32,
    pub(crate) pushed: Option<Pushed>,
    /// And before, where that was wanted of packets that were not sent yet.
    pub(crate) pushes: Marks,
}

/// What a queue of more than one chunk has.
#[derive(Debug, Default)]
struct Rest {
    chunks: VecDeque<Bytes>,
    /// Written, but not yet part of a segment: what follows may still be appended without a new chunk.
    tail: BytesMut,
    new: Cursor,
    again: Cursor,
}

impl Rest {
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
}

impl Resting for SendQueue {
    fn resting() -> &'static SendQueue {
        static EMPTY: SendQueue = SendQueue {
            first: Bytes::new(),
            rest: None,
            records: Marks::NONE,
            length: 0,
            pushed: None,
            pushes: Marks::NONE,
        };
        &EMPTY
    }
}

impl SendQueue {
    pub(crate) fn len(&self) -> u32 {
        self.length
    }

    /// Heap memory owned by the queue's structure and its spare room.
    pub(crate) fn heap(&self) -> usize {
        let marks = self.records.heap() + self.pushes.heap();
        marks
            + self.rest.as_ref().map_or(0, |rest| {
                size_of::<Rest>()
                    + rest.chunks.capacity() * size_of::<Bytes>()
                    + rest.tail.capacity()
            })
    }

    /// Copies `data` in.
    pub(crate) fn push_slice(&mut self, data: &[u8]) {
        let mut rest = data;
        if self.length == 0 {
            let (now, later) = data.split_at(data.len().min(MAX_CHUNK));
            self.first = match u8::try_from(now.len()) {
                Ok(length) if now.len() <= INLINE_CHUNK => {
                    let mut bytes = [0; INLINE_CHUNK];
                    if let Some(room) = bytes.get_mut(..now.len()) {
                        room.copy_from_slice(now);
                    }
                    Bytes::from_owner(SmallChunk { bytes, length })
                }
                _ => Bytes::copy_from_slice(now),
            };
            self.length = span(now.len());
            rest = later;
        }
        if rest.is_empty() {
            return;
        }
        let queue = self.rest.get_or_insert_default();
        while !rest.is_empty() {
            let spare = queue.tail.capacity() - queue.tail.len();
            if spare == 0 {
                queue.freeze_tail();
                let written = length(self.length).clamp(MIN_CHUNK, MAX_CHUNK);
                let size = if rest.len() >= MIN_CHUNK {
                    rest.len().min(MAX_CHUNK)
                } else {
                    written
                };
                queue.tail = BytesMut::with_capacity(size);
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(spare));
            queue.tail.extend_from_slice(now);
            self.length += span(now.len());
            rest = later;
        }
    }

    /// Takes `data` as it is.
    pub(crate) fn push_bytes(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        let empty = self.length == 0;
        self.length += span(data.len());
        if empty {
            self.first = data;
            return;
        }
        let rest = self.rest.get_or_insert_default();
        rest.freeze_tail();
        rest.chunks.push_back(data);
    }

    /// The bytes from `offset` on, at most `count`, sharing the queue's memory.
    pub(crate) fn slice(&mut self, offset: u32, count: u32, access: Access) -> Payload {
        let end = offset.saturating_add(count).min(self.length);
        if end <= offset {
            return Payload::new();
        }
        if end <= span(self.first.len()) {
            return self.first.slice(length(offset)..length(end)).into();
        }
        let mut payload = Payload::new();
        let Some(rest) = &mut self.rest else {
            return payload;
        };
        if end > self.length - span(rest.tail.len()) {
            rest.freeze_tail();
        }
        let cursor = match access {
            Access::New => &mut rest.new,
            Access::Again => &mut rest.again,
        };
        if cursor.offset > offset {
            *cursor = Cursor::default();
        }
        let mut position = offset;
        loop {
            let chunk = match cursor.index.checked_sub(1) {
                None => &self.first,
                Some(index) => match rest.chunks.get(length(index)) {
                    Some(chunk) => chunk,
                    None => break,
                },
            };
            let chunk_end = cursor.offset + span(chunk.len());
            if position < chunk_end {
                let from = length(position - cursor.offset);
                let to = length(end.min(chunk_end) - cursor.offset);
                payload.push_back(chunk.slice(from..to));
                position = end.min(chunk_end);
            }
            if chunk_end >= end {
                break;
            }
            cursor.index += 1;
            cursor.offset = chunk_end;
        }
        payload
    }

    /// Drops the first `count` bytes: they were acknowledged.
    pub(crate) fn advance(&mut self, count: u32) {
        if count >= self.length {
            *self = SendQueue::default();
            return;
        }
        self.length -= count;
        self.records.advance(count);
        self.pushes.advance(count);
        let mut left = length(count);
        if left < self.first.len() {
            self.first.advance(left);
            left = 0;
        }
        let mut popped = 0;
        if let Some(rest) = &mut self.rest {
            while left > 0 && left >= self.first.len() {
                left -= self.first.len();
                popped += 1;
                if rest.chunks.is_empty() {
                    // The bytes stay in the tail's memory, so that what follows can still be appended.
                    rest.freeze_tail();
                }
                let Some(next) = rest.chunks.pop_front() else {
                    break;
                };
                self.first = next;
                if left < self.first.len() {
                    self.first.advance(left);
                    left = 0;
                }
            }
            for cursor in [&mut rest.new, &mut rest.again] {
                cursor.index = cursor.index.saturating_sub(popped);
                cursor.offset = if cursor.index == 0 {
                    0
                } else {
                    cursor.offset - count
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
