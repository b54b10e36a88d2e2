//! Two hosts and the wire between them.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use sockeye_core::{
    Config, Frame, Host, Instant, InterfaceConfig, InterfaceId, IpCidr, Medium, OffloadCapabilities,
};
use sockeye_link::impair::Netem;
use sockeye_link::{End, Link, Pipe, Wire};

use crate::{Flow, story};

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The host where clients run.
    Client,
    /// The host where servers run.
    Server,
}

impl Side {
    const BOTH: [Self; 2] = [Self::Client, Self::Server];

    fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    fn end(self) -> End {
        match self {
            Self::Client => End::A,
            Self::Server => End::B,
        }
    }

    /// The host's address.
    #[must_use]
    pub fn address(self, is_v6: bool) -> IpAddr {
        let last = match self {
            Self::Client => 1,
            Self::Server => 2,
        };
        if is_v6 {
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into()
        } else {
            Ipv4Addr::new(10, 0, 0, u8::try_from(last).unwrap_or(0)).into()
        }
    }
}

/// A frame as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Every frame that was sent: when, by whom, its bytes.
    pub frames: Vec<(Instant, usize, Vec<u8>)>,
    /// When the last flow ended.
    pub ended: Instant,
}

/// What stood still.
#[derive(Clone, Debug)]
pub struct Stall(pub String);

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Two hosts and a wire.
pub struct World {
    hosts: [Host; 2],
    interfaces: [InterfaceId; 2],
    wire: Wire<Box<dyn Link + Send>>,
    /// The time.
    pub now: Instant,
    frames: Vec<(Instant, usize, Vec<u8>)>,
    /// The last frames, for the report of a stall.
    recent: VecDeque<(Instant, usize, Bytes)>,
    /// Whether frames are kept for [`Run`].
    pub keeps_frames: bool,
    /// Whether a host takes what arrives at one time together, or one by one: one seed in two.
    in_bursts: bool,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// How long nothing may happen to any flow. The longest retransmission timeout of RFC 6298 is 120 s, and several in a row
/// may be lost.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a closed connection may linger: TIME-WAIT is 60 s, after a FIN that is retransmitted.
const LINGER: Duration = Duration::from_secs(300);

impl World {
    /// A world from a seed, with the impairments in `tc netem`'s words for both directions.
    ///
    /// # Panics
    /// If the impairments are not understood.
    #[must_use]
    pub fn new(seed: u64, impairments: &str, mtu: usize) -> Self {
        let netem: Netem = impairments
            .parse()
            .unwrap_or_else(|error| panic!("{impairments}: {error}"));
        let mut hosts = [seed, !seed].map(|seed| {
            Host::new(Config {
                seed,
                ..Config::default()
            })
        });
        let mut add = |side: Side| {
            let own = [
                IpCidr::new(side.address(false), 24),
                IpCidr::new(side.address(true), 64),
            ];
            let addresses = own.into_iter().flatten().collect();
            let interface = InterfaceConfig {
                name: "eth0".to_owned(),
                mtu,
                addresses,
                medium: Medium::Ip,
                offload: OffloadCapabilities::default(),
            };
            hosts[side.index()]
                .add_interface(interface)
                .expect("a new host has `lo` alone")
        };
        let interfaces = [add(Side::Client), add(Side::Server)];
        let wire = Wire::new(
            netem.build(Pipe::new(), seed ^ 0xa),
            netem.build(Pipe::new(), seed ^ 0xb),
        );
        Self {
            hosts,
            interfaces,
            wire,
            now: Instant::ZERO,
            frames: Vec::new(),
            recent: VecDeque::new(),
            keeps_frames: false,
            in_bursts: seed % 2 == 1,
        }
    }

    /// A host.
    pub fn host(&mut self, side: Side) -> &mut Host {
        &mut self.hosts[side.index()]
    }

    /// Where a host listens.
    #[must_use]
    pub fn endpoint(side: Side, is_v6: bool, port: u16) -> SocketAddr {
        SocketAddr::new(side.address(is_v6), port)
    }

