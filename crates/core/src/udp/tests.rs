//! UDP-Lite between sockets of one host. That its datagrams behave as UDP's is for the dual-run tests.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use sockeye_wire::{Frame, Headers, IpProtocol, Ipv4Header, Ipv6Header, UdpLiteHeader};

use crate::{
    Config, Credentials, Domain, Errno, Host, Incoming, Instant, InterfaceId, MessageFlags,
    Outgoing, SocketAddress, SocketId, SocketType,
};

const NOW: Instant = Instant::ZERO;
const UDPLITE: i32 = 136;
const SEND: i32 = 10;
const RECEIVE: i32 = 11;

struct World {
    host: Host,
    domain: Domain,
    local: IpAddr,
}

fn each_family(test: impl Fn(World)) {
    for (domain, local) in [(Domain::Inet, "127.0.0.1"), (Domain::Inet6, "::1")] {
        test(World {
            host: Host::new(Config::default()),
            domain,
            local: local.parse().unwrap(),
        });
    }
}

impl World {
    fn at(&self, port: u16) -> SocketAddress {
        SocketAddress::from(SocketAddr::new(self.local, port))
    }

    fn bound(&mut self, protocol: i32, port: u16) -> SocketId {
        let root = Credentials::ROOT;
        let kind = SocketType::Datagram;
        let id = self.host.socket(self.domain, kind, protocol, root).unwrap();
        let address = self.at(port);
        self.host.bind(id, &address, NOW).unwrap();
        id
    }

    fn set(&mut self, id: SocketId, name: i32, value: i32) {
        let value = value.to_ne_bytes();
        self.host
            .set_option(id, UDPLITE, name, &value, NOW)
            .unwrap();
    }

    fn send(&mut self, id: SocketId, port: u16) -> Result<usize, Errno> {
        let address = self.at(port);
        let message = Outgoing {
            data: &[b"datagram"],
            address: Some(&address),
            ..Outgoing::default()
        };
        self.host.send_message(id, message, NOW)
    }

    fn receive(&mut self, id: SocketId) -> Result<usize, Errno> {
        let message = Incoming {
            buffers: &mut [&mut [0; 20]],
            flags: MessageFlags::empty(),
            ancillary_room: 0,
        };
        Ok(self.host.receive_message(id, message, NOW)?.length)
    }

    fn counter(&self, name: &str) -> u64 {
        let six = if self.domain == Domain::Inet { "" } else { "6" };
        let name = alloc::format!("UdpLite{six}{name}");
        self.host.counters().get(&name).unwrap()
    }

    /// A datagram from outside whose checksum, right or wrong, covers what `coverage` says.
    fn arrives(&mut self, port: u16, coverage: u16, is_right: bool) {
        let length = 8 + 8;
        let mut headers = Headers::new();
        match self.local {
            IpAddr::V4(local) => {
                Ipv4Header::new(local, local, IpProtocol::UDP_LITE, length).emit(&mut headers);
            }
            IpAddr::V6(local) => {
                Ipv6Header::new(local, local, IpProtocol::UDP_LITE, length).emit(&mut headers);
            }
        }
        UdpLiteHeader {
            source_port: 9,
            destination_port: port,
            coverage,
        }
        .emit(&mut headers);
        let mut frame = Frame::new(headers, b"datagram".to_vec().into());
        frame.offload.checksum = sockeye_wire::ChecksumState::Partial;
        let mut bytes = frame.to_vec();
        if !is_right {
            let at = bytes.len() - 16;
            bytes[at] ^= 1;
        }
        self.host
            .receive(InterfaceId::LOOPBACK, Frame::from_bytes(bytes.into()), NOW);
    }
}

#[test]
fn its_ports_are_not_those_of_udp() {
    each_family(|mut world| {
        let (udp, lite) = (world.bound(17, 7000), world.bound(UDPLITE, 7000));
        world.send(lite, 7000).unwrap();
        assert_eq!(world.receive(udp), Err(Errno::EAGAIN));
        assert_eq!(world.receive(lite), Ok(8));
        assert_eq!(world.counter("InDatagrams"), 1);
        assert_eq!(world.counter("OutDatagrams"), 1);
    });
}

#[test]
fn a_receiver_may_ask_for_a_coverage() {
    each_family(|mut world| {
        let (a, b) = (world.bound(UDPLITE, 1), world.bound(UDPLITE, 2));
        let mut taken = Vec::new();
        for send in [0, 8, 12, 16, 100] {
            for receive in [0, 8, 12, 13, 100] {
                world.set(a, SEND, send);
                world.set(b, RECEIVE, receive);
                world.send(a, 2).unwrap();
                // Covered in full, or as far as was asked for.
                let is_full = send == 0 || send >= 16;
                let expected = is_full || (receive != 0 && send >= receive);
                let came = world.receive(b).is_ok();
                assert_eq!(came, expected, "{send}: {receive}");
                taken.push(came);
            }
        }
        let dropped = taken.iter().filter(|came| !**came).count();
        assert_eq!(world.counter("InErrors"), u64::try_from(dropped).unwrap());
        assert_eq!(world.counter("InCsumErrors"), 0);
    });
}

#[test]
fn what_is_damaged_or_claims_too_much_is_counted_and_dropped() {
    each_family(|mut world| {
        let socket = world.bound(UDPLITE, 5);
        for coverage in [0, 8, 9, 16] {
            world.arrives(5, coverage, true);
            assert_eq!(world.receive(socket), Ok(8), "{coverage}");
            world.arrives(5, coverage, false);
            assert_eq!(world.receive(socket), Err(Errno::EAGAIN), "{coverage}");
        }
        for coverage in [1, 7, 17, 0xffff] {
            world.arrives(5, coverage, true);
            assert_eq!(world.receive(socket), Err(Errno::EAGAIN), "{coverage}");
        }
        assert_eq!(world.counter("InCsumErrors"), 8);
        assert_eq!(world.counter("InErrors"), 8);
        world.arrives(6, 0, true);
        assert_eq!(world.counter("NoPorts"), 1);
    });
}
