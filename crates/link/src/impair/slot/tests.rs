use sockeye_tcp::Instant;

use crate::impair::tests::{netem, numbered, numbers};
use crate::impair::{Impaired, Netem};
use crate::{Link, Pipe};

/// When each of `count` frames arrived, in milliseconds.
fn millis(text: &str, count: u32) -> Vec<u64> {
    let arrived = netem(text, 1, count);
    assert!(numbers(&arrived).is_sorted());
    arrived.iter().map(|(time, _)| time.as_millis()).collect()
}

#[test]
fn frames_wait_for_the_next_slot_and_go_together() {
    // A slot that nobody used is over; the next is counted from the frame that missed it.
    let mut expected = vec![0];
    expected.extend([[11; 11], [22; 11]].as_flattened());
    assert_eq!(millis("slot 10ms", 23), expected);
    // Those that are due by the slot go in it, and the wire's own delay counts.
    let arrived = millis("delay 5ms slot 10ms", 30);
    assert_eq!(arrived[..7], [10, 10, 10, 10, 10, 10, 20]);
}

#[test]
fn a_slot_has_room_for_so_many_packets_and_bytes() {
    assert_eq!(
        millis("slot 10ms packets 3", 9),
        [0, 11, 11, 11, 21, 21, 21, 31, 31]
    );
    // Frames have 32 bytes; the one that fills the slot still goes.
    assert_eq!(millis("slot 10ms bytes 65", 7), [0, 11, 11, 11, 21, 21, 21]);
    assert_eq!(millis("slot 10ms packets 9 bytes 1", 4), [0, 10, 20, 30]);
    // As the limit of netem counts what waits for a slot.
    assert_eq!(millis("slot 10ms limit 4", 13), [0, 11, 11, 11, 11, 22]);
}

#[test]
fn pauses_between_slots_are_spread_as_asked() {
    for (text, least, most) in [
        ("slot 5ms 15ms", 5, 15),
        ("slot distribution normal 10ms 1ms", 6, 14),
        ("slot distribution uniform 10ms 2ms", 8, 12),
    ] {
        let arrived = netem(text, 1, 4000);
        let mut slots: Vec<u64> = arrived.iter().map(|(time, _)| time.as_nanos()).collect();
        slots.dedup();
        let pauses: Vec<u64> = slots.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // A slot is counted from the next frame, which comes up to 1 ms after the last slot.
        let within = least * 1_000_000..=(most + 1) * 1_000_000;
        assert!(pauses.iter().all(|pause| within.contains(pause)), "{text}");
        let mean = pauses.iter().sum::<u64>() / u64::try_from(pauses.len()).unwrap();
        assert!((10_200_000..10_800_000).contains(&mean), "{text}: {mean}");
        assert!(pauses.iter().any(|pause| *pause < mean - 500_000), "{text}");
    }
    assert_eq!(millis("slot 0ms packets 1", 3), [0, 1, 2]);
}

#[test]
fn slots_change_while_frames_wait() {
    let mut link = Impaired::new(Pipe::new(), &"slot 100ms".parse().unwrap(), 1);
    let at = Instant::from_millis;
    link.send(numbered(0), at(0));
    assert!(link.receive(at(0)).is_some());
    link.send(numbered(1), at(1));
    link.send(numbered(2), at(2));
    assert_eq!(link.next_deadline(), Some(at(101)));
    link.change(&"slot 10ms packets 1".parse().unwrap(), at(5));
    // The first slot of the new ones is open; the second is 10 ms later.
    assert!(link.receive(at(5)).is_some());
    assert!(link.receive(at(5)).is_none());
    assert_eq!(link.next_deadline(), Some(at(15)));
    link.change(&Netem::default(), at(6));
    assert!(link.receive(at(6)).is_some());
}
