//! Out-of-order data: what has come beyond a gap.
//!
//! Positions are 64-bit offsets in the stream, so that they have an order. Data that was received first stays (an
//! overlapping segment only fills gaps), and a FIN where there is data is none; memory is bounded by the limit given to
//! [`Assembler::insert`], which charges a fixed price for each slice besides its bytes. RFC 2018 4 decides which ranges
//! are reported.
use alloc::collections::BTreeMap;

use bytes::Bytes;
use sockeye_wire::Payload;

/// What keeping one more slice is taken to cost.
const SLICE_COST: usize = 128;
/// Slices shorter than this are copied, so that they do not pin the packet they came in.
const SMALL: usize = 512;
/// Ranges that are remembered for reporting.
const RECENT: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// Disjoint slices by position.
    slices: BTreeMap<u64, Bytes>,
    /// The same with the FIN, contiguous slices merged: start to end.
    ranges: BTreeMap<u64, u64>,
    bytes: usize,
    /// A position in each of the ranges touched last, the latest first.
    recent: [Option<u64>; RECENT],
    /// Where the FIN is, if it has come.
    pub(crate) fin: Option<u64>,
}

impl Assembler {
    pub(crate) fn is_empty(&self) -> bool {
        self.slices.is_empty() && self.fin.is_none()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What holding them is taken to cost.
    pub(crate) fn cost(&self) -> usize {
        self.bytes + self.slices.len() * SLICE_COST
    }

    /// Keeps what is new of `payload`. False if some of it found no room.
    pub(crate) fn insert(&mut self, position: u64, payload: &Payload, limit: usize) -> bool {
        let mut at = position;
        let mut complete = true;
        let end = position + payload.len() as u64;
        if let Some(fin) = self.fin.filter(|fin| (position..end).contains(fin)) {
            self.remove_fin(fin);
        }
        for chunk in payload.chunks() {
            complete &= self.insert_slice(at, chunk, limit);
            at += chunk.len() as u64;
        }
        if self.range_of(position).is_some() {
            self.touch(position);
        }
        complete
    }

    /// Keeps a FIN, which takes a number of its own and is reported with it. There is one, and not amid data.
    pub(crate) fn insert_fin(&mut self, position: u64) {
        if self.fin.is_none() && self.range_of(position).is_none() {
            self.fin = Some(position);
            self.add_range(position, position + 1);
        }
        self.touch(position);
    }

    /// The stream goes on where its end seemed to be.
    fn remove_fin(&mut self, position: u64) {
        self.fin = None;
        if let Some((start, end)) = self.range_of(position) {
            self.ranges.remove(&start);
            for (from, to) in [(start, position), (position + 1, end)] {
                if from < to {
                    self.ranges.insert(from, to);
                }
            }
        }
    }

    fn insert_slice(&mut self, position: u64, slice: &Bytes, limit: usize) -> bool {
        let end = position + slice.len() as u64;
        let mut at = position;
        while at < end {
            // Skip what is there already.
            if let Some((_, covered)) = self.range_of(at) {
                at = covered;
                continue;
            }
            let gap_end = self
                .ranges
                .range(at..)
                .next()
                .map_or(end, |(&start, _)| start.min(end));
            let (Ok(from), Ok(to)) = (
                usize::try_from(at - position),
                usize::try_from(gap_end - position),
            ) else {
                return false;
            };
            if self.cost() + SLICE_COST + (to - from) > limit {
                return false;
            }
            let part = match to - from {
                small if small < SMALL => {
                    Bytes::copy_from_slice(slice.get(from..to).unwrap_or_default())
                }
                _ => slice.slice(from..to),
            };
            self.bytes += part.len();
            self.slices.insert(at, part);
            self.add_range(at, gap_end);
            at = gap_end;
        }
        true
    }

    /// What of the first range lies before `end`.
    pub(crate) fn first_before(&self, end: u64) -> Option<(u64, u64)> {
        let (&start, &range_end) = self.ranges.first_key_value()?;
        (start < end).then_some((start, range_end.min(end)))
    }

    /// The position behind the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(_, &end)| end)
    }

    /// The range that contains the byte at `position`.
    fn range_of(&self, position: u64) -> Option<(u64, u64)> {
        let (&start, &end) = self.ranges.range(..=position).next_back()?;
        (position < end).then_some((start, end))
    }

    fn add_range(&mut self, start: u64, end: u64) {
        let mut merged = (start, end);
        if let Some((&before, &before_end)) = self.ranges.range(..start).next_back()
            && before_end == start
        {
            merged.0 = before;
        }
        if let Some(after_end) = self.ranges.remove(&end) {
            merged.1 = after_end;
        }
        self.ranges.insert(merged.0, merged.1);
    }

    /// Makes the range with `position` the one reported first.
    fn touch(&mut self, position: u64) {
        let Some(range) = self.range_of(position) else {
            return;
        };
        let mut recent = [Some(position), None, None, None];
        let mut count = 1;
        for old in self.recent.into_iter().flatten() {
            let other = old < range.0 || old >= range.1;
            if let (true, Some(slot)) =
                (other && self.range_of(old).is_some(), recent.get_mut(count))
            {
                *slot = Some(old);
                count += 1;
            }
        }
        self.recent = recent;
    }

    /// RFC 2018 4: the range with the latest segment, then those reported before.
    pub(crate) fn report(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.recent
            .iter()
            .flatten()
            .filter_map(|&position| self.range_of(position))
    }

    /// What of this range is there already: the first part of it that is.
    pub(crate) fn first_overlap(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let around = self.range_of(start);
        let (from, to) =
            around.or_else(|| self.ranges.range(start..end).next().map(|(&a, &b)| (a, b)))?;
        Some((from.max(start), to.min(end)))
    }

    /// Takes out what is contiguous from `position` on, and forgets what is before it.
    pub(crate) fn take(&mut self, position: u64) -> Payload {
        let mut payload = Payload::new();
        let mut at = position;
        while let Some(entry) = self.slices.first_entry() {
            let start = *entry.key();
            if start > at {
                break;
            }
            let mut slice = entry.remove();
            self.bytes -= slice.len();
            let end = start + slice.len() as u64;
            if end > at {
                let skip = usize::try_from(at - start)
                    .unwrap_or(usize::MAX)
                    .min(slice.len());
                bytes::Buf::advance(&mut slice, skip);
                payload.push_back(slice);
                at = end;
            }
        }
        while let Some(entry) = self.ranges.first_entry() {
            if *entry.key() >= at {
                break;
            }
            let end = entry.remove();
            if end > at {
                self.ranges.insert(at, end);
                break;
            }
        }
        payload
    }
}

#[cfg(test)]
mod tests;
