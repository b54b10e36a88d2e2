//! Two connections at once through one bottleneck: one over IPv4, one over IPv6, each from a stack of its own to a kernel of its
//! own.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant as Moment};

use sockeye_core::{Frame, Instant, OffloadCapabilities};
use sockeye_link::impair::{Impaired, Netem};
use sockeye_link::{Link, Pipe};

use crate::path::wait;
use crate::{End, Exchange, Family, Kernel, Medium, Ours, Place, Who};

/// Frames that are taken from an end in one go.
const BATCH: usize = 256;
/// The longest wait for a file or a timer.
const PAUSE: Duration = Duration::from_millis(1);

/// The bottleneck and what is around it.
#[derive(Debug)]
pub struct Shared {
    /// Over IPv4 and over IPv6.
    senders: [End; 2],
    servers: [Kernel; 2],
    /// To the servers: what all share.
    forward: Impaired<Pipe>,
    back: Impaired<Pipe>,
    /// Bytes of packets that came through, of each sender.
    through: [usize; 2],
    began: Moment,
}

/// Whose connection it belongs to.
fn owner(frame: &Frame) -> usize {
    usize::from(frame.to_vec().first().is_some_and(|byte| byte >> 4 == 6))
}

impl Shared {
    /// Packets of 1500 bytes of these two over these impairments, by a seed.
    ///
    /// # Errors
    /// What could not be made or was not understood.
    pub fn new(who: [Who; 2], netem: &str, seed: u64) -> Result<Self, String> {
        const MTU: u16 = 1500;
        let netem: Netem = netem.parse().map_err(|error| format!("{netem}: {error}"))?;
        let kernel = |place| Kernel::new(place, Medium::Tun, MTU, false, &[]);
        let sender = |who| {
            let offload = OffloadCapabilities::default();
            Ok::<End, String>(match who {
                Who::Ours => End::Ours(Box::new(Ours::new(Place::Client, MTU, offload, &[])?)),
                Who::Kernel => End::Kernel(Box::new(kernel(Place::Client)?)),
            })
        };
        let wire = |seed| Impaired::new(Pipe::new(), &netem, seed);
        Ok(Self {
            senders: [sender(who[0])?, sender(who[1])?],
            servers: [kernel(Place::Server)?, kernel(Place::Server)?],
            forward: wire(seed),
            back: wire(!seed),
            through: [0; 2],
            began: Moment::now(),
        })
    }

    fn now(&self) -> Instant {
        let nanos = self.began.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Both send as much as they can with this algorithm; the bytes that come through in `time` after `warm_up`, of
    /// each.
    ///
    /// # Errors
    /// What went wrong.
    pub fn run(
        &mut self,
        congestion: &'static str,
        warm_up: Duration,
        time: Duration,
    ) -> Result<[usize; 2], String> {
        let now = self.now();
        for (at, family) in [Family::V4, Family::V6].into_iter().enumerate() {
            let exchange = Exchange {
                family,
                request: usize::MAX >> 1,
                response: 0,
                deadline: warm_up + time,
                congestion: Some(congestion),
            };
            self.servers[at].begin(Place::Server, exchange)?;
            match &mut self.senders[at] {
                End::Ours(ours) => ours.begin(&exchange, now)?,
                End::Kernel(kernel) => kernel.begin(Place::Client, exchange)?,
            }
        }
        self.pass(warm_up)?;
        self.through = [0; 2];
        self.pass(time)?;
        Ok(self.through)
    }

    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = Moment::now() + time;
        while Moment::now() < end {
            if !self.turn()? {
                self.wait();
            }
        }
        Ok(())
    }

    /// What each end has to say, and what arrives at it.
    fn turn(&mut self) -> Result<bool, String> {
        let now = self.now();
        let mut moved = false;
        while let Some(frame) = self.forward.receive(now) {
            let owner = owner(&frame);
            self.through[owner] += frame.len();
            self.servers[owner].line.send(frame, now);
            moved = true;
        }
        while let Some(frame) = self.back.receive(now) {
            match &mut self.senders[owner(&frame)] {
                End::Ours(ours) => ours.host.receive(ours.interface, frame, now),
                End::Kernel(kernel) => kernel.line.send(frame, now),
            }
            moved = true;
        }
        for server in &mut self.servers {
            for frame in std::iter::from_fn(|| server.line.receive(now)).take(BATCH) {
                self.back.send(frame, now);
                moved = true;
            }
        }
        for sender in &mut self.senders {
            if let End::Ours(ours) = sender {
                if ours.host.next_deadline().is_some_and(|due| due <= now) {
                    ours.host.advance(now);
                }
                let _unfinished = ours.turn(now)?;
            }
        }
        // In turns, so that neither has a place of its own in the queue.
        let mut left = true;
        while left {
            let next = self.senders.each_mut().map(|sender| match sender {
                End::Ours(ours) => ours.host.transmit(ours.interface),
                End::Kernel(kernel) => kernel.line.receive(now),
            });
            left = next.iter().any(Option::is_some);
            moved |= left;
            for frame in next.into_iter().flatten() {
                self.forward.send(frame, now);
            }
        }
        Ok(moved)
    }

    fn wait(&self) {
        let now = self.now();
        let hosts = self.senders.iter().filter_map(|sender| match sender {
            End::Ours(ours) => ours.host.next_deadline(),
            End::Kernel(_) => None,
        });
        let wires = [&self.forward, &self.back].map(Link::next_deadline);
        let due = wires.into_iter().flatten().chain(hosts).min();
        let pause = due.map_or(PAUSE, |due| PAUSE.min(due - now));
        let senders = self.senders.iter().filter_map(|sender| match sender {
            End::Ours(_) => None,
            End::Kernel(kernel) => Some(&**kernel),
        });
        let kernels = self.servers.iter().chain(senders);
        let files: Vec<BorrowedFd<'_>> = kernels.map(|kernel| kernel.line.as_fd()).collect();
        wait(&files, pause);
    }
}
