//! The wheel against a model, and its bounds.

use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::*;

const TICK: u64 = 1 << TICK_SHIFT;

fn fired(wheel: &mut TimerWheel, now: Instant) -> Vec<u32> {
    core::iter::from_fn(|| wheel.expire(now)).collect()
}

#[test]
fn a_timer_fires_once_and_not_before_its_deadline() {
    let mut wheel = TimerWheel::new();
    let deadline = Instant::from_millis(40);
    wheel.set(7, Some(deadline));
    assert_eq!(fired(&mut wheel, Instant::from_millis(39)), []);
    assert_eq!(
        fired(&mut wheel, deadline + Duration::from_nanos(TICK)),
        [7]
    );
    assert_eq!(fired(&mut wheel, Instant::from_millis(4000)), []);
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn a_deadline_that_moves_later_is_kept_and_one_that_moves_earlier_too() {
    let mut wheel = TimerWheel::new();
    wheel.set(1, Some(Instant::from_millis(10)));
    wheel.set(1, Some(Instant::from_millis(300)));
    assert_eq!(fired(&mut wheel, Instant::from_millis(299)), []);
    wheel.set(1, Some(Instant::from_millis(290)));
    assert_eq!(fired(&mut wheel, Instant::from_millis(299)), [1]);
}

#[test]
fn a_stopped_or_removed_timer_stays_silent() {
    let mut wheel = TimerWheel::new();
    wheel.set(1, Some(Instant::from_millis(10)));
    wheel.set(2, Some(Instant::from_millis(10)));
    wheel.set(1, None);
    wheel.remove(2);
    assert_eq!(fired(&mut wheel, Instant::from_millis(1000)), []);
}

#[test]
fn waking_at_each_next_deadline_reaches_a_far_timer_in_few_steps() {
    let mut wheel = TimerWheel::new();
    let deadline = Instant::from_millis(1000 * 3600 * 24 * 365);
    wheel.set(9, Some(deadline));
    for _ in 0..=LEVELS {
        let now = wheel.next_deadline().expect("the timer is linked");
        assert!(now <= deadline + Duration::from_nanos(TICK));
        if fired(&mut wheel, now) == [9] {
            assert!(now >= deadline);
            return;
        }
    }
    panic!("the timer did not fire");
}

#[test]
fn timers_that_were_stopped_give_their_memory_back_once_their_time_has_come() {
    let mut wheel = TimerWheel::new();
    let at = Some(Instant::from_millis(10));
    for key in 0..1000 {
        wheel.set(key, at);
    }
    let most = wheel.entries.room();
    assert!(most >= 1000);
    for key in 0..1000 {
        wheel.set(key, if key == 500 { at } else { None });
    }
    assert_eq!(wheel.entries.room(), most);
    assert_eq!(fired(&mut wheel, Instant::from_millis(11)), [500]);
    assert_eq!(wheel.entries.room(), 0);
    wheel.set(1, Some(Instant::from_millis(20)));
    wheel.set(0, Some(Instant::from_millis(30)));
    wheel.remove(2);
    assert_eq!(fired(&mut wheel, Instant::from_millis(40)), [1, 0]);
    assert_eq!(wheel.entries.room(), 0);
}

proptest! {
    #[test]
    fn fires_what_a_sorted_list_would(
        operations in proptest::collection::vec((0u32..20, proptest::option::of(0u64..1 << 36), 0u64..1 << 30), 1..200)
    ) {
        let mut wheel = TimerWheel::new();
        let mut model: [Option<Instant>; 20] = [None; 20];
        let mut now = Instant::ZERO;
        for (token, delay, step) in operations {
            let deadline = delay.map(|delay| now + Duration::from_nanos(delay));
            wheel.set(token, deadline);
            model[token as usize] = deadline;
            now += Duration::from_nanos(step);
            if let Some(next) = wheel.next_deadline() {
                let earliest = model.iter().flatten().min();
                prop_assert!(earliest.is_none_or(|earliest| next <= *earliest + Duration::from_nanos(TICK)));
            }
            for token in fired(&mut wheel, now) {
                let deadline = model[token as usize].take();
                prop_assert!(deadline.is_some_and(|deadline| deadline <= now));
            }
            for deadline in model.iter().flatten() {
                prop_assert!(*deadline + Duration::from_nanos(TICK) > now, "{deadline:?} is overdue at {now:?}");
            }
        }
    }
}
