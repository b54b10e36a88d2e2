use std::time::Duration;

use proptest::prelude::*;
use sockeye_tcp::Instant;
use sockeye_wire::{ChecksumState, Frame, Headers, IpProtocol, Ipv4Header, Payload, UdpHeader};

use super::*;
use crate::{Link, Pipe};

/// A datagram that carries a number, and the number.
fn numbered(number: u32) -> Frame {
    let mut headers = Headers::new();
    let localhost = std::net::Ipv4Addr::LOCALHOST;
    Ipv4Header::new(localhost, localhost, IpProtocol::UDP, 12).emit(&mut headers);
    UdpHeader {
        source_port: 1,
        destination_port: 2,
        payload_length: 4,
    }
    .emit(&mut headers);
    let mut frame = Frame::new(headers, Payload::from(number.to_be_bytes().to_vec()));
    frame.offload.checksum = ChecksumState::Partial;
    frame
}

fn number(frame: &Frame) -> u32 {
    u32::from_be_bytes(frame.payload.to_vec().try_into().unwrap())
}

/// Sends `count` numbered frames 1 ms apart and drives the link to its end: what arrived, and when.
fn run(mut link: impl Link, count: u32) -> Vec<(Instant, Frame)> {
    let mut arrived = Vec::new();
    let mut next = 0;
    loop {
        let send = (next < count).then(|| Instant::from_millis(u64::from(next)));
        let Some(now) = crate::link::earlier(send, link.next_deadline()) else {
            assert_eq!(link.queued(), 0);
            return arrived;
        };
        if send == Some(now) {
            link.send(numbered(next), now);
            next += 1;
        }
        while let Some(frame) = link.receive(now) {
            arrived.push((now, frame));
        }
        // A deadline that is reached leads to work: nothing else would move time on.
        assert!(link.next_deadline().is_none_or(|deadline| deadline > now));
    }
}

fn netem(text: &str, seed: u64, count: u32) -> Vec<(Instant, Frame)> {
    let netem: Netem = text.parse().unwrap();
    run(netem.build(Pipe::new(), seed), count)
}

fn numbers(arrived: &[(Instant, Frame)]) -> Vec<u32> {
    arrived.iter().map(|(_, frame)| number(frame)).collect()
}

#[test]
fn without_impairments_all_arrives_at_once_and_in_order() {
    let arrived = netem("", 1, 100);
    assert_eq!(numbers(&arrived), (0..100).collect::<Vec<_>>());
    assert!(
        arrived
            .iter()
            .all(|(time, frame)| *time == Instant::from_millis(u64::from(number(frame))))
    );
}

#[test]
fn delay_shifts_and_jitter_spreads() {
    for (time, frame) in netem("delay 10ms", 1, 50) {
        assert_eq!(time, Instant::from_millis(u64::from(number(&frame)) + 10));
    }
    let arrived = netem("delay 10ms 3ms", 1, 2000);
    let delays: Vec<Duration> = arrived
        .iter()
        .map(|(time, frame)| *time - Instant::from_millis(u64::from(number(frame))))
        .collect();
    let mean = delays.iter().sum::<Duration>() / 2000;
    assert!(
        delays
            .iter()
            .all(|delay| (7..=13).contains(&delay.as_millis()))
    );
    assert!((9_800..10_200).contains(&mean.as_micros()), "{mean:?}");
    assert!(delays.iter().any(|delay| delay.as_micros() < 7_200));
    assert!(delays.iter().any(|delay| delay.as_micros() > 12_800));
    // Frames whose delays differ by more than their distance change places.
    assert!(!numbers(&arrived).is_sorted());
}

#[test]
fn loss_and_duplication_come_as_often_as_asked() {
    let lost = 10_000 - netem("loss 20%", 7, 10_000).len();
    assert!((1_800..2_200).contains(&lost), "{lost}");
    let twice = netem("duplicate 5%", 7, 10_000).len() - 10_000;
    assert!((400..600).contains(&twice), "{twice}");
    assert!(netem("loss 100%", 7, 100).is_empty());
    assert_eq!(netem("loss 0%", 7, 100).len(), 100);
    assert_eq!(netem("duplicate 100%", 7, 100).len(), 200);
}

#[test]
fn correlated_loss_comes_in_bursts() {
    let runs = |text: &str| {
        let arrived = numbers(&netem(text, 3, 20_000));
        let gaps = arrived.windows(2).filter(|pair| pair[1] > pair[0] + 1);
        let lost = 20_000 - arrived.len();
        assert!((5_000..7_000).contains(&lost), "{lost}");
        (lost * 100) / gaps.count().max(1)
    };
    let independent = runs("loss 30%");
    let bursty = runs("loss 30% 75%");
    assert!(bursty > independent * 3, "{bursty} {independent}");
}

