//! A host that many threads use: the handle, its lock, and what follows each call.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use sockeye_core::pending::{Pending, Step};
use sockeye_core::{Config, Errno, Host, Instant, InterfaceConfig, Loopback, Snapshot};

use crate::clock;
use crate::copies::Copies;
use crate::driver;
use crate::error::{io_error, io_result};
use crate::port::{BoxedLink, Port, SharedWire};
use crate::waiters::{Ticket, Waiters};

/// A network host that threads share. Clones are handles on the same host; it ends when the last handle and the last
/// socket are gone.
///
/// A host by itself has only its loopback:
///
/// ```
/// use std::io::{Read, Write};
/// use sockeye::{Net, TcpListener, TcpStream};
///
/// let net = Net::new()?;
/// let listener = TcpListener::bind(&net, "127.0.0.1:80")?;
/// let mut client = TcpStream::connect(&net, listener.local_addr()?)?;
/// let (mut server, _) = listener.accept()?;
/// client.write_all(b"hello")?;
/// let mut buffer = [0; 5];
/// server.read_exact(&mut buffer)?;
/// assert_eq!(&buffer, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Two hosts are joined by a wire: [`Net::join`].
#[derive(Clone)]
pub struct Net {
    handle: Arc<Handle>,
}

/// What the handles share: ends the driver when the last of them is gone.
struct Handle {
    shared: Arc<Shared>,
    driver: Option<JoinHandle<()>>,
}

/// A host with its lock.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Tells the driver of an earlier deadline, or of the end.
    pub(crate) driver: Condvar,
    /// Where writers copy to.
    pub(crate) copies: Copies,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) waiters: Waiters,
    pub(crate) ports: Vec<Port>,
    /// Until when the driver sleeps: `None` for as long as nothing happens.
    pub(crate) driver_sleeps_until: Option<Instant>,
    pub(crate) is_closing: bool,
}

impl Net {
    /// A host with a loopback interface and Linux's defaults.
    ///
    /// Its sequence numbers, ports and hashes are drawn from the operating system's randomness; use
    /// [`with_config`](Self::with_config) for a host whose choices are always the same.
    pub fn new() -> io::Result<Self> {
        Self::with_config(Config {
            seed: random_seed(),
            ..Config::default()
        })
    }

    /// A host made from this configuration. With [`Loopback::External`] loopback is a plain pipe; use
    /// [`with_loopback`](Self::with_loopback) to put something into it.
    pub fn with_config(config: Config) -> io::Result<Self> {
        let ports = match config.loopback {
            Loopback::Internal => Vec::new(),
            Loopback::External => vec![Port::loopback(Box::new(sockeye_link::Pipe::new()))],
        };
        Self::build(config, ports)
    }

    /// A host whose loopback goes through this link, which may capture or impair it.
    pub fn with_loopback(config: Config, link: BoxedLink) -> io::Result<Self> {
        let config = Config {
            loopback: Loopback::External,
            ..config
        };
        Self::build(config, vec![Port::loopback(link)])
    }

