//! Our side: a host driven by hand on a TUN.

use std::net::SocketAddrV4;
use std::os::fd::AsFd as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sockeye::core::{
    Config, Credentials, Domain, Errno, Host, Instant, InterfaceConfig, InterfaceId, IpCidr,
    Medium, OffloadCapabilities, Outgoing, Readiness, SocketId, SocketType,
};
use sockeye::link::Link;
use sockeye::link::device::{Gro, Tun};
use sockeye_interop::Place;

use super::Sender;
use super::receiver::PORT;
use crate::clock::Stopwatch;

const SOL_SOCKET: i32 = 1;
const SO_SNDBUF: i32 = 7;

/// A host with one connection.
pub(super) struct Ours {
    host: Host,
    interface: InterfaceId,
    link: Gro<Tun>,
    socket: SocketId,
    watch: Stopwatch,
}

impl Ours {
    /// A connection; its send buffer grows by itself, or is as large as is said.
    pub(super) fn new(tun: Tun, send_buffer: Option<usize>) -> Result<Self> {
        let mut host = Host::new(Config {
            seed: 1,
            ..Config::default()
        });
        let address = IpCidr::new(Place::Client.v4().into(), 24).context("a prefix")?;
        let interface = host.add_interface(InterfaceConfig {
            name: "eth0".into(),
            mtu: 1500,
            addresses: vec![address],
            medium: Medium::Ip,
            offload: OffloadCapabilities {
                checksum: tun.features().checksum,
                segmentation: tun.segmentation(),
            },
        })?;
        let socket = host.socket(Domain::Inet, SocketType::Stream, 0, Credentials::ROOT)?;
        if let Some(size) = send_buffer {
            // As Linux does, twice of what is asked for is taken.
            let half = i32::try_from(size / 2)?.to_ne_bytes();
            host.set_option(socket, SOL_SOCKET, SO_SNDBUF, &half, Instant::ZERO)?;
        }
        let mut ours = Self {
            host,
            interface,
            link: Gro::new(tun),
            socket,
            watch: Stopwatch::start(),
        };
        let server = SocketAddrV4::new(Place::Server.v4(), PORT);
        match ours.host.connect(socket, &server.into(), ours.now()) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let watch = Stopwatch::start();
        while !ours.host.readiness(socket).contains(Readiness::OUT) {
            ensure!(
                watch.elapsed() < Duration::from_secs(5),
                "it does not connect"
            );
            if !ours.carry(ours.now()) {
                ours.wait(Duration::from_millis(5));
            }
        }
        Ok(ours)
    }

    fn now(&self) -> Instant {
        let nanos = self.watch.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn transmit(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(frame) = self.host.transmit(self.interface) {
            self.link.send(frame, now);
            moved = true;
        }
        moved
    }

    /// What has come in, what is due, and what goes out for it.
    fn carry(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(frame) = self.link.receive(now) {
            self.host.receive(self.interface, frame, now);
            moved = true;
        }
        while self.host.next_event().is_some() {}
        if self.host.next_deadline().is_some_and(|due| due <= now) {
            self.host.advance(now);
        }
        self.transmit(now) || moved
    }
}

impl Sender for Ours {
    fn turn(&mut self, data: &[u8]) -> Result<bool> {
        let now = self.now();
        let mut moved = self.carry(now);
        loop {
            let message = Outgoing {
                data: &[data],
                ..Outgoing::default()
            };
            match self.host.send_message(self.socket, message, now) {
                Ok(_) => moved = true,
                Err(Errno::EAGAIN) => return Ok(moved),
                Err(error) => return Err(error.into()),
            }
            self.transmit(now);
        }
    }

    fn wait(&self, most: Duration) {
        let due = self.host.next_deadline().map(|due| due - self.now());
        super::wait(
            self.link.inner().as_fd(),
            due.map_or(most, |due| due.min(most)),
        );
    }
}
