//! The supervisor's turn: wait, take what has happened, let the host work, hand the results on.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use anyhow::Context;
use sockeye_core::{Instant, InterfaceId, Readiness, SocketId};

use crate::launch::{FORWARDED, Options};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Events, SignalFile};

/// What an epoll event is about: the kind in the high byte, the rest below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Notification,
    Signal,
    Guardian,
    Outcome,
    Census,
    /// Our end of a conduit.
    End(Id),
    /// The machine's side of a published connection.
    Published(Id),
    /// There is room again in a datagram socket's queue.
    Bell(Id),
    Publisher(u32),
    Control,
    Client(u32),
}

impl Source {
    pub(crate) fn token(self) -> u64 {
        let (kind, rest) = match self {
            Source::Notification => (0, 0),
            Source::Signal => (1, 0),
            Source::Guardian => (2, 0),
            Source::Outcome => (3, 0),
            Source::Census => (4, 0),
            Source::End(id) => (5, id.to_bits()),
            Source::Published(id) => (6, id.to_bits()),
            Source::Bell(id) => (7, id.to_bits()),
            Source::Publisher(index) => (8, index.into()),
            Source::Control => (9, 0),
            Source::Client(index) => (10, index.into()),
        };
        kind << 56 | rest
    }

    fn of(token: u64) -> Option<Source> {
        let rest = token & 0x00ff_ffff_ffff_ffff;
        let index = u32::try_from(rest & 0xffff_ffff).unwrap_or(0);
        Some(match token >> 56 {
            0 => Source::Notification,
            1 => Source::Signal,
            2 => Source::Guardian,
            3 => Source::Outcome,
            4 => Source::Census,
            5 => Source::End(Id::from_bits(rest)),
            6 => Source::Published(Id::from_bits(rest)),
            7 => Source::Bell(Id::from_bits(rest)),
            8 => Source::Publisher(index),
            9 => Source::Control,
            10 => Source::Client(index),
            _ => return None,
        })
    }
}

/// How long the program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

impl Supervisor {
    pub(crate) fn watch(
        &self,
        file: BorrowedFd<'_>,
        events: Events,
        source: Source,
    ) -> std::io::Result<()> {
        self.epoll.add(file, events, source.token())
    }

    /// Runs until the program's first process has ended; answers the exit code.
    pub(crate) fn event_loop(
        &mut self,
        options: &Options,
        guardian: i32,
        go: OwnedFd,
        outcome: OwnedFd,
    ) -> anyhow::Result<i32> {
        let mut watched = FORWARDED.to_vec();
        watched.push(libc::SIGCHLD);
        let signals = SignalFile::new(&watched).context("cannot wait for signals")?;
        let guardian = sys::pidfd_open(guardian, 0).context("cannot watch over the guardian")?;
        self.watch(self.listener.as_fd(), sys::IN, Source::Notification)?;
        self.watch(signals.as_fd(), sys::IN, Source::Signal)?;
        self.watch(guardian.as_fd(), sys::IN, Source::Guardian)?;
        self.watch(outcome.as_fd(), sys::IN, Source::Outcome)?;
        self.watch(self.census.as_fd(), sys::IN, Source::Census)?;
        self.open_publications(&options.publish)?;
        self.open_control(options);
        // Everything is ready for the program's first call.
        sys::write(go.as_fd(), &[1]).context("the program's process is gone")?;
        drop(go);

        let mut outcome = Some(outcome);
        let mut failure = None;
        let mut kill_at: Option<Instant> = None;
        let mut events = Vec::with_capacity(256);
        let mut hang_ups = Vec::with_capacity(256);
        loop {
            if let Some(ended) = self.ended {
                self.close_control();
                if let Some(capture) = &mut self.capture {
                    capture.finish();
                }
                sys::kill_descendants(None);
                return Ok(failure.unwrap_or_else(|| ended.code()));
            }
            let timeout = self
                .next_deadline(kill_at)
                .map(|deadline| deadline - self.now);
            self.epoll.wait(&mut events, timeout)?;
            self.now = Instant::from_nanos(sys::monotonic_nanos());
            let mut calls = false;
            for event in &events {
                let flags = event.events;
                match Source::of(event.u64) {
                    // Calls come last: they see what the data did.
                    Some(Source::Notification) => calls = true,
                    Some(Source::Signal) => self.take_signals(&signals, &mut kill_at),
                    // The guardian is gone, so nobody waits for the exit code.
                    Some(Source::Guardian) => {
                        sys::kill_descendants(None);
                        return Ok(crate::launch::FAILED);
                    }
                    Some(Source::Outcome) => {
                        if let Some(outcome) = outcome.take() {
                            failure = self.exec_failure(&outcome, options);
                            self.epoll.remove(outcome.as_fd())?;
                        }
                    }
                    Some(Source::Census) => self.take_hang_ups(&mut hang_ups),
                    Some(Source::End(id)) => self.end_event(id, flags),
                    Some(Source::Published(id)) => self.published_event(id, flags),
                    Some(Source::Bell(id)) => self.bell_event(id),
                    Some(Source::Publisher(index)) => self.publisher_event(index),
                    Some(Source::Control) => self.control_event(),
                    Some(Source::Client(index)) => self.client_event(index),
                    None => {}
                }
            }
            if calls {
                self.take_notification()
                    .context("cannot receive the program's calls")?;
            }
            if kill_at.is_some_and(|at| at <= self.now) {
                sys::signal(self.program, libc::SIGKILL);
                kill_at = None;
            }
            self.pump_again();
            self.host.advance(self.now);
            self.settle();
            self.expire();
            self.take_due_census();
        }
    }

