//! The other side of the rows beside smoltcp: both ends in one of its interfaces, over a loopback device of ours.
//!
//! The device keeps its buffers, so that smoltcp is not charged for an allocator; socket buffers are as large as served
//! it best here.

use std::collections::VecDeque;
use std::io;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::clock::Stopwatch;
use crate::in_process::{End, Pair};

const BUFFER: usize = 512 * 1024;
/// For the connections that only stand there.
const IDLE_BUFFER: usize = 1024;
const SERVER_PORT: u16 = 4000;
const FIRST_CLIENT_PORT: u16 = 10_000;

/// Whether anybody sums the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sums {
    /// Neither end, as on a loopback.
    Nobody,
    /// Both ends, as on a device without offload.
    Both,
}

/// A loopback of the given MTU.
struct Loop {
    queue: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    mtu: usize,
    sums: Sums,
}

impl Device for Loop {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Room<'_>)> {
        let packet = self.queue.pop_front()?;
        // The answer may be sent while the packet is read: the two tokens share nothing.
        let Self { queue, spare, .. } = self;
        let reused = spare.pop();
        Some((
            Received { packet, spare },
            Room {
                queue,
                buffer: reused,
            },
        ))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        Some(Room {
            buffer: self.spare.pop(),
            queue: &mut self.queue,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum = match self.sums {
            Sums::Nobody => ChecksumCapabilities::ignored(),
            Sums::Both => {
                let mut both = ChecksumCapabilities::default();
                both.tcp = Checksum::Both;
                both
            }
        };
        capabilities
    }
}

struct Received<'a> {
    packet: Vec<u8>,
    spare: &'a mut Vec<Vec<u8>>,
}

impl smoltcp::phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let answer = read(&self.packet);
        self.spare.push(self.packet);
        answer
    }
}

struct Room<'a> {
    queue: &'a mut VecDeque<Vec<u8>>,
    buffer: Option<Vec<u8>>,
}

impl smoltcp::phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut buffer = self.buffer.unwrap_or_default();
        buffer.resize(length, 0);
        let answer = write(&mut buffer);
        self.queue.push_back(buffer);
        answer
    }
}

/// A connection within smoltcp, and perhaps others beside it.
pub(crate) struct SmoltcpPair {
    interface: Interface,
    device: Loop,
    sockets: SocketSet<'static>,
    client: SocketHandle,
    server: SocketHandle,
    watch: Stopwatch,
    now: Instant,
}

impl SmoltcpPair {
    /// A connection, and `idle` sockets that are connected to each other beside it.
    pub(crate) fn new(mtu: usize, sums: Sums, idle: usize) -> io::Result<Self> {
        let mut device = Loop {
            queue: VecDeque::new(),
            spare: Vec::new(),
            mtu,
            sums,
        };
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let _full = addresses.push(IpCidr::new(IpAddress::v4(127, 0, 0, 1), 8));
        });
        let mut pair = Self {
            interface,
            device,
            sockets: SocketSet::new(Vec::new()),
            client: SocketHandle::default(),
            server: SocketHandle::default(),
            watch: Stopwatch::start(),
            now: Instant::ZERO,
        };
        for index in 0..idle / 2 {
            let port = FIRST_CLIENT_PORT + 1 + u16::try_from(index).map_err(io::Error::other)?;
            pair.connect(port, IDLE_BUFFER)?;
        }
        (pair.client, pair.server) = pair.connect(FIRST_CLIENT_PORT, BUFFER)?;
        Ok(pair)
    }

    fn connect(&mut self, port: u16, buffer: usize) -> io::Result<(SocketHandle, SocketHandle)> {
        let mut socket = || {
            let room = || tcp::SocketBuffer::new(vec![0; buffer]);
            let mut socket = tcp::Socket::new(room(), room());
            socket.set_nagle_enabled(false);
            self.sockets.add(socket)
        };
        let (client, server) = (socket(), socket());
        self.sockets
            .get_mut::<tcp::Socket<'_>>(server)
            .listen(SERVER_PORT)
            .map_err(io::Error::other)?;
        self.sockets
            .get_mut::<tcp::Socket<'_>>(client)
            .connect(
                self.interface.context(),
                (IpAddress::v4(127, 0, 0, 1), SERVER_PORT),
                port,
            )
            .map_err(io::Error::other)?;
        for _ in 0..10 {
            self.poll();
            if self.sockets.get::<tcp::Socket<'_>>(server).may_send() {
                return Ok((client, server));
            }
        }
        Err(io::Error::other("smoltcp did not connect"))
    }

    fn poll(&mut self) {
        self.interface
            .poll(self.now, &mut self.device, &mut self.sockets);
    }

    fn socket(&mut self, end: End) -> &mut tcp::Socket<'static> {
        let handle = match end {
            End::Client => self.client,
            End::Server => self.server,
        };
        self.sockets.get_mut(handle)
    }
}

impl Pair for SmoltcpPair {
    fn write(&mut self, end: End, data: &[u8]) -> io::Result<usize> {
        let sent = self
            .socket(end)
            .send_slice(data)
            .map_err(io::Error::other)?;
        if sent > 0 {
            self.poll();
        }
        Ok(sent)
    }

    fn read(&mut self, end: End, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = |socket: &mut tcp::Socket<'static>| socket.recv_slice(&mut *buffer);
        match read(self.socket(end)).map_err(io::Error::other)? {
            0 => {
                // The last read may have opened the window again.
                self.poll();
                read(self.socket(end)).map_err(io::Error::other)
            }
            got => Ok(got),
        }
    }

    fn tick(&mut self) {
        let micros = i64::try_from(self.watch.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.now = Instant::from_micros(micros);
        self.poll();
    }
}
