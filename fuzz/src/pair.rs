//! Two hosts with connections between them and a hostile wire: the input chooses what programs do and what becomes of each
//! frame.
//!
//! Any bytes are some sequence of steps; see [`Pair::step`]. As long as the wire only delays, loses, doubles, reorders and
//! damages, every byte that arrives is the right one; what is forged with a right checksum may break the stream but neither
//! host.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use sockeye_core::{
    Config, Credentials, Domain, Errno, Frame, Host, Incoming, Instant, InterfaceConfig,
    InterfaceId, IpCidr, Medium, MessageFlags, OffloadCapabilities, Outgoing, Shutdown,
    SocketAddress, SocketId, SocketType,
};
use sockeye_wire::{
    ChecksumState, Headers, IpProtocol, IpView, Ipv4Header, Ipv6Header, Payload, TcpFlags,
    TcpHeader, TcpOptions, TcpView, checksum::checksum,
};

use crate::world::{check, fixed};

const MTU: usize = 1500;
/// Frames under way in one direction; what is sent then is lost.
const MOST_FRAMES: usize = 256;
const MOST_SOCKETS: usize = 12;
/// One moment never has so many frames, and the end not so many timers.
const MOST_AT_ONCE: usize = 5_000;
const MOST_TIMERS: usize = 50_000;
/// No socket holds more.
const MOST_MEMORY: usize = 16 << 20;

const USER: Credentials = Credentials {
    pid: 1,
    uid: 1000,
    gid: 1000,
};

/// What came of a run; the same input has the same outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairOutcome {
    /// A hash over every frame.
    pub digest: u64,
    /// Frames that were sent.
    pub frames: usize,
    /// Bytes that programs received.
    pub received: usize,
}

/// A socket and how far its streams are.
struct Stream {
    socket: SocketId,
    sent: usize,
    received: usize,
}

struct Side {
    host: Host,
    interface: InterfaceId,
    listener: SocketId,
    streams: Vec<Stream>,
    /// What this side has sent.
    wire: VecDeque<Frame>,
    /// The last frame with a segment that it sent.
    last: Option<Frame>,
}

struct Pair<'a> {
    input: &'a [u8],
    sides: [Side; 2],
    now: Instant,
    is_v6: bool,
    is_forged: bool,
    outcome: PairOutcome,
}

/// The byte at an offset of every stream.
fn byte(offset: usize) -> u8 {
    let mixed = offset.wrapping_mul(0x9e37_79b1) >> 7;
    mixed.to_le_bytes()[0]
}

fn address(side: usize, is_v6: bool, port: u16) -> SocketAddr {
    let last = if side == 0 { 1 } else { 2 };
    if is_v6 {
        SocketAddr::new(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into(), port)
    } else {
        let last = if side == 0 { 1 } else { 2 };
        SocketAddr::new(Ipv4Addr::new(10, 0, 0, last).into(), port)
    }
}

/// Options that steer a connection: level, name.
const OPTIONS: [(i32, i32); 22] = [
    (1, 7),
    (1, 8),
    (1, 9),
    (1, 10),
    (1, 18),
    (1, 47),
    (6, 1),
    (6, 2),
    (6, 3),
    (6, 4),
    (6, 5),
    (6, 6),
    (6, 8),
    (6, 10),
    (6, 12),
    (6, 16),
    (6, 18),
    (6, 25),
    (6, 30),
    (6, 44),
    (0, 1),
    (0, 10),
];

/// Runs what `data` says, panicking if something is wrong.
pub fn two_endpoints(data: &[u8]) -> PairOutcome {
    let data = data.get(..8192).unwrap_or(data);
    let mut pair = Pair::new(data);
    while !pair.input.is_empty() {
        pair.step();
    }
    pair.finish()
}

