use core::time::Duration;
use proptest::prelude::*;

use super::{Arrival, Delivery, Flight, Stamp};
use crate::{Instant, Seq};

const MSS: u32 = 100;
const MS: Duration = Duration::from_millis(1);

/// `count` packets from sequence number 0 on, as super-segments of `each` packets, one each millisecond from 1 on.
fn flight(count: u32, each: u32) -> Flight {
    let mut flight = Flight::default();
    let mut at = 0;
    while at < count {
        let end = (at + each).min(count);
        let time = Instant::from_millis(u64::from(at / each) + 1);
        let range = (Seq::new(at * MSS), Seq::new(end * MSS));
        flight.push(range, (false, false), MSS, Stamp::default(), time);
        at = end;
    }
    flight
}

fn arrival(now: u64) -> Arrival {
    Arrival {
        now: Instant::from_millis(now),
        mss: MSS,
        sack: true,
        point: Seq::new(0),
        min_rtt: Some(MS),
        echo: None,
    }
}

fn sack_bytes(flight: &mut Flight, blocks: &[(u32, u32)], now: u64) -> Delivery {
    let mut news = Delivery::default();
    let mut all = [None; 4];
    for (place, &(from, to)) in all.iter_mut().zip(blocks) {
        *place = Some((Seq::new(from), Seq::new(to)));
    }
    flight.tag(&all, &arrival(now), &mut news);
    news
}

fn sack(flight: &mut Flight, blocks: &[(u32, u32)], now: u64) -> Delivery {
    let blocks: std::vec::Vec<_> = blocks
        .iter()
        .map(|&(from, to)| (from * MSS, to * MSS))
        .collect();
    sack_bytes(flight, &blocks, now)
}

fn acknowledge(flight: &mut Flight, packets: u32, now: u64) -> Delivery {
    let mut news = Delivery::default();
    flight.acknowledge(Seq::new(packets * MSS), &arrival(now), &mut news);
    news
}

fn lost(flight: &mut Flight, window: Duration, now: u64) -> (u32, Option<Duration>) {
    let found = flight.detect(window, Instant::from_millis(now));
    (found.losses.new + found.losses.again, found.wait)
}

#[test]
fn what_was_sent_before_something_that_arrived_is_lost() {
    let mut flight = flight(10, 1);
    assert_eq!(sack(&mut flight, &[(3, 4)], 50).newly_sacked, 1);
    assert_eq!(lost(&mut flight, Duration::ZERO, 50), (3, None));
    assert_eq!(flight.next_lost().map(|(index, _)| index), Some(0));
    // RFC 6675 4: 10 sent, 1 arrived, 3 lost.
    assert_eq!(flight.pipe(), 6);
    flight.retransmit(0, MSS, MSS, Stamp::default(), Instant::from_millis(50));
    assert_eq!(flight.pipe(), 7);
    assert_eq!(flight.next_lost().map(|(index, _)| index), Some(1));
}

#[test]
fn what_was_overtaken_is_given_the_window() {
    let mut flight = flight(10, 1);
    // Sent at 4 ms, a round trip of 46 ms: the first (1 ms) has until 47 + 10 ms, the third until 49 + 10.
    sack(&mut flight, &[(3, 4)], 50);
    let window = 10 * MS;
    assert_eq!(lost(&mut flight, window, 50), (0, Some(9 * MS)));
    assert_eq!(lost(&mut flight, window, 57), (1, Some(2 * MS)));
    acknowledge(&mut flight, 2, 58);
    assert_eq!(lost(&mut flight, window, 59), (0, Some(10 * MS)));
    assert_eq!(lost(&mut flight, window, 69), (1, None));
}

#[test]
fn a_lost_retransmission_is_found_by_what_was_sent_after_it() {
    let mut flight = flight(10, 1);
    sack(&mut flight, &[(1, 4)], 50);
    assert_eq!(lost(&mut flight, Duration::ZERO, 50), (1, None));
    flight.retransmit(0, MSS, MSS, Stamp::default(), Instant::from_millis(50));
    flight.push(
        (Seq::new(10 * MSS), Seq::new(11 * MSS)),
        (false, false),
        MSS,
        Stamp::default(),
        Instant::from_millis(51),
    );
    sack(&mut flight, &[(1, 10)], 60);
    assert_eq!(lost(&mut flight, Duration::ZERO, 60), (0, None));
    sack(&mut flight, &[(1, 11)], 101);
    let found = flight.detect(Duration::ZERO, Instant::from_millis(101));
    assert_eq!((found.losses.new, found.losses.again), (0, 1));
    assert_eq!(flight.next_lost().map(|(index, _)| index), Some(0));
}

#[test]
fn a_block_within_a_super_segment_splits_it() {
    let mut flight = flight(20, 10);
    sack(&mut flight, &[(4, 8)], 50);
    assert_eq!(flight.counts(), (20, 4, 0, 0));
    assert_eq!(lost(&mut flight, Duration::ZERO, 50), (4, None));
    assert_eq!(flight.counts(), (20, 4, 4, 0));
    assert_eq!(
        flight
            .next_lost()
            .map(|(_, sent)| (sent.start.get(), sent.end.get())),
        Some((0, 400))
    );
}

