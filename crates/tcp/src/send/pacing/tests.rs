use std::vec::Vec;

use super::*;

/// When segments of 2000 bytes may leave at 100,000 bytes a second if the sender is woken `late` milliseconds late.
fn departures(late: u64, count: u32) -> Vec<u64> {
    let mut pacing = Pacing::new(100_000);
    let mut now = Instant::from_secs(1);
    (0..count)
        .map(|index| {
            pacing.sent(2000, FREE_PACKETS + 2 * index, now);
            let due = pacing.next;
            now = due + Duration::from_millis(late);
            due.as_millis() - 1000
        })
        .collect()
}

#[test]
fn segments_leave_at_the_rate() {
    assert_eq!(departures(0, 4)[1..], [30, 50, 70]);
}

#[test]
fn a_late_wake_up_is_made_up_for() {
    // Each is due 20 ms after it was due to be sent, not after it was.
    let late = departures(5, 4);
    assert!(
        late.windows(2).skip(1).all(|pair| pair[1] - pair[0] == 20),
        "{late:?}"
    );
    // By half of the pace at most.
    let late = departures(15, 4);
    assert!(
        late.windows(2).skip(1).all(|pair| pair[1] - pair[0] == 25),
        "{late:?}"
    );
}

#[test]
fn the_first_ten_packets_are_free() {
    let mut pacing = Pacing::new(1000);
    let now = Instant::from_secs(1);
    for packets in 1..FREE_PACKETS {
        pacing.sent(1000, packets, now);
        assert_eq!(pacing.next, now);
    }
    pacing.sent(1000, FREE_PACKETS, now);
    assert!(pacing.next > now);
}

#[test]
fn without_a_rate_nothing_waits() {
    let mut pacing = Pacing::new(UNLIMITED);
    let now = Instant::from_secs(1);
    pacing.sent(65_000, 100, now);
    assert_eq!(pacing.next, now);
}
