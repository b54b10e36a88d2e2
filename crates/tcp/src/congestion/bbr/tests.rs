use std::collections::VecDeque;
use std::vec::Vec;

use super::*;
use crate::Seq;
use crate::send::losses::Ledger;
use crate::send::rate::{Course, Newest, Rate, Stamp};

const MSS: u32 = 1000;

/// A path that delivers a packet each `every`, `delay` after it was sent, and has a queue of any length.
struct Path {
    bbr: Bbr,
    window: Window,
    rate: Rate,
    course: Course,
    losses: Ledger,
    delivered: u32,
    /// Packets under way: when each arrives, and what it remembers.
    flight: VecDeque<(Instant, Instant, Stamp)>,
    now: Instant,
    next_send: Instant,
    free_at: Instant,
    pacing_rate: u64,
    every: Duration,
    delay: Duration,
    /// Each so-manieth packet is lost; 0 for none.
    lose_every: u32,
    sent: u32,
    is_limited: bool,
    in_recovery_until: u32,
}

impl Path {
    /// Ten megabytes a second, 20 ms: 200 packets.
    fn new() -> Path {
        let mut bbr = Bbr::new();
        let pacing_rate = bbr.init_pacing_rate(10, MSS, Some(Duration::from_millis(20)));
        let mut losses = Ledger::default();
        losses.watch();
        Path {
            bbr,
            window: Window::new(10),
            rate: Rate::default(),
            course: Course::default(),
            losses,
            delivered: 0,
            flight: VecDeque::new(),
            now: Instant::from_secs(1),
            next_send: Instant::ZERO,
            free_at: Instant::ZERO,
            pacing_rate,
            every: Duration::from_micros(100),
            delay: Duration::from_millis(20),
            lose_every: 0,
            sent: 0,
            is_limited: false,
            in_recovery_until: 0,
        }
    }

    fn in_flight(&self) -> u32 {
        u32::try_from(self.flight.len()).unwrap()
    }

    fn send(&mut self) {
        let in_flight = self.in_flight();
        let lost = self.losses.ever();
        let is_first = in_flight == 0;
        let stamp = self.rate.sent(
            &mut self.course,
            is_first,
            self.delivered,
            lost,
            in_flight + 1,
            self.now,
        );
        self.free_at = self.free_at.max(self.now) + self.every;
        let arrives = self.free_at + self.delay;
        self.flight.push_back((arrives, self.now, stamp));
        let gap = u64::from(MSS) * 1_000_000_000 / self.pacing_rate.max(1);
        self.next_send = self.next_send.max(self.now) + Duration::from_nanos(gap);
        self.sent += 1;
        self.is_limited = self.in_flight() >= self.window.size;
    }

    fn hear(&mut self, sent: Instant, stamp: Stamp, is_marked: bool) {
        let is_lost = self.lose_every > 0 && self.sent.is_multiple_of(self.lose_every);
        if is_lost {
            self.losses.note(&stamp, 1);
            self.in_recovery_until = self.delivered + self.in_flight();
            return;
        }
        self.delivered += 1;
        let newest = Newest::of(None, stamp, sent, Seq::new(self.delivered), false);
        let sample = self.rate.sample(
            &mut self.course,
            newest,
            (self.delivered, 1),
            self.losses.ever(),
            self.delay,
            self.now,
        );
        let losses = self.losses.take();
        let feedback = Feedback {
            sample: &sample,
            newly_acked: 1,
            losses: &losses,
            delivered: self.delivered,
            in_flight: self.in_flight(),
            in_recovery: self.delivered < self.in_recovery_until,
            is_marked,
            rtt: Some(self.now - sent),
            is_window_limited: self.is_limited,
            mss: MSS,
            quantum: 2,
            initial_window: 10,
            salt: 7,
            now: self.now,
        };
        let decision = self.bbr.steer(&mut self.window, &feedback);
        self.pacing_rate = decision.pacing_rate;
        if decision.marks_app_limited {
            let in_flight = self.in_flight();
            self.rate.app_limited(self.delivered, in_flight);
        }
    }

    /// Lets so much time pass; the states that were passed through, and the least and most in flight.
    fn pass(&mut self, time: Duration) -> (Vec<State>, u32, u32) {
        let end = self.now + time;
        let mut states = Vec::from([self.bbr.state]);
        let (mut least, mut most) = (u32::MAX, 0);
        while self.now < end {
            let may_send = self.in_flight() < self.window.size;
            let arrival = self.flight.front().map(|(arrives, ..)| *arrives);
            let departure = may_send.then_some(self.next_send.max(self.now));
            match (arrival, departure) {
                (Some(arrival), departure) if departure.is_none_or(|at| arrival <= at) => {
                    self.now = self.now.max(arrival);
                    if let Some((_, sent, stamp)) = self.flight.pop_front() {
                        self.hear(sent, stamp, false);
                    }
                }
                (_, Some(departure)) => {
                    self.now = departure;
                    self.send();
                }
                _ => break,
            }
            if states.last() != Some(&self.bbr.state) {
                states.push(self.bbr.state);
            }
            least = least.min(self.in_flight());
            most = most.max(self.in_flight());
        }
        (states, least, most)
    }
}