impl<'a> Pair<'a> {
    fn new(input: &'a [u8]) -> Self {
        let (settings, input) = input
            .split_first()
            .map_or((0, input), |(b, rest)| (*b, rest));
        let is_v6 = settings & 1 == 1;
        let side = |side: usize| {
            let mut config = Config {
                seed: u64::from(settings) + 7,
                ..Config::default()
            };
            config.sysctl.tcp_sack = settings & 2 == 0;
            config.sysctl.tcp_window_scaling = settings & 8 == 0;
            config.sysctl.tcp_ecn = settings >> 4 & 3;
            let mut host = Host::new(config);
            let own = [address(side, false, 0).ip(), address(side, true, 0).ip()];
            let interface = host
                .add_interface(InterfaceConfig {
                    name: "eth0".into(),
                    mtu: MTU,
                    addresses: own
                        .into_iter()
                        .filter_map(|ip| IpCidr::new(ip, if ip.is_ipv4() { 24 } else { 64 }))
                        .collect(),
                    medium: Medium::Ip,
                    offload: OffloadCapabilities::default(),
                })
                .expect("a new host has `lo` alone");
            let domain = if is_v6 { Domain::Inet6 } else { Domain::Inet };
            let listener = host
                .socket(domain, SocketType::Stream, 0, USER)
                .expect("a new host has room");
            let name = SocketAddress::from(address(side, is_v6, 8080));
            host.bind(listener, &name, Instant::ZERO)
                .and_then(|()| host.listen(listener, 4, Instant::ZERO))
                .expect("the port is free");
            Side {
                host,
                interface,
                listener,
                streams: Vec::new(),
                wire: VecDeque::new(),
                last: None,
            }
        };
        let mut pair = Pair {
            input,
            sides: [side(0), side(1)],
            now: Instant::from_secs(1),
            is_v6,
            is_forged: false,
            outcome: PairOutcome::default(),
        };
        pair.connect(0);
        pair.drain();
        pair
    }

    fn take(&mut self) -> u8 {
        match self.input.split_first() {
            Some((byte, rest)) => {
                self.input = rest;
                *byte
            }
            None => 0,
        }
    }

    fn take_u16(&mut self) -> u16 {
        u16::from_le_bytes([self.take(), self.take()])
    }

    /// One step: its lowest bit says on which side, the others what.
    fn step(&mut self) {
        let code = self.take();
        let side = usize::from(code & 1);
        match (code >> 1) % 20 {
            0..=2 => self.send(side, MessageFlags::empty()),
            3 => self.send(side, MessageFlags::MORE),
            4 => self.send(side, MessageFlags::OOB),
            5 | 6 => self.read(side),
            7 => self.shut(side),
            8 => self.option(side),
            9 => {
                let (amount, shift) = (self.take(), self.take() % 24);
                self.pass(Duration::from_micros(u64::from(amount) << shift));
            }
            10 => {
                let next = self.next_deadline();
                self.pass(next.map_or(Duration::ZERO, |at| at - self.now));
            }
            11 | 12 => self.deliver_all(side),
            13 => {
                if let Some(frame) = self.pick(side) {
                    self.deliver(side, frame);
                }
            }
            14 => drop(self.pick(side)),
            15 => {
                if let Some(frame) = self.pick(side) {
                    self.sides[side].wire.push_front(frame.clone());
                    self.sides[side].wire.push_back(frame);
                }
            }
            16 => self.damage(side),
            17 => self.forge(side),
            18 => self.forge_icmp(side),
            _ => self.connect(side),
        }
        self.drain();
    }

    fn connect(&mut self, side: usize) {
        let (now, is_v6) = (self.now, self.is_v6);
        let to = SocketAddress::from(address(1 - side, is_v6, 8080));
        let this = &mut self.sides[side];
        if this.streams.len() >= MOST_SOCKETS {
            return;
        }
        let domain = if is_v6 { Domain::Inet6 } else { Domain::Inet };
        if let Ok(socket) = this.host.socket(domain, SocketType::Stream, 0, USER) {
            let _ = this.host.connect(socket, &to, now);
            this.streams.push(Stream::new(socket));
        }
    }

    /// One of a side's sockets.
    fn stream(&mut self, side: usize) -> Option<usize> {
        let choice = usize::from(self.take());
        let count = self.sides[side].streams.len();
        (count > 0).then(|| choice % count)
    }

