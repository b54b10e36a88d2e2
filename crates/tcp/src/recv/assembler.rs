//! Out-of-order data: what has come beyond a gap.
//!
//! Positions are 64-bit offsets in the stream, so that they have an order. Of what came twice, and differs, that copy stays
//! which began further to the left, and of two that began together the longer one, as in Linux (`tcp_data_queue_ofo`): what
//! watches a connection and takes another would see another stream. A FIN where there is data is none; memory is bounded by
//! the limit given to [`Assembler::insert`], which charges a fixed price for each slice besides its bytes. RFC 2018 4
//! decides which ranges are reported.
use alloc::collections::BTreeMap;

use bytes::Bytes;
use sockeye_wire::Payload;

/// What keeping one more slice is taken to cost.
const SLICE_COST: usize = 128;
/// Slices shorter than this are copied, so that they do not pin the packet they came in.
const SMALL: usize = 512;
/// Ranges that are remembered for reporting.
const RECENT: usize = 4;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Nothing of it found no room.
    pub(crate) complete: bool,
    /// It was there already, or it covers what was.
    pub(crate) merged: bool,
}

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

    /// Keeps what is new of `payload`.
    pub(crate) fn insert(&mut self, position: u64, payload: &Payload, limit: usize) -> Kept {
        let end = position + payload.len() as u64;
        if let Some(fin) = self.fin.filter(|fin| (position..end).contains(fin)) {
            self.remove_fin(fin);
        }
        let around = self.range_of(position);
        if around.is_some_and(|(_, covered)| end <= covered) {
            self.touch(position);
            return Kept {
                complete: true,
                merged: true,
            };
        }
        let wins_from = around
            .filter(|(start, _)| *start < position)
            .map_or(position, |(_, covered)| covered);
        let covers = |(&start, &range_end): (&u64, &u64)| start >= wins_from && range_end <= end;
        let merged = self.ranges.range(wins_from..end).any(covers);
        let mut complete = true;
        let mut at = position;
        for chunk in payload.chunks() {
            let skip = usize::try_from(wins_from.saturating_sub(at)).unwrap_or(usize::MAX);
            complete &= skip >= chunk.len()
                || self.insert_slice(at + skip as u64, chunk.slice(skip..), limit);
            at += chunk.len() as u64;
        }
        if self.range_of(position).is_some() {
            self.touch(position);
        }
        Kept { complete, merged }
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

    /// Keeps all of a slice in place of what is there, unless it finds no room.
    fn insert_slice(&mut self, start: u64, slice: Bytes, limit: usize) -> bool {
        let end = start + slice.len() as u64;
        if self.cost() + SLICE_COST + slice.len() - self.covered(start, end) > limit {
            return false;
        }
        self.cut(start, end);
        let part = if slice.len() < SMALL {
            Bytes::copy_from_slice(&slice)
        } else {
            slice
        };
        self.bytes += part.len();
        self.slices.insert(start, part);
        self.add_range(start, end);
        true
    }

    /// How many bytes of this range are there already.
    fn covered(&self, start: u64, end: u64) -> usize {
        let before = self.ranges.range(..=start).next_back();
        let inside = self.ranges.range(start + 1..end);
        let within = |(&from, &to): (&u64, &u64)| to.min(end).saturating_sub(from.max(start));
        let bytes: u64 = before.into_iter().chain(inside).map(within).sum();
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Takes the bytes of this range away. No slice reaches into it from before: what does wins over it.
    fn cut(&mut self, start: u64, end: u64) {
        while let Some((&at, _)) = self.slices.range(start..end).next()
            && let Some(mut slice) = self.slices.remove(&at)
        {
            self.bytes -= slice.len();
            let keep_from = usize::try_from(end - at).unwrap_or(usize::MAX);
            if keep_from < slice.len() {
                bytes::Buf::advance(&mut slice, keep_from);
                self.bytes += slice.len();
                self.slices.insert(end, slice);
            }
        }
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
            && before_end >= start
        {
            merged = (before, end.max(before_end));
        }
        while let Some((&other, &other_end)) = self.ranges.range(start..=merged.1).next() {
            self.ranges.remove(&other);
            merged.1 = merged.1.max(other_end);
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

    /// Where in the report this range is, or would be: the first place that it touches, or behind the last.
    pub(crate) fn place_in_report(&self, start: u64, end: u64) -> usize {
        self.report()
            .take_while(|&(from, to)| to < start || end < from)
            .count()
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
