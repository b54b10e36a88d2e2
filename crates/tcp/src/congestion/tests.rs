use core::time::Duration;
use proptest::prelude::*;

use super::cubic::cube_root;
use super::{Acked, Algorithm, Congestion, INFINITE, SlowStartEnd, Window};
use crate::{Instant, Seq};

proptest! {
    #[test]
    fn cube_root_is_exact(root in 0u64..2_000_000) {
        prop_assert_eq!(u64::from(cube_root(root.pow(3))), root);
        if root > 1 {
            prop_assert_eq!(u64::from(cube_root(root.pow(3) - 1)), root - 1);
        }
    }
}

fn run(
    algorithm: Algorithm,
    window: &mut Window,
    congestion: &mut Congestion,
    from: u64,
    rounds: u64,
) {
    assert_eq!(congestion.algorithm(), algorithm);
    for round in 0..rounds {
        let now = Instant::from_millis(from + round * 100);
        let acked = Acked {
            packets: window.size,
            srtt: Some(Duration::from_millis(100)),
            sample: None,
            longest_train: None,
            una: Seq::new(0),
            nxt: Seq::new(0),
            now,
        };
        congestion.control().acknowledged(window, &acked);
    }
}

#[test]
fn slow_start_doubles_each_round_up_to_the_threshold() {
    for algorithm in [Algorithm::Cubic, Algorithm::Reno] {
        let (mut window, mut congestion) = (Window::new(10), Congestion::new(algorithm));
        run(algorithm, &mut window, &mut congestion, 0, 3);
        assert_eq!(window.size, 80);
        window.threshold = 100;
        run(algorithm, &mut window, &mut congestion, 300, 1);
        assert!((100..=140).contains(&window.size), "{window:?}");
    }
}

#[test]
fn reno_adds_one_packet_a_round() {
    let (mut window, mut congestion) = (Window::new(100), Congestion::new(Algorithm::Reno));
    window.threshold = congestion.control().threshold_after_loss(&window);
    window.size = window.threshold;
    assert_eq!(window.size, 50);
    run(Algorithm::Reno, &mut window, &mut congestion, 0, 10);
    assert_eq!(window.size, 60);
}

#[test]
fn cubic_comes_back_to_the_old_maximum_after_k_and_then_beyond() {
    let (mut window, mut congestion) = (Window::new(1000), Congestion::new(Algorithm::Cubic));
    window.threshold = congestion.control().threshold_after_loss(&window);
    window.size = window.threshold;
    assert_eq!(window.size, 700);
    // RFC 9438 4.2: K = cbrt(300 / 0.4) = 9.09 s
    run(Algorithm::Cubic, &mut window, &mut congestion, 0, 45);
    assert!((940..1000).contains(&window.size), "{window:?}");
    run(Algorithm::Cubic, &mut window, &mut congestion, 4500, 46);
    assert!((990..=1010).contains(&window.size), "{window:?}");
    run(Algorithm::Cubic, &mut window, &mut congestion, 9100, 80);
    assert!(window.size > 1150, "{window:?}");
}

#[test]
fn cubic_gives_up_room_when_it_loses_below_the_old_maximum() {
    let (mut window, mut congestion) = (Window::new(1000), Congestion::new(Algorithm::Cubic));
    assert_eq!(congestion.control().threshold_after_loss(&window), 700);
    window.size = 800;
    assert_eq!(congestion.control().threshold_after_loss(&window), 560);
    window.size = 560;
    window.threshold = 560;
    // Fast convergence: the plateau is at 800 * 0.85 = 680.
    run(Algorithm::Cubic, &mut window, &mut congestion, 0, 66);
    assert!((665..=695).contains(&window.size), "{window:?}");
}

