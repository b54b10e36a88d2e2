//! Two connections and a channel between them that loses, reorders and duplicates, in virtual time.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
use core::time::Duration;

use sockeye_tcp::{Connection, Instant, OutgoingSegment, Seq, Settings, State};
use sockeye_wire::TcpFlags;

/// A small generator, so that a seed gives the same run for ever.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub delay: Duration,
    pub jitter: Duration,
    pub loss: u64,
    pub duplicate: u64,
    /// Split super-segments as a device would.
    pub split: bool,
}

impl Default for Channel {
    fn default() -> Self {
        Channel {
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss: 0,
            duplicate: 0,
            split: true,
        }
    }
}

pub struct Pair {
    pub ends: [Connection; 2],
    pub now: Instant,
    pub channel: Channel,
    pub random: Random,
    pub sent: u64,
    order: u64,
    /// (arrival, order, destination, segment)
    air: std::collections::BTreeMap<(Instant, u64), (usize, OutgoingSegment)>,
}

pub fn settings(isn: u32) -> Settings {
    Settings {
        isn: Seq::new(isn),
        ..Settings::default()
    }
}

/// Cuts a super-segment into what goes on a wire.
pub fn split(segment: OutgoingSegment) -> Vec<OutgoingSegment> {
    let Some(size) = segment.segment_size else {
        return vec![segment];
    };
    let mut rest = segment.segment;
    let mut pieces = Vec::new();
    while rest.payload.len() > usize::from(size.get()) {
        let mut piece = rest.clone();
        piece.payload = rest.payload.split_to(usize::from(size.get()));
        rest.sequence = rest.sequence + piece.payload.len();
        piece.flags -= TcpFlags::FIN | TcpFlags::PSH;
        pieces.push(piece.into());
    }
    pieces.push(rest.into());
    pieces
}

impl Pair {
    /// A client that has sent its SYN over the channel, and the server made from it.
    pub fn connect(seed: u64, channel: Channel, client: Settings, server: Settings) -> Pair {
        let now = Instant::from_secs(1);
        let mut opener = Connection::connect(client, now);
        let syn = opener.poll_transmit(now).expect("a SYN");
        let server = Connection::accept(server, &syn.segment, now);
        let mut pair = Pair {
            ends: [opener, server],
            now,
            channel,
            random: Random::new(seed),
            sent: 0,
            order: 0,
            air: Default::default(),
        };
        pair.flush();
        pair
    }

    pub fn established(seed: u64, channel: Channel) -> Pair {
        let mut pair = Pair::connect(seed, channel, settings(100), settings(u32::MAX - 5000));
        while pair
            .ends
            .iter()
            .any(|end| end.state() != State::Established)
        {
            assert!(pair.step(), "the handshake stalled: {:?}", pair.ends);
        }
        pair
    }

    /// Sends what both ends want to send.
    pub fn flush(&mut self) {
        for end in 0..2 {
            while let Some(segment) = self.ends[end].poll_transmit(self.now) {
                self.put(1 - end, segment);
            }
            assert!(
                !self.ends[end].wants_transmit(self.now),
                "wants_transmit and poll_transmit disagree"
            );
        }
    }

    fn put(&mut self, to: usize, segment: OutgoingSegment) {
        let pieces = if self.channel.split {
            split(segment)
        } else {
            vec![segment]
        };
        for piece in pieces {
            self.sent += 1;
            if self.random.chance(self.channel.loss) {
                continue;
            }
            let copies = 1 + usize::from(self.random.chance(self.channel.duplicate));
            for _ in 0..copies {
                let jitter = u64::try_from(self.channel.jitter.as_nanos()).expect("short");
                let extra = Duration::from_nanos(self.random.below(jitter + 1));
                self.order += 1;
                self.air.insert(
                    (self.now + self.channel.delay + extra, self.order),
                    (to, piece.clone()),
                );
            }
        }
    }

    /// Goes to the next arrival or timer. False if nothing will ever happen again.
    pub fn step(&mut self) -> bool {
        let arrival = self.air.keys().next().map(|key| key.0);
        let timers = self.ends.iter().filter_map(Connection::deadline).min();
        let Some(next) = [arrival, timers].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.air.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to, segment) = entry.remove();
            let response = self.ends[to].receive(segment.segment, self.now);
            if let Some(reset) = response.reset {
                self.put(1 - to, *reset);
            }
            // As a host does: answers go out before the next segment is looked at.
            self.flush();
        }
        for end in &mut self.ends {
            if end.deadline().is_some_and(|at| at <= self.now) {
                end.advance(self.now);
            }
        }
        self.flush();
        true
    }

    pub fn run_until(&mut self, until: Instant) {
        loop {
            let arrival = self.air.keys().next().map(|key| key.0);
            let next = self
                .ends
                .iter()
                .filter_map(Connection::deadline)
                .chain(arrival)
                .min();
            if next.is_none_or(|at| at > until) {
                self.now = self.now.max(until);
                return;
            }
            self.step();
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }
}
