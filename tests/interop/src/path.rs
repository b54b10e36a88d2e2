//! Two ends and the wire between them, in real time.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::time::{Duration, Instant as Moment};

use sockeye_core::{Frame, Instant, OffloadCapabilities};
use sockeye_link::device::Gro;
use sockeye_link::impair::{Impaired, Losses, Netem};
use sockeye_link::{Link, Pipe};
use sockeye_wire::IpProtocol;

use crate::{Exchange, Kernel, Medium, Ours, Report, Setting};

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The end that connects.
    Client,
    /// The end that listens.
    Server,
}

impl Place {
    /// Both.
    pub const BOTH: [Place; 2] = [Place::Client, Place::Server];

    /// The end that is not this one.
    pub fn other(self) -> Place {
        match self {
            Place::Client => Place::Server,
            Place::Server => Place::Client,
        }
    }

    fn index(self) -> usize {
        usize::from(self == Place::Server)
    }
}

/// Whose stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Sockeye's.
    Ours,
    /// The kernel's.
    Kernel,
}

/// One end of a path.
#[derive(Debug)]
pub enum End {
    /// One of our hosts.
    Ours(Box<Ours>),
    /// The kernel.
    Kernel(Box<Kernel>),
}

/// What an end has sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Frames that are one packet each.
    pub packets: u64,
    /// Frames that stand for several.
    pub super_segments: u64,
    /// The longest one packet.
    pub longest: usize,
    /// Segments with CWR that opened no connection (RFC 3168 6.1.2): the window was reduced.
    pub reductions: u64,
}

impl Traffic {
    fn count(&mut self, frame: &Frame) {
        if frame.offload.segment_size.is_some() {
            self.super_segments += 1;
        } else {
            self.packets += 1;
            self.longest = self.longest.max(frame.len());
        }
        let flags = frame.layout().ok().and_then(|layout| {
            let header = frame.headers.get(layout.transport..)?;
            (layout.protocol == IpProtocol::TCP).then(|| header.get(13).copied())?
        });
        if flags.is_some_and(|flags| flags & (CWR | SYN) == CWR) {
            self.reductions += 1;
        }
    }
}

/// The kernel looks for routers and tells of its groups whenever it likes. No wire carries that, so that a seed loses the same
/// packets of an exchange whoever sends them.
pub(crate) fn is_multicast(frame: &Frame) -> bool {
    let byte = |at: usize| frame.headers.get(at).copied().unwrap_or(0);
    byte(0) >> 4 == 6 && byte(24) == 0xff
}

/// Frames that are taken from an end in one go.
const BATCH: usize = 256;

/// Flags of a TCP header.
const SYN: u8 = 0x02;
const CWR: u8 = 0x80;

/// What a path is made of.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The client and the server.
    pub who: [Who; 2],
    /// What leads to a kernel.
    pub medium: Medium,
    /// Of both ends' interfaces.
    pub mtu: u16,
    /// Super-segments; without, every frame is one packet.
    pub has_offload: bool,
    /// What happens on the way, each way.
    pub netem: &'a str,
    /// It happens to each packet of a super-segment, and not to all of it.
    pub splits: bool,
    /// Decides it.
    pub seed: u64,
    /// What both ends are told.
    pub settings: &'a [Setting],
}

/// Two ends, joined.
#[derive(Debug)]
pub struct Path {
    ends: [End; 2],
    /// What each end sends travels on its own; what arrives at our host has been joined.
    wires: [Gro<Impaired<Pipe>>; 2],
    splits: bool,
    /// What each end sent.
    pub traffic: [Traffic; 2],
    began: Moment,
}

impl Path {
    /// Joins a client and a server. Without offload every frame is one packet. The seed decides for the wires.
    ///
    /// # Errors
    /// What could not be made or was not understood.
    pub fn new(
        who: [Who; 2],
        mtu: u16,
        has_offload: bool,
        netem: &str,
        seed: u64,
    ) -> Result<Self, String> {
        Path::with(&Setup {
            who,
            medium: Medium::Tun,
            mtu,
            has_offload,
            netem,
            splits: false,
            seed,
            settings: &[],
        })
    }

    /// Joins a client and a server as is said.
    ///
    /// # Errors
    /// What could not be made or was not understood.
    pub fn with(setup: &Setup<'_>) -> Result<Self, String> {
        let netem = setup.netem;
        let netem: Netem = netem.parse().map_err(|error| format!("{netem}: {error}"))?;
        let capabilities = if setup.has_offload {
            OffloadCapabilities {
                checksum: true,
                segmentation: 65_535,
            }
        } else {
            OffloadCapabilities::default()
        };
        let (mtu, settings) = (setup.mtu, setup.settings);
        let end = |place: Place| {
            Ok::<End, String>(match setup.who[place.index()] {
                Who::Ours => End::Ours(Box::new(Ours::new(place, mtu, capabilities, settings)?)),
                Who::Kernel => {
                    let (medium, has_offload) = (setup.medium, setup.has_offload);
                    let kernel = Kernel::new(place, medium, mtu, has_offload, settings)?;
                    End::Kernel(Box::new(kernel))
                }
            })
        };
        let seeds = [setup.seed, !setup.seed];
        Ok(Self {
            ends: [end(Place::Client)?, end(Place::Server)?],
            wires: seeds.map(|seed| Gro::new(Impaired::new(Pipe::new(), &netem, seed))),
            splits: setup.splits,
            traffic: [Traffic::default(); 2],
            began: Moment::now(),
        })
    }

