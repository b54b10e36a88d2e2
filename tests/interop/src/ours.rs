//! One of our hosts as an end, with its program.

use std::net::IpAddr;

use sockeye_core::{
    Accepted, Config, Credentials, Domain, Errno, Host, Incoming, Instant, InterfaceConfig,
    InterfaceId, IpCidr, Medium, MessageFlags, OffloadCapabilities, Outgoing, Readiness, Shutdown,
    SocketAddress, SocketId, SocketType,
};

use crate::exchange::{PIECE, check, fill};
use crate::{Exchange, Family, Place, Report, Setting};

/// Pieces that are sent in one go: the program's work is done between packets, and must not make them wait.
const PIECES: usize = 4;

/// A host and what its program does.
#[derive(Debug)]
pub struct Ours {
    /// The host.
    pub(crate) host: Host,
    /// Where the wire is.
    pub(crate) interface: InterfaceId,
    place: Place,
    listener: Option<SocketId>,
    socket: Option<SocketId>,
    to_send: usize,
    sent: usize,
    received: usize,
    is_shut: bool,
    saw_end: bool,
    buffer: Vec<u8>,
}

fn failed(what: &str) -> impl Fn(Errno) -> String {
    move |errno| format!("our {what}: {errno:?}")
}

impl Ours {
    /// A host with one interface.
    ///
    /// # Errors
    /// What the host refused.
    pub fn new(
        place: Place,
        mtu: u16,
        offload: OffloadCapabilities,
        settings: &[Setting],
    ) -> Result<Self, String> {
        let mut config = Config {
            seed: 1,
            ..Config::default()
        };
        for setting in settings {
            (setting.apply)(&mut config.sysctl);
        }
        let mut host = Host::new(config);
        let own = [
            IpCidr::new(IpAddr::V4(place.v4()), 24),
            IpCidr::new(IpAddr::V6(place.v6()), 64),
        ];
        let interface = host
            .add_interface(InterfaceConfig {
                name: "eth0".to_owned(),
                mtu: mtu.into(),
                addresses: own.into_iter().flatten().collect(),
                medium: Medium::Ip,
                offload,
            })
            .map_err(failed("interface"))?;
        Ok(Self {
            host,
            interface,
            place,
            listener: None,
            socket: None,
            to_send: 0,
            sent: 0,
            received: 0,
            is_shut: false,
            saw_end: false,
            buffer: vec![0; PIECE],
        })
    }

    pub(crate) fn begin(&mut self, exchange: &Exchange, now: Instant) -> Result<(), String> {
        let domain = match exchange.family {
            Family::V4 => Domain::Inet,
            Family::V6 => Domain::Inet6,
        };
        let address: SocketAddress = exchange.server().into();
        let socket = self
            .host
            .socket(domain, SocketType::Stream, 0, Credentials::ROOT)
            .map_err(failed("socket"))?;
        if let Some(name) = exchange.congestion {
            let (level, option) = (libc::IPPROTO_TCP, libc::TCP_CONGESTION);
            self.host
                .set_option(socket, level, option, name.as_bytes(), now)
                .map_err(failed(name))?;
        }
        self.to_send = exchange.sends(self.place);
        match self.place {
            Place::Server => {
                self.host
                    .bind(socket, &address, now)
                    .map_err(failed("bind"))?;
                self.host.listen(socket, 8, now).map_err(failed("listen"))?;
                self.listener = Some(socket);
            }
            Place::Client => {
                match self.host.connect(socket, &address, now) {
                    Ok(()) | Err(Errno::EINPROGRESS) => {}
                    Err(errno) => return Err(failed("connect")(errno)),
                }
                self.socket = Some(socket);
            }
        }
        Ok(())
    }

    /// Does what can be done now; the report once all is done.
    pub(crate) fn turn(&mut self, now: Instant) -> Result<Option<Report>, String> {
        while self.host.next_event().is_some() {}
        if let (Some(listener), None) = (self.listener, self.socket) {
            match self.host.accept(listener, now) {
                Ok(Accepted { socket, .. }) => self.socket = Some(socket),
                Err(Errno::EAGAIN) => {}
                Err(errno) => return Err(failed("accept")(errno)),
            }
        }
        let Some(socket) = self.socket else {
            return Ok(None);
        };
        let readiness = self.host.readiness(socket);
        if readiness.intersects(Readiness::IN | Readiness::ERR | Readiness::HUP) {
            self.receive(socket, now)?;
        }
        if readiness.contains(Readiness::OUT) {
            self.send(socket, now)?;
        }
        let report = Report {
            received: self.received,
        };
        Ok((self.saw_end && self.is_shut).then_some(report))
    }

    fn send(&mut self, socket: SocketId, now: Instant) -> Result<(), String> {
        for _ in 0..PIECES {
            if self.sent == self.to_send {
                break;
            }
            let length = PIECE.min(self.to_send - self.sent);
            let piece = &mut self.buffer[..length];
            fill(self.place, self.sent, piece);
            let outgoing = Outgoing {
                data: &[piece],
                flags: MessageFlags::NOSIGNAL,
                ..Outgoing::default()
            };
            match self.host.send_message(socket, outgoing, now) {
                Ok(sent) => self.sent += sent,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(failed("send")(errno)),
            }
        }
        if self.sent == self.to_send && !self.is_shut {
            self.host
                .shutdown(socket, Shutdown::Write, now)
                .map_err(failed("shutdown"))?;
            self.is_shut = true;
        }
        Ok(())
    }

    fn receive(&mut self, socket: SocketId, now: Instant) -> Result<(), String> {
        while !self.saw_end {
            let incoming = Incoming {
                buffers: &mut [&mut self.buffer],
                ..Incoming::default()
            };
            match self.host.receive_message(socket, incoming, now) {
                Ok(message) if message.length == 0 => self.saw_end = true,
                Ok(message) => {
                    let piece = &self.buffer[..message.length];
                    check(self.place.other(), self.received, piece)?;
                    self.received += message.length;
                }
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(failed("receive")(errno)),
            }
        }
        Ok(())
    }
}
