//! Two connections at once through one bottleneck: one of our host's over IPv4, one of the kernel's over IPv6, each to a kernel
//! of its own.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant as Moment};

use sockeye_core::{Frame, Instant, OffloadCapabilities};
use sockeye_link::impair::{Impaired, Netem};
use sockeye_link::{Link, Pipe};

use crate::path::wait;
use crate::{Exchange, Family, Kernel, Medium, Ours, Place};

/// Frames that are taken from an end in one go.
const BATCH: usize = 256;
/// The longest wait for a file or a timer.
const PAUSE: Duration = Duration::from_millis(1);

/// The bottleneck and what is around it.
#[derive(Debug)]
pub struct Shared {
    ours: Ours,
    theirs: Kernel,
    /// Ours and the kernel's peer.
    servers: [Kernel; 2],
    /// To the servers: what all share.
    forward: Impaired<Pipe>,
    back: Impaired<Pipe>,
    /// Bytes of packets that came through, ours and theirs.
    through: [usize; 2],
    began: Moment,
}

fn is_theirs(frame: &Frame) -> bool {
    frame.to_vec().first().is_some_and(|byte| byte >> 4 == 6)
}

impl Shared {
    /// Packets of 1500 bytes over these impairments, by a seed.
    ///
    /// # Errors
    /// What could not be made or was not understood.
    pub fn new(netem: &str, seed: u64) -> Result<Self, String> {
        const MTU: u16 = 1500;
        let netem: Netem = netem.parse().map_err(|error| format!("{netem}: {error}"))?;
        let kernel = |place| Kernel::new(place, Medium::Tun, MTU, false, &[]);
        let wire = |seed| Impaired::new(Pipe::new(), &netem, seed);
        Ok(Self {
            ours: Ours::new(Place::Client, MTU, OffloadCapabilities::default(), &[])?,
            theirs: kernel(Place::Client)?,
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

    /// Both send as much as they can with this algorithm; the bytes that come through in `time` after `warm_up`, ours and
    /// theirs.
    ///
    /// # Errors
    /// What went wrong.
    pub fn run(
        &mut self,
        congestion: &'static str,
        warm_up: Duration,
        time: Duration,
    ) -> Result<[usize; 2], String> {
        let exchange = |family| Exchange {
            family,
            request: usize::MAX >> 1,
            response: 0,
            deadline: warm_up + time,
            congestion: Some(congestion),
        };
        let [first, second] = &mut self.servers;
        first.begin(Place::Server, exchange(Family::V4))?;
        second.begin(Place::Server, exchange(Family::V6))?;
        let now = self.now();
        self.ours.begin(&exchange(Family::V4), now)?;
        self.theirs.begin(Place::Client, exchange(Family::V6))?;
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
        let [ours, theirs] = &mut self.servers;
        while let Some(frame) = self.forward.receive(now) {
            let (server, which) = if is_theirs(&frame) {
                (&mut *theirs, 1)
            } else {
                (&mut *ours, 0)
            };
            self.through[which] += frame.len();
            server.line.send(frame, now);
            moved = true;
        }
        while let Some(frame) = self.back.receive(now) {
            if is_theirs(&frame) {
                self.theirs.line.send(frame, now);
            } else {
                self.ours.host.receive(self.ours.interface, frame, now);
            }
            moved = true;
        }
        for server in &mut self.servers {
            for frame in std::iter::from_fn(|| server.line.receive(now)).take(BATCH) {
                self.back.send(frame, now);
                moved = true;
            }
        }
        let host = &mut self.ours.host;
        if host.next_deadline().is_some_and(|due| due <= now) {
            host.advance(now);
        }
        let _unfinished = self.ours.turn(now)?;
        // In turns, so that neither has a place of its own in the queue.
        let mut left = true;
        while left {
            let ours = self.ours.host.transmit(self.ours.interface);
            let theirs = self.theirs.line.receive(now);
            left = ours.is_some() || theirs.is_some();
            moved |= left;
            for frame in [ours, theirs].into_iter().flatten() {
                self.forward.send(frame, now);
            }
        }
        Ok(moved)
    }

    fn wait(&self) {
        let now = self.now();
        let due = [
            self.forward.next_deadline(),
            self.back.next_deadline(),
            self.ours.host.next_deadline(),
        ];
        let pause = due.into_iter().flatten().min();
        let pause = pause.map_or(PAUSE, |due| PAUSE.min(due - now));
        let kernels = self.servers.iter().chain([&self.theirs]);
        let files: Vec<BorrowedFd<'_>> = kernels.map(|kernel| kernel.line.as_fd()).collect();
        wait(&files, pause);
    }
}
