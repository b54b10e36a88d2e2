//! The kernel as an end: a network namespace, a TUN out of it, and a thread in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;

use sockeye_link::device::{Tun, TunFeatures, TunOptions};

use crate::exchange::{PIECE, check, fill};
use crate::{Exchange, Place, Report};

type Outcome = Result<Report, String>;

/// A namespace with its thread.
#[derive(Debug)]
pub struct Kernel {
    /// The way out of it.
    pub(crate) tun: Tun,
    work: mpsc::Sender<Exchange>,
    thread: Option<JoinHandle<Outcome>>,
}

fn failed(what: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

impl Kernel {
    /// A new namespace with nothing in it but a loopback and one interface.
    ///
    /// # Errors
    /// What could not be made.
    pub fn new(place: Place, mtu: u16, features: TunFeatures) -> Result<Self, String> {
        let (work, orders) = mpsc::channel::<Exchange>();
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            match isolate(place, mtu, features, 1) {
                Ok(queues) => drop(send.send(Ok(queues))),
                Err(error) => {
                    drop(send.send(Err(error.clone())));
                    return Err(error);
                }
            }
            let order = orders.recv().map_err(|_| "nothing to do".to_owned())?;
            act(place, &order)
        });
        let queues = receive.recv().map_err(|_| "the thread has ended")?;
        Ok(Self {
            tun: queues?.pop().ok_or("no queue")?,
            work,
            thread: Some(thread),
        })
    }

    pub(crate) fn begin(&mut self, exchange: Exchange) -> Result<(), String> {
        self.work
            .send(exchange)
            .map_err(|_| "the kernel's thread has ended".to_owned())
    }

    pub(crate) fn outcome(&mut self) -> Option<Outcome> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(
            thread
                .join()
                .unwrap_or_else(|_| Err("the kernel's thread panicked".to_owned())),
        )
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
    // SAFETY: no pointers; only the calling thread's namespace changes.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(failed("no namespace")(std::io::Error::last_os_error()));
    }
    let options = TunOptions {
        features,
        queues,
        ..TunOptions::new("sockeye%d")
    };
    let tuns = options.open().map_err(failed("no TUN"))?;
    let (v4, v6, mtu) = (
        format!("{}/24", place.v4()),
        format!("{}/64", place.v6()),
        mtu.to_string(),
    );
    let name = tuns.first().map(Tun::name).ok_or("no queue")?;
    for words in [
        vec!["link", "set", "lo", "up"],
        vec!["link", "set", name, "mtu", &mtu, "up"],
        vec!["address", "add", &v4, "dev", name],
        vec!["address", "add", &v6, "dev", name, "nodad"],
    ] {
        // A child has the namespace of the thread that starts it.
        let output = Command::new("ip").args(&words).output();
        let output = output.map_err(failed("ip"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("ip {}: {said}", words.join(" ")));
        }
    }
    Ok(tuns)
}

fn act(place: Place, exchange: &Exchange) -> Outcome {
    let stream = match place {
        Place::Server => {
            let listener = TcpListener::bind(exchange.server()).map_err(failed("bind"))?;
            set_congestion(&listener, exchange)?;
            listener.accept().map_err(failed("accept"))?.0
        }
        Place::Client => connect(exchange.server(), exchange)?,
    };
    for timeout in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        timeout(&stream, Some(exchange.deadline)).map_err(failed("timeout"))?;
    }
    let total = exchange.sends(place);
    let mut out = stream.try_clone().map_err(failed("clone"))?;
    let writer = std::thread::spawn(move || -> Result<(), String> {
        let mut piece = vec![0; PIECE];
        let mut sent = 0;
        while sent < total {
            let length = PIECE.min(total - sent);
            fill(place, sent, &mut piece[..length]);
            out.write_all(&piece[..length]).map_err(failed("write"))?;
            sent += length;
        }
        out.shutdown(std::net::Shutdown::Write)
            .map_err(failed("shutdown"))
    });
    let report = read_to_end(stream, place.other());
    writer.join().map_err(|_| "the writer panicked")??;
    report
}

fn read_to_end(mut stream: TcpStream, from: Place) -> Outcome {
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    loop {
        let length = stream.read(&mut piece).map_err(failed("read"))?;
        if length == 0 {
            return Ok(Report { received });
        }
        check(from, received, &piece[..length])?;
        received += length;
    }
}

/// Servers may need a moment to listen.
fn connect(address: SocketAddr, exchange: &Exchange) -> Result<TcpStream, String> {
    let mut left = 100;
    loop {
        match TcpStream::connect_timeout(&address, exchange.deadline) {
            Ok(stream) => {
                set_congestion(&stream, exchange)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused && left > 0 => {
                left -= 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(error) => return Err(failed("connect")(error)),
        }
    }
}

fn set_congestion(file: &impl std::os::fd::AsFd, exchange: &Exchange) -> Result<(), String> {
    let Some(name) = exchange.congestion else {
        return Ok(());
    };
    let length = libc::socklen_t::try_from(name.len()).unwrap_or(0);
    // SAFETY: the name is as long as is said, and is only read.
    let answer = unsafe {
        libc::setsockopt(
            file.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            name.as_ptr().cast(),
            length,
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(failed(name)(std::io::Error::last_os_error()))
    }
}
