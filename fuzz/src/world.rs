//! A host between an outside that answers nothing by itself and a `lo` that can lose frames.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use sockeye_core::{
    Config, Credentials, Domain, Errno, Frame, Host, Incoming, Instant, InterfaceConfig,
    InterfaceId, IpCidr, Loopback, Medium, MessageFlags, OffloadCapabilities, Outgoing, Shutdown,
    SocketAddress, SocketId, SocketType, UnixAddress,
};
use sockeye_wire::{ChecksumState, IpView, checksum::checksum};

use crate::action::{Action, Address};

mod flows;

use flows::Flows;

/// The host's addresses on `eth0`; the captured packets in the seeds are sent to them.
pub(crate) const OWN_V4: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
pub(crate) const OWN_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 2);
/// The neighbour that packets come from.
pub(crate) const PEER_V4: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
pub(crate) const PEER_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 1);

const MTU: usize = 1500;
const MAX_SOCKETS: usize = 64;
/// One action never makes this many packets.
const MAX_PACKETS: usize = 20_000;
/// One moment never needs this many calls of `advance`.
const MAX_ADVANCES: usize = 10_000;
/// All is over long before so many timers have fired.
const MAX_TIMERS: usize = 100_000;
/// No socket holds more.
const MAX_MEMORY: usize = 32 << 20;

/// What came of a run: the same input has the same outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A hash over every packet sent and every call's result.
    pub digest: u64,
    /// Packets sent to the outside.
    pub packets: usize,
    /// Connections with the outside that were seen.
    pub flows: usize,
}

