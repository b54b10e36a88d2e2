//! The supervisor's turn: wait, take what has happened, let the host work, hand the results on.
//!
//! Two threads take turns at the one supervisor, under a lock: one sleeps in the filter's listener, so that the kernel can
//! run it on the caller's processor at once, the other in epoll for everything else. Each turn ends with the host's outputs
//! drained and the timer set to the next deadline.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use sockeye_core::{Frame, Instant, InterfaceId, Readiness, SocketId};

use sockeye_link::Link;

use crate::launch::{FORWARDED, Options};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Events, Listener, SignalFile};

/// What an epoll event is about: the kind in the high byte, the rest below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
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
    Timer,
}

impl Source {
    pub(crate) fn token(self) -> u64 {
        let (kind, rest) = match self {
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
            Source::Timer => (11, 0),
        };
        kind << 56 | rest
    }

    fn of(token: u64) -> Option<Source> {
        let rest = token & 0x00ff_ffff_ffff_ffff;
        let index = u32::try_from(rest & 0xffff_ffff).unwrap_or(0);
        Some(match token >> 56 {
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
            11 => Source::Timer,
            _ => return None,
        })
    }
}

/// How often in one turn the host works and connections with more to move go on, before others are looked at.
const ROUNDS: usize = 8;

/// After how many events the host's outputs are handed on: whoever gets the first of many messages works on it while the
/// others are still being read.
const BATCH: usize = 16;

/// How long the thread that moves bytes stays awake for more: programs that answer each other at once would otherwise wait
/// for a processor to wake up at each message.
const AWAKE: Duration = Duration::from_micros(30);

/// How long the program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

type Shared = Arc<Mutex<Supervisor>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Supervisor> {
    // A thread that panicked has ended the process.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs until the program's first process has ended; answers the exit code.
pub(crate) fn run(
    mut supervisor: Supervisor,
    options: &Options,
    guardian: i32,
    go: OwnedFd,
    outcome: OwnedFd,
) -> anyhow::Result<i32> {
    let mut watched = FORWARDED.to_vec();
    watched.push(libc::SIGCHLD);
    let signals = SignalFile::new(&watched).context("cannot wait for signals")?;
    let guardian = sys::pidfd_open(guardian, 0).context("cannot watch over the guardian")?;
    supervisor.watch(signals.as_fd(), sys::IN, Source::Signal)?;
    supervisor.watch(guardian.as_fd(), sys::IN, Source::Guardian)?;
    supervisor.watch(outcome.as_fd(), sys::IN, Source::Outcome)?;
    supervisor.watch(supervisor.census.as_fd(), sys::IN, Source::Census)?;
    supervisor.watch(supervisor.timer.as_fd(), sys::IN, Source::Timer)?;
    supervisor.open_publications(&options.publish)?;
    supervisor.open_control(options);
    let listener = Arc::clone(&supervisor.listener);
    let epoll = Arc::clone(&supervisor.epoll);
    let shared: Shared = Arc::new(Mutex::new(supervisor));
    {
        let shared = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("calls".to_owned())
            .spawn(move || take_calls(&listener, &shared))
            .context("cannot start a thread")?;
    }
    // Everything is ready for the program's first call.
    sys::write(go.as_fd(), &[1]).context("the program's process is gone")?;
    drop(go);

    let mut outcome = Some(outcome);
    let mut failure = None;
    let mut events = Vec::with_capacity(256);
    let mut hang_ups = Vec::with_capacity(256);
    let mut more = false;
    let mut moved = false;
    loop {
        if more {
            epoll.wait(&mut events, Some(Duration::ZERO))?;
        } else {
            epoll.wait_awake(&mut events, if moved { AWAKE } else { Duration::ZERO })?;
        }
        moved = false;
        let mut supervisor = lock(&shared);
        let supervisor = &mut *supervisor;
        supervisor.begin_turn();
        for (count, event) in events.iter().enumerate() {
            if count % BATCH == BATCH - 1 {
                supervisor.hand_on();
            }
            let flags = event.events;
            match Source::of(event.u64) {
                Some(Source::Signal) => supervisor.take_signals(&signals),
                // The guardian is gone, so nobody waits for the exit code.
                Some(Source::Guardian) => {
                    supervisor.close_control();
                    sys::kill_descendants(None);
                    return Ok(crate::launch::FAILED);
                }
                Some(Source::Outcome) => {
                    if let Some(outcome) = outcome.take() {
                        failure = supervisor.exec_failure(&outcome, options);
                        epoll.remove(outcome.as_fd())?;
                    }
                }
                Some(Source::Census) => supervisor.take_hang_ups(&mut hang_ups),
                Some(Source::End(id)) => {
                    moved = true;
                    supervisor.end_event(id, flags);
                }
                Some(Source::Published(id)) => supervisor.published_event(id, flags),
                Some(Source::Bell(id)) => supervisor.bell_event(id),
                Some(Source::Publisher(index)) => supervisor.publisher_event(index),
                Some(Source::Control) => supervisor.control_event(),
                Some(Source::Client(index)) => supervisor.client_event(index),
                Some(Source::Timer) => {
                    supervisor.timer.take();
                    supervisor.armed = None;
                }
                None => {}
            }
        }
        more = supervisor.end_turn();
        if let Some(ended) = supervisor.ended {
            supervisor.close_control();
            if let Some(capture) = &mut supervisor.capture {
                capture.finish();
            }
            sys::kill_descendants(None);
            return Ok(failure.unwrap_or_else(|| ended.code()));
        }
    }
}

/// The thread of the program's calls.
fn take_calls(listener: &Listener, shared: &Shared) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        loop {
            match listener.receive() {
                Ok(Some(notification)) => {
                    let mut supervisor = lock(shared);
                    supervisor.begin_turn();
                    supervisor.take_notification(notification);
                    if supervisor.end_turn() {
                        let now = supervisor.now;
                        supervisor.arm(now);
                    }
                }
                Ok(None) if listener.has_programs() => {}
                // The last of the run's processes has ended.
                Ok(None) => return,
                Err(error) => {
                    eprintln!("sockeye: cannot receive the program's calls: {error}");
                    // SAFETY: ends the supervisor; the guardian ends the run.
                    unsafe { libc::_exit(crate::launch::FAILED) };
                }
            }
        }
    }));
    if outcome.is_err() {
        // SAFETY: as above; the panic's message has been printed.
        unsafe { libc::_exit(crate::launch::FAILED) };
    }
}

