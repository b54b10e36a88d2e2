//! What an idle connection costs.
mod support;

use core::time::Duration;

use sockeye_tcp::Connection;
use support::{Channel, Pair};

#[test]
fn an_idle_established_connection_costs_at_most_704_bytes() {
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
        assert_eq!(end.heap(), 0);
    }
    let size = size_of::<Connection>();
    assert!(size <= 704, "{size} bytes");
}