/// A window after a loss at `size`, and after so many rounds of 1 ms in which each of its packets is acknowledged by itself.
fn after_loss(size: u32, rounds: u64) -> Window {
    let (mut window, mut congestion) = (Window::new(size), Congestion::new(Algorithm::Cubic));
    window.threshold = congestion.control().threshold_after_loss(&window);
    window.size = window.threshold;
    for round in 0..rounds {
        for _ in 0..window.size {
            let acked = Acked {
                packets: 1,
                srtt: Some(Duration::from_millis(1)),
                sample: None,
                longest_train: None,
                una: Seq::new(0),
                nxt: Seq::new(0),
                now: Instant::from_millis(round),
            };
            congestion.control().acknowledged(&mut window, &acked);
        }
    }
    window
}

#[test]
fn cubic_is_no_slower_than_reno_on_a_short_path_however_large_the_window() {
    // RFC 9438 4.3: Reno with beta 0.7 adds 0.53 packets in each round, the curve less at first.
    for size in [100, 1000, 5000] {
        let low = size * 7 / 10;
        let grown = after_loss(size, 50).size - low;
        assert!((24..=28).contains(&grown), "{grown} from {low}");
    }
}

#[test]
fn beyond_the_old_maximum_cubic_is_as_fast_as_reno() {
    // RFC 9438 4.3: up to 20 packets the estimate of Reno's window grows by 0.53 a round, from there on by one.
    assert!((19..=20).contains(&after_loss(20, 12).size));
    let grown = after_loss(20, 32).size - after_loss(20, 12).size;
    assert!((18..=20).contains(&grown), "{grown}");
}

#[test]
fn cubic_estimates_what_reno_would_have_not_more_often_than_linux() {
    let (mut window, mut congestion) = (Window::new(10), Congestion::new(Algorithm::Cubic));
    window.threshold = congestion.control().threshold_after_loss(&window);
    congestion.control().timeout();
    window.size = window.threshold;
    assert_eq!(window.size, 7);
    let mut acknowledge = |millis: u64| {
        let acked = Acked {
            packets: 1,
            srtt: Some(Duration::from_millis(100)),
            sample: None,
            longest_train: None,
            una: Seq::new(0),
            nxt: Seq::new(0),
            now: Instant::from_millis(millis),
        };
        congestion.control().acknowledged(&mut window, &acked);
        window.size
    };
    // Reno with beta 0.7 would have eight after 13 packets.
    for packet in 0..13 {
        assert_eq!(acknowledge(1000 + packet), 7, "packet {packet}");
    }
    assert_eq!(acknowledge(1024), 7);
    assert_eq!(acknowledge(1026), 8);
}

#[test]
fn cubic_knows_of_no_maximum_after_a_timeout() {
    let (mut window, mut congestion) = (Window::new(1000), Congestion::new(Algorithm::Cubic));
    window.threshold = congestion.control().threshold_after_loss(&window);
    congestion.control().timeout();
    window.size = window.threshold;
    // RFC 9438 4.8: K = 0 and W_max is the window, so that the curve is flat here; Reno would add 20 packets.
    run(Algorithm::Cubic, &mut window, &mut congestion, 0, 20);
    assert!((700..=725).contains(&window.size), "{window:?}");
}

/// One round of slow start: each packet of the window is acknowledged by itself, with this round trip in ms.
fn round(window: &mut Window, congestion: &mut Congestion, sequence: &mut u32, millis: u64) {
    let packets = window.size;
    for _ in 0..packets {
        *sequence += 1;
        let acked = Acked {
            packets: 1,
            srtt: None,
            sample: Some(Duration::from_millis(millis)),
            longest_train: None,
            una: Seq::new(*sequence),
            nxt: Seq::new(*sequence + window.size),
            now: Instant::from_secs(1),
        };
        congestion.control().acknowledged(window, &acked);
    }
}

