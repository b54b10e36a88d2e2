//! Our side of the rows in process: hosts driven by hand, as an embedder with a loop of its own does.

use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result, ensure};
use sockeye::core::{
    Config, Credentials, Domain, Errno, Host, Incoming, Instant, Outgoing, SocketAddress, SocketId,
    SocketType,
};

use super::{End, Pair};
use crate::clock::Stopwatch;

const SOL_SOCKET: i32 = 1;
const SO_KEEPALIVE: i32 = 9;
const IPPROTO_TCP: i32 = 6;
const TCP_NODELAY: i32 = 1;

/// Connections that are set up at once: less than any backlog.
const BATCH: usize = 64;
/// Connections to one port of the listening end: less than there are ephemeral ports.
const PER_PORT: usize = 25_000;
const FIRST_PORT: u16 = 4000;

/// A host with connections over its own loopback, and the time.
pub(crate) struct Ours {
    host: Host,
    connections: Vec<(SocketId, SocketId)>,
    /// The connection that [`Pair`] works on.
    current: usize,
    watch: Stopwatch,
    now: Instant,
}

impl Ours {
    /// A host without a connection.
    pub(crate) fn new() -> Self {
        Self {
            host: Host::new(Config {
                seed: 1,
                ..Config::default()
            }),
            connections: Vec::new(),
            current: 0,
            watch: Stopwatch::start(),
            now: Instant::ZERO,
        }
    }

    /// A host with one connection.
    pub(crate) fn pair() -> Result<Self> {
        let mut ours = Self::new();
        ours.open(1)?;
        Ok(ours)
    }

    /// Takes the memory for this many connections' ids, which is the bench's own.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.connections.reserve_exact(count);
    }

    /// Opens this many connections more. Each end sends a byte to the other, so that each has worked and is idle.
    pub(crate) fn open(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let here = left.min(PER_PORT);
            let port = FIRST_PORT + u16::try_from(self.connections.len() / PER_PORT)?;
            self.open_to(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into(), here)
                .with_context(|| format!("after {} connections", self.connections.len()))?;
            left -= here;
        }
        Ok(())
    }

    fn open_to(&mut self, address: SocketAddress, count: usize) -> Result<()> {
        let listener = self.socket()?;
        self.host.bind(listener, &address, self.now)?;
        self.host.listen(listener, 4096, self.now)?;
        let mut left = count;
        while left > 0 {
            let batch = left.min(BATCH);
            let mut clients = Vec::with_capacity(batch);
            for _ in 0..batch {
                let client = self.socket()?;
                match self.host.connect(client, &address, self.now) {
                    Ok(()) | Err(Errno::EINPROGRESS) => clients.push(client),
                    Err(error) => return Err(error.into()),
                }
                self.tick();
            }
            // Each client is told to its server by address: accept need not answer in the order of connect.
            for _ in 0..batch {
                let accepted = self.host.accept(listener, self.now)?;
                let place = clients
                    .iter()
                    .position(|&client| {
                        self.host.local_address(client).as_ref() == Ok(&accepted.peer)
                    })
                    .context("an unknown peer was accepted")?;
                let client = clients.swap_remove(place);
                for end in [client, accepted.socket] {
                    self.host.set_option(
                        end,
                        IPPROTO_TCP,
                        TCP_NODELAY,
                        &1_i32.to_ne_bytes(),
                        self.now,
                    )?;
                    // Each connection has a timer that is not due: what the timer wheel is for.
                    self.host.set_option(
                        end,
                        SOL_SOCKET,
                        SO_KEEPALIVE,
                        &1_i32.to_ne_bytes(),
                        self.now,
                    )?;
                }
                self.connections.push((client, accepted.socket));
                self.current = self.connections.len() - 1;
                ensure!(super::ping_pong::round_trip(self)?, "a byte did not arrive");
            }
            left -= batch;
        }
        self.host.close(listener, self.now)?;
        self.tick();
        Ok(())
    }

    fn socket(&mut self) -> Result<SocketId> {
        Ok(self
            .host
            .socket(Domain::Inet, SocketType::Stream, 0, Credentials::ROOT)?)
    }

    fn id(&self, end: End) -> SocketId {
        let (client, server) = self.connections[self.current];
        match end {
            End::Client => client,
            End::Server => server,
        }
    }

    /// Segments that the host received so far.
    pub(crate) fn segments(&self) -> u64 {
        self.host.counters().tcp_in_segs
    }

    /// Lets the time pass by which acknowledgments that were held back go out, so that every connection is idle.
    pub(crate) fn rest(&mut self) {
        for _ in 0..100 {
            crate::clock::pause(std::time::Duration::from_millis(5));
            self.tick();
        }
    }
}

impl Pair for Ours {
    fn write(&mut self, end: End, data: &[u8]) -> std::io::Result<usize> {
        let id = self.id(end);
        let message = Outgoing {
            data: &[data],
            ..Outgoing::default()
        };
        zero_if_blocked(self.host.send_message(id, message, self.now))
    }

    fn read(&mut self, end: End, buffer: &mut [u8]) -> std::io::Result<usize> {
        let id = self.id(end);
        let message = Incoming {
            buffers: &mut [buffer],
            ..Incoming::default()
        };
        zero_if_blocked(
            self.host
                .receive_message(id, message, self.now)
                .map(|received| received.length),
        )
    }

    /// What the loop of an embedder does each time round: look at the clock, hear of events, serve what is due.
    fn tick(&mut self) {
        self.now =
            Instant::from_nanos(u64::try_from(self.watch.elapsed().as_nanos()).unwrap_or(u64::MAX));
        while self.host.next_event().is_some() {}
        if self
            .host
            .next_deadline()
            .is_some_and(|deadline| deadline <= self.now)
        {
            self.host.advance(self.now);
        }
    }
}

pub(super) fn zero_if_blocked(answer: Result<usize, Errno>) -> std::io::Result<usize> {
    match answer {
        Ok(count) => Ok(count),
        Err(Errno::EAGAIN) => Ok(0),
        Err(error) => Err(std::io::Error::from_raw_os_error(error.number())),
    }
}