#[test]
fn startup_finds_the_rate_and_drain_empties_the_queue() {
    let mut path = Path::new();
    let (states, ..) = path.pass(Duration::from_millis(700));
    assert_eq!(states[..2], [State::Startup, State::Drain]);
    assert!(states[2].is_probe_bw(), "{states:?}");
    let told = path.bbr.told(MSS);
    assert!((9_500_000..10_500_000).contains(&told.bw), "{told:?}");
    assert!((20_000..21_000).contains(&told.min_rtt), "{told:?}");
}

#[test]
fn probe_bw_goes_through_its_phases_in_turn() {
    let mut path = Path::new();
    let (states, ..) = path.pass(Duration::from_secs(5));
    let cycle = [
        State::ProbeBwDown,
        State::ProbeBwCruise,
        State::ProbeBwRefill,
        State::ProbeBwUp,
    ];
    let begin = states.iter().position(|state| *state == cycle[0]).unwrap();
    assert!(states.len() >= begin + 8, "{states:?}");
    for (at, state) in states[begin..begin + 8].iter().enumerate() {
        assert_eq!(*state, cycle[at % 4], "{states:?}");
    }
}

#[test]
fn never_more_than_the_window_gain_is_in_flight_nor_too_little() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(2));
    let (_, least, most) = path.pass(Duration::from_secs(2));
    // ProbeBW_UP: 2.25 times 200, and two packets.
    assert!(least > 170 && most <= 460, "{least} {most}");
}

#[test]
fn probe_rtt_comes_after_five_seconds_and_lasts_a_fifth_of_one() {
    let mut path = Path::new();
    path.pass(Duration::from_millis(4_900));
    assert_ne!(path.bbr.state, State::ProbeRtt);
    let (states, least, _) = path.pass(Duration::from_millis(1_500));
    let probe = states.iter().position(|state| *state == State::ProbeRtt);
    let behind = probe.map(|at| states[at + 1]);
    assert_eq!(behind, Some(State::ProbeBwCruise), "{states:?}");
    // Half of 200.
    assert!((90..=102).contains(&least), "{least}");
}

#[test]
fn a_faster_path_is_found_by_probing() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(3));
    path.every = Duration::from_micros(50);
    path.pass(Duration::from_secs(12));
    let told = path.bbr.told(MSS);
    assert!(told.bw > 15_000_000, "{told:?}");
}

#[test]
fn a_slower_path_is_noticed_within_two_cycles() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(3));
    path.every = Duration::from_micros(200);
    path.pass(Duration::from_secs(12));
    let told = path.bbr.told(MSS);
    assert!(told.bw < 5_500_000, "{told:?}");
}

#[test]
fn one_loss_in_a_hundred_is_below_the_threshold() {
    let mut path = Path::new();
    path.lose_every = 100;
    path.pass(Duration::from_secs(10));
    let before = path.delivered;
    path.pass(Duration::from_secs(10));
    let rate = (path.delivered - before) / 10;
    // Each round of cruising gives up as much as it lost, until the next probe.
    assert!(rate > 7_500, "{rate} packets a second");
}

#[test]
fn losses_while_cruising_bring_the_short_term_bounds_down() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(2));
    while path.bbr.state != State::ProbeBwCruise {
        path.pass(Duration::from_millis(1));
    }
    assert_eq!(path.bbr.short_term.in_flight, None);
    path.lose_every = 3;
    path.pass(Duration::from_millis(60));
    assert!(path.bbr.short_term.in_flight.is_some());
    assert!(path.bbr.short_term.bw.is_some());
}

#[test]
fn an_undone_loss_takes_its_bounds_back() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(2));
    while path.bbr.state != State::ProbeBwCruise {
        path.pass(Duration::from_millis(1));
    }
    let before = path.window.size;
    path.bbr.threshold_after_loss(&path.window);
    path.bbr.timeout();
    path.bbr.short_term.in_flight = Some(20);
    path.window.size = 1;
    path.bbr.undo(&mut path.window, before);
    assert_eq!(path.bbr.short_term.in_flight, None);
    assert_eq!(path.window.size, before);
}

#[test]
fn after_a_timeout_the_window_grows_from_one_and_comes_back() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(2));
    let before = path.window.size;
    path.bbr.threshold_after_loss(&path.window);
    path.bbr.timeout();
    assert_eq!(path.bbr.window, 1);
    path.pass(Duration::from_millis(100));
    assert!(
        path.window.size + 20 > before.min(400),
        "{before} {}",
        path.window.size
    );
}

#[test]
fn marks_are_answered_as_losses() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(2));
    while path.bbr.state != State::ProbeBwCruise {
        path.pass(Duration::from_millis(1));
    }
    if let Some((arrives, sent, stamp)) = path.flight.pop_front() {
        path.now = arrives;
        path.hear(sent, stamp, true);
    }
    assert!(path.bbr.short_term.loss_in_round);
    path.pass(Duration::from_millis(60));
    assert!(path.bbr.short_term.in_flight.is_some());
}

#[test]
fn what_the_application_limits_does_not_lower_the_rate() {
    let mut path = Path::new();
    path.pass(Duration::from_secs(2));
    let before = path.bbr.told(MSS).bw;
    // A packet each 10 ms, for a second.
    for _ in 0..100 {
        while let Some((arrives, sent, stamp)) = path.flight.pop_front() {
            path.now = path.now.max(arrives);
            path.hear(sent, stamp, false);
        }
        path.now += Duration::from_millis(10);
        path.rate.app_limited(path.delivered, 0);
        path.bbr.resume(&mut path.window, MSS, path.now);
        path.send();
    }
    assert!(path.bbr.told(MSS).bw * 10 > before * 9);
}
