use std::vec::Vec;

use super::*;

/// A connection as far as rates go: packets that leave and arrive one by one.
#[derive(Default)]
struct Path {
    rate: Rate,
    course: Course,
    delivered: u32,
    pipe: u32,
    min_rtt: Duration,
}

impl Path {
    /// Sends a packet, which ends at `end`, at `ms`.
    fn send(&mut self, end: u32, ms: u64) -> Newest {
        let now = Instant::from_millis(ms);
        let is_first = self.pipe == 0;
        self.pipe += 1;
        let stamp = self.rate.sent(
            &mut self.course,
            is_first,
            self.delivered,
            0,
            self.pipe,
            now,
        );
        Newest::of(None, stamp, now, Seq::new(end), false).expect("there was none")
    }

    /// One acknowledgment of these packets at `ms`.
    fn acknowledge(&mut self, packets: &[Newest], ms: u64) -> Sample {
        let count = u32::try_from(packets.len()).unwrap();
        self.delivered += count;
        self.pipe -= count;
        let newest = packets.iter().fold(None, |newest, packet| {
            Newest::of(newest, packet.stamp, packet.sent, packet.end, false)
        });
        let (delivered, now) = (self.delivered, Instant::from_millis(ms));
        self.rate.sample(
            &mut self.course,
            newest,
            (delivered, count),
            0,
            self.min_rtt,
            now,
        )
    }
}

#[test]
fn a_burst_that_is_answered_slowly_tells_the_rate_of_the_answers() {
    let mut path = Path::default();
    let packets: Vec<Newest> = (1..=4).map(|end| path.send(end, 0)).collect();
    for (packet, index) in packets.iter().zip(0u32..) {
        let at = 100 + 10 * u64::from(index);
        let sample = path.acknowledge(&[*packet], at);
        assert_eq!(sample.delivered, index + 1);
        assert_eq!(u64::from(sample.interval), at * 1000);
    }
    // The next round is sent as the answers came in, and its samples span the time between two answers.
    let mut path = Path::default();
    let first: Vec<Newest> = (1..=2).map(|end| path.send(end, 0)).collect();
    path.acknowledge(&first[..1], 100);
    let third = path.send(3, 100);
    path.acknowledge(&first[1..], 110);
    let sample = path.acknowledge(&[third], 200);
    assert_eq!((sample.delivered, sample.interval), (2, 100_000));
    assert_eq!(path.rate.best(1000), (20_000, false));
}

#[test]
fn answers_that_come_in_a_heap_are_no_higher_rate_than_what_was_sent() {
    let mut path = Path::default();
    let first = path.send(1, 0);
    path.acknowledge(&[first], 50);
    let packets: Vec<Newest> = (0..10)
        .map(|at| path.send(2 + at, 100 + 10 * u64::from(at)))
        .collect();
    let sample = path.acknowledge(&packets, 191);
    // Ten packets over the 90 ms in which they were sent; since the first of them it is 91 ms.
    assert_eq!((sample.delivered, sample.interval), (10, 91_000));
}

#[test]
fn a_sample_is_about_the_packet_sent_last() {
    let stamp = |delivered| Stamp {
        delivered,
        ..Stamp::default()
    };
    let at = Instant::from_millis;
    let newest = Newest::of(None, stamp(1), at(10), Seq::new(5), false);
    let older = Newest::of(newest, stamp(2), at(9), Seq::new(6), false);
    assert_eq!(older.unwrap().stamp.delivered, 1);
    let same_time = Newest::of(older, stamp(3), at(10), Seq::new(7), false);
    assert_eq!(same_time.unwrap().stamp.delivered, 3);
    let lower = Newest::of(same_time, stamp(4), at(10), Seq::new(6), false);
    assert_eq!(lower.unwrap().stamp.delivered, 3);
}

#[test]
fn what_the_application_held_back_is_marked_until_it_is_delivered() {
    let mut path = Path::default();
    let first = path.send(1, 0);
    path.rate.app_limited(path.delivered, path.pipe);
    let second = path.send(2, 10);
    assert!(!path.acknowledge(&[first], 100).is_app_limited);
    assert!(path.acknowledge(&[second], 110).is_app_limited);
    assert!(!path.rate.is_app_limited());
    let third = path.send(3, 120);
    assert!(!path.acknowledge(&[third], 220).is_app_limited);
}

#[test]
fn a_sample_the_application_limited_counts_only_if_it_is_higher() {
    let mut path = Path::default();
    let packets: Vec<Newest> = (0..10).map(|end| path.send(end, 0)).collect();
    path.acknowledge(&packets, 100);
    assert_eq!(path.rate.best(1000), (100_000, false));
    path.rate.app_limited(path.delivered, path.pipe);
    let slow = path.send(11, 200);
    path.acknowledge(&[slow], 300);
    assert_eq!(path.rate.best(1000), (100_000, false));
    path.rate.app_limited(path.delivered, path.pipe);
    let fast: Vec<Newest> = (12..32).map(|end| path.send(end, 400)).collect();
    path.acknowledge(&fast, 500);
    assert_eq!(path.rate.best(1000), (200_000, true));
}

#[test]
fn nothing_is_faster_than_the_shortest_round_trip() {
    let mut path = Path {
        min_rtt: Duration::from_millis(50),
        ..Path::default()
    };
    let first = path.send(1, 0);
    let sample = path.acknowledge(&[first], 49);
    assert_eq!(sample.interval, 0);
    assert_eq!(path.rate.best(1000), (0, false));
}
