//! Our side where two hosts are joined by a wire, without any offload: every segment is cut and summed as for a device.

use anyhow::{Context, Result};
use sockeye::core::{
    Config, Credentials, Domain, Errno, Host, Incoming, Instant, InterfaceConfig, InterfaceId,
    IpCidr, Medium, OffloadCapabilities, Outgoing, SocketAddress, SocketId, SocketType,
};

use super::ours::zero_if_blocked;
use super::{End, Pair};
use crate::clock::Stopwatch;

const PORT: u16 = 4000;

/// A host and its end of the wire.
struct Station {
    host: Host,
    wire: InterfaceId,
}

impl Station {
    fn new(address: [u8; 4], mtu: usize) -> Result<Self> {
        let mut host = Host::new(Config {
            seed: address[3].into(),
            ..Config::default()
        });
        let address = IpCidr::new(address.into(), 24).context("an address of our own")?;
        let wire = host.add_interface(InterfaceConfig {
            name: "eth0".into(),
            mtu,
            addresses: vec![address],
            medium: Medium::Ip,
            offload: OffloadCapabilities::default(),
        })?;
        Ok(Self { host, wire })
    }

    fn socket(&mut self) -> Result<SocketId> {
        Ok(self
            .host
            .socket(Domain::Inet, SocketType::Stream, 0, Credentials::ROOT)?)
    }
}

/// A connection between two hosts.
pub(crate) struct Wired {
    client: Station,
    server: Station,
    /// Both ends of the connection.
    ids: (SocketId, SocketId),
    watch: Stopwatch,
    now: Instant,
}

impl Wired {
    /// A connection, and `idle` sockets that are connected to each other beside it: as many ends in all.
    pub(crate) fn new(mtu: usize, idle: usize) -> Result<Self> {
        let mut client = Station::new([10, 0, 0, 1], mtu)?;
        let mut server = Station::new([10, 0, 0, 2], mtu)?;
        let address: SocketAddress = std::net::SocketAddr::from(([10, 0, 0, 2], PORT)).into();
        let listener = server.socket()?;
        server.host.bind(listener, &address, Instant::ZERO)?;
        server.host.listen(listener, 16, Instant::ZERO)?;
        let placeholder = client.socket()?;
        let mut wired = Self {
            ids: (placeholder, listener),
            client,
            server,
            watch: Stopwatch::start(),
            now: Instant::ZERO,
        };
        for _ in 0..idle / 2 + 1 {
            let end = wired.client.socket()?;
            match wired.client.host.connect(end, &address, wired.now) {
                Ok(()) | Err(Errno::EINPROGRESS) => {}
                Err(error) => return Err(error.into()),
            }
            wired.carry();
            let accepted = wired.server.host.accept(listener, wired.now)?;
            wired.ids = (end, accepted.socket);
            wired.tick();
        }
        Ok(wired)
    }

    /// Moves packets until none is left.
    fn carry(&mut self) {
        loop {
            let (client, server) = (&mut self.client, &mut self.server);
            let moved = hand_over(client, server, self.now) | hand_over(server, client, self.now);
            if !moved {
                return;
            }
        }
    }

    fn station(&mut self, end: End) -> (&mut Host, SocketId) {
        match end {
            End::Client => (&mut self.client.host, self.ids.0),
            End::Server => (&mut self.server.host, self.ids.1),
        }
    }
}

/// Whether there was a packet.
fn hand_over(from: &mut Station, to: &mut Station, now: Instant) -> bool {
    let has_output = from.host.has_output(from.wire);
    if has_output {
        let frames = std::iter::from_fn(|| from.host.transmit(from.wire));
        to.host.receive_burst(to.wire, frames, now);
    }
    has_output
}

impl Pair for Wired {
    fn write(&mut self, end: End, data: &[u8]) -> std::io::Result<usize> {
        let now = self.now;
        let (host, id) = self.station(end);
        let message = Outgoing {
            data: &[data],
            ..Outgoing::default()
        };
        let sent = zero_if_blocked(host.send_message(id, message, now));
        self.carry();
        sent
    }

    fn read(&mut self, end: End, buffer: &mut [u8]) -> std::io::Result<usize> {
        let now = self.now;
        let (host, id) = self.station(end);
        let message = Incoming {
            buffers: &mut [buffer],
            ..Incoming::default()
        };
        let received = host.receive_message(id, message, now);
        // A window may have opened.
        self.carry();
        zero_if_blocked(received.map(|received| received.length))
    }

    fn tick(&mut self) {
        self.now =
            Instant::from_nanos(u64::try_from(self.watch.elapsed().as_nanos()).unwrap_or(u64::MAX));
        for station in [&mut self.client, &mut self.server] {
            while station.host.next_event().is_some() {}
            let due = station.host.next_deadline();
            if due.is_some_and(|deadline| deadline <= self.now) {
                station.host.advance(self.now);
            }
        }
        self.carry();
    }
}
