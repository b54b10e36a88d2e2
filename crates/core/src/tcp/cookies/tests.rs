//! Cookies by themselves; `tcp/tests/flood.rs` has them at a listener.

use core::net::IpAddr;

use sockeye_wire::{TcpFlags, Timestamps};

use super::*;
use crate::inet::bind_table::PortSpace;

const NOW: Instant = Instant::from_secs(600);

fn keys() -> CookieKeys {
    CookieKeys::new(Keyed::new(1, 2))
}

fn tuple(remote: &str) -> FourTuple {
    let remote: IpAddr = remote.parse().unwrap();
    FourTuple {
        space: PortSpace::Tcp,
        local: crate::ip::loopback_like(remote),
        local_port: 80,
        remote,
        remote_port: 4000,
    }
}

fn settings() -> Settings {
    Settings {
        timestamp_offset: 0xffff_fff0,
        ..Settings::default()
    }
}

fn syn(mss: Option<u16>, timestamps: bool) -> Segment {
    let mut syn = Segment {
        sequence: Seq::new(77),
        flags: TcpFlags::SYN,
        window: 1000,
        ..Segment::default()
    };
    syn.options.mss = mss;
    syn.options.window_scale = Some(9);
    syn.options.sack_permitted = true;
    syn.options.timestamps = timestamps.then_some(Timestamps { value: 5, echo: 0 });
    syn
}

/// The SYN that comes out of the acknowledgment of the SYN-ACK.
fn returned(tuple: &FourTuple, syn: &Segment, later: Duration) -> Option<Segment> {
    let answer = answer(&keys(), tuple, syn, settings(), NOW)
        .unwrap()
        .segment;
    let mut acknowledgment = Segment {
        sequence: syn.sequence + 1u32,
        acknowledgment: answer.sequence + 1u32,
        flags: TcpFlags::ACK,
        ..Segment::default()
    };
    acknowledgment.options.timestamps = answer.options.timestamps.map(|sent| Timestamps {
        value: 6,
        echo: sent.value,
    });
    syn_of(&keys(), tuple, &acknowledgment, &settings(), NOW + later)
}

#[test]
fn a_cookie_tells_the_segment_size_rounded_down() {
    for (told, size) in [
        (None, 536),
        (Some(100), 536),
        (Some(1299), 536),
        (Some(1300), 1300),
        (Some(1459), 1440),
        (Some(65_495), 1460),
    ] {
        let syn = returned(&tuple("192.0.2.1"), &syn(told, false), Duration::ZERO).unwrap();
        assert_eq!(syn.options.mss, Some(size), "{told:?}");
        assert_eq!(syn.sequence, Seq::new(77));
    }
    let syn = returned(
        &tuple("2001:db8::1"),
        &syn(Some(9000), false),
        Duration::ZERO,
    )
    .unwrap();
    assert_eq!(syn.options.mss, Some(8940));
}

#[test]
fn the_options_come_back_with_timestamps_and_are_lost_without() {
    let with = returned(&tuple("192.0.2.1"), &syn(None, true), Duration::ZERO).unwrap();
    assert_eq!(with.options.window_scale, Some(9));
    assert!(with.options.sack_permitted && with.options.timestamps.is_some());
    let without = returned(&tuple("192.0.2.1"), &syn(None, false), Duration::ZERO).unwrap();
    assert_eq!(without.options.window_scale, None);
    assert!(!without.options.sack_permitted && without.options.timestamps.is_none());
    let answer = answer(
        &keys(),
        &tuple("192.0.2.1"),
        &syn(None, false),
        settings(),
        NOW,
    );
    let options = answer.unwrap().segment.options;
    assert!(options.window_scale.is_none() && !options.sack_permitted);
}

#[test]
fn the_timestamp_of_a_cookie_is_never_of_the_future() {
    for millis in 0..200 {
        let now = NOW + Duration::from_millis(millis);
        let sent = answer(
            &keys(),
            &tuple("192.0.2.1"),
            &syn(None, true),
            settings(),
            now,
        );
        let sent = sent.unwrap().segment.options.timestamps.unwrap().value;
        let clock = u32::try_from(now.as_millis()).unwrap();
        let age = clock.wrapping_sub(sent.wrapping_sub(settings().timestamp_offset));
        assert!(age < 128, "{age}");
    }
}

#[test]
fn a_cookie_is_good_for_one_to_two_minutes() {
    let returned = |seconds| {
        let later = Duration::from_secs(seconds);
        returned(&tuple("192.0.2.1"), &syn(None, false), later).is_some()
    };
    assert!(returned(0) && returned(59) && returned(119));
    assert!(!returned(120) && !returned(3600) && !returned(240 * 60));
}

#[test]
fn a_cookie_is_nobody_elses_and_cannot_be_guessed() {
    let (ours, now) = (tuple("192.0.2.1"), NOW);
    let sequence = Seq::new(77);
    let cookie = keys().make(&ours, sequence, 3, now);
    assert_eq!(keys().open(&ours, sequence, cookie, now), Some(3));
    let is_good = |tuple: &FourTuple, sequence, cookie| {
        let data = keys().open(tuple, sequence, cookie, now);
        data.is_some_and(|data| data < 4)
    };
    assert!(!is_good(&tuple("192.0.2.2"), sequence, cookie));
    let other_port = FourTuple {
        remote_port: 4001,
        ..ours
    };
    assert!(!is_good(&other_port, sequence, cookie));
    assert!(!is_good(&ours, sequence + 100u32, cookie));
    let other_keys = CookieKeys::new(Keyed::new(1, 3));
    assert_ne!(other_keys.make(&ours, sequence, 3, now), cookie);
    // Four segment sizes in two minutes of 2^24: of a million guesses hardly one is right.
    let guesses = 1_000_000u32;
    let hits = (0..guesses)
        .filter(|guess| is_good(&ours, sequence, Seq::new(guess.wrapping_mul(4_294_967))))
        .count();
    assert!(hits < 10, "{hits}");
}
