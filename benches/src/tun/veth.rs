//! The kernel's own: two namespaces joined by a veth pair, a thread in each.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::receiver::{PORT, Receiver};
use super::{WRITE, gigabits};
use crate::clock::Stopwatch;
use crate::row::Plan;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);

/// A connection over a veth pair whose writer waits for orders.
pub(super) struct Veth {
    receiver: Receiver,
    orders: mpsc::Sender<Duration>,
    done: mpsc::Receiver<Result<()>>,
}

impl Veth {
    pub(super) fn new() -> Result<Self> {
        let receiver = Receiver::default();
        // The reader's thread is what the far end of the pair is given to.
        let (tell, thread) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let counter = receiver.clone();
        std::thread::spawn(move || {
            // SAFETY: without an argument; answers the calling thread's number.
            let own = unsafe { libc::gettid() };
            drop(tell.send(unshare().map(|()| own)));
            if wait.recv().is_err() {
                return;
            }
            let listener = raise("sockeye1", SERVER)
                .and_then(|()| counter.listen(SERVER).context("listening"));
            match listener {
                Ok(listener) => {
                    drop(ready.send(Ok(())));
                    counter.read(&listener);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        let far = thread.recv().context("the reader's thread")??;
        let (orders, work) = mpsc::channel();
        let (finish, done) = mpsc::channel();
        std::thread::spawn(move || {
            let mut stream = match connect(far, &go, &is_ready) {
                Ok(stream) => {
                    drop(finish.send(Ok(())));
                    stream
                }
                Err(error) => {
                    drop(finish.send(Err(error)));
                    return;
                }
            };
            for time in work {
                drop(finish.send(write_for(&mut stream, time)));
            }
        });
        done.recv().context("the writer's thread")??;
        Ok(Self {
            receiver,
            orders,
            done,
        })
    }

    /// Gbit/s that arrive.
    pub(super) fn flow(&self, plan: &Plan) -> Result<f64> {
        let before = self.receiver.received();
        let watch = Stopwatch::start();
        self.orders.send(plan.burst).context("the writer")?;
        self.done.recv().context("the writer")??;
        Ok(gigabits(self.receiver.received() - before, watch.elapsed()))
    }
}

fn connect(
    far: i32,
    go: &mpsc::Sender<()>,
    is_ready: &mpsc::Receiver<Result<()>>,
) -> Result<TcpStream> {
    unshare()?;
    let far = far.to_string();
    ip(&[
        "link", "add", "sockeye0", "type", "veth", "peer", "name", "sockeye1", "netns", &far,
    ])?;
    raise("sockeye0", CLIENT)?;
    go.send(()).context("the reader's thread")?;
    is_ready.recv().context("the reader's thread")??;
    // The pair needs a moment to have a carrier on both sides.
    let stream = TcpStream::connect_timeout(&(SERVER, PORT).into(), Duration::from_secs(5))
        .context("connecting over the pair")?;
    crate::kernel::set_cubic(&stream)?;
    Ok(stream)
}

fn write_for(stream: &mut TcpStream, time: Duration) -> Result<()> {
    let data = vec![0x5a_u8; WRITE];
    let watch = Stopwatch::start();
    while watch.elapsed() < time {
        stream.write_all(&data)?;
    }
    Ok(())
}

fn unshare() -> Result<()> {
    // SAFETY: no pointers; only the calling thread's namespace changes.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        bail!("no namespace: {}", std::io::Error::last_os_error());
    }
    Ok(())
}

fn raise(name: &str, address: Ipv4Addr) -> Result<()> {
    let address = format!("{address}/24");
    ip(&["address", "add", &address, "dev", name])?;
    ip(&["link", "set", name, "up"])
}

/// A child has the namespace of the thread that starts it.
fn ip(words: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(words).output().context("ip")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("ip {}: {said}", words.join(" "));
    }
    Ok(())
}
