//! The supervisor: one process, one host.
//!
//! It owns everything; the other rooms are its methods, grouped by what they are about. Each turn of the event loop
//! reads the clock once, takes what has happened, lets the host work, and hands the results on.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use anyhow::Context;
use sockeye_core::{Errno, Host, Instant, Readiness, SocketId};
use sockeye_link::{Pipe, impair::Impaired};
use sockeye_linux::number::{SO_ERROR, SOL_SOCKET};

use crate::calls::unix::Identities;
use crate::census::Census;
use crate::conduit::{Conduits, State};
use crate::control::Control;
use crate::launch::{self, Loopback, Options};
use crate::memory::Callers;
use crate::names::Names;
use crate::netlink::Later;
use crate::notify::Waiting;
use crate::publish::Publisher;
use crate::pump::Buffers;
use crate::slab::Id;
use crate::stand_in::Clients;
use crate::sys::{self, Ended, Epoll, Listener, Name, SignalMask};
use crate::untold::Untold;

/// The state of a run.
pub(crate) struct Supervisor {
    pub(crate) now: Instant,
    pub(crate) pid: i32,
    pub(crate) program: i32,
    pub(crate) ended: Option<Ended>,
    pub(crate) epoll: Arc<Epoll>,
    pub(crate) listener: Arc<Listener>,
    /// Wakes the event loop at the next deadline.
    pub(crate) timer: sys::Timer,
    /// What the timer is set to.
    pub(crate) armed: Option<Instant>,
    /// When a program that was asked to end is made to.
    pub(crate) kill_at: Option<Instant>,
    pub(crate) host: Host,
    pub(crate) conduits: Conduits,
    pub(crate) callers: Callers,
    pub(crate) waiting: Waiting,
    pub(crate) untold: Untold,
    pub(crate) names: Names,
    pub(crate) identities: Identities,
    pub(crate) loopback: Loopback,
    pub(crate) send_buffer: i32,
    pub(crate) buffers: Buffers,
    pub(crate) publisher: Publisher,
    /// Clients of published datagram ports, with the sockets that stand in for them.
    pub(crate) clients: Clients,
    pub(crate) control: Control,
    pub(crate) capture: Option<crate::capture::Capture>,
    /// Where the host's packets are while they are under way.
    pub(crate) wire: Option<Impaired<Pipe>>,
    /// Ends that stand for the addresses datagrams come from.
    pub(crate) sources: crate::datagrams::Sources,
    /// The datagram sockets that are connected.
    pub(crate) paired: BTreeSet<Id>,
    pub(crate) census: Census,
    /// Netlink sockets with more to be asked and answered.
    pub(crate) questions: Later,
    census_state: CensusState,
    hub: OwnedFd,
    hub_name: Name,
}

/// When the next census is worth taking.
#[derive(Debug, Default)]
struct CensusState {
    /// The table's size that triggers one.
    threshold: usize,
    /// When one is due because something may have been closed.
    due: Option<Instant>,
    /// How long to wait after a reason appears; grows while a census finds nothing.
    pause: std::time::Duration,
}

/// How far a connect has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Pending,
    Established,
    Failed,
}

/// The shortest and the longest time between a reason for a census and the census.
const SHORTEST_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);
/// Tables smaller than this don't ask for a census by their size.
const SMALL_TABLE: usize = 256;

/// How long the supervisor runs before others, if they want to: most of its turns are far shorter.
const SLICE: std::time::Duration = std::time::Duration::from_micros(200);

/// The queue of the program's files towards us.
const SEND_BUFFER: i32 = 1 << 20;

/// Runs the supervisor to the end of the program's first process and answers the exit code.
pub(crate) fn supervise(options: Options, guardian: i32, mask: &SignalMask) -> anyhow::Result<i32> {
    sys::become_subreaper().context("cannot become the reaper of the run's processes")?;
    let launched = launch::launch(&options.command, mask).map_err(|error| match sys::errno_of(&error) {
        libc::EINVAL => anyhow::anyhow!("cannot start the program: seccomp user notification is not available, or the command holds a zero byte (`sockeye doctor` says more)"),
        libc::EPERM => anyhow::anyhow!("cannot start the program: this process may not look into its children ({error}); `sockeye doctor` says more"),
        libc::EBUSY => anyhow::anyhow!("cannot start the program: another seccomp supervisor is in charge already, and only one can be"),
        _ => anyhow::anyhow!("cannot start the program: {error}"),
    })?;
    sys::become_undumpable().context("cannot hide from the program")?;
    sys::set_name(c"sockeye");
    sys::raise_file_limit();
    sys::take_short_slices(SLICE);
    let supervisor = Supervisor::new(&options, launched.pid, Listener::new(launched.listener))?;
    crate::event_loop::run(
        supervisor,
        &options,
        guardian,
        launched.go,
        launched.outcome,
    )
}