    /// What became of what an end sent.
    pub fn losses(&self, from: Place) -> Losses {
        self.wires[from.index()].inner().losses()
    }

    /// An end's counter by its name in `nstat`.
    ///
    /// # Errors
    /// There is none.
    pub fn counter(&self, place: Place, name: &'static str) -> Result<u64, String> {
        match &self.ends[place.index()] {
            End::Ours(ours) => {
                let value = ours.host.counters().get(name);
                value.ok_or_else(|| format!("ours has no {name}"))
            }
            End::Kernel(kernel) => kernel.counter(name),
        }
    }

    fn now(&self) -> Instant {
        let nanos = self.began.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn begin(&mut self, place: Place, exchange: &Exchange) -> Result<(), String> {
        let now = self.now();
        match &mut self.ends[place.index()] {
            End::Ours(ours) => ours.begin(exchange, now),
            End::Kernel(kernel) => kernel.begin(place, *exchange),
        }
    }

    /// Runs the exchange to its end; what the client and the server saw, and how long it took from the client's beginning.
    ///
    /// # Errors
    /// What went wrong, or that it took too long.
    pub fn run(&mut self, exchange: &Exchange) -> Result<([Report; 2], Duration), String> {
        self.begin(Place::Server, exchange)?;
        let began = Moment::now();
        self.begin(Place::Client, exchange)?;
        let mut reports = [None; 2];
        while reports.iter().any(Option::is_none) {
            if began.elapsed() > exchange.deadline {
                return Err(format!(
                    "not done after {:?}: {reports:?}",
                    exchange.deadline
                ));
            }
            let moved = self.pass(&mut reports)?;
            if !moved {
                self.wait();
            }
        }
        let took = began.elapsed();
        // The last acknowledgments, so that the kernel's end closes in peace.
        for _ in 0..10 {
            self.pass(&mut reports)?;
        }
        let [Some(client), Some(server)] = reports else {
            return Err("no report".to_owned());
        };
        Ok(([client, server], took))
    }

    /// One round: what each end has to say, and what arrives at it.
    fn pass(&mut self, reports: &mut [Option<Report>; 2]) -> Result<bool, String> {
        let mut moved = false;
        for place in Place::BOTH {
            let (here, there) = (place.index(), place.other().index());
            let now = self.now();
            let [wire, back] = self
                .wires
                .get_disjoint_mut([here, there])
                .map_err(|_| "two wires")?;
            let traffic = &mut self.traffic[here];
            let mut take = |frame: Frame| {
                if is_multicast(&frame) {
                    return;
                }
                traffic.count(&frame);
                if self.splits {
                    for packet in frame.segments().summed() {
                        wire.send(packet, now);
                    }
                } else {
                    wire.send(frame, now);
                }
                moved = true;
            };
            match &mut self.ends[here] {
                End::Ours(ours) => {
                    while let Some(frame) = back.receive(now) {
                        ours.host.receive(ours.interface, frame, now);
                    }
                    if ours.host.next_deadline().is_some_and(|due| due <= now) {
                        ours.host.advance(now);
                    }
                    let report = ours.turn(now)?;
                    reports[here] = reports[here].or(report);
                    while let Some(frame) = ours.host.transmit(ours.interface) {
                        take(frame);
                    }
                }
                End::Kernel(kernel) => {
                    // What the wire carries is what the kernel gets.
                    while let Some(frame) = back.inner_mut().receive(now) {
                        kernel.line.send(frame, now);
                    }
                    for _ in 0..BATCH {
                        let Some(frame) = kernel.line.receive(now) else {
                            break;
                        };
                        take(frame);
                    }
                    if let Some(outcome) = kernel.outcome()? {
                        reports[here] = Some(outcome?);
                    }
                }
            }
        }
        Ok(moved)
    }

    /// Until a TUN has something, a frame arrives or a timer is due.
    fn wait(&self) {
        let now = self.now();
        let wires = self.wires.iter().filter_map(Link::next_deadline);
        let hosts = self.ends.iter().filter_map(|end| match end {
            End::Ours(ours) => ours.host.next_deadline(),
            End::Kernel(_) => None,
        });
        // Now and then, for threads that have ended.
        let most = Duration::from_millis(5);
        let pause = wires
            .chain(hosts)
            .min()
            .map_or(most, |due| most.min(due - now));
        let files: Vec<BorrowedFd<'_>> = self
            .ends
            .iter()
            .filter_map(|end| match end {
                End::Ours(_) => None,
                End::Kernel(kernel) => Some(kernel.line.as_fd()),
            })
            .collect();
        wait(&files, pause);
    }
}

/// Until one of the files can be read, at most so long.
pub(crate) fn wait(files: &[BorrowedFd<'_>], most: Duration) {
    let mut files: Vec<libc::pollfd> = files
        .iter()
        .map(|file| libc::pollfd {
            fd: file.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    let timeout = libc::timespec {
        tv_sec: 0,
        tv_nsec: libc::c_long::from(most.subsec_nanos().cast_signed()),
    };
    let count = libc::nfds_t::try_from(files.len()).unwrap_or(0);
    // SAFETY: the files are as many as is said, and both pointers outlive the call.
    unsafe {
        libc::ppoll(
            files.as_mut_ptr(),
            count,
            &raw const timeout,
            std::ptr::null(),
        );
    }
}
