//! The receive queue: the sender's slices in order, until the application reads them.
//!
//! Slices are kept as they come, without a copy. Only a small one that would wait behind others is copied together with
//! its neighbours, so that a peer cannot pin a packet buffer with each single byte it sends.
use alloc::boxed::Box;

use bytes::{Bytes, BytesMut};
use sockeye_wire::Payload;

use super::Receiver;
use super::charge::{PAGEFUL, Packets, charge_of};
use super::rare::Rare;
use crate::lazy::{Lazy, Resting};
use crate::seq::{length, span};

/// Slices shorter than this are gathered when something waits before them.
const SMALL: usize = 512;
/// Size of the chunks in which they are gathered.
const CHUNK: usize = 4 << 10;

#[derive(Debug, Default)]
pub(crate) struct ReceiveQueue {
    /// The first slice; empty only if the others are.
    first: Bytes,
    rest: Option<Box<Rest>>,
    /// What the bytes came in.
    packets: Packets,
    /// Here because most receivers that have something of it have a queue, too, and those that rest have neither.
    pub(crate) rare: Lazy<Rare>,
}

/// What a queue of more than one slice has.
#[derive(Debug, Default)]
struct Rest {
    data: Payload,
    /// Gathered small slices; behind `data`.
    tail: BytesMut,
}

impl Rest {
    fn freeze(&mut self) {
        if !self.tail.is_empty() {
            self.data.push_back(self.tail.split().freeze());
        }
    }

    fn push(&mut self, chunk: Bytes) {
        if chunk.len() >= SMALL {
            self.freeze();
            self.data.push_back(chunk);
            return;
        }
        if self.tail.capacity() - self.tail.len() < chunk.len() {
            self.freeze();
            self.tail = BytesMut::with_capacity(CHUNK);
        }
        self.tail.extend_from_slice(&chunk);
    }
}

impl Resting for ReceiveQueue {
    fn resting() -> &'static ReceiveQueue {
        static EMPTY: ReceiveQueue = ReceiveQueue {
            first: Bytes::new(),
            rest: None,
            packets: Packets::NONE,
            rare: Lazy::RESTING,
        };
        &EMPTY
    }
}

impl Receiver {
    /// Gives the memory of a queue back that is empty, unless there is something rare to remember.
    pub(crate) fn rest_queue(&mut self) {
        if self.queue.rare.is_at_rest() {
            self.queue.rest();
        }
    }

    /// Throws away what the application has not read.
    pub(crate) fn drop_queue(&mut self) {
        if let Some(queue) = self.queue.existing() {
            queue.first = Bytes::new();
            queue.rest = None;
            queue.packets = Packets::NONE;
        }
        self.rest_queue();
    }
}

impl ReceiveQueue {
    pub(crate) fn len(&self) -> usize {
        self.first.len()
            + self
                .rest
                .as_ref()
                .map_or(0, |rest| rest.data.len() + rest.tail.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// What the packets take of the buffer (`sk_rmem_alloc`).
    pub(crate) fn charge(&self) -> u32 {
        self.packets.charge()
    }

    /// Short packets are copied to larger ones where that saves memory (`tcp_collapse`).
    pub(crate) fn collapse(&mut self) {
        let count = self.len();
        let full = count.div_ceil(length(PAGEFUL));
        if length(self.charge()) <= full * length(charge_of(PAGEFUL)) {
            return;
        }
        let all = self.take(count);
        let mut at = 0;
        while at < count {
            let mut page = alloc::vec![0; length(PAGEFUL).min(count - at)];
            at += all.copy_to_slice(at, &mut page);
            self.push(Bytes::from(page).into());
        }
    }

    /// Heap memory owned beside the data.
    pub(crate) fn heap(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| {
            size_of::<Rest>() + rest.tail.capacity() + rest.data.chunk_count() * size_of::<Bytes>()
        });
        rest + self.packets.heap()
    }

    pub(crate) fn push(&mut self, mut payload: Payload) {
        if self.is_empty()
            && let Some(chunk) = payload.pop_front()
        {
            self.packets.push(span(chunk.len()));
            self.first = chunk;
        }
        if payload.is_empty() {
            return;
        }
        let rest = self.rest.get_or_insert_default();
        while let Some(chunk) = payload.pop_front() {
            self.packets.push(span(chunk.len()));
            rest.push(chunk);
        }
    }

    /// Copies what starts at `offset`.
    pub(crate) fn peek(&mut self, offset: usize, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        if let Some(source) = self.first.get(offset..) {
            done = source.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..done), source.get(..done)) {
                to.copy_from_slice(from);
            }
        }
        if let (Some(rest), Some(room)) = (&mut self.rest, buffer.get_mut(done..))
            && !room.is_empty()
        {
            rest.freeze();
            done += rest
                .data
                .copy_to_slice((offset + done).saturating_sub(self.first.len()), room);
        }
        done
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
        self.packets.read(span(count));
        if count < self.first.len() {
            bytes::Buf::advance(&mut self.first, count);
            return;
        }
        let left = count - self.first.len();
        self.first = Bytes::new();
        if let Some(rest) = &mut self.rest {
            rest.freeze();
            rest.data.advance(left);
            self.refill();
        }
    }

    /// Takes out up to `count` bytes without a copy.
    pub(crate) fn take(&mut self, count: usize) -> Payload {
        self.packets.read(span(count));
        if count < self.first.len() {
            return self.first.split_to(count).into();
        }
        let left = count - self.first.len();
        let mut taken = Payload::from(core::mem::take(&mut self.first));
        if let Some(rest) = &mut self.rest {
            rest.freeze();
            taken.append(&mut rest.data.split_to(left));
            self.refill();
        }
        taken
    }

    /// The next slice becomes the first. An empty queue owns nothing.
    fn refill(&mut self) {
        match self.rest.as_mut().and_then(|rest| rest.data.pop_front()) {
            Some(next) => self.first = next,
            None => self.rest = None,
        }
    }
}

#[cfg(test)]
mod tests;