    /// Everything that can happen without time passing. Says whether something did.
    fn exchange(&mut self) -> bool {
        let mut happened = false;
        for side in Side::BOTH {
            let (host, interface) = (&mut self.hosts[side.index()], self.interfaces[side.index()]);
            while let Some(frame) = host.transmit(interface) {
                let bytes = Bytes::from(frame.to_vec());
                self.wire
                    .send(side.end(), Frame::from_bytes(bytes.clone()), self.now);
                if self.recent.len() == story::LENGTH {
                    self.recent.pop_front();
                }
                self.recent
                    .push_back((self.now, side.index(), bytes.clone()));
                if self.keeps_frames {
                    self.frames.push((self.now, side.index(), bytes.to_vec()));
                }
                happened = true;
            }
        }
        for side in Side::BOTH {
            let (host, interface) = (&mut self.hosts[side.index()], self.interfaces[side.index()]);
            let mut frames = std::iter::from_fn(|| self.wire.receive(side.end(), self.now))
                .map(|frame| Frame::from_bytes(Bytes::from(frame.to_vec())))
                .inspect(|_| happened = true);
            if self.in_bursts {
                host.receive_burst(interface, frames, self.now);
            } else if let Some(frame) = frames.next() {
                host.receive(interface, frame, self.now);
            }
            while self.hosts[side.index()].next_event().is_some() {
                happened = true;
            }
        }
        happened
    }

    fn next_deadline(&self) -> Option<Instant> {
        let hosts = self.hosts.iter().filter_map(Host::next_deadline).min();
        let wire = self.wire.next_deadline();
        [hosts, wire].into_iter().flatten().min()
    }

    /// Goes to the next moment at which something happens, but not beyond `limit`. Says whether there is one.
    fn step(&mut self, limit: Instant) -> bool {
        match self.next_deadline().filter(|deadline| *deadline <= limit) {
            Some(deadline) => {
                self.now = self.now.max(deadline);
                for host in &mut self.hosts {
                    if host
                        .next_deadline()
                        .is_some_and(|deadline| deadline <= self.now)
                    {
                        host.advance(self.now);
                    }
                }
                self.exchange();
                true
            }
            None => {
                self.now = limit;
                false
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, duration: Duration) {
        let limit = self.now + duration;
        self.exchange();
        while self.step(limit) {}
    }

    /// Runs the flows to their end, then until both hosts are empty.
    ///
    /// # Errors
    /// What stands still, what came wrong, or what is left.
    pub fn run(mut self, mut flows: Vec<Flow>) -> Result<Run, Stall> {
        for flow in &mut flows {
            flow.open(&mut self)?;
        }
        let mut progress = self.now;
        let mut rounds = 0_u64;
        while flows.iter().any(|flow| !flow.is_over()) {
            let mut moved = false;
            for flow in &mut flows {
                moved |= flow.turn(&mut self)?;
            }
            if moved {
                progress = self.now;
            }
            moved |= self.exchange();
            rounds += 1;
            let stuck = self.now - progress > PATIENCE || rounds > 10_000_000;
            if stuck || (!moved && !self.step(progress + PATIENCE)) {
                return Err(self.stall(&flows));
            }
        }
        let ended = self.now;
        for flow in &mut flows {
            flow.close_listener(&mut self)?;
        }
        self.empty(ended)?;
        Ok(Run {
            frames: self.frames,
            ended,
        })
    }

    fn stall(&self, flows: &[Flow]) -> Stall {
        let open = flows.iter().filter(|flow| !flow.is_over());
        let states: Vec<String> = open.map(|flow| flow.describe(self)).collect();
        let recent = self.recent.iter();
        let story: Vec<String> = recent
            .map(|(time, side, packet)| story::line(*time, *side, packet))
            .collect();
        Stall(format!(
            "nothing happens any more at {:?}; the last frames were\n{}\n{}",
            self.now,
            story.join("\n"),
            states.join("\n")
        ))
    }

    /// Until no socket, no timer and no frame is left.
    fn empty(&mut self, ended: Instant) -> Result<(), Stall> {
        let limit = ended + LINGER;
        self.exchange();
        while self.step(limit) {}
        for (host, side) in self.hosts.iter().zip(Side::BOTH) {
            let left = host.snapshot().sockets;
            if !left.is_empty() {
                return Err(Stall(format!("{side:?} still has {left:#?}")));
            }
            if let Some(deadline) = host.next_deadline() {
                return Err(Stall(format!(
                    "{side:?} is empty but wants to be called at {deadline:?}"
                )));
            }
        }
        Ok(())
    }

    /// What a host says about its sockets, for a report.
    pub(crate) fn sockets(&self, side: Side) -> String {
        format!("{:#?}", self.hosts[side.index()].snapshot().sockets)
    }
}
