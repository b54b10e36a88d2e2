//! One of our hosts and the kernel, each with a program that a test leads step by step, and a wire that it watches.
//!
//! Every call is made on either side in the same words, so that one body of a test asks the same of both, and each is the other's
//! witness.

mod data;
mod hop;
mod inspect;
mod packet;
mod sockets;

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant as Moment};

use sockeye_core::{Frame, Host, Instant, InterfaceId, OffloadCapabilities};
use sockeye_link::impair::{Impaired, Netem};
use sockeye_link::{Link, Pipe};

pub use hop::{Complaint, Narrow};
pub use inspect::TcpInfo;
pub use packet::Packet;
pub use sockets::{Answer, Socket};

use crate::exchange::PORT;
use crate::path::{is_multicast, wait};
use crate::{Family, Kernel, Medium, Ours, Place, Setting, Who};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of both ends' interfaces.
const MTU: u16 = 1500;

/// What a lab is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Over which addresses.
    pub family: Family,
    /// Who connects.
    pub client: Who,
    /// What leads to the kernel.
    pub medium: Medium,
    /// What happens on the way, each way.
    pub netem: &'static str,
    /// What our host is told.
    pub ours: &'static [Setting],
    /// What the kernel is told.
    pub kernel: &'static [Setting],
}

/// What becomes of a packet.
#[derive(Debug)]
pub enum Verdict {
    /// It goes its way.
    Pass,
    /// It is lost.
    Drop,
    /// It stays until it is released.
    Hold,
    /// It goes twice.
    Twice,
    /// This goes instead.
    Change(Box<Packet>),
    /// These bytes of its headers are others, and its checksum is right again.
    Patch(usize, u8),
}

type Judge = Box<dyn FnMut(&Packet) -> Verdict>;

/// Our host, the kernel, and the wire between.
pub struct Lab {
    host: Host,
    interface: InterfaceId,
    kernel: Kernel,
    /// What was asked for.
    pub plan: Plan,
    /// From us, and from the kernel.
    wires: [Impaired<Pipe>; 2],
    /// Options (level, name, value) that sockets of an end have before they listen or connect.
    pub options: Vec<(Who, i32, i32, Vec<u8>)>,
    /// Backlog of listening sockets.
    pub backlog: i32,
    /// A hop in the middle.
    pub narrow: Option<Narrow>,
    /// Nothing comes through any more.
    pub is_cut: bool,
    /// All packets that set out, in their order, whatever became of them.
    pub seen: Vec<Packet>,
    judge: Option<Judge>,
    held: Vec<(Who, Frame)>,
    began: Moment,
}

impl Who {
    /// The other side.
    pub fn other(self) -> Who {
        match self {
            Who::Ours => Who::Kernel,
            Who::Kernel => Who::Ours,
        }
    }

    fn index(self) -> usize {
        usize::from(self == Who::Kernel)
    }
}

impl Lab {
    /// Two ends that have not spoken yet.
    ///
    /// # Errors
    /// What could not be made.
    pub fn new(plan: Plan) -> Result<Self, String> {
        let netem: Netem = plan.netem.parse().map_err(|error| format!("{error}"))?;
        let place = match plan.client {
            Who::Ours => Place::Client,
            Who::Kernel => Place::Server,
        };
        let ours = Ours::new(place, MTU, OffloadCapabilities::default(), plan.ours)?;
        Ok(Lab {
            interface: ours.interface,
            host: ours.host,
            kernel: Kernel::new(place.other(), plan.medium, MTU, false, plan.kernel)?,
            plan,
            wires: [1, 2].map(|seed| Impaired::new(Pipe::new(), &netem, seed)),
            // Whatever this machine's own is.
            options: [Who::Ours, Who::Kernel]
                .map(|who| {
                    (
                        who,
                        libc::IPPROTO_TCP,
                        libc::TCP_CONGESTION,
                        b"cubic".to_vec(),
                    )
                })
                .into(),
            backlog: 8,
            narrow: None,
            is_cut: false,
            seen: Vec::new(),
            judge: None,
            held: Vec::new(),
            began: Moment::now(),
        })
    }

