use std::net::Ipv4Addr;
use std::time::Duration;

use sockeye_wire::{Headers, IpProtocol, Ipv4Header, Payload, UdpHeader};

use super::*;
use crate::impair::{Bandwidth, Impaired, Netem};
use crate::{Link, Pipe};

/// A datagram of 1000 bytes of the flow from `port`, that understands marks or not.
fn frame(port: u16, is_capable: bool) -> Frame {
    let localhost = Ipv4Addr::LOCALHOST;
    let mut headers = Headers::new();
    let mut ip = Ipv4Header::new(localhost, localhost, IpProtocol::UDP, 980);
    ip.traffic_class = if is_capable { 2 } else { 0 };
    ip.emit(&mut headers);
    UdpHeader {
        source_port: port,
        destination_port: 9,
        payload_length: 972,
    }
    .emit(&mut headers);
    Frame::new(headers, Payload::from(vec![0; 972]))
}

fn port(frame: &Frame) -> u16 {
    u16::from_be_bytes([frame.headers[20], frame.headers[21]])
}

fn is_marked(frame: &Frame) -> bool {
    frame.headers[1] & 3 == 3
}

/// What a load did.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// Frames that arrived: when, how long after they were sent, of which flow, whether marked.
    arrived: Vec<(Instant, Duration, u16, bool)>,
    dropped: u64,
    marked: u64,
}

/// Flows that send a frame each so many microseconds for a time, over a link.
fn load(netem: &str, seed: u64, flows: &[(u16, u64)], is_capable: bool, millis: u64) -> Outcome {
    let netem: Netem = netem.parse().unwrap();
    let mut link = Impaired::new(Pipe::new(), &netem, seed);
    let mut sends: Vec<(Instant, u16)> = Vec::new();
    for &(port, every) in flows {
        let times = (0..millis * 1000 / every).map(|index| Instant::from_micros(index * every));
        sends.extend(times.map(|time| (time, port)));
    }
    sends.sort();
    let mut outcome = Outcome::default();
    // The payload's first bytes say when the frame was sent.
    let mut collect = |link: &mut Impaired<Pipe>, now: Instant| {
        while let Some(frame) = link.receive(now) {
            let mut sent = [0; 8];
            frame.payload.copy_to_slice(0, &mut sent);
            let delay = now - Instant::from_nanos(u64::from_be_bytes(sent));
            outcome
                .arrived
                .push((now, delay, port(&frame), is_marked(&frame)));
        }
    };
    for (time, port) in sends {
        while let Some(due) = link.next_deadline().filter(|due| *due <= time) {
            collect(&mut link, due);
        }
        let mut frame = frame(port, is_capable);
        let mut data = vec![0; 972];
        data[..8].copy_from_slice(&time.as_nanos().to_be_bytes());
        frame.payload = Payload::from(data);
        link.send(frame, time);
        collect(&mut link, time);
    }
    while let Some(due) = link.next_deadline() {
        collect(&mut link, due);
    }
    let losses = link.losses();
    (outcome.dropped, outcome.marked) = (losses.dropped, losses.marked);
    outcome
}

fn mean_delay(outcome: &Outcome, port: u16) -> Duration {
    let delays: Vec<Duration> = outcome
        .arrived
        .iter()
        .filter(|(_, _, from, _)| *from == port)
        .map(|(_, delay, _, _)| *delay)
        .collect();
    delays.iter().sum::<Duration>() / u32::try_from(delays.len()).unwrap().max(1)
}

// 8 Mbit/s: a frame of 1000 bytes takes 1 ms.

#[test]
fn a_fifo_is_as_long_as_its_limit() {
    let outcome = load("rate 8mbit pfifo limit 50", 1, &[(1, 500)], false, 1000);
    // Once it is full, each frame waits for 50 others.
    let last = outcome.arrived.last().unwrap();
    assert!((50..=51).contains(&last.1.as_millis()), "{last:?}");
    assert_eq!(outcome.dropped + outcome.arrived.len() as u64, 2000);
    let outcome = load("rate 8mbit bfifo limit 20000", 1, &[(1, 500)], false, 1000);
    let last = outcome.arrived.last().unwrap();
    assert!((20..=21).contains(&last.1.as_millis()), "{last:?}");
}