    fn send(&mut self, side: usize, flags: MessageFlags) {
        let length = usize::from(self.take_u16() % 20_000);
        let Some(at) = self.stream(side) else { return };
        let now = self.now;
        let this = &mut self.sides[side];
        let stream = &mut this.streams[at];
        let data: Vec<u8> = (stream.sent..stream.sent + length).map(byte).collect();
        let message = Outgoing {
            data: &[&data],
            flags: flags | MessageFlags::NOSIGNAL,
            ..Outgoing::default()
        };
        let result = this.host.send_message(stream.socket, message, now);
        if flags.contains(MessageFlags::OOB) {
            // The peer's stream has a hole from here on.
            self.is_forged = true;
        }
        if let Ok(count) = result {
            assert!(count <= length, "more was sent than given");
            stream.sent += count;
        }
    }

    fn read(&mut self, side: usize) {
        let length = usize::from(self.take_u16());
        let Some(at) = self.stream(side) else { return };
        let (now, is_forged) = (self.now, self.is_forged);
        let this = &mut self.sides[side];
        let stream = &mut this.streams[at];
        let mut buffer = vec![0; length];
        let message = Incoming {
            buffers: &mut [&mut buffer],
            ..Incoming::default()
        };
        match this.host.receive_message(stream.socket, message, now) {
            Ok(received) => {
                for (at, got) in buffer.iter().take(received.length).enumerate() {
                    let right = byte(stream.received + at);
                    assert!(
                        is_forged || *got == right,
                        "a wrong byte at {}",
                        stream.received + at
                    );
                }
                stream.received += received.length;
                self.outcome.received += received.length;
            }
            Err(errno) => assert!(
                is_forged || errno != Errno::EBADF,
                "a socket that is there is not known"
            ),
        }
    }

    fn shut(&mut self, side: usize) {
        let how = self.take();
        let Some(at) = self.stream(side) else { return };
        let now = self.now;
        let this = &mut self.sides[side];
        let socket = this.streams[at].socket;
        let _ = match how % 6 {
            0 => this.host.shutdown(socket, Shutdown::Write, now),
            1 => this.host.shutdown(socket, Shutdown::Read, now),
            2 => this.host.shutdown(socket, Shutdown::Both, now),
            3 => this.host.connect(socket, &SocketAddress::Unspecified, now),
            kind => {
                if kind == 4 {
                    let linger = [1_i32.to_ne_bytes(), 0_i32.to_ne_bytes()].concat();
                    let _ = this.host.set_option(socket, 1, 13, &linger, now);
                }
                this.streams.remove(at);
                this.host.close(socket, now)
            }
        };
    }

    fn option(&mut self, side: usize) {
        let choice = usize::from(self.take());
        let value = i32::from(self.take_u16());
        let Some(at) = self.stream(side) else { return };
        let now = self.now;
        let this = &mut self.sides[side];
        let socket = this.streams[at].socket;
        let _ = match OPTIONS.get(choice % (OPTIONS.len() + 1)) {
            Some(&(level, name)) => {
                // Keepalive and user timeouts in seconds would be hours.
                let value = if value & 0x8000 == 0 {
                    value
                } else {
                    value & 15
                };
                this.host
                    .set_option(socket, level, name, &value.to_ne_bytes(), now)
            }
            None => {
                let names = ["cubic", "reno", "bbr"];
                let name = names[usize::try_from(value % 3).unwrap_or(0)];
                this.host.set_option(socket, 6, 13, name.as_bytes(), now)
            }
        };
    }

    fn next_deadline(&self) -> Option<Instant> {
        let sides = self.sides.iter();
        sides.filter_map(|side| side.host.next_deadline()).min()
    }

