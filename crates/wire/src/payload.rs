//! The data of one packet: a chain of shared slices.
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use bytes::Bytes;

/// A chain of [`Bytes`] with a known length. Cloning and slicing share the memory; nothing is copied.
///
/// One slice costs no allocation. Invariant: no slice is empty, except the first one of an empty payload.
/// Positions beyond the end are taken as the end; no method panics.
#[derive(Clone, Default)]
pub struct Payload {
    length: usize,
    first: Bytes,
    rest: Rest,
}

/// The slices behind the first. In a box, because few payloads have any, and all are handed from function to function.
#[derive(Clone, Default)]
struct Rest(Option<Box<Chunks>>);

#[derive(Clone, Default)]
struct Chunks(VecDeque<Bytes>);

impl Rest {
    const NONE: Rest = Rest(None);

    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |chunks| chunks.0.len())
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter().flat_map(|chunks| chunks.0.iter())
    }

    /// The slices, of which there are some or will be.
    fn some(&mut self) -> &mut VecDeque<Bytes> {
        &mut self.0.get_or_insert_default().0
    }

    fn pop_front(&mut self) -> Option<Bytes> {
        self.0.as_mut()?.0.pop_front()
    }
}

impl Payload {
    /// No data.
    pub const fn new() -> Self {
        Payload {
            length: 0,
            first: Bytes::new(),
            rest: Rest::NONE,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if there is no data.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a slice at the end.
    pub fn push_back(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.length += bytes.len();
        if self.first.is_empty() {
            self.first = bytes;
        } else {
            self.rest.some().push_back(bytes);
        }
    }

    /// Adds a slice at the front.
    pub fn push_front(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.length += bytes.len();
        let second = core::mem::replace(&mut self.first, bytes);
        if !second.is_empty() {
            self.rest.some().push_front(second);
        }
    }

    /// Moves all slices of `other` to the end of this one.
    pub fn append(&mut self, other: &mut Payload) {
        if self.is_empty() {
            *self = core::mem::take(other);
            return;
        }
        self.length += core::mem::take(&mut other.length);
        if !other.first.is_empty() {
            self.rest
                .some()
                .push_back(core::mem::take(&mut other.first));
        }
        if !other.rest.is_empty() {
            self.rest.some().append(other.rest.some());
        }
    }

    /// Takes the first slice out, if there is one.
    pub fn pop_front(&mut self) -> Option<Bytes> {
        if self.is_empty() {
            return None;
        }
        let next = self.rest.pop_front().unwrap_or_default();
        let first = core::mem::replace(&mut self.first, next);
        self.length -= first.len();
        Some(first)
    }

    /// The part of this payload at `range`, sharing its memory.
    pub fn slice(&self, range: Range<usize>) -> Payload {
        let end = range.end.min(self.length);
        let start = range.start.min(end);
        let mut result = Payload::new();
        // The usual case first: all of it is in the first slice.
        if end <= self.first.len() {
            result.push_back(self.first.slice(start..end));
            return result;
        }
        let mut skip = start;
        let mut left = end - start;
        for chunk in self.chunks() {
            if left == 0 {
                break;
            }
            if skip >= chunk.len() {
                skip -= chunk.len();
                continue;
            }
            let take = left.min(chunk.len() - skip);
            result.push_back(chunk.slice(skip..skip + take));
            left -= take;
            skip = 0;
        }
        result
    }

    /// Takes the first `count` bytes out (all if there are fewer); the rest stays.
    pub fn split_to(&mut self, count: usize) -> Payload {
        if count >= self.length {
            return core::mem::take(self);
        }
        let mut result = Payload::new();
        let mut left = count;
        while left > 0 {
            if left < self.first.len() {
                result.push_back(self.first.split_to(left));
                self.length -= left;
                break;
            }
            let Some(chunk) = self.pop_front() else { break };
            left -= chunk.len();
            result.push_back(chunk);
        }
        result
    }

    /// Takes everything from position `at` on out; the first `at` bytes stay.
    pub fn split_off(&mut self, at: usize) -> Payload {
        let head = self.split_to(at);
        core::mem::replace(self, head)
    }

    /// Drops the first `count` bytes.
    pub fn advance(&mut self, count: usize) {
        if count >= self.length {
            *self = Payload::new();
            return;
        }
        let mut left = count;
        while left > 0 {
            if left < self.first.len() {
                bytes::Buf::advance(&mut self.first, left);
                self.length -= left;
                break;
            }
            let Some(chunk) = self.pop_front() else { break };
            left -= chunk.len();
        }
    }

    /// Keeps only the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        if length >= self.length {
            return;
        }
        if length <= self.first.len() {
            self.first.truncate(length);
            self.rest = Rest::NONE;
        } else {
            let mut left = length - self.first.len();
            let mut keep = 0;
            let rest = self.rest.some();
            for chunk in rest.iter_mut() {
                if left == 0 {
                    break;
                }
                chunk.truncate(left);
                left -= chunk.len();
                keep += 1;
            }
            rest.truncate(keep);
        }
        self.length = length;
    }

    /// The slices in order; none of them is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        core::iter::once(&self.first)
            .filter(|first| !first.is_empty())
            .chain(self.rest.iter())
    }

    /// The number of slices.
    pub fn chunk_count(&self) -> usize {
        usize::from(!self.first.is_empty()) + self.rest.len()
    }

    /// The first slice; empty if there is no data.
    pub fn first_chunk(&self) -> &Bytes {
        &self.first
    }

    /// Copies what starts at `offset` into `buffer` and returns how many bytes that were.
    pub fn copy_to_slice(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let mut skip = offset;
        let mut done = 0;
        for chunk in self.chunks() {
            let Some(source) = chunk.get(skip..).filter(|source| !source.is_empty()) else {
                skip = skip.saturating_sub(chunk.len());
                continue;
            };
            skip = 0;
            let Some(room) = buffer.get_mut(done..).filter(|room| !room.is_empty()) else {
                break;
            };
            let count = source.len().min(room.len());
            for (to, from) in room.chunks_mut(count).zip(source.chunks(count)).take(1) {
                to.copy_from_slice(from);
            }
            done += count;
        }
        done
    }

    /// All data as one slice: shared if it is one already, copied together if not.
    pub fn to_bytes(&self) -> Bytes {
        if self.rest.is_empty() {
            return self.first.clone();
        }
        Bytes::from(self.to_vec())
    }

    /// All data copied into a vector.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.length);
        for chunk in self.chunks() {
            all.extend_from_slice(chunk);
        }
        all
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Payload {
            length: bytes.len(),
            first: bytes,
            rest: Rest::NONE,
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Payload::from(Bytes::from(bytes))
    }
}

impl From<&'static [u8]> for Payload {
    fn from(bytes: &'static [u8]) -> Self {
        Payload::from(Bytes::from_static(bytes))
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut payload = Payload::new();
        for chunk in chunks {
            payload.push_back(chunk);
        }
        payload
    }
}

/// Equal when the data is equal, however it is cut.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        if self.length != other.length {
            return false;
        }
        if self.rest.is_empty() && other.rest.is_empty() {
            return self.first == other.first;
        }
        let left = self.chunks().flat_map(|chunk| chunk.iter());
        left.eq(other.chunks().flat_map(|chunk| chunk.iter()))
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes", self.length)?;
        if self.chunk_count() > 1 {
            write!(f, " in {} slices", self.chunk_count())?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests;
