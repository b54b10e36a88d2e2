//! How fast two connections exchange data in one thread: something to profile, not a measurement to rely on.
//!
//! `cargo run --release -p sockeye-tcp --example throughput -- [bulk|segments|pingpong]`
#![allow(
    clippy::disallowed_methods,
    reason = "this is an embedder: it reads the clock"
)]
use sockeye_tcp::{Connection, Instant, Seq, Settings};

fn settings(mss: u16, isn: u32) -> Settings {
    Settings {
        isn: Seq::new(isn),
        local_mss: mss,
        max_super_segment: if mss > 9000 {
            256 << 10
        } else {
            usize::from(mss)
        },
        ..Settings::default()
    }
}

/// Moves what both want to send until nothing does; counts segments.
fn settle(ends: &mut [Connection; 2], now: Instant) -> u64 {
    let mut count = 0;
    loop {
        let before = count;
        for end in 0..2 {
            while let Some(out) = ends[end].poll_transmit(now) {
                count += 1;
                let _ = ends[1 - end].receive(out.segment, now);
            }
        }
        if before == count {
            return count;
        }
    }
}

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_else(|| "bulk".into());
    let mss = if kind == "segments" { 1448 } else { 65_483 };
    let start = std::time::Instant::now();
    let now = || {
        Instant::from_nanos(
            1_000_000_000 + u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        )
    };
    let mut client = Connection::connect(settings(mss, 1), now());
    let Some(syn) = client.poll_transmit(now()) else {
        return;
    };
    let server = Connection::accept(settings(mss, 9), &syn.segment, now());
    let mut ends = [client, server];
    settle(&mut ends, now());
    let (mut bytes, mut rounds, mut segments) = (0u64, 0u64, 0u64);
    let mut buffer = vec![0; 1 << 20];
    let data = vec![1; if kind == "pingpong" { 1 } else { 64 << 10 }];
    let begin = std::time::Instant::now();
    while begin.elapsed().as_secs() < 2 {
        for _ in 0..100 {
            let now = now();
            rounds += 1;
            if kind == "pingpong" {
                for end in 0..2 {
                    ends[end].send_slice(&data, false, now);
                    segments += settle(&mut ends, now);
                    assert_eq!(ends[1 - end].read(&mut buffer, now), 1);
                    bytes += 1;
                }
                continue;
            }
            ends[0].send_slice(&data, false, now);
            segments += settle(&mut ends, now);
            loop {
                let count = ends[1].read(&mut buffer, now);
                if count == 0 {
                    break;
                }
                bytes += u64::try_from(count).unwrap_or(0);
            }
            segments += settle(&mut ends, now);
        }
    }
    let time = begin.elapsed().as_secs_f64();
    println!(
        "{kind}: {:.1} Gbit/s, {:.0} ns a round, {:.0} ns a segment, {:.2} segments a round",
        bytes as f64 * 8.0 / time / 1e9,
        time * 1e9 / rounds as f64,
        time * 1e9 / segments as f64,
        segments as f64 / rounds as f64,
    );
}