    /// The time that has passed.
    pub fn now(&self) -> Instant {
        let nanos = self.began.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Where an end is, with a port.
    pub fn address(&self, who: Who, port: u16) -> SocketAddr {
        let place = if who == self.plan.client {
            Place::Client
        } else {
            Place::Server
        };
        match self.plan.family {
            Family::V4 => (place.v4(), port).into(),
            Family::V6 => (place.v6(), port).into(),
        }
    }

    /// Who is connected to.
    pub fn server(&self) -> Who {
        self.plan.client.other()
    }

    /// Where the server listens.
    pub fn service(&self) -> SocketAddr {
        self.address(self.server(), PORT)
    }

    /// From now on it decides what becomes of each packet.
    pub fn judge(&mut self, judge: impl FnMut(&Packet) -> Verdict + 'static) {
        self.judge = Some(Box::new(judge));
    }

    /// From now on what an end sends is held.
    pub fn hold(&mut self, from: Who) {
        self.judge(move |packet| {
            if packet.from == from {
                Verdict::Hold
            } else {
                Verdict::Pass
            }
        });
    }

    /// From now on every packet goes its way, beginning with those that were held.
    pub fn release(&mut self) {
        self.judge = None;
        let now = self.now();
        for (from, frame) in std::mem::take(&mut self.held) {
            self.wires[from.index()].send(frame, now);
        }
    }

    /// How many packets are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many packets of an end were like this.
    pub fn count(&self, from: Who, mut is_one: impl FnMut(&Packet) -> bool) -> usize {
        let all = self.seen.iter().filter(|packet| packet.from == from);
        all.filter(|packet| is_one(packet)).count()
    }

    /// A packet that nobody sent arrives at whom its sender would have sent it to.
    pub fn inject(&mut self, packet: &Packet) {
        let now = self.now();
        self.deliver(packet.from, packet.frame(), now);
    }

    /// What a router would say of this packet arrives at its sender.
    ///
    /// # Errors
    /// It can't be said of it.
    pub fn complain(&mut self, packet: &Packet, complaint: Complaint) -> Result<(), String> {
        let told = hop::complain(&packet.frame(), complaint).ok_or("not a packet")?;
        let now = self.now();
        self.deliver(packet.from.other(), told, now);
        Ok(())
    }

    /// A frame sets out.
    fn carry(&mut self, from: Who, mut frame: Frame, now: Instant) {
        frame.complete_checksum();
        let packet = Packet::of(from, &frame);
        let mut verdict = Verdict::Pass;
        if let Some(packet) = packet {
            if let Some(judge) = &mut self.judge {
                verdict = judge(&packet);
            }
            self.seen.push(packet);
        }
        if self.is_cut {
            return;
        }
        if let Some(narrow) = self.narrow
            && !narrow.takes(&frame)
        {
            let complaint = Complaint::TooBig(narrow.mtu);
            if narrow.tells
                && let Some(told) = hop::complain(&frame, complaint)
            {
                self.deliver(from.other(), told, now);
            }
            return;
        }
        let wire = &mut self.wires[from.index()];
        match verdict {
            Verdict::Pass => wire.send(frame, now),
            Verdict::Drop => {}
            Verdict::Hold => self.held.push((from, frame)),
            Verdict::Twice => {
                wire.send(frame.clone(), now);
                wire.send(frame, now);
            }
            Verdict::Change(packet) => wire.send(packet.frame(), now),
            Verdict::Patch(at, bits) => {
                if let Ok(layout) = frame.layout()
                    && let Some(byte) = frame.headers.get_mut(layout.transport + at)
                {
                    *byte |= bits;
                }
                frame.offload.checksum = sockeye_wire::ChecksumState::Partial;
                frame.complete_checksum();
                wire.send(frame, now);
            }
        }
    }

    /// A frame from one arrives at the other.
    fn deliver(&mut self, from: Who, frame: Frame, now: Instant) {
        match from {
            Who::Ours => self.kernel.line.send(frame, now),
            Who::Kernel => self.host.receive(self.interface, frame, now),
        }
    }

    /// What can move now; whether anything did.
    fn pass(&mut self) -> bool {
        let now = self.now();
        let mut moved = false;
        if self.host.next_deadline().is_some_and(|due| due <= now) {
            self.host.advance(now);
        }
        while self.host.next_event().is_some() {}
        while let Some(frame) = self.host.transmit(self.interface) {
            self.carry(Who::Ours, frame, now);
            moved = true;
        }
        while let Some(frame) = self.kernel.line.receive(now) {
            moved = true;
            if !is_multicast(&frame) {
                self.carry(Who::Kernel, frame, now);
            }
        }
        for from in [Who::Ours, Who::Kernel] {
            while let Some(frame) = self.wires[from.index()].receive(now) {
                moved = true;
                if !self.is_cut {
                    self.deliver(from, frame, now);
                }
            }
        }
        moved
    }

    /// Lets things happen until there is an answer.
    ///
    /// # Errors
    /// The one given, or that it takes too long.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut answer: impl FnMut(&mut Lab) -> Result<Option<T>, String>,
    ) -> Result<T, String> {
        let end = Moment::now() + PATIENCE;
        loop {
            let moved = self.pass();
            if let Some(answer) = answer(self).map_err(|error| format!("{what}: {error}"))? {
                return Ok(answer);
            }
            if Moment::now() > end {
                return Err(format!("{what} does not happen"));
            }
            if !moved {
                let wires = self.wires.iter().map(Link::next_deadline);
                let due = wires.chain([self.host.next_deadline()]).flatten().min();
                let most = Duration::from_millis(1);
                let pause = due.map_or(most, |due| most.min(due - self.now()));
                wait(&[self.kernel.line.as_fd()], pause);
            }
        }
    }

    /// Lets things happen until it is so.
    ///
    /// # Errors
    /// That it takes too long, or that it can't be told.
    pub fn await_that(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&mut Lab) -> Result<bool, String>,
    ) -> Result<(), String> {
        self.until(what, |lab| Ok(is_so(lab)?.then_some(())))
    }

    /// Lets things happen for so long.
    ///
    /// # Errors
    /// None.
    pub fn pause(&mut self, time: Duration) -> Result<(), String> {
        let end = Moment::now() + time;
        self.await_that("time", |_| Ok(Moment::now() >= end))
    }
}
