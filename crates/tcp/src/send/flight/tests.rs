use proptest::prelude::*;
use sockeye_wire::SackBlocks;

use super::{Delivery, Flight, Stamp};
use crate::{Instant, Seq};

const MSS: u32 = 100;

/// `count` packets from sequence number 0 on, as super-segments of `each` packets.
fn flight(count: u32, each: u32) -> Flight {
    let mut flight = Flight::default();
    let mut at = 0;
    while at < count {
        let end = (at + each).min(count);
        flight.push(
            (Seq::new(at * MSS), Seq::new(end * MSS)),
            false,
            MSS,
            Stamp::default(),
            Instant::ZERO,
        );
        at = end;
    }
    flight
}

fn sack(flight: &mut Flight, blocks: &[(u32, u32)], una: u32, nxt: u32) -> Delivery {
    let mut result = Delivery::default();
    let blocks: SackBlocks = blocks
        .iter()
        .map(|&(from, to)| (from * MSS, to * MSS))
        .collect();
    flight.tag(
        &blocks,
        Seq::new(una * MSS),
        Seq::new(nxt * MSS),
        MSS,
        &mut result,
    );
    result
}

#[test]
fn three_packets_sacked_above_make_a_loss() {
    let mut flight = flight(10, 1);
    assert_eq!(sack(&mut flight, &[(1, 3)], 0, 10).newly_sacked, 2);
    assert_eq!(flight.mark_lost(), 0);
    assert_eq!(sack(&mut flight, &[(1, 4)], 0, 10).newly_sacked, 1);
    assert_eq!(flight.mark_lost(), 1);
    assert_eq!(flight.next_lost().map(|(index, _)| index), Some(0));
    // RFC 6675 4: 10 sent, 3 arrived, 1 lost.
    assert_eq!(flight.pipe(), 6);
    flight.retransmit(0, MSS, MSS, Stamp::default(), Instant::ZERO);
    assert_eq!(flight.pipe(), 7);
    assert!(flight.next_lost().is_none());
}

#[test]
fn a_block_within_a_super_segment_splits_it() {
    let mut flight = flight(20, 10);
    sack(&mut flight, &[(4, 8)], 0, 20);
    assert_eq!(flight.counts(), (20, 4, 0, 0));
    assert_eq!(flight.mark_lost(), 4);
    assert_eq!(flight.counts(), (20, 4, 4, 0));
    assert_eq!(
        flight
            .next_lost()
            .map(|(_, sent)| (sent.start.get(), sent.end.get())),
        Some((0, 400))
    );
}

#[test]
fn duplicates_are_told_from_news() {
    let mut flight = flight(10, 1);
    flight.acknowledge(Seq::new(500), MSS);
    assert!(sack(&mut flight, &[(2, 3)], 5, 10).dsack);
    let both = sack(&mut flight, &[(7, 8), (6, 9)], 5, 10);
    assert!(both.dsack);
    assert_eq!(both.newly_sacked, 3);
    assert_eq!(
        sack(&mut flight, &[(8, 20)], 5, 10).delivered,
        0,
        "beyond what was sent"
    );
}

#[test]
fn a_timeout_loses_all_that_is_not_sacked() {
    let mut flight = flight(10, 5);
    sack(&mut flight, &[(7, 9)], 0, 10);
    flight.mark_all_lost(false);
    assert_eq!(flight.counts(), (10, 2, 8, 0));
    assert_eq!(flight.pipe(), 0);
    flight.mark_all_lost(true);
    assert_eq!(flight.counts(), (10, 0, 10, 0));
}

proptest! {
    /// The counters are what the records say, whatever happens; and what is lost is below enough SACKed packets.
    #[test]
    fn counters_equal_the_records(
        each in 1..7u32,
        steps in prop::collection::vec((0..4u8, 0..40u32, 1..6u32), 1..60),
    ) {
        let count = 40;
        let mut flight = flight(count, each);
        let mut una = 0;
        for (kind, at, length) in steps {
            match kind {
                0 => {
                    una = una.max(at);
                    flight.acknowledge(Seq::new(una * MSS), MSS);
                }
                1 => { sack(&mut flight, &[(at, at + length)], una, count); flight.mark_lost(); }
                2 => {
                    if let Some((index, _)) = flight.next_lost() {
                        flight.retransmit(index, length * MSS, MSS, Stamp::default(), Instant::ZERO);
                    }
                }
                _ => if at == 0 { flight.mark_all_lost(length == 1) },
            }
            prop_assert_eq!(flight.counts(), (flight.out, flight.sacked, flight.lost, flight.retransmitted));
            prop_assert_eq!(flight.out, count - una);
            prop_assert!(flight.sacked + flight.lost <= flight.out);
            prop_assert!(flight.retransmitted <= flight.lost);
        }
        flight.acknowledge(Seq::new(count * MSS), MSS);
        prop_assert!(flight.is_empty());
        prop_assert_eq!(flight.counts(), (0, 0, 0, 0));
        prop_assert_eq!(flight.pipe(), 0);
    }
}