    fn build(config: Config, ports: Vec<Port>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                host: Host::new(config),
                waiters: Waiters::default(),
                ports,
                driver_sleeps_until: None,
                is_closing: false,
            }),
            driver: Condvar::new(),
            copies: Copies::default(),
        });
        let for_driver = Arc::clone(&shared);
        let driver = std::thread::Builder::new()
            .name("sockeye-net".to_owned())
            .spawn(move || driver::run(&for_driver))?;
        Ok(Self {
            handle: Arc::new(Handle {
                shared,
                driver: Some(driver),
            }),
        })
    }

    /// Joins two hosts by a wire; each gets an interface at its end. `wire.from_a` carries what `a` sends. A host that
    /// has an interface of the name already is left as it is: `AlreadyExists`.
    ///
    /// ```
    /// use sockeye::{Net, TcpListener, TcpStream, Wire};
    /// use sockeye::link::{Pipe, impair::Netem};
    ///
    /// let (a, b) = (Net::new()?, Net::new()?);
    /// let slow: Netem = "delay 5ms".parse()?;
    /// let wire = Wire::new(slow.build(Pipe::new(), 1), slow.build(Pipe::new(), 2));
    /// Net::join(
    ///     (&a, Net::interface("eth0", "10.0.0.1/24")?),
    ///     (&b, Net::interface("eth0", "10.0.0.2/24")?),
    ///     Wire { from_a: Box::new(wire.from_a), from_b: Box::new(wire.from_b) },
    /// )?;
    /// let listener = TcpListener::bind(&b, "10.0.0.2:80")?;
    /// let client = TcpStream::connect(&a, "10.0.0.2:80")?;
    /// assert_eq!(listener.accept()?.1, client.local_addr()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(
        a: (&Net, InterfaceConfig),
        b: (&Net, InterfaceConfig),
        wire: sockeye_link::Wire<BoxedLink>,
    ) -> io::Result<()> {
        let wire: SharedWire = Arc::new(Mutex::new(wire));
        let attach = |net: &Net, interface, end, peer: &Net| {
            let mut state = net.shared().lock();
            let id = io_result(state.host.add_interface(interface))?;
            state
                .ports
                .push(Port::wire(id, Arc::clone(&wire), end, peer.shared()));
            Ok(())
        };
        // Before either is changed.
        for (net, interface) in [&a, &b] {
            if net.with_host(|host, _| host.interface_by_name(&interface.name).is_some()) {
                return Err(io_error(Errno::EEXIST));
            }
        }
        attach(a.0, a.1, sockeye_link::End::A, b.0)?;
        attach(b.0, b.1, sockeye_link::End::B, a.0)
    }

    /// An interface with one address, given as `address/prefix`, and an MTU of 1500, for [`join`](Self::join).
    pub fn interface(name: &str, address: &str) -> io::Result<InterfaceConfig> {
        Ok(InterfaceConfig {
            name: name.to_owned(),
            mtu: 1500,
            addresses: vec![crate::address::parse_cidr(address)?],
            medium: sockeye_core::Medium::default(),
            offload: sockeye_core::OffloadCapabilities::default(),
        })
    }

    /// What `ss` shows: every socket, and the counters.
    pub fn snapshot(&self) -> Snapshot {
        self.shared().lock().host.snapshot()
    }

    /// Works on the host itself: routes, settings, calls that the types of this crate do not have. What the host wants
    /// to send and whom it wants to wake is done afterwards.
    pub fn with_host<T>(&self, action: impl FnOnce(&mut Host, Instant) -> T) -> T {
        self.shared().call(action)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.driver.notify_one();
        if let Some(driver) = self.driver.take() {
            // A driver that panicked has said so already.
            let _ = driver.join();
        }
    }
}

impl Shared {
    /// The host. A thread that panicked inside leaves it usable: every call puts the host in order before it returns,
    /// and a panic in a call is a bug of its own.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the host, then what follows from it.
    pub(crate) fn call<T>(&self, action: impl FnOnce(&mut Host, Instant) -> T) -> T {
        let mut state = self.lock();
        let now = clock::now();
        let answer = action(&mut state.host, now);
        let aftermath = self.settle(&mut state, now);
        drop(state);
        aftermath.follow();
        answer
    }

    /// Makes a call that may wait, and resumes it until it is done. What it waits for and how long is the call's to say;
    /// the thread sleeps meanwhile, and the lock is free.
    pub(crate) fn wait<T>(
        &self,
        begin: impl FnOnce(&Host, Instant) -> Pending,
        mut resume: impl FnMut(&mut Pending, &mut Host, Instant) -> Step<T>,
    ) -> io::Result<T> {
        let mut state = self.lock();
        let mut now = clock::now();
        let mut call = begin(&state.host, now);
        let mut place: Option<(Ticket, Arc<Condvar>)> = None;
        loop {
            if let Step::Done(answer) = resume(&mut call, &mut state.host, now) {
                if let Some((ticket, _)) = place {
                    let readiness = state.host.readiness(call.socket());
                    state.waiters.leave(ticket, readiness);
                }
                let aftermath = self.settle(&mut state, now);
                drop(state);
                aftermath.follow();
                return answer.map_err(io_error);
            }
            // The place is taken before anything else can happen to the socket, so that no event is missed.
            let (ticket, wake) = place
                .get_or_insert_with(|| state.waiters.enter(call.socket(), call.interest()))
                .clone();
            let aftermath = self.settle(&mut state, now);
            if !aftermath.is_empty() {
                drop(state);
                aftermath.follow();
                state = self.lock();
            }
            while !state.waiters.take_woken(ticket) {
                now = clock::now();
                state = match call.deadline() {
                    None => wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                    Some(deadline) if deadline <= now => break,
                    Some(deadline) => {
                        wake.wait_timeout(state, deadline - now)
                            .unwrap_or_else(PoisonError::into_inner)
                            .0
                    }
                };
            }
            now = clock::now();
        }
    }
}

/// A seed from the operating system's randomness, which `std` uses for its hash keys.
#[allow(clippy::disallowed_types)] // an embedder may be random: the host is handed the seed
fn random_seed() -> u64 {
    use std::hash::BuildHasher;
    std::collections::hash_map::RandomState::new().hash_one(clock::now().as_nanos())
}
