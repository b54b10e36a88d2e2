use core::time::Duration;
use proptest::prelude::*;

use super::cubic::cube_root;
use super::{Algorithm, Congestion, Window};
use crate::Instant;

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
        let acked = window.size;
        congestion
            .control()
            .acknowledged(window, acked, Some(Duration::from_millis(100)), now);
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
