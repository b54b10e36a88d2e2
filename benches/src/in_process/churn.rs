//! Connections opened and closed, one after the other: the server closes first, as an HTTP/1.0 server does, the client
//! reads the end and closes. Counted in connections a second.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use anyhow::{Result, ensure};
use sockeye::core::{
    Config, Credentials, Domain, Errno, Host, Incoming, Instant, SocketAddress, SocketId,
    SocketType,
};

use crate::affinity::Pinned;
use crate::clock::Stopwatch;
use crate::row::{Outcome, Plan, Samples};

/// Connections between two looks at the clock.
const BATCH: u32 = 64;

pub(crate) fn measure(plan: &Plan) -> Result<Outcome> {
    let _pinned = Pinned::to_one_cpu()?;
    let kernel = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = kernel.local_addr()?;
    let mut ours = Churn::new()?;
    let samples = Samples::interleaved(
        plan,
        || per_second(plan, || ours.connection()),
        || per_second(plan, || kernel_connection(&kernel, address)),
    )?;
    Ok(Outcome::Measured(samples.with_note("kernel: one thread")))
}

fn per_second(plan: &Plan, mut connection: impl FnMut() -> io::Result<()>) -> Result<f64> {
    let mut made = 0.0;
    let watch = Stopwatch::start();
    while watch.elapsed() < plan.burst {
        for _ in 0..BATCH {
            connection()?;
        }
        made += f64::from(BATCH);
    }
    ensure!(made > 0.0, "no connection was made");
    Ok(made / watch.elapsed().as_secs_f64())
}

fn kernel_connection(listener: &TcpListener, address: SocketAddr) -> io::Result<()> {
    let mut client = TcpStream::connect(address)?;
    let (server, _) = listener.accept()?;
    drop(server);
    expect_end(client.read(&mut [0])?)
}

fn expect_end(read: usize) -> io::Result<()> {
    match read {
        0 => Ok(()),
        _ => Err(io::Error::other("a byte came from nowhere")),
    }
}

/// Our host, with a listener.
struct Churn {
    host: Host,
    listener: SocketId,
    address: SocketAddress,
    watch: Stopwatch,
}

impl Churn {
    fn new() -> Result<Self> {
        let mut host = Host::new(Config {
            seed: 1,
            ..Config::default()
        });
        let address: SocketAddress = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)).into();
        let listener = host.socket(Domain::Inet, SocketType::Stream, 0, Credentials::ROOT)?;
        host.bind(listener, &address, Instant::ZERO)?;
        host.listen(listener, 16, Instant::ZERO)?;
        Ok(Self {
            host,
            listener,
            address,
            watch: Stopwatch::start(),
        })
    }

    fn connection(&mut self) -> io::Result<()> {
        let now =
            Instant::from_nanos(u64::try_from(self.watch.elapsed().as_nanos()).unwrap_or(u64::MAX));
        self.once(now)
            .map_err(|error| io::Error::from_raw_os_error(error.number()))?;
        while self.host.next_event().is_some() {}
        if self.host.next_deadline().is_some_and(|due| due <= now) {
            self.host.advance(now);
        }
        Ok(())
    }

    fn once(&mut self, now: Instant) -> Result<(), Errno> {
        let host = &mut self.host;
        let client = host.socket(Domain::Inet, SocketType::Stream, 0, Credentials::ROOT)?;
        match host.connect(client, &self.address, now) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let server = host.accept(self.listener, now)?.socket;
        host.close(server, now)?;
        let mut byte = [0];
        let message = Incoming {
            buffers: &mut [&mut byte[..]],
            ..Incoming::default()
        };
        let read = host.receive_message(client, message, now)?.length;
        host.close(client, now)?;
        if read == 0 { Ok(()) } else { Err(Errno::EIO) }
    }
}
