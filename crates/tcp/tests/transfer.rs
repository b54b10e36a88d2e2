//! Every byte arrives once and in order, and both ends come to an end, whatever the channel does.
#![allow(missing_docs)]
mod support;

use core::time::Duration;

use sockeye_tcp::{Instant, Settings, State};
use support::{Channel, Pair, Random, settings};

fn byte(position: usize) -> u8 {
    position.wrapping_mul(0x9e37_79b9).to_le_bytes()[2]
}

/// A length from 1 to `limit`.
fn some(random: &mut Random, limit: u64) -> usize {
    1 + usize::try_from(random.below(limit)).unwrap_or(0)
}

/// Both ends send `total` bytes at the same time and close; both must read what the other wrote.
fn exchange(
    seed: u64,
    channel: Channel,
    change: impl Fn(Settings) -> Settings,
    total: usize,
) -> Pair {
    let mut pair = Pair::connect(
        seed,
        channel,
        change(settings(77)),
        change(settings(u32::MAX - 9_000)),
    );
    let mut random = Random::new(seed ^ 0xabcdef);
    let (mut written, mut read, mut closed) = ([0; 2], [0; 2], [false; 2]);
    let mut steps = 0;
    loop {
        for end in 0..2 {
            let now = pair.now;
            loop {
                let room = pair.ends[end]
                    .send_room()
                    .min(total - written[end])
                    .min(some(&mut random, 9000));
                if room == 0 {
                    break;
                }
                let data: Vec<u8> = (written[end]..written[end] + room).map(byte).collect();
                let count = if random.chance(30) {
                    pair.ends[end].send(data.into(), false, now)
                } else {
                    pair.ends[end].send_slice(&data, false, now)
                };
                assert_eq!(count, room);
                written[end] += count;
            }
            let mut buffer = vec![0; some(&mut random, 30_000)];
            loop {
                let count = pair.ends[end].read(&mut buffer, now);
                if count == 0 {
                    break;
                }
                for (index, &got) in buffer[..count].iter().enumerate() {
                    assert_eq!(
                        got,
                        byte(read[end] + index),
                        "seed {seed}, end {end}, byte {}",
                        read[end] + index
                    );
                }
                read[end] += count;
            }
            assert!(read[end] <= written[1 - end]);
            if written[end] == total && !closed[end] && pair.ends[end].state().is_synchronized() {
                closed[end] = true;
                pair.ends[end].shutdown_send(now);
            }
        }
        pair.flush();
        let ended = |end: usize| {
            read[end] == total
                && pair.ends[end].status().readable_eof
                && matches!(pair.ends[end].state(), State::Closed | State::TimeWait)
        };
        if ended(0) && ended(1) {
            break;
        }
        assert!(
            pair.ends.iter().all(|end| end.status().error.is_none()),
            "seed {seed}: {:?}",
            pair.ends
        );
        assert!(
            pair.step(),
            "seed {seed} stalled: read {read:?} {:?}",
            pair.ends
        );
        steps += 1;
        assert!(
            steps < 2_000_000 && pair.now < Instant::from_secs(100_000),
            "seed {seed} does not end: {:?}",
            pair.ends
        );
    }
    pair
}

#[test]
fn a_perfect_channel() {
    let pair = exchange(1, Channel::default(), |settings| settings, 3_000_000);
    for end in &pair.ends {
        assert_eq!(end.info(pair.now).total_retrans, 0);
    }
}

#[test]
fn loss_reordering_and_duplication() {
    for seed in 0..60 {
        let channel = Channel {
            delay: Duration::from_millis(1 + seed % 40),
            jitter: Duration::from_millis(seed % 7 * 3),
            loss: seed % 5 * 4,
            duplicate: seed % 3 * 10,
            split: seed % 4 != 0,
        };
        exchange(seed, channel, |settings| settings, 200_000);
    }
}

#[test]
fn without_options() {
    for seed in 0..30 {
        let channel = Channel {
            jitter: Duration::from_millis(seed % 5),
            loss: seed % 4 * 3,
            duplicate: seed % 3 * 5,
            ..Channel::default()
        };
        let change = |settings| Settings {
            sack: seed % 2 == 0,
            timestamps: seed % 3 == 0,
            window_scaling: seed % 5 == 0,
            ..settings
        };
        exchange(seed, channel, change, 100_000);
    }
}

#[test]
fn small_buffers_and_odd_segments() {
    for seed in 0..30 {
        let channel = Channel {
            loss: seed % 4 * 3,
            jitter: Duration::from_millis(seed % 3),
            ..Channel::default()
        };
        let change = |settings: Settings| Settings {
            local_mss: [100, 536, 1460, 8960, 65_495][usize::try_from(seed % 5).expect("small")],
            receive_buffer: 2304 << (seed % 4),
            receive_buffer_max: 2304 << (seed % 4),
            send_buffer: 4608,
            send_buffer_max: 4608 << (seed % 3),
            ..settings
        };
        exchange(seed, channel, change, 40_000);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let channel = Channel {
            loss: 5,
            duplicate: 5,
            jitter: Duration::from_millis(3),
            ..Channel::default()
        };
        let pair = exchange(42, channel, |settings| settings, 150_000);
        (
            pair.now,
            pair.sent,
            pair.ends[0].info(pair.now),
            pair.ends[1].info(pair.now),
        )
    };
    assert_eq!(run(), run());
}