    fn next_deadline(&self, kill_at: Option<Instant>) -> Option<Instant> {
        [
            self.host.next_deadline(),
            self.waiting.deadline(),
            self.census_deadline(),
            kill_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn take_signals(&mut self, signals: &SignalFile, kill_at: &mut Option<Instant>) {
        while let Some(arrived) = signals.next() {
            if arrived.signal == libc::SIGCHLD {
                while let Ok(Some((pid, ended))) = sys::reap(false) {
                    if pid == self.program {
                        self.ended = Some(ended);
                    }
                }
                continue;
            }
            // A terminal's signal has reached the program by itself.
            if !arrived.from_kernel {
                sys::signal(self.program, arrived.signal);
            }
            if matches!(arrived.signal, libc::SIGTERM | libc::SIGINT) && kill_at.is_none() {
                *kill_at = (!arrived.from_kernel).then(|| self.now + GRACE);
            }
        }
        // SIGCHLD of several children may have been merged.
        while let Ok(Some((pid, ended))) = sys::reap(false) {
            if pid == self.program {
                self.ended = Some(ended);
            }
        }
    }

    /// Why the program could not be executed, as an exit code; `None` if it was.
    fn exec_failure(&self, outcome: &OwnedFd, options: &Options) -> Option<i32> {
        let mut number = [0; 4];
        if !matches!(sys::read(outcome.as_fd(), &mut number), Ok(4)) {
            return None;
        }
        let error = std::io::Error::from_raw_os_error(i32::from_ne_bytes(number));
        let name = options
            .command
            .first()
            .map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default();
        match error.raw_os_error() {
            Some(libc::ENOENT) => {
                eprintln!("sockeye: {name}: command not found");
                Some(127)
            }
            _ => {
                eprintln!("sockeye: {name}: cannot be executed: {error}");
                Some(126)
            }
        }
    }

    fn take_hang_ups(&mut self, events: &mut Vec<libc::epoll_event>) {
        let mut closed = false;
        loop {
            if self.census.hung_up(events).is_err() || events.is_empty() {
                break;
            }
            for event in events.iter() {
                let id = Id::from_bits(event.u64);
                closed |= self
                    .conduits
                    .get(id)
                    .is_some_and(|conduit| matches!(conduit.state, crate::conduit::State::Joined));
            }
        }
        if closed {
            self.note_close();
        }
    }

    /// Takes the host's outputs until there are none: packets to the capture, news of sockets to their conduits.
    pub(crate) fn settle(&mut self) {
        // A bound for one turn; what is left is done in the next, which comes at once.
        for _ in 0..10_000 {
            self.pass_packets();
            let Some((socket, readiness)) = self.host.next_event() else {
                return;
            };
            self.host_event(socket, readiness);
        }
    }

    fn host_event(&mut self, socket: SocketId, readiness: Readiness) {
        let Some(id) = self.conduit_of(socket) else {
            return;
        };
        self.socket_event(id, readiness);
    }

    /// With a capture the loopback's packets come out of the host and go back in.
    fn pass_packets(&mut self) {
        let Some(capture) = &mut self.capture else {
            return;
        };
        while let Some(frame) = self.host.transmit(InterfaceId::LOOPBACK) {
            capture.record(&frame, "", self.now);
            self.host.receive(InterfaceId::LOOPBACK, frame, self.now);
        }
    }
}