pub(crate) struct World {
    host: Host,
    outside: InterfaceId,
    now: Instant,
    sockets: Vec<SocketId>,
    flows: Flows,
    lose: u8,
    /// A raw socket was made: packets may hold what a program put together.
    raw: bool,
    packets: usize,
    digest: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut host = Host::new(Config {
            seed: 1,
            loopback: Loopback::External,
            ..Config::default()
        });
        let addresses = [
            IpCidr::new(OWN_V4.into(), 24),
            IpCidr::new(OWN_V6.into(), 64),
        ];
        let outside = host
            .add_interface(InterfaceConfig {
                name: "eth0".into(),
                mtu: MTU,
                addresses: addresses.into_iter().flatten().collect(),
                medium: Medium::Ip,
                offload: OffloadCapabilities::default(),
            })
            .expect("a new host has `lo` alone");
        World {
            host,
            outside,
            now: Instant::from_secs(1),
            sockets: Vec::new(),
            flows: Flows::default(),
            lose: 0,
            raw: false,
            packets: 0,
            // FNV-1a.
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub(crate) fn apply(&mut self, action: &Action) {
        self.act(action);
        self.drain();
    }

    /// Closes every socket, lets time pass and looks at what is left.
    pub(crate) fn finish(mut self) -> Outcome {
        for socket in std::mem::take(&mut self.sockets) {
            let result = self.host.close(socket, self.now);
            self.note_result(&result.map(|()| 0));
            self.drain();
        }
        let mut timers = 0;
        while let Some(deadline) = self.host.next_deadline() {
            timers += 1;
            assert!(
                timers < MAX_TIMERS,
                "timers go on after all sockets are closed"
            );
            self.now = self.now.max(deadline);
            self.host.advance(self.now);
            self.drain();
        }
        let left = self.host.snapshot().sockets;
        assert!(left.is_empty(), "sockets are left: {left:?}");
        Outcome {
            digest: self.digest,
            packets: self.packets,
            flows: self.flows.len(),
        }
    }

    fn act(&mut self, action: &Action) {
        let now = self.now;
        match *action {
            Action::Frame {
                loopback,
                fix,
                ref bytes,
            } => {
                let frame = if fix {
                    fixed(bytes.clone())
                } else {
                    Frame::from_bytes(Bytes::from(bytes.clone()))
                };
                let interface = if loopback {
                    InterfaceId::LOOPBACK
                } else {
                    self.outside
                };
                self.host.receive(interface, frame, now);
            }
            Action::Segment { .. } => {
                if let Some(frame) = self.flows.segment(action) {
                    self.host.receive(self.outside, frame, now);
                }
            }
            Action::Advance { micros } => {
                // Timers on the way fire at their times, as in a host that is driven well.
                let end = now + std::time::Duration::from_micros(u64::from(micros));
                let mut timers = 0;
                while let Some(deadline) = self.host.next_deadline().filter(|at| *at <= end) {
                    timers += 1;
                    assert!(timers < MAX_TIMERS, "timers without end");
                    self.now = self.now.max(deadline);
                    self.host.advance(self.now);
                    self.drain();
                }
                self.now = end;
                self.host.advance(self.now);
            }
            Action::Wait => {
                if let Some(deadline) = self.host.next_deadline() {
                    self.now = self.now.max(deadline);
                    self.host.advance(self.now);
                }
            }
            Action::Lose { count } => self.lose = count,
            ref call => self.call(call),
        }
    }

    fn call(&mut self, action: &Action) {
        let now = self.now;
        let result = match *action {
            Action::Socket {
                domain,
                kind,
                protocol,
            } => self.socket(domain, kind, protocol),
            Action::Bind { socket, address } => {
                let socket = self.named(socket);
                self.host.bind(socket, &resolve(address), now).map(|()| 0)
            }
            Action::Listen { socket, backlog } => {
                let socket = self.named(socket);
                self.host.listen(socket, backlog.into(), now).map(|()| 0)
            }
            Action::Accept { socket } => {
                let socket = self.named(socket);
                self.host.accept(socket, now).map(|accepted| {
                    self.sockets.push(accepted.socket);
                    1
                })
            }
            Action::Connect { socket, address } => {
                let socket = self.named(socket);
                self.host
                    .connect(socket, &resolve(address), now)
                    .map(|()| 0)
            }
            Action::Send {
                socket,
                flags,
                length,
                address,
            } => {
                let socket = self.named(socket);
                let data = vec![0x55; usize::from(length)];
                let address = address.map(resolve);
                let message = Outgoing {
                    data: &[&data],
                    address: address.as_ref(),
                    ancillary: Vec::new(),
                    flags: MessageFlags::from_bits_retain(flags.into()),
                };
                self.host.send_message(socket, message, now)
            }
            Action::Receive {
                socket,
                flags,
                length,
            } => {
                let socket = self.named(socket);
                let mut data = vec![0; usize::from(length)];
                let message = Incoming {
                    buffers: &mut [&mut data],
                    flags: MessageFlags::from_bits_retain(flags.into()),
                    ancillary_room: 256,
                };
                let result = self.host.receive_message(socket, message, now);
                result.map(|received| received.length)
            }
            Action::Shutdown { socket, how } => {
                let socket = self.named(socket);
                let how = Shutdown::from_number(how.into()).unwrap_or(Shutdown::Both);
                self.host.shutdown(socket, how, now).map(|()| 0)
            }
            Action::Close { socket } => {
                let id = self.named(socket);
                self.sockets.retain(|socket| *socket != id);
                self.host.close(id, now).map(|()| 0)
            }
            Action::SetOption {
                socket,
                level,
                name,
                ref value,
            } => {
                let socket = self.named(socket);
                let set = self
                    .host
                    .set_option(socket, level.into(), name.into(), value, now);
                set.map(|()| 0)
            }
            Action::GetOption {
                socket,
                level,
                name,
                length,
            } => {
                let socket = self.named(socket);
                let room = length.into();
                let value = self
                    .host
                    .get_option(socket, level.into(), name.into(), room, now);
                value.map(|value| {
                    assert!(value.len() <= room, "an option longer than its room");
                    value.len()
                })
            }
            _ => Ok(0),
        };
        self.note_result(&result);
    }

    fn socket(&mut self, domain: u8, kind: u8, protocol: u8) -> Result<usize, Errno> {
        if self.sockets.len() >= MAX_SOCKETS {
            return Err(Errno::EMFILE);
        }
        let domain = [Domain::Inet, Domain::Inet6, Domain::Unix][usize::from(domain % 3)];
        let kind = [
            SocketType::Stream,
            SocketType::Datagram,
            SocketType::Raw,
            SocketType::SeqPacket,
        ][usize::from(kind % 4)];
        let credentials = Credentials::ROOT;
        let socket = self
            .host
            .socket(domain, kind, protocol.into(), credentials)?;
        self.raw |= kind == SocketType::Raw;
        self.sockets.push(socket);
        Ok(1)
    }

    /// The socket that an action means; a stale id if there is none.
    fn named(&self, socket: u8) -> SocketId {
        let index = usize::from(socket) % self.sockets.len().max(1);
        let none = SocketId::from_bits(u64::MAX);
        self.sockets.get(index).copied().unwrap_or(none)
    }

    /// Takes everything out that the host has to give, and gives it back what belongs on `lo`.
    fn drain(&mut self) {
        let (mut packets, mut advances) = (0, 0);
        loop {
            let mut quiet = true;
            while let Some(frame) = self.host.transmit(InterfaceId::LOOPBACK) {
                quiet = false;
                packets += 1;
                assert!(packets < MAX_PACKETS, "packets on lo without end");
                check(&frame, self.raw);
                if self.lose > 0 {
                    self.lose -= 1;
                } else {
                    self.host.receive(InterfaceId::LOOPBACK, frame, self.now);
                }
            }
            while let Some(frame) = self.host.transmit(self.outside) {
                quiet = false;
                packets += 1;
                assert!(packets < MAX_PACKETS, "packets to the outside without end");
                check(&frame, self.raw);
                assert!(frame.len() <= MTU, "a packet longer than the MTU");
                let bytes = frame.to_vec();
                self.note(&bytes);
                self.packets += 1;
                self.flows.watch(&frame);
            }
            let mut events = 0;
            while let Some((socket, readiness)) = self.host.next_event() {
                events += 1;
                assert!(events < MAX_PACKETS, "events without end");
                let current = self.host.readiness(socket);
                assert_eq!(
                    readiness, current,
                    "an event that is not the socket's readiness"
                );
            }
            if self.host.next_deadline().is_some_and(|at| at <= self.now) {
                quiet = false;
                advances += 1;
                assert!(advances < MAX_ADVANCES, "a deadline that does not move on");
                self.host.advance(self.now);
            }
            if quiet {
                return;
            }
        }
    }

    fn note_result(&mut self, result: &Result<usize, Errno>) {
        self.note(format!("{result:?}").as_bytes());
        let sockets = self.host.snapshot().sockets;
        for socket in sockets {
            assert!(
                socket.memory < MAX_MEMORY,
                "a socket without bounds: {socket:?}"
            );
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// What the host sends can be read by others: lengths are true and checksums right. With `IP_HDRINCL` a program may send
/// anything but a length that is not true.
fn check(frame: &Frame, raw: bool) {
    let bytes = frame.to_vec();
    let length = bytes.len();
    let mut read = Frame::from_bytes(Bytes::from(bytes));
    assert_eq!(read.len(), length, "a length that is not true: {frame:?}");
    if raw {
        return;
    }
    assert!(read.layout().is_ok(), "not a packet: {frame:?}");
    if let Ok(IpView::V4(view)) = read.ip() {
        assert!(view.checksum_is_valid(), "a broken IPv4 header: {frame:?}");
    }
    assert!(read.verify_checksum(), "a wrong checksum: {frame:?}");
}

/// The packet with lengths and checksums put right, so that it gets past the first checks.
fn fixed(mut bytes: Vec<u8>) -> Frame {
    let length = bytes.len();
    match IpView::parse(&bytes) {
        Ok(IpView::V4(view)) => {
            let header_len = view.header_len();
            put(&mut bytes, 2, u16::try_from(length).unwrap_or(0));
            put(&mut bytes, 10, 0);
            let sum = checksum(bytes.get(..header_len).unwrap_or_default());
            put(&mut bytes, 10, sum);
        }
        Ok(IpView::V6(_)) => {
            put(&mut bytes, 4, u16::try_from(length - 40).unwrap_or(0));
        }
        Err(_) => {}
    }
    let mut frame = Frame::from_bytes(Bytes::from(bytes));
    frame.offload.checksum = ChecksumState::Partial;
    frame.complete_checksum();
    frame
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(slot) = bytes.get_mut(at..at + 2) {
        slot.copy_from_slice(&value.to_be_bytes());
    }
}

fn resolve(address: Address) -> SocketAddress {
    let hosts: [IpAddr; 13] = [
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::UNSPECIFIED.into(),
        OWN_V4.into(),
        PEER_V4.into(),
        Ipv6Addr::LOCALHOST.into(),
        Ipv6Addr::UNSPECIFIED.into(),
        OWN_V6.into(),
        PEER_V6.into(),
        Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
        PEER_V4.to_ipv6_mapped().into(),
        Ipv4Addr::new(224, 0, 0, 1).into(),
        Ipv4Addr::BROADCAST.into(),
        Ipv4Addr::new(192, 0, 2, 1).into(),
    ];
    let index = usize::from(address.host) % (hosts.len() + 2);
    match hosts.get(index) {
        Some(host) => SocketAddress::new(*host, address.port),
        None if index == hosts.len() => SocketAddress::Unspecified,
        None => {
            let name = address.port.to_le_bytes();
            SocketAddress::Unix(UnixAddress::Abstract(Box::from(name)))
        }
    }
}
