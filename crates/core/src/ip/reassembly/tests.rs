//! Fragments in any order, hostile ones, and the bounds.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

fn key(identification: u32) -> FragmentKey {
    FragmentKey {
        source: [192, 0, 2, 1].into(),
        destination: [192, 0, 2, 2].into(),
        identification,
        protocol: 17,
    }
}

fn piece(data: &[u8], offset: usize, length: usize) -> Fragment {
    Fragment {
        offset,
        more: offset + length < data.len(),
        ecn: Ecn::NotCapable,
        payload: Payload::from(Bytes::copy_from_slice(&data[offset..offset + length])),
    }
}

fn table() -> Reassembly<&'static str> {
    Reassembly::new(TIMEOUT, 1 << 20)
}

#[test]
fn an_exact_duplicate_is_dropped_and_an_overlap_discards_the_datagram() {
    let data = [1; 48];
    let mut table = table();
    let mut insert =
        |offset, length| table.insert(key(1), piece(&data, offset, length), || "h", Instant::ZERO);
    assert_eq!(insert(0, 16), Reassembled::Incomplete);
    assert_eq!(insert(0, 16), Reassembled::Incomplete);
    assert_eq!(insert(8, 16), Reassembled::Failed);
    assert_eq!(insert(16, 16), Reassembled::Incomplete);
    assert_eq!(insert(24, 16), Reassembled::Failed);
    assert_eq!(table.memory(), 0);
}

#[test]
fn a_ragged_or_overlong_fragment_discards_the_datagram() {
    let mut table = table();
    let fragment = |offset, more, length| Fragment {
        offset,
        more,
        ecn: Ecn::NotCapable,
        payload: Bytes::from(alloc::vec![0; length]).into(),
    };
    assert_eq!(
        table.insert(key(1), fragment(0, true, 12), || "h", Instant::ZERO),
        Reassembled::Failed
    );
    assert_eq!(
        table.insert(key(1), fragment(65_528, false, 8), || "h", Instant::ZERO),
        Reassembled::Failed
    );
    assert_eq!(
        table.insert(key(1), fragment(0, false, 8), || "h", Instant::ZERO),
        Reassembled::Complete("h", Bytes::from_static(&[0; 8]).into(), Ecn::NotCapable)
    );
}

/// RFC 3168 5.3
#[test]
fn a_datagram_is_marked_if_a_fragment_is_and_dropped_if_only_some_are_capable() {
    use Ecn::{Capable0, Capable1, Congestion, NotCapable};
    let data = [1; 24];
    let together = |marks: [Ecn; 3]| {
        let mut table = table();
        let mut result = Reassembled::Incomplete;
        for (number, ecn) in marks.into_iter().enumerate() {
            assert_eq!(result, Reassembled::Incomplete);
            let fragment = Fragment {
                ecn,
                ..piece(&data, number * 8, 8)
            };
            result = table.insert(key(1), fragment, || "h", Instant::ZERO);
        }
        assert_eq!(table.memory(), 0);
        match result {
            Reassembled::Complete(_, _, ecn) => Some(ecn),
            _ => None,
        }
    };
    assert_eq!(together([NotCapable; 3]), Some(NotCapable));
    assert_eq!(together([Capable0; 3]), Some(Capable0));
    assert_eq!(together([Capable1; 3]), Some(Capable1));
    assert_eq!(together([Congestion; 3]), Some(Congestion));
    assert_eq!(together([Capable0, Capable0, Congestion]), Some(Congestion));
    assert_eq!(together([Congestion, Capable1, Capable1]), Some(Congestion));
    assert_eq!(together([Capable0, Congestion, NotCapable]), None);
    assert_eq!(together([NotCapable, NotCapable, Capable1]), None);
}

#[test]
fn fragments_that_disagree_on_the_end_discard_the_datagram() {
    let mut table = table();
    let fragment = |offset, more, length| Fragment {
        offset,
        more,
        ecn: Ecn::NotCapable,
        payload: Bytes::from(alloc::vec![0; length]).into(),
    };
    assert_eq!(
        table.insert(key(1), fragment(8, false, 8), || "h", Instant::ZERO),
        Reassembled::Incomplete
    );
    assert_eq!(
        table.insert(key(1), fragment(16, true, 8), || "h", Instant::ZERO),
        Reassembled::Failed
    );
    assert_eq!(
        table.insert(key(2), fragment(16, true, 8), || "h", Instant::ZERO),
        Reassembled::Incomplete
    );
    assert_eq!(
        table.insert(key(2), fragment(8, false, 8), || "h", Instant::ZERO),
        Reassembled::Failed
    );
}

#[test]
fn an_unfinished_datagram_expires_and_tells_whether_its_first_fragment_came() {
    let data = [1; 48];
    let mut table = table();
    let _ = table.insert(key(1), piece(&data, 0, 16), || "first", Instant::ZERO);
    let _ = table.insert(
        key(2),
        piece(&data, 16, 16),
        || "never",
        Instant::from_millis(5),
    );
    assert_eq!(table.next_deadline(), Some(Instant::ZERO + TIMEOUT));
    assert_eq!(table.expire(Instant::from_millis(29_999)), None);
    let expired = table
        .expire(Instant::from_millis(40_000))
        .and_then(|datagram| datagram.first);
    assert_eq!(
        expired.map(|(head, payload)| (head, payload.len())),
        Some(("first", 16))
    );
    assert_eq!(
        table.expire(Instant::from_millis(40_000)),
        Some(TimedOut { first: None })
    );
    assert_eq!(
        (table.expire(Instant::from_millis(40_000)), table.memory()),
        (None, 0)
    );
}

#[test]
fn a_flood_of_first_fragments_stays_within_the_threshold() {
    let data = [1; 2000];
    let mut table = Reassembly::new(TIMEOUT, 64 * 1024);
    for identification in 0..10_000 {
        let _ = table.insert(
            key(identification),
            piece(&data, 0, 1480),
            || "h",
            Instant::ZERO,
        );
        assert!(table.memory() <= 64 * 1024);
        assert!(table.ages.len() <= 200);
    }
}

proptest! {
    #[test]
    fn pieces_in_any_order_make_the_datagram_again(
        length in 1usize..4000,
        size in 1usize..64,
        order in any::<u64>(),
    ) {
        let data: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let mut starts: Vec<usize> = (0..length).step_by(size * 8).collect();
        // A cheap shuffle: rotate and reverse by the order's bits.
        for bit in 0..64 {
            if order >> bit & 1 == 1 {
                let middle = bit % starts.len();
                starts.rotate_left(middle);
                starts.reverse();
            }
        }
        let mut table = table();
        let count = starts.len();
        for (index, start) in starts.into_iter().enumerate() {
            let fragment = piece(&data, start, (size * 8).min(length - start));
            let result = table.insert(key(9), fragment, || "head", Instant::ZERO);
            if index + 1 == count {
                prop_assert_eq!(result, Reassembled::Complete("head", Bytes::from(data.clone()).into(), Ecn::NotCapable));
            } else {
                prop_assert_eq!(result, Reassembled::Incomplete);
            }
        }
        prop_assert_eq!(table.memory(), 0);
    }
}