#[test]
fn codel_holds_on_until_the_interval_has_passed_then_drops_ever_more() {
    // 10 % more than the link takes.
    let outcome = load("rate 8mbit codel", 1, &[(1, 909)], false, 20_000);
    let fifo = load("rate 8mbit pfifo limit 1000", 1, &[(1, 909)], false, 20_000);
    assert!(outcome.dropped > 500, "{}", outcome.dropped);
    // The fifo's delay grows to a second, CoDel's comes back to about the target.
    assert!(mean_delay(&fifo, 1).as_millis() > 400);
    let late: Vec<_> = outcome
        .arrived
        .iter()
        .filter(|(time, ..)| *time > Instant::from_secs(15))
        .collect();
    let mean = late.iter().map(|(_, delay, ..)| *delay).sum::<Duration>()
        / u32::try_from(late.len()).unwrap();
    assert!(mean.as_millis() < 40, "{mean:?}");
    // Below the link's speed nothing is touched.
    let idle = load("rate 8mbit codel", 1, &[(1, 1100)], false, 5000);
    assert_eq!((idle.dropped, idle.marked), (0, 0));
}

#[test]
fn codel_leaves_a_burst_shorter_than_the_interval_alone() {
    let netem: Netem = "rate 8mbit codel".parse().unwrap();
    let mut link = Impaired::new(Pipe::new(), &netem, 1);
    for _ in 0..90 {
        link.send(frame(1, false), Instant::ZERO);
    }
    let mut count = 0;
    while let Some(due) = link.next_deadline() {
        while link.receive(due).is_some() {
            count += 1;
        }
    }
    assert_eq!((count, link.losses().dropped), (90, 0));
}

#[test]
fn codels_drops_come_at_the_times_of_the_control_law() {
    // A queue that never drains: each frame has waited long, one is taken each millisecond.
    let settings = CodelSettings {
        limit: 1_000_000,
        ..CodelSettings::default()
    };
    let mut queue = Codel::new(settings);
    for _ in 0..100_000 {
        queue.enqueue(frame(1, false), Instant::ZERO);
    }
    let mut drops = Vec::new();
    for millis in 0..1000 {
        let before = queue.dropped();
        assert!(queue.dequeue(Instant::from_millis(millis)).is_some());
        if queue.dropped() > before {
            drops.push(millis);
        }
    }
    // The target is passed at 5 ms, the interval at 105 ms; then after 100 / sqrt(count) ms each (RFC 8289 5.5).
    let mut expected = vec![105];
    let mut at = 105.0_f64;
    for count in 1..30 {
        at += 100.0 / f64::from(count).sqrt();
        if at < 999.0 {
            expected.push(Duration::from_secs_f64(at.ceil()).as_secs());
        }
    }
    assert_eq!(drops.len(), expected.len());
    let is_close = |(found, asked): (&u64, &u64)| found.abs_diff(*asked) <= 1;
    assert!(
        drops.iter().zip(&expected).all(is_close),
        "{drops:?} {expected:?}"
    );
}

#[test]
fn codel_marks_where_it_would_drop_if_it_may() {
    let outcome = load(
        "rate 8mbit codel limit 5000 ecn",
        1,
        &[(1, 909)],
        true,
        10_000,
    );
    assert!(outcome.marked > 100, "{}", outcome.marked);
    assert_eq!(outcome.dropped, 0);
    let marks = outcome.arrived.iter().filter(|(.., marked)| *marked);
    assert_eq!(marks.count() as u64, outcome.marked);
    let deaf = load("rate 8mbit codel ecn", 1, &[(1, 909)], false, 10_000);
    assert!(deaf.dropped > 100 && deaf.marked == 0);
    // Every frame that waited longer than the threshold is marked.
    let text = "rate 8mbit codel ce_threshold 1ms";
    let outcome = load(text, 1, &[(1, 909)], true, 1000);
    // A millisecond is the frame's own.
    let wait = |delay: Duration| delay - Duration::from_millis(1);
    let is_right = |(_, delay, _, marked): &(Instant, Duration, u16, bool)| {
        *marked == (wait(*delay) > Duration::from_millis(1))
    };
    assert!(outcome.arrived.iter().all(is_right));
}

#[test]
fn fq_codel_shares_the_link_and_lets_sparse_flows_pass() {
    // A flow of 16 Mbit/s, one of 8, and one that sends a frame each 50 ms.
    let flows = [(1, 500), (2, 1000), (3, 50_000)];
    let outcome = load("rate 8mbit fq_codel", 1, &flows, false, 10_000);
    let count = |port| {
        // While all of them send.
        let of = |(time, _, from, _): &&(Instant, Duration, u16, bool)| {
            *from == port && *time < Instant::from_secs(10)
        };
        outcome.arrived.iter().filter(of).count()
    };
    assert_eq!(count(3), 200);
    // A frame that is being sent can't be overtaken, and one of each flow may be before it.
    assert!(
        mean_delay(&outcome, 3).as_micros() < 3500,
        "{:?}",
        mean_delay(&outcome, 3)
    );
    let share = count(1) as f64 / count(2) as f64;
    assert!((0.9..1.1).contains(&share), "{share}");
    let fifo = load("rate 8mbit pfifo limit 1000", 1, &flows, false, 10_000);
    assert!(mean_delay(&fifo, 1).as_millis() > 500);
}

