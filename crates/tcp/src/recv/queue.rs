//! The receive queue: the sender's slices in order, until the application reads them.
//!
//! Slices are kept as they come, without a copy. Only a small one that would wait behind others is copied together with
//! its neighbours, so that a peer cannot pin a packet buffer with each single byte it sends.
use bytes::{Bytes, BytesMut};
use sockeye_wire::Payload;

/// Slices shorter than this are gathered when something waits before them.
const SMALL: usize = 512;
/// Size of the chunks in which they are gathered.
const CHUNK: usize = 4 << 10;

#[derive(Debug, Default)]
pub(crate) struct ReceiveQueue {
    data: Payload,
    /// Gathered small slices; behind `data`.
    tail: BytesMut,
}

impl ReceiveQueue {
    pub(crate) fn len(&self) -> usize {
        self.data.len() + self.tail.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap memory owned beside the data.
    pub(crate) fn heap(&self) -> usize {
        self.tail.capacity() + self.data.chunk_count().saturating_sub(1) * size_of::<Bytes>()
    }

    pub(crate) fn push(&mut self, payload: Payload) {
        if self.is_empty() {
            self.data = payload;
            return;
        }
        if payload.len() >= SMALL && payload.chunk_count() == 1 {
            self.freeze();
            self.data.append(payload);
            return;
        }
        for chunk in payload.chunks() {
            if chunk.len() >= SMALL {
                self.freeze();
                self.data.push_back(chunk.clone());
                continue;
            }
            if self.tail.capacity() - self.tail.len() < chunk.len() {
                self.freeze();
                self.tail = BytesMut::with_capacity(CHUNK);
            }
            self.tail.extend_from_slice(chunk);
        }
    }

    fn freeze(&mut self) {
        if !self.tail.is_empty() {
            self.data.push_back(self.tail.split().freeze());
        }
    }

    /// Copies what starts at `offset`.
    pub(crate) fn peek(&mut self, offset: usize, buffer: &mut [u8]) -> usize {
        self.freeze();
        self.data.copy_to_slice(offset, buffer)
    }

    pub(crate) fn get(&mut self, offset: usize) -> Option<u8> {
        let mut byte = [0];
        (self.peek(offset, &mut byte) == 1).then_some(byte[0])
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.peek(0, buffer);
        self.advance(count);
        count
    }

    pub(crate) fn advance(&mut self, count: usize) {
        self.freeze();
        self.data.advance(count);
        self.settle();
    }

    /// Takes out up to `count` bytes without a copy.
    pub(crate) fn take(&mut self, count: usize) -> Payload {
        self.freeze();
        let taken = self.data.split_to(count);
        self.settle();
        taken
    }

    pub(crate) fn clear(&mut self) {
        *self = ReceiveQueue::default();
    }

    /// An empty queue owns nothing.
    fn settle(&mut self) {
        if self.data.is_empty() {
            self.clear();
        }
    }
}
