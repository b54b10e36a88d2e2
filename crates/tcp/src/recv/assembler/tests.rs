use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bytes::Bytes;
use proptest::prelude::*;
use sockeye_wire::Payload;

use super::Assembler;
use crate::recv::charge::charge_of;
use crate::seq::span;

/// The byte that belongs at a position, so that misplaced ones show.
fn byte(position: u64) -> u8 {
    position.wrapping_mul(0x9e37_79b9).to_le_bytes()[2]
}

fn data(start: u64, length: usize) -> Payload {
    let bytes: Vec<u8> = (start..start + length as u64).map(byte).collect();
    Bytes::from(bytes).into()
}

proptest! {
    /// Against a set of positions.
    #[test]
    fn keeps_each_byte_once_and_gives_them_in_order(
        pieces in prop::collection::vec((0..3000u64, 1..700usize), 1..60),
        take_every in 1..10usize,
    ) {
        let mut assembler = Assembler::default();
        let mut model: BTreeMap<u64, u8> = BTreeMap::new();
        let mut position = 0;
        for (index, (start, length)) in pieces.into_iter().enumerate() {
            let start = position + 1 + start;
            assembler.insert(start, &data(start, length));
            model.extend((start..start + length as u64).map(|at| (at, byte(at))));
            prop_assert_eq!(assembler.bytes(), model.len());
            let (from, to) = assembler.report().next().expect("a range was just touched");
            prop_assert!(from <= start && start + length as u64 <= to);
            for (from, to) in assembler.report() {
                prop_assert!((from..to).all(|at| model.contains_key(&at)));
                prop_assert!(!model.contains_key(&to) && !model.contains_key(&(from - 1)));
            }
            if index % take_every == 0 {
                // Fill the gap up to the first byte that is there.
                position = *model.keys().next().expect("not empty");
                let taken = assembler.take(position);
                let mut expected = Vec::new();
                while let Some(byte) = model.remove(&position) {
                    expected.push(byte);
                    position += 1;
                }
                prop_assert_eq!(taken.to_vec(), expected);
                prop_assert_eq!(assembler.bytes(), model.len());
            }
        }
        prop_assert!(assembler.ranges.len() <= assembler.slices.len());
    }

    /// However it is put together, nothing changes but what it takes; and of what is thrown away nothing is left.
    #[test]
    fn collapsing_and_pruning_keep_its_books(
        pieces in prop::collection::vec((1..20_000u64, 1..1500usize), 1..80),
        from in 0..20_000u64,
        most in 0..60_000u32,
    ) {
        let mut assembler = Assembler::default();
        for (start, length) in pieces {
            assembler.insert(start, &data(start, length));
        }
        let counted = |assembler: &Assembler| -> u32 {
            assembler.slices.values().map(|slice| charge_of(span(slice.len()))).sum()
        };
        let (bytes, charge) = (assembler.bytes(), assembler.charge());
        let ranges = assembler.ranges.clone();
        prop_assert_eq!(charge, counted(&assembler));
        assembler.collapse();
        prop_assert!(assembler.charge() <= charge);
        prop_assert_eq!((assembler.bytes(), &assembler.ranges), (bytes, &ranges));
        prop_assert_eq!(assembler.charge(), counted(&assembler));
        let pruned = assembler.prune(from, most);
        prop_assert_eq!(pruned, assembler.bytes() < bytes);
        prop_assert_eq!(assembler.charge(), counted(&assembler));
        prop_assert!(assembler.charge() <= most || assembler.slices.keys().all(|&at| at < from));
        let covered: u64 = assembler.ranges.iter().map(|(start, end)| end - start).sum();
        prop_assert_eq!(covered, assembler.bytes() as u64);
        for (&start, slice) in &assembler.slices {
            prop_assert!((start..).zip(slice).all(|(at, &found)| found == byte(at)));
        }
    }
}

#[test]
fn a_filled_gap_between_two_ranges_joins_them() {
    let mut assembler = Assembler::default();
    for start in [10, 30, 20] {
        assembler.insert(start, &data(start, 10));
    }
    assert_eq!(assembler.report().collect::<Vec<_>>(), [(10, 40)]);
    assert_eq!(assembler.first_overlap(15, 40), Some((15, 40)));
    assert_eq!(assembler.first_overlap(15, 41), Some((15, 40)));
    assert_eq!(assembler.take(10).len(), 30);
    assert!(assembler.is_empty());
}

#[test]
fn ranges_are_reported_latest_first_and_at_most_four() {
    let mut assembler = Assembler::default();
    for start in [10, 30, 50, 70, 90, 55] {
        assembler.insert(start, &data(start, 5));
    }
    assert_eq!(
        assembler.report().collect::<Vec<_>>(),
        [(50, 60), (90, 95), (70, 75), (30, 35)]
    );
}

#[test]
fn data_where_a_fin_was_takes_its_place() {
    let mut assembler = Assembler::default();
    assembler.insert_fin(20);
    assembler.insert(10, &data(10, 30));
    assert_eq!(assembler.fin, None);
    assert_eq!(assembler.report().next(), Some((10, 40)));
    assembler.insert_fin(25);
    assert_eq!(assembler.fin, None);
    assembler.insert_fin(40);
    assert_eq!(assembler.fin, Some(40));
    assert_eq!(assembler.first_overlap(5, 15), Some((10, 15)));
    assert_eq!(assembler.first_overlap(41, 50), None);
    assert_eq!(assembler.take(10).to_vec(), data(10, 30).to_vec());
}

/// What is left of segments (position, letter, length) that say different things.
fn of_different_copies(segments: &[(u64, u8, usize)]) -> Vec<u8> {
    let mut assembler = Assembler::default();
    for &(start, letter, length) in segments {
        let payload = Bytes::from(alloc::vec![letter; length]).into();
        assembler.insert(start, &payload);
    }
    let first = segments.iter().map(|segment| segment.0).min().unwrap();
    let taken = assembler.take(first).to_vec();
    assert_eq!(assembler.bytes(), 0);
    taken
}

#[test]
fn of_two_copies_that_stays_which_began_first_in_the_stream() {
    // Behind the beginning of the old one, before it, over all of it, within it, and from the same place on.
    for (segments, expected) in [
        (&[(10, b'a', 4), (12, b'b', 4)][..], "aaaabb"),
        (&[(12, b'a', 4), (10, b'b', 4)], "bbbbaa"),
        (&[(12, b'a', 2), (10, b'b', 6)], "bbbbbb"),
        (&[(10, b'a', 6), (12, b'b', 2)], "aaaaaa"),
        (&[(10, b'a', 3), (10, b'b', 5)], "bbbbb"),
        (&[(10, b'a', 5), (10, b'b', 3)], "aaaaa"),
        (&[(10, b'a', 2), (14, b'c', 2), (11, b'b', 4)], "aabbbc"),
        (
            &[(10, b'a', 2), (12, b'c', 2), (16, b'd', 2), (11, b'b', 6)],
            "aaccbbbd",
        ),
    ] {
        let left = of_different_copies(segments);
        assert_eq!(core::str::from_utf8(&left), Ok(expected), "{segments:?}");
    }
}