#[test]
fn blocks_that_grow_within_a_packet_are_looked_at_again() {
    let mut flight = flight(10, 10);
    assert_eq!(sack_bytes(&mut flight, &[(350, 550)], 50).newly_sacked, 1);
    assert_eq!(sack_bytes(&mut flight, &[(300, 550)], 50).newly_sacked, 1);
    assert_eq!(sack_bytes(&mut flight, &[(300, 650)], 50).newly_sacked, 1);
    assert_eq!(sack_bytes(&mut flight, &[(300, 650)], 50).newly_sacked, 0);
    assert_eq!(flight.counts(), (10, 3, 0, 0));
}

#[test]
fn a_timeout_loses_all_that_is_not_sacked() {
    let mut flight = flight(10, 5);
    sack(&mut flight, &[(7, 9)], 50);
    flight.mark_all_lost(false, Instant::FAR_FUTURE);
    assert_eq!(flight.counts(), (10, 2, 8, 0));
    assert_eq!(flight.pipe(), 0);
    flight.mark_all_lost(true, Instant::FAR_FUTURE);
    assert_eq!(flight.counts(), (10, 0, 10, 0));
}

#[test]
fn a_timeout_after_a_needless_one_sends_the_copy_once_more() {
    let mut flight = flight(4, 1);
    flight.mark_all_lost(false, Instant::FAR_FUTURE);
    flight.retransmit(0, MSS, MSS, Stamp::default(), Instant::from_millis(60));
    flight.unmark_lost();
    assert_eq!(flight.counts(), (4, 0, 0, 1));
    flight.mark_all_lost(false, Instant::FAR_FUTURE);
    assert_eq!(flight.counts(), (4, 0, 4, 0));
    assert_eq!(flight.next_lost().map(|(index, _)| index), Some(0));
}

#[test]
fn a_timeout_spares_what_was_just_sent() {
    let mut flight = flight(10, 1);
    flight.mark_all_lost(false, Instant::from_millis(7));
    assert_eq!(flight.counts(), (10, 0, 7, 0));
    assert_eq!(flight.pipe(), 3);
}

/// What was cut shorter than a path that became smaller is not too long for it.
#[test]
fn only_what_is_too_long_for_the_path_is_lost() {
    // Super-segments of three packets of 100 bytes, and one packet.
    for (mss, expected) in [(150, 0), (149, 0), (99, 7), (50, 7)] {
        assert_eq!(flight(7, 3).mark_longer_lost(mss), expected, "{mss}");
    }
    // The last packet of one is short: 100, 100 and 20 bytes. The others can't have been longer than 109.
    let mut flight = Flight::default();
    let range = (Seq::new(0), Seq::new(220));
    flight.push(range, (false, false), MSS, Stamp::default(), Instant::ZERO);
    assert_eq!(flight.mark_longer_lost(110), 0);
    assert_eq!(flight.mark_longer_lost(99), 3);
}

proptest! {
    /// The counters are what the records say, whatever happens; what arrived is never lost, and all that was sent long
    /// before the newest that arrived is.
    #[test]
    fn counters_equal_the_records(
        each in 1..7u32,
        steps in prop::collection::vec((0..6u8, 0..40u32, 1..6u32), 1..60),
    ) {
        let count = 40;
        let mut flight = flight(count, each);
        let mut una = 0;
        let mut now = 50;
        for (kind, at, length) in steps {
            now += u64::from(length);
            match kind {
                0 => {
                    una = una.max(at);
                    acknowledge(&mut flight, una, now);
                }
                1 => {
                    let to = (at + length).min(count);
                    if at > una {
                        sack(&mut flight, &[(at, to)], now);
                    }
                    flight.detect(Duration::from_millis(u64::from(length) * 4), Instant::from_millis(now));
                }
                2 => {
                    if let Some((index, _)) = flight.next_lost() {
                        flight.retransmit(index, length * MSS, MSS, Stamp::default(), Instant::from_millis(now));
                    }
                }
                3 => { flight.retransmit_last(MSS, Stamp::default(), Instant::from_millis(now)); }
                4 => flight.unmark_lost(),
                _ => if at == 0 { flight.mark_all_lost(length == 1, Instant::from_millis(now - 5)); },
            }
            prop_assert_eq!(flight.counts(), (flight.out, flight.sacked(), flight.lost(), flight.retransmitted()));
            prop_assert_eq!(flight.out, count - una);
            prop_assert!(flight.sacked() + flight.lost() <= flight.out);
        }
        acknowledge(&mut flight, count, now);
        prop_assert!(flight.is_empty());
        prop_assert_eq!(flight.counts(), (0, 0, 0, 0));
        prop_assert_eq!(flight.pipe(), 0);
        prop_assert!(flight.is_over());
        prop_assert_eq!(flight.heap(), 0);
    }
}
