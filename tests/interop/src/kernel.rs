//! The kernel as an end: a network namespace, a way out of it, and a thread in it.

use std::os::fd::{AsFd, BorrowedFd};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant as Moment};

use sockeye_core::{Frame, Instant};
use sockeye_link::Link;
use sockeye_link::device::{Tun, TunFeatures, TunOptions};

use crate::program::{self, Outcome};
use crate::veth::Veth;
use crate::{Exchange, Place, Setting};

/// What leads out of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// A TUN.
    #[default]
    Tun,
    /// A veth pair with a packet socket at its other end.
    Veth,
}

/// A way out of a namespace.
#[derive(Debug)]
pub(crate) enum Line {
    Tun(Box<Tun>),
    Veth(Box<Veth>),
}

impl Line {
    pub(crate) fn send(&mut self, frame: Frame, now: Instant) {
        match self {
            Line::Tun(tun) => tun.send(frame, now),
            Line::Veth(veth) => veth.send(frame, now),
        }
    }

    pub(crate) fn receive(&mut self, now: Instant) -> Option<Frame> {
        match self {
            Line::Tun(tun) => tun.receive(now),
            Line::Veth(veth) => veth.receive(now),
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Line::Tun(tun) => tun.as_fd(),
            Line::Veth(veth) => veth.as_fd(),
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A namespace with its thread.
#[derive(Debug)]
pub struct Kernel {
    /// The way out of it.
    pub(crate) line: Line,
    jobs: mpsc::Sender<Job>,
    /// The thread's number.
    thread: i32,
    exchange: Option<Task<Outcome>>,
}

/// Something that the kernel's programs do; its answer comes when it is done.
#[derive(Debug)]
pub struct Task<R>(mpsc::Receiver<R>);

impl<R> Task<R> {
    /// The answer, if it is there.
    ///
    /// # Errors
    /// It panicked.
    pub fn poll(&self) -> Result<Option<R>, String> {
        match self.0.try_recv() {
            Ok(answer) => Ok(Some(answer)),
            Err(mpsc::TryRecvError::Empty) => Ok(None),
            Err(mpsc::TryRecvError::Disconnected) => Err("a thread of the kernel's".to_owned()),
        }
    }
}

pub(crate) fn failed(what: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

impl Kernel {
    /// A new namespace with nothing in it but a loopback and one interface.
    ///
    /// # Errors
    /// What could not be made.
    pub fn new(
        place: Place,
        medium: Medium,
        mtu: u16,
        has_offload: bool,
        settings: &[Setting],
    ) -> Result<Self, String> {
        let (jobs, orders) = mpsc::channel::<Job>();
        let (send, receive) = mpsc::channel();
        let paths: Vec<(String, &str)> = settings
            .iter()
            .map(|setting| {
                (
                    format!("/proc/sys/net/ipv4/{}", setting.name),
                    setting.value,
                )
            })
            .collect();
        std::thread::spawn(move || {
            let line = make(place, medium, mtu, has_offload).and_then(|line| {
                for (path, value) in paths {
                    std::fs::write(&path, value).map_err(failed(&path))?;
                }
                // SAFETY: no pointers.
                Ok((line, unsafe { libc::gettid() }))
            });
            if send.send(line).is_err() {
                return;
            }
            // Each on a thread of its own, which is in the namespace of the one that starts it.
            for job in orders {
                std::thread::spawn(job);
            }
        });
        let (line, thread) = receive.recv().map_err(|_| "the thread has ended")??;
        Ok(Self {
            line,
            jobs,
            thread,
            exchange: None,
        })
    }

    /// Has it done in the namespace.
    ///
    /// # Errors
    /// Its thread is gone.
    pub fn start<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<Task<R>, String> {
        let (send, receive) = mpsc::channel();
        let job: Job = Box::new(move || drop(send.send(work())));
        self.jobs
            .send(job)
            .map_err(|_| "the kernel's thread has ended".to_owned())?;
        Ok(Task(receive))
    }

    /// The same, and waits for it.
    ///
    /// # Errors
    /// Its thread is gone.
    pub fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, String> {
        let task = self.start(work)?;
        task.0.recv().map_err(|_| "no answer".to_owned())
    }

    /// The counter of this name, as in `nstat`.
    ///
    /// # Errors
    /// There is none.
    pub fn counter(&self, name: &str) -> Result<u64, String> {
        counter(self.thread, name)
    }

    pub(crate) fn begin(&mut self, place: Place, exchange: Exchange) -> Result<(), String> {
        self.exchange = Some(match place {
            Place::Client => self.start(move || program::visit(&exchange))?,
            Place::Server => {
                let listener = self.run(move || program::listen(&exchange))??;
                self.start(move || program::serve(&listener, &exchange))?
            }
        });
        Ok(())
    }

    pub(crate) fn outcome(&mut self) -> Result<Option<Outcome>, String> {
        let answer = match &self.exchange {
            None => return Ok(None),
            Some(task) => task.poll()?,
        };
        if answer.is_some() {
            self.exchange = None;
        }
        Ok(answer)
    }
}

/// What a thread's namespace has counted.
fn counter(thread: i32, name: &str) -> Result<u64, String> {
    let read = |file: &str| {
        let path = format!("/proc/self/task/{thread}/net/{file}");
        std::fs::read_to_string(&path).map_err(failed(&path))
    };
    // A line of names, then one of values, each with what all names begin with.
    for file in ["snmp", "netstat"] {
        let text = read(file)?;
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks_exact(2) {
            let [names, values] = pair else { continue };
            let Some((prefix, names)) = names.split_once(':') else {
                continue;
            };
            let at = name
                .strip_prefix(prefix)
                .and_then(|rest| names.split_whitespace().position(|known| known == rest));
            let value = at.and_then(|at| values.split_whitespace().nth(at + 1));
            if let Some(value) = value {
                return value.parse().map_err(|_| format!("{name}: {value}"));
            }
        }
    }
    let text = read("snmp6")?;
    let mut fields = text.lines().map(str::split_whitespace);
    let found = fields.find_map(|mut line| (line.next() == Some(name)).then(|| line.next())?);
    let value = found.ok_or_else(|| format!("the kernel has no {name}"))?;
    value.parse().map_err(|_| format!("{name}: {value}"))
}

fn make(place: Place, medium: Medium, mtu: u16, has_offload: bool) -> Result<Line, String> {
    match medium {
        Medium::Tun => {
            let features = if has_offload {
                TunFeatures::ALL
            } else {
                TunFeatures::NONE
            };
            let tun = isolate(place, mtu, features, 1)?.pop().ok_or("no queue")?;
            Ok(Line::Tun(Box::new(tun)))
        }
        Medium::Veth => {
            leave()?;
            let veth = Veth::new(mtu, has_offload)?;
            raise(place, crate::veth::NAME)?;
            Ok(Line::Veth(Box::new(veth)))
        }
    }
}

/// Puts the calling thread into a new namespace, of which no packet leaves but by a TUN, whose queues are answered.
///
/// # Errors
/// What could not be made.
pub fn isolate(
    place: Place,
    mtu: u16,
    features: TunFeatures,
    queues: usize,
) -> Result<Vec<Tun>, String> {
    leave()?;
    let options = TunOptions {
        features,
        queues,
        ..TunOptions::new("sockeye%d")
    };
    let tuns = options.open().map_err(failed("no TUN"))?;
    let name = tuns.first().map(Tun::name).ok_or("no queue")?;
    ip(&["link", "set", name, "mtu", &mtu.to_string(), "up"])?;
    raise(place, name)?;
    Ok(tuns)
}

fn leave() -> Result<(), String> {
    // SAFETY: no pointers; only the calling thread's namespace changes.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(failed("no namespace")(std::io::Error::last_os_error()));
    }
    ip(&["link", "set", "lo", "up"])
}

/// The addresses of a place for an interface that is up.
fn raise(place: Place, name: &str) -> Result<(), String> {
    let (v4, v6) = (format!("{}/24", place.v4()), format!("{}/64", place.v6()));
    ip(&["address", "add", &v4, "dev", name])?;
    ip(&["address", "add", &v6, "dev", name, "nodad"])?;
    // The route to it comes from a work queue of the kernel's (`addrconf_dad_work`); packets that come before are dropped, and a
    // SYN that is sent again asks for less than the first (RFC 3168 6.1.1.1).
    let address: String = place
        .v6()
        .octets()
        .map(|byte| format!("{byte:02x}"))
        .concat();
    let began = Moment::now();
    while !is_taken_up(&address)? {
        if began.elapsed() > Duration::from_secs(10) {
            return Err("an address that is not taken up".to_owned());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Whether the calling thread's namespace takes packets to this IPv6 address: has a route of all its bits.
fn is_taken_up(address: &str) -> Result<bool, String> {
    let path = "/proc/thread-self/net/ipv6_route";
    let text = std::fs::read_to_string(path).map_err(failed(path))?;
    let mut routes = text.lines().map(|line| line.split_whitespace());
    Ok(routes.any(|mut words| words.next() == Some(address) && words.next() == Some("80")))
}

/// `ip` with these words in the calling thread's namespace.
pub(crate) fn ip(words: &[&str]) -> Result<(), String> {
    // A child has the namespace of the thread that starts it.
    let output = Command::new("ip").args(words).output();
    let output = output.map_err(failed("ip"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("ip {}: {said}", words.join(" ")));
    }
    Ok(())
}
