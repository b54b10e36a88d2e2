//! Bulk flows through one narrow wire: how much of it they use, how long the queue is that they make, and how they share it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use sockeye_core::{
    Accepted, Credentials, Domain, Incoming, MessageFlags, Outgoing, SocketAddress, SocketId,
    SocketType,
};
use sockeye_worlds::{Side, World};

const TCP: i32 = 6;
const TCP_INFO: i32 = 11;
const TCP_CONGESTION: i32 = 13;

/// One flow from the client's host to the server's.
struct Bulk {
    client: SocketId,
    server: SocketId,
    received: usize,
    /// Smoothed round trips and windows as they were sampled, in microseconds and packets.
    round_trips: Vec<u32>,
    windows: Vec<u32>,
    /// Packets sent again, and packets delivered with a mark, in all its life.
    sent_again: u32,
    marked: u32,
}

impl Bulk {
    fn open(world: &mut World, port: u16, congestion: &str) -> Bulk {
        let user = Credentials {
            pid: 1,
            uid: 1000,
            gid: 1000,
        };
        let address: SocketAddress = World::endpoint(Side::Server, false, port).into();
        let now = world.now;
        let host = world.host(Side::Server);
        let listener = host
            .socket(Domain::Inet, SocketType::Stream, 0, user)
            .unwrap();
        host.bind(listener, &address, now).unwrap();
        host.listen(listener, 1, now).unwrap();
        let host = world.host(Side::Client);
        let client = host
            .socket(Domain::Inet, SocketType::Stream, 0, user)
            .unwrap();
        host.set_option(client, TCP, TCP_CONGESTION, congestion.as_bytes(), now)
            .unwrap();
        let _in_progress = host.connect(client, &address, now);
        let server = loop {
            world.pass(Duration::from_millis(1));
            let now = world.now;
            if let Ok(Accepted { socket, .. }) = world.host(Side::Server).accept(listener, now) {
                break socket;
            }
        };
        Bulk {
            client,
            server,
            received: 0,
            round_trips: Vec::new(),
            windows: Vec::new(),
            sent_again: 0,
            marked: 0,
        }
    }

    /// Writes as much as there is room for, and reads all there is.
    fn turn(&mut self, world: &mut World) {
        let now = world.now;
        let data = [7; 65_536];
        let host = world.host(Side::Client);
        let data: [&[u8]; 1] = [&data];
        let outgoing = || Outgoing {
            data: &data,
            flags: MessageFlags::NOSIGNAL,
            ..Outgoing::default()
        };
        while host.send_message(self.client, outgoing(), now).is_ok() {}
        let info = host
            .get_option(self.client, TCP, TCP_INFO, 248, now)
            .unwrap();
        let word = |at: usize| u32::from_ne_bytes(info[at..at + 4].try_into().unwrap());
        self.round_trips.push(word(68));
        self.windows.push(word(80));
        (self.sent_again, self.marked) = (word(100), word(196));
        let mut buffer = [0; 65_536];
        while let Ok(received) = world.host(Side::Server).receive_message(
            self.server,
            Incoming {
                buffers: &mut [&mut buffer],
                ..Incoming::default()
            },
            now,
        ) {
            self.received += received.length;
        }
    }
}

/// What came of a time on the wire.
struct Outcome {
    /// Mbit/s of each flow's data.
    rates: Vec<f64>,
    /// The mean of each flow's round trips, in ms.
    round_trips: Vec<f64>,
    /// The smallest and the largest window of each flow.
    windows: Vec<(u32, u32)>,
    /// Packets of each flow that were sent again, and that were delivered with a mark.
    sent_again: Vec<u32>,
    marked: Vec<u32>,
}

fn count(amount: usize) -> f64 {
    f64::from(u32::try_from(amount).unwrap())
}

/// Flows with these algorithms over the wire, which begin half a second apart, and what they do in `seconds` after
/// `warm_up`.
fn run(seed: u64, wire: &str, flows: &[&str], warm_up: u32, seconds: u32) -> Outcome {
    run_in(World::new(seed, wire, 1500), flows, warm_up, seconds)
}

fn run_in(mut world: World, flows: &[&str], warm_up: u32, seconds: u32) -> Outcome {
    let mut open: Vec<Bulk> = Vec::new();
    let advance = |world: &mut World, open: &mut Vec<Bulk>, millis: u32| {
        for _ in 0..millis {
            world.pass(Duration::from_millis(1));
            for flow in &mut *open {
                flow.turn(world);
            }
        }
    };
    for (congestion, port) in flows.iter().zip(7000..) {
        open.push(Bulk::open(&mut world, port, congestion));
        advance(&mut world, &mut open, 500);
    }
    advance(&mut world, &mut open, warm_up * 1000);
    for flow in &mut open {
        flow.received = 0;
        flow.round_trips.clear();
        flow.windows.clear();
    }
    advance(&mut world, &mut open, seconds * 1000);
    let rate = |flow: &Bulk| count(flow.received) * 8.0 / f64::from(seconds) / 1e6;
    let mean = |flow: &Bulk| {
        let sum: f64 = flow.round_trips.iter().map(|rtt| f64::from(*rtt)).sum();
        sum / count(flow.round_trips.len()) / 1000.0
    };
    Outcome {
        rates: open.iter().map(rate).collect(),
        round_trips: open.iter().map(mean).collect(),
        windows: open
            .iter()
            .map(|flow| {
                let windows = flow.windows.iter().copied();
                (windows.clone().min().unwrap(), windows.max().unwrap())
            })
            .collect(),
        sent_again: open.iter().map(|flow| flow.sent_again).collect(),
        marked: open.iter().map(|flow| flow.marked).collect(),
    }
}