#[test]
fn fq_codel_takes_from_the_longest_queue_when_there_is_too_much() {
    let mut queue = FqCodel::new(
        FqCodelSettings {
            codel: CodelSettings {
                limit: 100,
                ..CodelSettings::default()
            },
            drop_batch: 1,
            ..FqCodelSettings::default()
        },
        7,
    );
    for _ in 0..10 {
        queue.enqueue(frame(2, false), Instant::ZERO);
    }
    for _ in 0..300 {
        queue.enqueue(frame(1, false), Instant::ZERO);
    }
    assert_eq!((queue.len(), queue.dropped()), (100, 210));
    assert_eq!(queue.bytes(), 100_000);
    let mut left = Vec::new();
    while let Some(frame) = queue.dequeue(Instant::ZERO) {
        left.push(port(&frame));
    }
    assert_eq!(left.iter().filter(|port| **port == 2).count(), 10);
    assert_eq!((queue.len(), queue.bytes()), (0, 0));
}

#[test]
fn red_marks_between_its_thresholds_and_drops_above() {
    let text = "rate 8mbit red limit 400000 min 30000 max 90000 avpkt 1000 burst 55 ecn bandwidth 8mbit probability 0.1";
    // Just over the link's speed: the queue comes to stand between the two lengths or above.
    let outcome = load(text, 3, &[(1, 990)], true, 20_000);
    assert!(outcome.marked > 20, "{}", outcome.marked);
    assert_eq!(outcome.dropped, 0);
    // Without marks the drops hold the queue where the probability fits: one in a hundred, a tenth of the way.
    let outcome = load(text, 3, &[(1, 990)], false, 60_000);
    assert!((300..900).contains(&outcome.dropped), "{}", outcome.dropped);
    let delay = mean_delay(&outcome, 1).as_millis();
    assert!((25..90).contains(&delay), "{delay}");
    // Far over it everything above the upper length goes.
    let outcome = load(text, 3, &[(1, 250)], false, 5000);
    assert!(mean_delay(&outcome, 1).as_millis() < 120);
    assert!(outcome.dropped > 10_000);
    // Below the speed nothing.
    let outcome = load(text, 3, &[(1, 1100)], false, 5000);
    assert_eq!((outcome.dropped, outcome.marked), (0, 0));
}

#[test]
fn reds_weight_is_that_of_tc() {
    // The largest W = 2^-n with burst + 1 - min/avpkt <= (1 - (1 - W)^burst) / W: 26 <= 26.4 for n = 5, 15.5 for n = 4.
    let settings = RedSettings {
        min: 30_000,
        max: 90_000,
        avpkt: 1000,
        burst: 55,
        bandwidth: Bandwidth::bits_per_second(10_000_000),
        ..RedSettings::with_limit(400_000)
    };
    assert_eq!(settings.weight(), Some(5));
    let short = RedSettings {
        burst: 10,
        ..settings
    };
    assert_eq!(short.weight(), None);
    let usual = RedSettings::with_limit(400_000);
    assert_eq!((usual.min, usual.max, usual.burst), (33_333, 100_000, 55));
    assert!(usual.weight().is_some());
}

#[test]
fn the_same_seed_gives_the_same() {
    for text in [
        "rate 8mbit codel",
        "rate 8mbit fq_codel flows 2",
        "rate 8mbit red limit 100000",
    ] {
        let run = |seed| load(text, seed, &[(1, 700), (2, 1500), (3, 9000)], true, 3000);
        assert_eq!(run(5), run(5));
    }
}

#[test]
fn what_is_moved_to_another_queue_stays_in_order_and_is_counted() {
    for text in ["codel", "fq_codel", "red limit 100000", "pfifo limit 40"] {
        let netem: Netem = format!("rate 8mbit {text}").parse().unwrap();
        let mut queue = netem.discipline.unwrap().queue(1);
        for _ in 0..30 {
            queue.enqueue(frame(1, false), Instant::ZERO);
        }
        assert_eq!((queue.len(), queue.bytes()), (30, 30_000), "{text}");
        queue.count(3, 4);
        assert_eq!((queue.dropped(), queue.marked()), (3, 4));
        assert_eq!(std::iter::from_fn(|| queue.take()).count(), 30);
        assert!(queue.is_empty() && queue.bytes() == 0);
        assert_eq!(queue.dequeue(Instant::ZERO), None);
        // It works after that.
        queue.enqueue(frame(1, false), Instant::ZERO);
        assert!(queue.dequeue(Instant::ZERO).is_some());
    }
}
