//! Out-of-order data: what has come beyond a gap.
//!
//! Positions are 64-bit offsets in the stream, so that they have an order. Of what came twice, and differs, that copy stays
//! which began further to the left, and of two that began together the longer one, as in Linux (`tcp_data_queue_ofo`): what
//! watches a connection and takes another would see another stream. A FIN where there is data is none. RFC 2018 4 decides
//! which ranges are reported. Memory is bounded by whoever asks what is here charged ([`super::ingest`]).
use alloc::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use sockeye_wire::Payload;

use super::charge::{PAGEFUL, charge_of, room_behind};
use crate::seq::{length, span};

/// What keeping one more slice is taken to cost.
const SLICE_COST: usize = 128;
/// Slices shorter than this are copied, so that they do not pin the packet they came in.
const SMALL: usize = 512;
/// Ranges that are remembered for reporting.
const RECENT: usize = 4;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is new.
    New,
    /// It covers what was there.
    Covers,
    /// All of it was there.
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// Disjoint slices by position.
    slices: BTreeMap<u64, Bytes>,
    /// The same with the FIN, contiguous slices merged: start to end.
    ranges: BTreeMap<u64, u64>,
    bytes: usize,
    /// What the slices take of the buffer.
    charge: u32,
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

    /// The same as Linux counts it.
    pub(crate) fn charge(&self) -> u32 {
        self.charge
    }

    /// Keeps what is new of `payload`.
    pub(crate) fn insert(&mut self, position: u64, payload: &Payload) -> Kept {
        let end = position + payload.len() as u64;
        if let Some(fin) = self.fin.filter(|fin| (position..end).contains(fin)) {
            self.remove_fin(fin);
        }
        let around = self.range_of(position);
        if around.is_some_and(|(_, covered)| end <= covered) {
            self.touch(position);
            return Kept::Nothing;
        }
        let wins_from = around
            .filter(|(start, _)| *start < position)
            .map_or(position, |(_, covered)| covered);
        let covers = |(&start, &range_end): (&u64, &u64)| start >= wins_from && range_end <= end;
        let merged = self.ranges.range(wins_from..end).any(covers);
        let mut at = position;
        for chunk in payload.chunks() {
            let skip = usize::try_from(wins_from.saturating_sub(at)).unwrap_or(usize::MAX);
            if skip < chunk.len() {
                self.insert_slice(at + skip as u64, chunk.slice(skip..));
            }
            at += chunk.len() as u64;
        }
        self.touch(position);
        match merged {
            true => Kept::Covers,
            false => Kept::New,
        }
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

    /// Keeps all of a slice in place of what is there.
    fn insert_slice(&mut self, start: u64, slice: Bytes) {
        let end = start + slice.len() as u64;
        self.cut(start, end);
        if self.join(start, &slice) {
            self.add_range(start, end);
            return;
        }
        let part = if slice.len() < SMALL {
            Bytes::copy_from_slice(&slice)
        } else {
            slice
        };
        self.hold(start, part);
        self.add_range(start, end);
    }

    /// Puts a slice into what is left of the packet before it, if that is enough (`tcp_ooo_try_coalesce`).
    fn join(&mut self, start: u64, slice: &Bytes) -> bool {
        let Some((&at, before)) = self.slices.range(..start).next_back() else {
            return false;
        };
        if at + before.len() as u64 != start
            || slice.len() > length(room_behind(span(before.len())))
        {
            return false;
        }
        let before = before.clone();
        self.let_go(&before);
        self.hold(at, Bytes::from([&before[..], &slice[..]].concat()));
        true
    }

    fn hold(&mut self, start: u64, slice: Bytes) {
        self.bytes += slice.len();
        self.charge = self.charge.saturating_add(charge_of(span(slice.len())));
        self.slices.insert(start, slice);
    }

    /// This slice is no longer here.
    fn let_go(&mut self, slice: &Bytes) {
        self.bytes -= slice.len();
        self.charge = self.charge.saturating_sub(charge_of(span(slice.len())));
    }

    /// Takes the bytes of this range away. No slice reaches into it from before: what does wins over it.
    fn cut(&mut self, start: u64, end: u64) {
        while let Some((&at, _)) = self.slices.range(start..end).next()
            && let Some(mut slice) = self.slices.remove(&at)
        {
            self.let_go(&slice);
            let keep_from = usize::try_from(end - at).unwrap_or(usize::MAX);
            if keep_from < slice.len() {
                bytes::Buf::advance(&mut slice, keep_from);
                self.hold(end, slice);
            }
        }
    }

    /// Neighbours that are short are put together (`tcp_collapse_ofo_queue`).
    pub(crate) fn collapse(&mut self) {
        let charge = |bytes: usize| charge_of(span(bytes));
        let saves = |one: usize, other: usize| {
            one + other <= length(PAGEFUL) && charge(one + other) <= charge(one) + charge(other)
        };
        let mut gathered: Option<(u64, BytesMut)> = None;
        for (at, slice) in core::mem::take(&mut self.slices) {
            self.let_go(&slice);
            if let Some((start, run)) = &mut gathered
                && *start + run.len() as u64 == at
                && saves(run.len(), slice.len())
            {
                run.extend_from_slice(&slice);
                continue;
            }
            if let Some((start, run)) = gathered.take() {
                self.hold(start, run.freeze());
            }
            if slice.len() < length(PAGEFUL) / 2 {
                gathered = Some((at, BytesMut::from(&slice[..])));
            } else {
                self.hold(at, slice);
            }
        }
        if let Some((start, run)) = gathered {
            self.hold(start, run.freeze());
        }
    }

    /// Throws away what is farthest until no more than `most` is charged, but nothing before `position`
    /// (`tcp_prune_ofo_queue`). True if there was something to throw away; then nothing is reported but what comes from now on
    /// (`tcp_sack_reset`).
    pub(crate) fn prune(&mut self, position: u64, most: u32) -> bool {
        let mut pruned = false;
        while self.charge > most
            && let Some((&at, slice)) = self.slices.last_key_value()
            && at >= position
        {
            let slice = slice.clone();
            self.slices.remove(&at);
            self.let_go(&slice);
            if let Some(fin) = self.fin {
                self.remove_fin(fin);
            }
            self.remove_range_from(at);
            pruned = true;
        }
        if pruned {
            self.recent = [None; RECENT];
        }
        pruned
    }

    /// Nothing is here any more from `position` on.
    fn remove_range_from(&mut self, position: u64) {
        self.ranges.split_off(&position);
        if let Some((_, end)) = self.ranges.iter_mut().next_back() {
            *end = position.min(*end);
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
            self.let_go(&slice);
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
