//! What an idle connection costs.
mod support;

use core::time::Duration;

use sockeye_tcp::Connection;
use support::{Channel, Pair};

/// What an end takes, and nothing else that it owns.
const MOST: usize = 344;

#[test]
fn an_idle_connection_that_has_exchanged_messages_owns_nothing_beside_itself() {
    let mut pair = Pair::established(1, Channel::default());
    for round in 0..10 {
        let now = pair.now;
        pair.ends[round % 2].send_slice(b"a message", false, now);
        pair.flush();
        pair.run_for(Duration::from_millis(100));
        pair.ends[1 - round % 2].read(&mut [0; 100], pair.now);
        pair.flush();
    }
    pair.run_for(Duration::from_millis(500));
    for end in &mut pair.ends {
        let _ = end.take_losses();
        assert_eq!(end.unacknowledged(), (0, 0));
        assert_eq!(end.heap(), 0);
    }
    let size = size_of::<Connection>();
    assert!(size <= MOST, "{size} bytes");
}

#[test]
fn an_idle_connection_that_has_moved_much_keeps_little_beside_itself() {
    let mut pair = Pair::established(1, Channel::default());
    let data = vec![7; 300_000];
    for round in 0..50 {
        let now = pair.now;
        pair.ends[round % 2].send_slice(&data, false, now);
        pair.ends[1 - round % 2].send_slice(b"x", false, now);
        pair.flush();
        for _ in 0..20 {
            pair.run_for(Duration::from_millis(50));
            for end in &mut pair.ends {
                while !end.read_bytes(usize::MAX, pair.now).is_empty() {}
            }
            pair.flush();
        }
    }
    for end in &mut pair.ends {
        // What is to be counted is kept until somebody counts it.
        let _ = end.take_losses();
        assert_eq!(end.status().readable, 0);
        assert_eq!(end.unacknowledged(), (0, 0));
        // How long the peer's window held it back, and what its congestion control has learnt.
        let kept = end.heap();
        assert!(kept <= 128, "{kept} bytes");
    }
}