impl Supervisor {
    pub(crate) fn watch(
        &self,
        file: BorrowedFd<'_>,
        events: Events,
        source: Source,
    ) -> std::io::Result<()> {
        self.epoll.add(file, events, source.token())
    }

    /// Ends a turn: the host works and its outputs are drained. Whether there is more to move, in another turn at once.
    #[must_use]
    fn end_turn(&mut self) -> bool {
        for _ in 0..ROUNDS {
            self.pump_again();
            self.hand_on();
            if !self.buffers.has_more() {
                break;
            }
        }
        if let Some(capture) = &mut self.capture {
            capture.flush();
        }
        self.expire();
        self.take_due_census();
        self.take_due_questions();
        self.end_idle_stand_ins();
        if self.kill_at.is_some_and(|at| at <= self.now) {
            sys::signal(self.program, libc::SIGKILL);
            self.kill_at = None;
        }
        if let Some(deadline) = self.next_deadline()
            // A timer that is set too early costs one turn for nothing, which is less than setting it at every turn.
            && self
                .armed
                .is_none_or(|armed| deadline < armed || armed <= self.now)
        {
            self.arm(deadline);
        }
        self.buffers.has_more()
    }

    fn hand_on(&mut self) {
        self.host.advance(self.now);
        self.settle();
    }

    fn arm(&mut self, deadline: Instant) {
        self.timer.set(deadline.as_nanos());
        self.armed = Some(deadline);
    }

    fn begin_turn(&mut self) {
        self.now = Instant::from_nanos(sys::monotonic_nanos());
    }

    fn next_deadline(&self) -> Option<Instant> {
        [
            self.host.next_deadline(),
            self.waiting.deadline(),
            self.census_deadline(),
            self.questions.deadline(),
            self.clients.deadline(),
            self.kill_at,
            self.wire.as_ref().and_then(Link::next_deadline),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn take_signals(&mut self, signals: &SignalFile) {
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
            let ends = matches!(arrived.signal, libc::SIGTERM | libc::SIGINT);
            if ends && !arrived.from_kernel && self.kill_at.is_none() {
                self.kill_at = Some(self.now + GRACE);
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
                closed |= self.conduits.get(id).is_some_and(|conduit| {
                    matches!(conduit.state, crate::conduit::State::Joined(_))
                });
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
        match self.conduit_of(socket) {
            Some(id) => self.socket_event(id, readiness),
            None => self.pass_answers(socket),
        }
    }

    /// With a capture or impairments the loopback's packets come out of the host and go back in, sooner or later.
    fn pass_packets(&mut self) {
        if self.capture.is_none() && self.wire.is_none() {
            return;
        }
        loop {
            while let Some(frame) = self.host.transmit(InterfaceId::LOOPBACK) {
                if self.capture.is_some() {
                    let comment = self.comment(&frame);
                    if let Some(capture) = &mut self.capture {
                        capture.record(&frame, &comment, self.now);
                    }
                }
                match &mut self.wire {
                    Some(wire) => wire.send(frame, self.now),
                    None => self.host.receive(InterfaceId::LOOPBACK, frame, self.now),
                }
            }
            let wire = self.wire.as_mut();
            let Some(frame) = wire.and_then(|wire| wire.receive(self.now)) else {
                return;
            };
            self.host.receive(InterfaceId::LOOPBACK, frame, self.now);
        }
    }

    /// Who sent a packet; nothing for what the host sent of itself, or for a program that is gone.
    fn comment(&self, frame: &Frame) -> String {
        let sender = self.host.sender_of(frame);
        let conduit = sender.and_then(|socket| self.conduits.get(self.conduit_of(socket)?));
        let Some(owner) = conduit.map(|conduit| conduit.owner) else {
            return String::new();
        };
        match owner.program() {
            Some(program) => format!("pid {} fd {} {program}", owner.pid, owner.fd),
            None => String::new(),
        }
    }
}