/// Jain's index: 1 if all have the same, 1/n if one has all.
fn jain(rates: &[f64]) -> f64 {
    let sum: f64 = rates.iter().sum();
    let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
    sum * sum / (count(rates.len()) * squares)
}

/// 10 Mbit/s and 20 ms: 17 packets fill it, of which 9.65 Mbit/s are data.
const NARROW: &str = "delay 10ms rate 10mbit";

fn narrow(queue: u32) -> String {
    format!("{NARROW} limit {queue}")
}

#[test]
fn bbr_fills_a_wire_and_keeps_its_queue_short() {
    // A queue of a thousand packets would take 1.2 s.
    let outcome = run(1, &narrow(1000), &["bbr"], 5, 20);
    assert!(outcome.rates[0] > 9.2, "{:?}", outcome.rates);
    assert!(outcome.round_trips[0] < 45.0, "{:?}", outcome.round_trips);
    // CUBIC fills the queue.
    let cubic = run(1, &narrow(1000), &["cubic"], 5, 20);
    assert!(cubic.round_trips[0] > 150.0, "{:?}", cubic.round_trips);
}

#[test]
fn bbr_fills_a_wire_with_a_short_queue() {
    let outcome = run(2, &narrow(20), &["bbr"], 5, 20);
    assert!(outcome.rates[0] > 9.2, "{:?}", outcome.rates);
}

#[test]
fn bbr_looks_for_the_shortest_round_trip_every_five_seconds() {
    // ProbeRTT: half of what the path holds, instead of about twice as much.
    let outcome = run(3, &narrow(1000), &["bbr"], 5, 12);
    let (least, most) = outcome.windows[0];
    assert!(least <= 12 && most >= 25, "{:?}", outcome.windows);
}

#[test]
fn bbr_bears_one_lost_packet_in_a_hundred() {
    let wire = "delay 20ms loss 1% rate 10mbit limit 100";
    // Which packets are lost makes 6 to 9 Mbit/s of it.
    let mean = |congestion| {
        let rates = (4..12).map(|seed| run(seed, wire, &[congestion], 5, 20).rates[0]);
        rates.sum::<f64>() / 8.0
    };
    let (bbr, cubic) = (mean("bbr"), mean("cubic"));
    assert!(bbr > 7.5 && bbr > 1.5 * cubic, "{bbr} {cubic}");
}

#[test]
fn flows_of_the_same_kind_share_a_wire_fairly() {
    for congestion in ["bbr", "cubic", "reno"] {
        for seed in 5..7 {
            let outcome = run(seed, &narrow(50), &[congestion; 3], 10, 20);
            let index = jain(&outcome.rates);
            assert!(index > 0.9, "{congestion} {seed}: {:?}", outcome.rates);
            let all: f64 = outcome.rates.iter().sum();
            assert!(all > 8.8, "{congestion} {seed}: {:?}", outcome.rates);
        }
    }
}

#[test]
fn bbr_and_cubic_leave_each_other_room() {
    for (seed, queue) in [(8, 20), (9, 50), (10, 200)] {
        let outcome = run(seed, &narrow(queue), &["bbr", "cubic"], 10, 20);
        assert!(
            outcome.rates.iter().all(|rate| *rate > 1.0),
            "{queue}: {:?}",
            outcome.rates
        );
    }
}

#[test]
fn marks_make_a_window_smaller_in_place_of_losses() {
    // CoDel marks or drops what has waited for more than 5 ms; a queue that nobody shortens takes a second.
    let wire = "delay 10ms rate 10mbit codel ecn";
    for congestion in ["cubic", "reno"] {
        let with = |tcp_ecn| {
            let mut world = World::new(11, wire, 1500);
            world.host(Side::Client).sysctl_mut().tcp_ecn = tcp_ecn;
            run_in(world, &[congestion], 5, 10)
        };
        let (marked, dropped) = (with(1), with(0));
        let told = (&marked.marked, &marked.sent_again, &marked.round_trips);
        assert!(
            marked.marked[0] > 10 && marked.sent_again[0] == 0,
            "{congestion}: {told:?}"
        );
        assert!(
            marked.round_trips[0] < 60.0 && marked.rates[0] > 8.5,
            "{congestion}: {told:?}"
        );
        assert!(
            dropped.marked[0] == 0 && dropped.sent_again[0] > 10,
            "{congestion}"
        );
    }
}