#[test]
fn every_fifth_frame_overtakes_with_a_gap_of_five() {
    let arrived = netem("delay 10ms reorder 100% gap 5", 1, 50);
    for (time, frame) in &arrived {
        let sent = number(frame);
        let delay = if sent % 5 == 4 { 0 } else { 10 };
        assert_eq!(*time, Instant::from_millis(u64::from(sent) + delay));
    }
    assert_eq!(arrived.len(), 50);
    let arrived = netem("delay 10ms reorder 25% 50%", 1, 4000);
    let early = arrived
        .iter()
        .filter(|(time, frame)| *time == Instant::from_millis(u64::from(number(frame))))
        .count();
    assert!((850..1_150).contains(&early), "{early}");
}

#[test]
fn a_corrupted_packet_differs_by_one_bit_and_is_noticed() {
    let mut noticed = 0;
    for (index, (_, mut frame)) in netem("corrupt 100%", 5, 500).into_iter().enumerate() {
        let sent = numbered(u32::try_from(index).unwrap()).to_vec();
        let bits: u32 = frame
            .to_vec()
            .iter()
            .zip(&sent)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum();
        // A flipped length can cut the packet short; the flip is then in what is left.
        assert_eq!(bits, 1);
        let header_broken = match frame.ip() {
            Ok(sockeye_wire::IpView::V4(view)) => !view.checksum_is_valid(),
            _ => true,
        };
        if header_broken || !frame.verify_checksum() {
            noticed += 1;
        }
    }
    assert_eq!(noticed, 500);
    assert_eq!(numbers(&netem("corrupt 0%", 5, 50)).len(), 50);
}

#[test]
fn a_super_segment_is_corrupted_in_one_of_its_packets() {
    let mut frame = numbered(0);
    frame.payload = Payload::from(vec![0; 1000]);
    frame.offload.segment_size = core::num::NonZeroU16::new(100);
    let mut link = Corrupt::new(Pipe::new(), Probability::ALWAYS, Probability::NEVER, 1);
    link.send(frame, Instant::ZERO);
    let packets: Vec<Frame> = std::iter::from_fn(|| link.receive(Instant::ZERO)).collect();
    assert_eq!(packets.len(), 10);
    let whole = packets
        .iter()
        .filter(|packet| packet.offload.checksum == ChecksumState::Partial)
        .count();
    assert_eq!(whole, 9);
}

#[test]
fn a_rate_gives_each_byte_its_time() {
    // 32 bytes at 256 kbit/s take 1 ms: sent every millisecond, each arrives as the next is sent.
    let arrived = netem("rate 256kbit", 1, 20);
    for (time, frame) in &arrived {
        assert_eq!(*time, Instant::from_millis(u64::from(number(frame)) + 1));
    }
    // At half the rate they queue.
    let arrived = netem("rate 128kbit delay 5ms", 1, 20);
    for (index, (time, frame)) in arrived.iter().enumerate() {
        assert_eq!(usize::try_from(number(frame)).unwrap(), index);
        assert_eq!(
            *time,
            Instant::from_millis(u64::from(number(frame)) * 2 + 7)
        );
    }
}

#[test]
fn a_full_queue_drops_what_comes_last() {
    let arrived = netem("delay 100ms limit 10", 1, 50);
    assert_eq!(numbers(&arrived), (0..10).collect::<Vec<_>>());
    let mut link = Limit::new(Pipe::new(), 1);
    link.send(numbered(0), Instant::ZERO);
    link.send(numbered(1), Instant::ZERO);
    assert_eq!(link.dropped(), 1);
    assert!(link.receive(Instant::ZERO).is_some());
    link.send(numbered(2), Instant::ZERO);
    assert_eq!(number(&link.receive(Instant::ZERO).unwrap()), 2);
}

#[test]
fn the_default_limit_is_that_of_netem() {
    assert_eq!(netem("delay 10s", 1, 3000).len(), 1000);
}

