use std::time::Duration;

use proptest::prelude::*;
use sockeye_tcp::Instant;
use sockeye_wire::{ChecksumState, Frame, Headers, IpProtocol, Ipv4Header, Payload, UdpHeader};

use super::*;
use crate::{Link, Pipe};

/// A datagram that carries a number, and the number.
pub(super) fn numbered(number: u32) -> Frame {
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

pub(super) fn netem(text: &str, seed: u64, count: u32) -> Vec<(Instant, Frame)> {
    let netem: Netem = text.parse().unwrap();
    run(netem.build(Pipe::new(), seed), count)
}

pub(super) fn numbers(arrived: &[(Instant, Frame)]) -> Vec<u32> {
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

proptest! {
    #[test]
    fn a_printed_netem_reads_back(
        delay in 0u32..5_000_000, jitter in 0u32..5_000_000, chances: [u32; 4], gap in 1u32..9,
        rate in proptest::option::of(1u64..10_000_000_000), limit in proptest::option::of(0usize..9999),
        kinds: [u8; 3], overhead in -40i32..40, cell in 0u32..60, seed: Option<u64>,
    ) {
        let chance = |at: usize| Probability::per_million(chances[at] % 1_000_001);
        let delay = Duration::from_micros(u64::from(delay));
        let jitter = Duration::from_micros(u64::from(jitter));
        let correlation = if jitter.is_zero() { Probability::NEVER } else { chance(3) };
        let of = |at| if chance(at) == Probability::NEVER { Default::default() } else { (chance(at), chance(3)) };
        let distributions = [Distribution::Uniform, Distribution::Normal, Distribution::Pareto, Distribution::ParetoNormal];
        let is_spread = !delay.is_zero() && !jitter.is_zero();
        let distribution = if is_spread { distributions[usize::from(kinds[0] % 4)] } else { Distribution::Uniform };
        let loss = match kinds[1] % 3 {
            0 => LossModel::Random { loss: chance(0), correlation: if chance(0) == Probability::NEVER { chance(0) } else { chance(3) } },
            1 => LossModel::GilbertElliott { worsens: chance(0), recovers: chance(1), loss_if_bad: chance(2), loss_if_good: chance(3) },
            _ => LossModel::FourStates { p13: chance(0), p31: chance(1), p32: chance(2), p23: chance(3), p14: chance(0) },
        };
        let codel = CodelSettings {
            limit: usize::from(kinds[0]), target: delay, interval: jitter, ecn: kinds[1] & 1 == 0,
            ce_threshold: (kinds[0] & 1 == 0).then_some(jitter),
        };
        let disciplines = [
            Discipline::Pfifo { limit: 5 }, Discipline::Bfifo { limit: 70_000 }, Discipline::Codel(codel),
            Discipline::FqCodel(FqCodelSettings { codel, flows: 1 + u32::from(kinds[2]), quantum: 300, memory_limit: 9999, drop_batch: 3 }),
            Discipline::Red(RedSettings { ecn: kinds[0] & 2 == 0, harddrop: kinds[1] & 2 == 0, ..RedSettings::with_limit(400_000) }),
        ];
        let framing = Framing { packet_overhead: overhead, cell_size: cell, cell_overhead: overhead / 2 };
        let netem = Netem {
            latency: Latency {
                delay, jitter, correlation, distribution,
                reorder: (!delay.is_zero()).then(|| Reorder { probability: chance(1), correlation: chance(2), gap }),
            },
            slot: (kinds[1] & 4 == 0).then(|| Slot {
                pause: if kinds[1] & 8 == 0 {
                    SlotPause::Between(jitter, jitter + delay)
                } else {
                    SlotPause::Spread(distributions[usize::from(kinds[2] % 4)], delay, jitter)
                },
                packets: (kinds[1] / 16).into(), bytes: kinds[2].into(),
            }),
            loss, ecn: loss != LossModel::NONE && kinds[2] & 1 == 0, duplicate: of(1), corrupt: of(2),
            rate: rate.map(Bandwidth::bits_per_second), limit, seed,
            framing: if rate.is_some() { framing } else { Framing::default() },
            discipline: rate.and(disciplines.get(usize::from(kinds[2] % 6)).copied()),
        };
        prop_assert_eq!(netem.to_string().parse::<Netem>(), Ok(netem));
    }

    #[test]
    fn the_same_seed_gives_the_same_and_nothing_is_made_up(seed: u64) {
        let text = "delay 5ms 4ms 20% distribution normal loss gemodel 5% 30% 70% duplicate 10% reorder 10% corrupt 0% rate 1mbit slot 1ms 9ms packets 6 bytes 150 limit 20 red limit 400 min 50 max 150 avpkt 50";
        let first = netem(text, seed, 200);
        prop_assert_eq!(&first, &netem(text, seed, 200));
        prop_assert!(numbers(&first).iter().all(|number| *number < 200));
        prop_assert!(first.is_sorted_by_key(|(time, _)| *time));
    }
}

/// Runs of frames that were lost in a row, as a mean, and how many were lost.
fn bursts(text: &str, count: u32) -> (f64, f64) {
    let arrived = numbers(&netem(text, 11, count));
    let lost = f64::from(count) - arrived.len() as f64;
    let runs = arrived.windows(2).filter(|pair| pair[1] > pair[0] + 1);
    (lost / runs.count().max(1) as f64, lost / f64::from(count))
}

#[test]
fn the_model_of_gilbert_and_elliott_loses_in_bursts_of_one_over_r() {
    // The link is bad for p / (p + r) of the time, each time for 1/r frames.
    let (burst, lost) = bursts("loss gemodel 2% 20%", 200_000);
    assert!((4.7..5.3).contains(&burst), "{burst}");
    assert!((0.086..0.096).contains(&lost), "{lost}");
    // With 1-H of 50 % half of them are lost; with 1-K of 10 % a tenth of the others.
    let (_, lost) = bursts("loss gemodel 2% 20% 50%", 200_000);
    assert!((0.042..0.049).contains(&lost), "{lost}");
    let (_, lost) = bursts("loss gemodel 2% 20% 50% 10%", 200_000);
    assert!((0.130..0.142).contains(&lost), "{lost}");
    // P alone is independent loss.
    let (burst, lost) = bursts("loss gemodel 10%", 100_000);
    assert!((1.05..1.17).contains(&burst), "{burst}");
    assert!((0.095..0.105).contains(&lost), "{lost}");
}

#[test]
fn the_four_states_lose_alone_in_gaps_and_in_bursts() {
    // Alone: a gap's frame is lost with p14, never two in a row.
    let (burst, lost) = bursts("loss state 0% 100% 0% 100% 5%", 100_000);
    assert!((0.99..1.01).contains(&burst), "{burst}");
    assert!((0.045..0.050).contains(&lost), "{lost}");
    // Without p32 and p14 it is Gilbert's model.
    let (burst, lost) = bursts("loss state 2% 20%", 200_000);
    assert!((4.7..5.3).contains(&burst), "{burst}");
    assert!((0.086..0.096).contains(&lost), "{lost}");
    // With p32 and p23 a burst has frames that arrive: in balance state 2 is p32/p23 of state 3.
    let (_, lost) = bursts("loss state 2% 20% 40% 50%", 200_000);
    // 1 / (1 + p31/p13 + p32/p23)
    assert!((0.080..0.090).contains(&lost), "{lost}");
}

#[test]
fn delays_have_the_distribution_that_was_asked_for() {
    let delays = |text: &str| -> Vec<f64> {
        let arrived = netem(text, 5, 40_000);
        assert_eq!(arrived.len(), 40_000);
        arrived
            .iter()
            .map(|(time, frame)| {
                let sent = Instant::from_millis(u64::from(number(frame)));
                (*time - sent).as_secs_f64() * 1000.0
            })
            .collect()
    };
    let within = |delays: &[f64], most: f64| {
        let count = delays.iter().filter(|delay| (*delay - 100.0).abs() <= most);
        count.count() as f64 / delays.len() as f64
    };
    let normal = delays("delay 100ms 10ms distribution normal limit 9999");
    let mean = normal.iter().sum::<f64>() / 40_000.0;
    assert!((99.8..100.2).contains(&mean), "{mean}");
    assert!((0.67..0.695).contains(&within(&normal, 10.0)));
    assert!((0.945..0.96).contains(&within(&normal, 20.0)));
    assert!(within(&normal, 40.1) == 1.0);
    let uniform = delays("delay 100ms 10ms limit 9999");
    assert!(within(&uniform, 10.0) == 1.0);
    let pareto = delays("delay 100ms 10ms distribution pareto limit 9999");
    let early = pareto.iter().filter(|delay| **delay < 100.0).count();
    // 1 - 1.5^-3 of a Pareto distribution of shape 3 is below its mean, and nothing far below.
    assert!((27_700..28_700).contains(&early), "{early}");
    assert!(pareto.iter().all(|delay| *delay >= 93.3));
    assert!(pareto.iter().any(|delay| *delay > 135.0));
    let both = delays("delay 100ms 10ms distribution paretonormal limit 9999");
    let (low, high) = (
        both.iter().copied().fold(f64::MAX, f64::min),
        within(&both, 10.0),
    );
    assert!((84.0..90.0).contains(&low), "{low}");
    assert!((0.85..0.95).contains(&high), "{high}");
}

#[test]
fn cells_and_overhead_take_their_time() {
    let framing = |packet_overhead, cell_size, cell_overhead| Framing {
        packet_overhead,
        cell_size,
        cell_overhead,
    };
    assert_eq!(Framing::default().length(32), 32);
    assert_eq!(framing(14, 0, 0).length(32), 46);
    assert_eq!(framing(-40, 0, 0).length(32), 0);
    // ATM: cells of 48 bytes with headers of 5.
    assert_eq!(framing(8, 48, 5).length(40), 53);
    assert_eq!(framing(8, 48, 5).length(41), 106);
    let arrived = netem("rate 256kbit 32", 1, 5);
    assert_eq!(arrived[0].0, Instant::from_millis(2));
    assert_eq!(arrived[4].0, Instant::from_millis(10));
}

#[test]
fn impairments_change_while_frames_are_under_way() {
    let netem = |text: &str| text.parse::<Netem>().unwrap();
    let mut link = Impaired::new(Pipe::new(), &netem("delay 10ms"), 1);
    let at = Instant::from_millis;
    link.send(numbered(0), at(0));
    link.change(&netem("delay 2ms loss 100%"), at(1));
    link.send(numbered(1), at(1));
    assert_eq!(link.losses().lost, 1);
    link.change(&netem("rate 32kbit"), at(2));
    // 32 bytes take 8 ms.
    link.send(numbered(2), at(2));
    link.send(numbered(3), at(2));
    // What waits moves on to the new queue; what is being sent takes as long as it did.
    link.change(&netem("rate 256kbit codel"), at(3));
    link.send(numbered(4), at(3));
    let mut arrived = Vec::new();
    for time in 0..20 {
        while let Some(frame) = link.receive(at(time)) {
            arrived.push((time, number(&frame)));
        }
    }
    assert_eq!(arrived, [(10, 0), (10, 2), (11, 3), (12, 4)]);
    link.change(&Netem::default(), at(20));
    link.send(numbered(5), at(20));
    assert_eq!(link.receive(at(20)).map(|frame| number(&frame)), Some(5));
    assert_eq!(link.queued(), 0);
}

#[test]
fn a_seed_in_the_words_decides_alone() {
    let text = "loss 50% seed 9";
    assert_eq!(netem(text, 1, 200), netem(text, 2, 200));
    assert_ne!(netem("loss 50%", 1, 200), netem("loss 50%", 2, 200));
}

#[test]
fn a_loss_with_ecn_marks_what_can_be_marked() {
    let mut link = Impaired::new(Pipe::new(), &"loss 100% ecn".parse().unwrap(), 1);
    let mut capable = numbered(1);
    capable.headers[1] |= 2;
    link.send(capable, Instant::ZERO);
    link.send(numbered(2), Instant::ZERO);
    let frame = link.receive(Instant::ZERO).unwrap();
    assert_eq!(number(&frame), 1);
    assert_eq!(frame.ip().unwrap().traffic_class() & 3, 3);
    assert_eq!(link.receive(Instant::ZERO), None);
    assert_eq!(link.losses().lost, 2);
}