impl Supervisor {
    fn new(options: &Options, program: i32, listener: Listener) -> anyhow::Result<Supervisor> {
        let mut seed = [0; 16];
        sys::random(&mut seed).context("cannot get random numbers")?;
        let (token, seed) = seed.split_at(8);
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let mut names = Names::new(number(token));
        let hub =
            sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, true).context("cannot make a socket")?;
        let serial = names.serial();
        let hub_name = names.name(serial);
        sys::bind(hub.as_fd(), &hub_name).context("cannot name a socket")?;
        sys::listen(hub.as_fd(), 128).context("cannot listen")?;
        let epoll = Arc::new(Epoll::new().context("cannot make an epoll instance")?);
        let host = crate::network::host(number(seed), options);
        let capture = match &options.capture {
            Some(path) => Some(crate::capture::Capture::create(path)?),
            None => None,
        };
        Ok(Supervisor {
            now: Instant::from_nanos(sys::monotonic_nanos()),
            pid: sys::own_pid(),
            program,
            ended: None,
            epoll,
            listener: Arc::new(listener),
            timer: sys::Timer::new().context("cannot make a timer")?,
            armed: None,
            kill_at: None,
            host,
            conduits: Conduits::default(),
            callers: Callers::default(),
            waiting: Waiting::default(),
            untold: Untold::default(),
            names,
            identities: Identities::default(),
            loopback: if capture.is_some() || options.netem.is_some() {
                Loopback::Stack
            } else {
                options.loopback
            },
            send_buffer: SEND_BUFFER,
            buffers: Buffers::default(),
            publisher: Publisher::default(),
            clients: Clients::default(),
            control: Control::default(),
            capture,
            wire: options
                .netem
                .map(|netem| Impaired::new(Pipe::new(), &netem, number(seed))),
            sources: crate::datagrams::Sources::default(),
            paired: BTreeSet::new(),
            census: Census::new().context("cannot make the census")?,
            questions: Later::default(),
            census_state: CensusState {
                threshold: SMALL_TABLE,
                due: None,
                pause: SHORTEST_PAUSE,
            },
            hub,
            hub_name,
        })
    }

    /// Connects the program's unconnected stream to us and answers our end.
    pub(crate) fn attach(&mut self, id: Id, program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        let queue = match self.conduits.get(id).map(|conduit| conduit.socket) {
            Some(socket) => self.inbound_queue(socket),
            None => self.send_buffer,
        };
        sys::connect(program, &self.hub_name)?;
        // Strangers may find the hub's name, but only what we connected counts.
        loop {
            let (end, _) = sys::accept(self.hub.as_fd(), true)?;
            if sys::peer_pid(end.as_fd()).is_ok_and(|pid| pid == self.pid) {
                sys::set_send_buffer(end.as_fd(), queue);
                return Ok(end);
            }
        }
    }

    /// How far the host has come with a conduit's connect.
    pub(crate) fn progress(&self, id: Id) -> Progress {
        let Some(conduit) = self.conduits.get(id) else {
            return Progress::Failed;
        };
        let readiness = self.host.readiness(conduit.socket);
        if readiness.intersects(Readiness::ERR | Readiness::HUP) {
            Progress::Failed
        } else if readiness.contains(Readiness::OUT) {
            Progress::Established
        } else {
            Progress::Pending
        }
    }

    /// Takes the error that a socket of the host has pending.
    pub(crate) fn pending_error(&mut self, id: Id) -> Option<Errno> {
        let socket = self.conduits.get(id)?.socket;
        let value = self
            .host
            .get_option(socket, SOL_SOCKET, SO_ERROR, 4, self.now)
            .ok()?;
        let bytes: [u8; 4] = value.to_vec().get(..4)?.try_into().ok()?;
        Errno::from_number(i32::from_ne_bytes(bytes))
    }

    /// The program has closed a socket: the host closes it too.
    pub(crate) fn retire(&mut self, id: Id) {
        // Datagrams that a connected socket sent before it was closed still go.
        self.forward_sent(id);
        self.paired.remove(&id);
        let Some(conduit) = self.conduits.remove(id) else {
            return;
        };
        match conduit.state {
            State::Joined(joined) => self.end_joined(joined.partner),
            State::Listening(listening) => {
                // Connections that nobody accepted end with their listener.
                for arrival in listening.arrivals {
                    self.retire(arrival.connection);
                }
                for (file, connection, _) in listening.returned {
                    drop(file);
                    self.retire(connection);
                }
            }
            State::Relay(_)
            | State::Connecting(_)
            | State::Fresh
            | State::Failed
            | State::Datagram(_) => {}
        }
        let _closed = self.host.close(conduit.socket, self.now);
        self.note_close();
    }

    /// The conduit of a socket of the host.
    pub(crate) fn conduit_of(&self, socket: SocketId) -> Option<Id> {
        self.conduits.by_socket(socket)
    }

    /// A duplicate of the program's file of a conduit, from whoever has it.
    pub(crate) fn program_file(&mut self, id: Id) -> Option<OwnedFd> {
        let conduit = self.conduits.get(id)?;
        let (owner, cookie) = (conduit.owner, conduit.cookie);
        if cookie == 0 {
            return None;
        }
        if let Ok(file) = self.callers.file(owner.pid, owner.fd)
            && sys::socket_cookie(file.as_fd()).is_ok_and(|found| found == cookie)
        {
            return Some(file);
        }
        let file = sys::find_socket(cookie)?;
        Some(file)
    }

    /// Something was opened: a table that grows asks for a census.
    pub(crate) fn count_up(&mut self) {
        if self.conduits.len() >= self.census_state.threshold {
            self.take_census();
            self.census_state.threshold = (self.conduits.len() * 2).max(SMALL_TABLE);
        }
        if self.census_state.due.is_none() {
            self.census_state.due =
                Some(self.now + LONGEST_PAUSE.min(self.census_state.pause * 20));
        }
    }

    /// Something was closed, and what else was closed along with it only a census tells.
    pub(crate) fn note_close(&mut self) {
        let due = self.now + self.census_state.pause;
        if self.census_state.due.is_none_or(|before| due < before) {
            self.census_state.due = Some(due);
        }
    }

    /// When the next census is due.
    pub(crate) fn census_deadline(&self) -> Option<Instant> {
        self.census_state.due
    }

    /// Takes the census that is due.
    pub(crate) fn take_due_census(&mut self) {
        if self.census_state.due.is_some_and(|due| due <= self.now) {
            self.census_state.due = None;
            let began = sys::monotonic_nanos();
            let found = self.take_census();
            // At most a twentieth of the time goes into counting.
            let cost =
                std::time::Duration::from_nanos(sys::monotonic_nanos().saturating_sub(began)) * 20;
            let pause = if found > 0 {
                SHORTEST_PAUSE
            } else {
                self.census_state.pause * 2
            };
            self.census_state.pause = pause.max(cost).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            if found == 0
                && self
                    .conduits
                    .iter()
                    .any(|(_, conduit)| conduit.needs_census())
            {
                self.census_state.due = Some(self.now + self.census_state.pause);
            } else if self.conduits.len() > 0 {
                self.note_close();
            }
        }
    }

    /// Retires the sockets whose files nobody has open any more; answers how many there were.
    pub(crate) fn take_census(&mut self) -> usize {
        let Ok(alive) = self.census.alive() else {
            return 0;
        };
        let closed: Vec<Id> = self
            .conduits
            .iter()
            .filter(|(id, conduit)| {
                conduit.cookie != 0 && conduit.needs_census() && !alive.contains(id)
            })
            .map(|(id, _)| id)
            .collect();
        let count = closed.len();
        for id in closed {
            self.retire(id);
        }
        if count > 0 {
            self.census_state.threshold = (self.conduits.len() * 2).max(SMALL_TABLE);
            self.settle();
        }
        count
    }
}
