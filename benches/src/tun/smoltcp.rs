//! The other side without offload: smoltcp on a TUN.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, Ipv4Address};
use sockeye_interop::Place;

use super::Sender;
use super::receiver::PORT;
use crate::clock::Stopwatch;

/// As large as served it best here.
pub(super) const BUFFER: usize = 512 * 1024;
const MTU: usize = 1500;

/// A file of packets. Its buffers are used again, so that nobody is charged for an allocator.
struct Packets {
    file: File,
    inbound: Box<[u8]>,
    outbound: RefCell<Box<[u8]>>,
}

impl Device for Packets {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Room<'_>)> {
        let length = (&self.file).read(&mut self.inbound).ok()?;
        Some((
            Received(&self.inbound[..length]),
            Room {
                file: &self.file,
                buffer: &self.outbound,
            },
        ))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        Some(Room {
            file: &self.file,
            buffer: &self.outbound,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

struct Received<'a>(&'a [u8]);

impl smoltcp::phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

struct Room<'a> {
    file: &'a File,
    buffer: &'a RefCell<Box<[u8]>>,
}

impl smoltcp::phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut buffer = self.buffer.borrow_mut();
        let packet = &mut buffer[..length];
        let answer = write(packet);
        // A packet that finds no room is lost, as on any device.
        let mut file = self.file;
        let _sent = file.write(packet);
        answer
    }
}

/// An interface with one connection.
pub(super) struct Smoltcp {
    interface: Interface,
    device: Packets,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    watch: Stopwatch,
}

impl Smoltcp {
    pub(super) fn new(tun: &impl AsFd) -> Result<Self> {
        let mut device = Packets {
            file: tun.as_fd().try_clone_to_owned()?.into(),
            inbound: vec![0; 65_536].into(),
            outbound: RefCell::new(vec![0; 65_536].into()),
        };
        let mut interface =
            Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::ZERO);
        let address = |place: Place| IpAddress::Ipv4(Ipv4Address::from(place.v4().octets()));
        interface.update_ip_addrs(|addresses| {
            let _full = addresses.push(IpCidr::new(address(Place::Client), 24));
        });
        let room = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(room(), room());
        socket.set_nagle_enabled(false);
        let server = (address(Place::Server), PORT);
        socket
            .connect(interface.context(), server, 40_000)
            .map_err(|error| anyhow!("{error}"))?;
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        let mut made = Self {
            interface,
            device,
            sockets,
            socket,
            watch: Stopwatch::start(),
        };
        while !made.socket().may_send() {
            ensure!(
                made.watch.elapsed() < Duration::from_secs(5),
                "smoltcp does not connect"
            );
            made.poll();
            made.wait(Duration::from_millis(5));
        }
        Ok(made)
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn now(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.watch.elapsed().as_micros()).unwrap_or(i64::MAX))
    }

    fn poll(&mut self) {
        let now = self.now();
        self.interface
            .poll(now, &mut self.device, &mut self.sockets);
    }
}

impl Sender for Smoltcp {
    fn turn(&mut self, data: &[u8]) -> Result<bool> {
        self.poll();
        let mut moved = false;
        loop {
            let sent = self.socket().send_slice(data);
            if sent.map_err(|error| anyhow!("{error}"))? == 0 {
                break;
            }
            moved = true;
            self.poll();
        }
        Ok(moved)
    }

    fn wait(&self, most: Duration) {
        super::wait(self.device.file.as_fd(), most);
    }
}
