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
use sockeye_link::{End, Link, Pipe, Split, Wire};

use crate::patience::Patience;
use crate::{Carriage, Flow, Outage, Setup, router, story};

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

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
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

/// What came of a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Every frame that was sent: when, by whom, its bytes.
    pub frames: Vec<(Instant, usize, Vec<u8>)>,
    /// When the last flow ended.
    pub ended: Instant,
    /// The longest time in which no program could do anything and none rested.
    pub stillness: Duration,
    /// How many segments were sent again.
    pub retransmissions: u64,
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
    carriage: Carriage,
    in_bursts: bool,
    outage: Option<Outage>,
    carries: usize,
    router: Option<router::Busy>,
    patience: Patience,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// How long nothing may happen to any flow: longer than [`Patience`] allows one connection, and than a program rests. A window
/// that is never opened is probed 15 times in up to half an hour (`tcp_retries2`).
const PATIENCE: Duration = Duration::from_secs(2400);

/// How often something may happen at one moment.
const HURRY: u32 = 20_000;

/// How long a closed connection may linger: TIME-WAIT is 60 s, after a FIN that is retransmitted for up to two minutes.
const LINGER: Duration = Duration::from_secs(600);

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
        Self::of(&Setup::new(seed, netem, mtu))
    }

    /// A world as it is set up.
    ///
    /// # Panics
    /// If an interface can't have the MTU.
    #[must_use]
    pub fn of(setup: &Setup) -> Self {
        let seed = setup.seed;
        let mut hosts = Side::BOTH.map(|side| {
            Host::new(Config {
                seed: if side == Side::Client { seed } else { !seed },
                sysctl: setup.sysctl[side.index()].clone(),
                ..Config::default()
            })
        });
        let offload = match setup.carriage {
            Carriage::Packets => OffloadCapabilities::default(),
            Carriage::Split | Carriage::Whole => OffloadCapabilities {
                checksum: true,
                segmentation: 65_535,
            },
        };
        let mut add = |side: Side| {
            let own = [
                IpCidr::new(side.address(false), 24),
                IpCidr::new(side.address(true), 64),
            ];
            let interface = InterfaceConfig {
                name: "eth0".to_owned(),
                mtu: setup.mtu[side.index()],
                addresses: own.into_iter().flatten().collect(),
                medium: Medium::Ip,
                offload,
            };
            hosts[side.index()]
                .add_interface(interface)
                .expect("a new host has `lo` alone")
        };
        let interfaces = [add(Side::Client), add(Side::Server)];
        let link = |side: Side, salt: u64| -> Box<dyn Link + Send> {
            let link = setup.wires[side.index()].build(Pipe::new(), seed ^ salt);
            match setup.carriage {
                Carriage::Split => Box::new(Split::new(link)),
                Carriage::Packets | Carriage::Whole => link,
            }
        };
        Self {
            hosts,
            interfaces,
            wire: Wire::new(link(Side::Client, 0xa), link(Side::Server, 0xb)),
            now: Instant::ZERO,
            frames: Vec::new(),
            recent: VecDeque::new(),
            keeps_frames: false,
            carriage: setup.carriage,
            in_bursts: setup.in_bursts,
            outage: setup.outage,
            carries: setup.carries,
            router: setup.router.map(router::Busy::new),
            patience: Patience::default(),
        }
    }

    /// A frame as it crosses: as bytes, unless devices do a part of the work.
    fn crossing(carriage: Carriage, frame: Frame) -> Frame {
        match carriage {
            Carriage::Packets => Frame::from_bytes(Bytes::from(frame.to_vec())),
            Carriage::Split | Carriage::Whole => frame,
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
                let time = self.now - Instant::ZERO;
                let is_cut = self.outage.is_some_and(|outage| outage.covers(time));
                let (is_forwarded, answer) = match &mut self.router {
                    Some(router) => router.take(&bytes, side, is_cut),
                    None => (!is_cut, None),
                };
                if let Some(answer) = answer {
                    host.receive(interface, Frame::from_bytes(answer), self.now);
                }
                if is_forwarded && frame.len() <= self.carries {
                    let frame = Self::crossing(self.carriage, frame);
                    self.wire.send(side.end(), frame, self.now);
                }
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
                .map(|frame| Self::crossing(self.carriage, frame))
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
                self.patience.watch(&self.hosts, self.now, deadline);
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
        let mut stillness = Duration::ZERO;
        let (mut rounds, mut moment) = (0_u32, self.now);
        while flows.iter().any(|flow| !flow.is_over()) {
            let mut moved = false;
            let mut wrong = None;
            for flow in &mut flows {
                match flow.turn(&mut self) {
                    Ok(did) => moved |= did,
                    Err(stall) => wrong = Some(stall),
                }
            }
            if let Some(Stall(what)) = wrong {
                return Err(self.stall(&flows, &what));
            }
            let rest = flows.iter().filter_map(Flow::next_deadline).min();
            if moved || rest.is_some() {
                stillness = stillness.max(self.now - progress);
                progress = self.now;
            }
            moved |= self.exchange();
            rounds = if self.now > moment { 0 } else { rounds + 1 };
            moment = self.now;
            if rounds > HURRY {
                return Err(self.stall(&flows, "time does not pass any more"));
            }
            let stuck = self.now - progress > PATIENCE;
            let limit = rest.map_or(progress + PATIENCE, |rest| rest.max(self.now));
            if stuck || (!moved && !self.step(limit) && rest.is_none()) {
                return Err(self.stall(&flows, "nothing happens any more"));
            }
            if let Some(what) = self.patience.complaint() {
                return Err(self.stall(&flows, &what));
            }
        }
        let ended = self.now;
        let retransmissions = self.retransmissions();
        for flow in &mut flows {
            flow.close_listener(&mut self)?;
        }
        self.empty(ended)?;
        Ok(Run {
            frames: self.frames,
            ended,
            stillness,
            retransmissions,
        })
    }

    fn stall(&self, flows: &[Flow], what: &str) -> Stall {
        let open = flows.iter().filter(|flow| !flow.is_over());
        let states: Vec<String> = open.map(|flow| flow.describe(self)).collect();
        let recent = self.recent.iter();
        let story: Vec<String> = recent
            .map(|(time, side, packet)| story::line(*time, *side, packet))
            .collect();
        Stall(format!(
            "{what} at {:?}; the last frames were\n{}\n{}",
            self.now,
            story.join("\n"),
            states.join("\n")
        ))
    }

    /// Until no socket, no timer and no frame is left.
    fn empty(&mut self, ended: Instant) -> Result<(), Stall> {
        let limit = ended + LINGER;
        self.exchange();
        while self.step(limit) {
            if let Some(what) = self.patience.complaint() {
                return Err(self.stall(&[], &what));
            }
        }
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

    /// How many segments both hosts have sent again.
    fn retransmissions(&self) -> u64 {
        let hosts = self.hosts.iter();
        hosts.map(|host| host.counters().tcp_retrans_segs).sum()
    }

    /// What a host says about its sockets, for a report.
    pub(crate) fn sockets(&self, side: Side) -> String {
        format!("{:#?}", self.hosts[side.index()].snapshot().sockets)
    }
}
