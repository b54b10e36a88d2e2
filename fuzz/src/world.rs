//! A host between an outside that answers nothing by itself and a `lo` that can lose frames.
use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use sockeye_core::{
    Config, Errno, Frame, Host, Instant, InterfaceConfig, InterfaceId, IpCidr, Loopback, Medium,
    OffloadCapabilities, SocketId,
};
use sockeye_wire::{ChecksumState, IpView, checksum::checksum};

use crate::action::Action;

mod calls;
mod flows;
mod groups;

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
pub(crate) fn check(frame: &Frame, raw: bool) {
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
pub(crate) fn fixed(mut bytes: Vec<u8>) -> Frame {
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