    /// Lets time pass; timers on the way fire at their times.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut timers = 0;
        while let Some(deadline) = self.next_deadline().filter(|at| *at <= end) {
            timers += 1;
            assert!(timers < MOST_TIMERS, "timers without end");
            self.now = self.now.max(deadline);
            self.advance();
        }
        self.now = end;
        self.advance();
    }

    fn advance(&mut self) {
        for side in &mut self.sides {
            side.host.advance(self.now);
        }
        self.drain();
    }

    /// A frame on its way from a side, taken off the wire.
    fn pick(&mut self, side: usize) -> Option<Frame> {
        let choice = usize::from(self.take());
        let wire = &mut self.sides[side].wire;
        let count = wire.len();
        if count == 0 {
            return None;
        }
        wire.remove(choice % count)
    }

    fn deliver(&mut self, from: usize, frame: Frame) {
        let to = &mut self.sides[1 - from];
        let bytes = Bytes::from(frame.to_vec());
        to.host
            .receive(to.interface, Frame::from_bytes(bytes), self.now);
    }

    fn deliver_all(&mut self, from: usize) {
        let frames: Vec<Frame> = self.sides[from].wire.drain(..).collect();
        if self.take() & 1 == 0 {
            for frame in frames {
                self.deliver(from, frame);
                self.drain();
            }
        } else {
            let to = &mut self.sides[1 - from];
            let frames = frames
                .into_iter()
                .map(|frame| Frame::from_bytes(Bytes::from(frame.to_vec())));
            to.host.receive_burst(to.interface, frames, self.now);
        }
    }

    /// A byte of a frame changes. With its checksum put right nobody can tell.
    fn damage(&mut self, side: usize) {
        let (at, value, is_fixed) = (self.take_u16(), self.take(), self.take() & 1 == 1);
        let Some(frame) = self.pick(side) else {
            return;
        };
        let mut bytes = frame.to_vec();
        let at = usize::from(at) % bytes.len().clamp(1, 80);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= value;
        }
        let frame = if is_fixed {
            self.is_forged = true;
            fixed(bytes)
        } else {
            // Damage that no checksum covers: IPv6 has none of its header.
            self.is_forged |= self.is_v6;
            Frame::from_bytes(Bytes::from(bytes))
        };
        self.sides[side].wire.push_back(frame);
    }

    /// A segment that looks as if it came from a side, relative to the last that did.
    fn forge(&mut self, side: usize) {
        let flags = self.take();
        let [sequence, acknowledgment] =
            [0; 2].map(|_: i32| i32::from(self.take_u16().cast_signed()));
        let window = self.take_u16();
        let scale = self.take();
        let length = usize::from(self.take_u16() % 1461);
        let count = usize::from(self.take() % 41);
        let options: Vec<u8> = (0..count).map(|_| self.take()).collect();
        let Some(last) = self.sides[side].last.clone() else {
            return;
        };
        let (Ok(layout), Ok(ip)) = (last.layout(), last.ip()) else {
            return;
        };
        let transport = last.headers.get(layout.transport..).unwrap_or_default();
        let Ok(tcp) = TcpView::parse(transport) else {
            return;
        };
        let shift = |number: i32| number.wrapping_shl(u32::from(scale % 16));
        let options = if scale & 0x80 == 0 {
            TcpOptions::parse(&options)
        } else {
            TcpHeader::from(tcp).options
        };
        let header = TcpHeader {
            source_port: tcp.source_port(),
            destination_port: tcp.destination_port(),
            sequence: tcp.sequence().wrapping_add_signed(shift(sequence)),
            acknowledgment: tcp
                .acknowledgment()
                .wrapping_add_signed(shift(acknowledgment)),
            flags: TcpFlags::from_bits_retain(flags),
            window,
            urgent: u16::from(scale),
            options,
        };
        let total = header.header_len() + length;
        let mut headers = Headers::new();
        match ip {
            IpView::V4(ip) => {
                Ipv4Header::new(ip.source(), ip.destination(), IpProtocol::TCP, total)
                    .emit(&mut headers);
            }
            IpView::V6(ip) => {
                Ipv6Header::new(ip.source(), ip.destination(), IpProtocol::TCP, total)
                    .emit(&mut headers);
            }
        }
        header.emit(&mut headers);
        let mut frame = Frame::new(headers, Payload::from(vec![0x66; length]));
        frame.offload.checksum = ChecksumState::Partial;
        frame.complete_checksum();
        self.is_forged = true;
        self.deliver(side, frame);
    }

    /// An ICMP error about the last segment of a side, from a router nobody knows.
    fn forge_icmp(&mut self, side: usize) {
        let (kind, code, rest) = (self.take(), self.take(), self.take_u16());
        let (at, change) = (self.take(), self.take());
        let Some(last) = self.sides[side].last.clone() else {
            return;
        };
        let Ok(IpView::V4(ip)) = last.ip() else {
            return;
        };
        let mut quote = last.to_vec();
        quote.truncate(28 + usize::from(change & 31));
        if let Some(byte) = quote.get_mut(20 + usize::from(at) % 8) {
            *byte ^= change >> 5;
        }
        let kinds = [3, 3, 3, 11, 12, 4, 5, kind];
        let mut message = vec![kinds[usize::from(kind % 8)], code % 16, 0, 0, 0, 0];
        message.extend(rest.to_be_bytes());
        message.extend(quote);
        let sum = checksum(&message);
        if let Some(slot) = message.get_mut(2..4) {
            slot.copy_from_slice(&sum.to_be_bytes());
        }
        let mut headers = Headers::new();
        let router = Ipv4Addr::new(10, 0, 0, 99);
        Ipv4Header::new(router, ip.source(), IpProtocol::ICMPV4, message.len()).emit(&mut headers);
        let frame = Frame::new(headers, Payload::from(message));
        self.is_forged = true;
        self.deliver(1 - side, frame);
    }

    /// Takes out all that the hosts have to give, and looks at it.
    fn drain(&mut self) {
        for at in 0..2 {
            let mut rounds = 0;
            let side = &mut self.sides[at];
            loop {
                let mut is_quiet = true;
                while let Some(frame) = side.host.transmit(side.interface) {
                    is_quiet = false;
                    rounds += 1;
                    assert!(rounds < MOST_AT_ONCE, "frames without end at one moment");
                    check(&frame, false);
                    assert!(frame.len() <= MTU, "a packet longer than the MTU");
                    self.outcome.frames += 1;
                    for byte in frame.headers.iter() {
                        let digest = self.outcome.digest ^ u64::from(*byte);
                        self.outcome.digest = digest.wrapping_mul(0x0100_0000_01b3);
                    }
                    if side.wire.len() < MOST_FRAMES {
                        side.wire.push_back(frame.clone());
                    }
                    side.last = Some(frame);
                }
                while side.host.next_event().is_some() {
                    rounds += 1;
                    assert!(rounds < MOST_AT_ONCE, "events without end at one moment");
                }
                while side.streams.len() < MOST_SOCKETS
                    && let Ok(accepted) = side.host.accept(side.listener, self.now)
                {
                    is_quiet = false;
                    side.streams.push(Stream::new(accepted.socket));
                }
                if side.host.next_deadline().is_some_and(|at| at <= self.now) {
                    is_quiet = false;
                    rounds += 1;
                    assert!(rounds < MOST_AT_ONCE, "a deadline that does not move on");
                    side.host.advance(self.now);
                }
                if is_quiet {
                    break;
                }
            }
            for stream in &side.streams {
                let memory = side.host.summary(stream.socket).map_or(0, |s| s.memory);
                assert!(memory < MOST_MEMORY, "a socket holds {memory} bytes");
            }
        }
    }

    /// Closes everything and lets time pass on a wire that works, until nothing is left.
    fn finish(mut self) -> PairOutcome {
        for side in &mut self.sides {
            for stream in side.streams.drain(..) {
                let _ = side.host.close(stream.socket, self.now);
            }
            let _ = side.host.close(side.listener, self.now);
        }
        self.drain();
        let mut timers = 0;
        loop {
            let mut rounds = 0;
            while self.sides.iter().any(|side| !side.wire.is_empty()) {
                rounds += 1;
                assert!(
                    rounds < MOST_AT_ONCE,
                    "two hosts answer each other without end"
                );
                for from in 0..2 {
                    while let Some(frame) = self.sides[from].wire.pop_front() {
                        self.deliver(from, frame);
                    }
                }
                self.drain();
            }
            let Some(deadline) = self.next_deadline() else {
                break;
            };
            timers += 1;
            assert!(timers < MOST_TIMERS, "timers go on after all is closed");
            self.now = self.now.max(deadline);
            self.advance();
        }
        for side in &self.sides {
            let left = side.host.snapshot().sockets;
            assert!(left.is_empty(), "sockets are left: {left:?}");
        }
        self.outcome
    }
}

impl Stream {
    fn new(socket: SocketId) -> Self {
        Self {
            socket,
            sent: 0,
            received: 0,
        }
    }
}
