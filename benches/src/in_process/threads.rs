//! Two threads that block, one at each end: what a program sees that uses `std::net`'s shapes.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use anyhow::{Result, ensure};
use sockeye::{Net, TcpListener, TcpStream};

use crate::clock::Stopwatch;
use crate::kernel;
use crate::row::{Outcome, Plan, Samples};

const WRITE: usize = 64 * 1024;

/// One end, ours or the kernel's.
trait Stream: Read + Write + Send {
    /// Sends no more.
    fn finish(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for std::net::TcpStream {
    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

fn ours(net: &Net) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(net, "127.0.0.1:0")?;
    let client = TcpStream::connect(net, listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

fn theirs() -> io::Result<(std::net::TcpStream, std::net::TcpStream)> {
    let (client, server) = kernel::pair()?;
    client.set_nonblocking(false)?;
    server.set_nonblocking(false)?;
    Ok((client, server))
}

/// One flow, the writer and the reader on a thread each. Counted in Gbit/s that arrived.
pub(crate) fn flow(plan: &Plan) -> Result<Outcome> {
    let net = Net::new()?;
    let samples = Samples::interleaved(
        plan,
        || gigabits_per_second(plan, ours(&net)?),
        || gigabits_per_second(plan, theirs()?),
    )?;
    Ok(Outcome::Measured(
        samples.with_note("kernel: two threads, cubic"),
    ))
}

fn gigabits_per_second<S: Stream>(plan: &Plan, (mut client, mut server): (S, S)) -> Result<f64> {
    let watch = Stopwatch::start();
    let arrived = std::thread::scope(|scope| {
        let writer = scope.spawn(move || -> io::Result<()> {
            let data = vec![0x5a_u8; WRITE];
            while watch.elapsed() < plan.burst {
                client.write_all(&data)?;
            }
            client.finish()
        });
        let mut buffer = vec![0_u8; WRITE];
        let mut arrived = 0_u64;
        loop {
            match server.read(&mut buffer)? {
                0 => break,
                got => arrived += got as u64,
            }
        }
        match writer.join() {
            Ok(answer) => answer.map(|()| arrived),
            Err(_) => Err(io::Error::other("the writer panicked")),
        }
    })?;
    ensure!(arrived > 0, "the flow stands still");
    #[allow(clippy::cast_precision_loss)] // a figure, not an amount
    let bits = arrived as f64 * 8.0;
    Ok(bits / watch.elapsed().as_secs_f64() / 1e9)
}

/// A byte there and back between two threads that sleep in their reads. Counted in microseconds per round trip.
pub(crate) fn ping_pong(plan: &Plan) -> Result<Outcome> {
    let net = Net::new()?;
    let samples = Samples::interleaved(
        plan,
        || microseconds(plan, ours(&net)?),
        || microseconds(plan, theirs()?),
    )?;
    Ok(Outcome::Measured(
        samples.with_note("kernel: two threads, cubic"),
    ))
}

fn microseconds<S: Stream>(plan: &Plan, (mut client, mut server): (S, S)) -> Result<f64> {
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || -> io::Result<()> {
            let mut byte = [0];
            while server.read(&mut byte)? == 1 {
                server.write_all(&byte)?;
            }
            Ok(())
        });
        let mut trips = 0.0;
        let mut byte = [0];
        let watch = Stopwatch::start();
        while watch.elapsed() < plan.burst {
            for _ in 0..32 {
                client.write_all(b"x")?;
                client.read_exact(&mut byte)?;
                trips += 1.0;
            }
        }
        let spent = watch.elapsed().as_secs_f64() * 1e6 / trips;
        client.finish()?;
        match echo.join() {
            Ok(answer) => answer?,
            Err(_) => return Err(io::Error::other("the echo panicked").into()),
        }
        Ok(spent)
    })
}