#[test]
fn texts_are_read_as_tc_reads_them() {
    let netem: Netem = "delay 100ms 10ms 25% loss random 0.3% 25% duplicate 1% corrupt 0.1% \
                        reorder 25% 50% gap 5 rate 1.5mbit limit 50"
        .parse()
        .unwrap();
    assert_eq!(
        netem,
        Netem {
            delay: Duration::from_millis(100),
            jitter: Duration::from_millis(10),
            delay_correlation: Probability::percent(25),
            reorder: Some(Reorder {
                probability: Probability::percent(25),
                correlation: Probability::percent(50),
                gap: 5,
            }),
            loss: (Probability::per_million(3000), Probability::percent(25)),
            duplicate: (Probability::percent(1), Probability::NEVER),
            corrupt: (Probability::per_million(1000), Probability::NEVER),
            rate: Some(Bandwidth::bits_per_second(1_500_000)),
            limit: Some(50),
        }
    );
    let delay = |text: &str| text.parse::<Netem>().map(|netem| netem.delay);
    assert_eq!(delay("delay 250us"), Ok(Duration::from_micros(250)));
    assert_eq!(delay("delay 250"), Ok(Duration::from_micros(250)));
    assert_eq!(delay("latency 1.5s"), Ok(Duration::from_millis(1500)));
    let rate = |text: &str| text.parse::<Bandwidth>();
    assert_eq!(rate("8kbps"), Ok(Bandwidth::bits_per_second(64_000)));
    assert_eq!(rate("1Gbit"), Ok(Bandwidth::bits_per_second(1_000_000_000)));
    assert_eq!(rate("9600"), Ok(Bandwidth::bits_per_second(9600)));
}

#[test]
fn nonsense_says_what_was_expected() {
    for (text, message) in [
        (
            "dealy 1ms",
            "expected delay, loss, duplicate, corrupt, reorder, rate or limit, found 'dealy'",
        ),
        ("delay", "expected a time, found 'the end'"),
        (
            "delay 1parsec",
            "expected a time such as 10ms, found '1parsec'",
        ),
        (
            "delay 99999999999999999999s",
            "expected a time such as 10ms, found '99999999999999999999s'",
        ),
        ("loss 5", "expected a percentage such as 0.3%, found '5'"),
        ("loss 101%", "expected at most 100%, found '101%'"),
        (
            "loss -1%",
            "expected a percentage such as 0.3%, found '-1%'",
        ),
        ("loss .%", "expected a percentage such as 0.3%, found '.%'"),
        ("limit many", "expected a whole number, found 'many'"),
        ("rate 0bit", "expected a rate such as 10mbit, found '0bit'"),
        (
            "reorder 5%",
            "expected a delay, without which nothing can overtake, found 'reorder'",
        ),
    ] {
        assert_eq!(text.parse::<Netem>().unwrap_err().to_string(), message);
    }
}

proptest! {
    #[test]
    fn a_printed_netem_reads_back(
        delay in 0u32..5_000_000, jitter in 0u32..5_000_000, chances: [u32; 4], gap in 1u32..9,
        rate in proptest::option::of(1u64..10_000_000_000), limit in proptest::option::of(0usize..9999),
    ) {
        let chance = |at: usize| Probability::per_million(chances[at] % 1_000_001);
        let delay = Duration::from_micros(u64::from(delay));
        let jitter = Duration::from_micros(u64::from(jitter));
        let correlation = if jitter.is_zero() { Probability::NEVER } else { chance(3) };
        let of = |at| if chance(at) == Probability::NEVER { Default::default() } else { (chance(at), chance(3)) };
        let netem = Netem {
            delay, jitter, delay_correlation: correlation, loss: of(0), duplicate: of(1), corrupt: of(2),
            reorder: (!delay.is_zero()).then(|| Reorder { probability: chance(1), correlation: chance(2), gap }),
            rate: rate.map(Bandwidth::bits_per_second), limit,
        };
        prop_assert_eq!(netem.to_string().parse::<Netem>(), Ok(netem));
    }

    #[test]
    fn the_same_seed_gives_the_same_and_nothing_is_made_up(seed: u64) {
        let text = "delay 5ms 4ms 20% loss 10% duplicate 10% reorder 10% corrupt 0% rate 1mbit limit 20";
        let first = netem(text, seed, 200);
        prop_assert_eq!(&first, &netem(text, seed, 200));
        prop_assert!(numbers(&first).iter().all(|number| *number < 200));
        prop_assert!(first.is_sorted_by_key(|(time, _)| *time));
    }

    #[test]
    fn any_text_is_survived(text in "(delay|loss|rate|limit|reorder|gap|[0-9.%]{0,9}|ms|\\PC{0,4}| ){0,12}") {
        let _ = text.parse::<Netem>();
    }
}