/// Window sizes after rounds with these round trips.
fn sizes(round_trips: &[u64]) -> (alloc::vec::Vec<u32>, Window) {
    let (mut window, mut congestion) = (Window::new(16), Congestion::new(Algorithm::Cubic));
    let mut sequence = 0;
    let sizes = round_trips
        .iter()
        .map(|millis| {
            round(&mut window, &mut congestion, &mut sequence, *millis);
            window.size
        })
        .collect();
    (sizes, window)
}

#[test]
fn a_steady_round_trip_does_not_end_slow_start() {
    let (sizes, window) = sizes(&[100, 111, 100, 112, 105]);
    assert_eq!(sizes, [32, 64, 128, 256, 512]);
    assert_eq!(window.threshold, INFINITE);
}

#[test]
fn a_growing_round_trip_ends_slow_start_after_five_careful_rounds() {
    // RFC 9406 4.3: at 100 ms the threshold is 12.5 ms.
    let (sizes, window) = sizes(&[100, 100, 113, 120, 120, 120, 120, 120]);
    // The third round begins with eight samples of slow start and goes on at a quarter.
    assert_eq!(sizes[..2], [32, 64]);
    assert!((85..=90).contains(&sizes[2]), "{sizes:?}");
    let quarter = |size: u32| size + size / 4 - 2..=size + size / 4 + 2;
    for pair in sizes[2..6].windows(2) {
        assert!(quarter(pair[0]).contains(&pair[1]), "{sizes:?}");
    }
    assert!(window.threshold < INFINITE && !window.in_slow_start());
    // Congestion avoidance from here on.
    assert!(sizes[7] < sizes[6] + sizes[6] / 8, "{sizes:?}");
}

#[test]
fn slow_start_resumes_when_the_round_trip_shrinks_again() {
    let (sizes, window) = sizes(&[100, 100, 113, 101, 101]);
    assert!(sizes[3] > sizes[2] + sizes[2] / 2, "{sizes:?}");
    assert!(sizes[4] >= 2 * sizes[3] - 2, "{sizes:?}");
    assert_eq!(window.threshold, INFINITE);
}

#[test]
fn short_round_trips_may_vary_by_four_milliseconds() {
    let (sizes, _) = sizes(&[1, 4, 1, 4, 1]);
    assert_eq!(sizes, [32, 64, 128, 256, 512]);
}

/// The first end of slow start told for acknowledgments at these times in ms, all of one round, with a window of `size` and
/// trains of at most 10 ms.
fn end_of_round(size: u32, times: impl IntoIterator<Item = u64>) -> Option<(SlowStartEnd, Window)> {
    let (mut window, mut congestion) = (Window::new(size), Congestion::new(Algorithm::Cubic));
    for (sequence, millis) in (1..).zip(times) {
        let acked = Acked {
            packets: 1,
            srtt: None,
            sample: None,
            longest_train: Some(Duration::from_millis(10)),
            una: Seq::new(sequence),
            nxt: Seq::new(1000),
            now: Instant::from_millis(1000 + millis),
        };
        if let Some(end) = congestion.control().acknowledged(&mut window, &acked) {
            return Some((end, window));
        }
    }
    None
}

#[test]
fn a_long_train_of_acknowledgments_ends_slow_start() {
    let (end, window) = end_of_round(20, 0..=11).expect("an end");
    assert_eq!(end, SlowStartEnd::Train);
    // Eleven of them opened it, the last, 11 ms after the first, did not.
    assert_eq!((window.size, window.threshold), (31, 31));
    assert!(end_of_round(20, 0..=10).is_none(), "it may last 10 ms");
}

#[test]
fn a_gap_ends_a_train_of_acknowledgments_for_its_round() {
    assert!(end_of_round(20, (0..5).chain(7..30)).is_none());
    assert!(end_of_round(20, (0..5).chain(6..30)).is_some());
}

#[test]
fn a_round_that_begins_with_a_small_window_has_no_train() {
    assert!(end_of_round(12, 0..30).is_none());
    assert!(end_of_round(16, 0..30).is_some());
}
