use std::time::Duration;

use sockeye_wire::{Headers, Payload};

use super::*;
use crate::impair::{Delay, Latency};
use crate::{Direction, Tap};

fn frame(name: &'static str) -> Frame {
    Frame::new(Headers::new(), Payload::from(name.as_bytes()))
}

#[test]
fn each_end_receives_what_the_other_sent() {
    let mut wire: Wire = Wire::default();
    let now = Instant::from_millis(5);
    wire.send(End::A, frame("from a"), now);
    wire.send(End::B, frame("from b"), now);
    assert_eq!(wire.next_deadline(), Some(now));
    assert_eq!(wire.next_deadline_at(End::A), Some(now));
    assert_eq!(wire.receive(End::A, now), Some(frame("from b")));
    assert_eq!(wire.receive(End::A, now), None);
    assert_eq!(wire.next_deadline_at(End::A), None);
    assert_eq!(wire.receive(End::A.other(), now), Some(frame("from a")));
    assert_eq!(wire.next_deadline(), None);
}

#[test]
fn the_two_directions_are_links_of_their_own() {
    let latency = Latency {
        delay: Duration::from_millis(10),
        ..Latency::default()
    };
    let slow = Delay::new(Pipe::new(), latency, 1);
    let mut wire = Wire::new(slow, Pipe::new());
    wire.send(End::A, frame("slow"), Instant::ZERO);
    wire.send(End::B, frame("fast"), Instant::ZERO);
    assert!(wire.receive(End::A, Instant::ZERO).is_some());
    assert!(wire.receive(End::B, Instant::ZERO).is_none());
    assert_eq!(wire.next_deadline(), Some(Instant::from_millis(10)));
    assert!(wire.receive(End::B, Instant::from_millis(10)).is_some());
}

#[test]
fn a_loopback_can_be_watched_and_delayed() {
    let mut seen = Vec::new();
    let latency = Latency {
        delay: Duration::from_millis(3),
        ..Latency::default()
    };
    let mut lo = Tap::new(
        Delay::new(Pipe::new(), latency, 1),
        |frame: &Frame, direction, now| seen.push((frame.clone(), direction, now)),
    );
    lo.send(frame("round"), Instant::ZERO);
    assert_eq!(lo.receive(Instant::ZERO), None);
    let due = lo.next_deadline().unwrap();
    assert_eq!(lo.receive(due), Some(frame("round")));
    drop(lo);
    assert_eq!(
        seen,
        [
            (frame("round"), Direction::Outbound, Instant::ZERO),
            (frame("round"), Direction::Inbound, Instant::from_millis(3)),
        ]
    );
}
