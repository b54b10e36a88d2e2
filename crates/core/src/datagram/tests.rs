//! Datagrams between sockets of one host, over IPv4 and IPv6 from one body.

use core::net::{IpAddr, SocketAddr};

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::{
    Ancillary, Config, Credentials, Domain, Errno, Host, Incoming, Instant, MessageFlags, Outgoing,
    Readiness, Received, Shutdown, SocketAddress, SocketId, SocketType,
};

const NOW: Instant = Instant::ZERO;

struct World {
    host: Host,
    domain: Domain,
    local: IpAddr,
}

/// Runs a test over each family, and over IPv4 on an AF_INET6 socket.
fn each_family(test: impl Fn(World)) {
    for (domain, local) in [
        (Domain::Inet, "127.0.0.1"),
        (Domain::Inet6, "::1"),
        (Domain::Inet6, "::ffff:127.0.0.1"),
    ] {
        test(World {
            host: Host::new(Config::default()),
            domain,
            local: local.parse().unwrap(),
        });
    }
}

impl World {
    fn socket(&mut self) -> SocketId {
        self.host
            .socket(self.domain, SocketType::Datagram, 0, Credentials::ROOT)
            .unwrap()
    }

    fn at(&self, port: u16) -> SocketAddress {
        SocketAddress::from(SocketAddr::new(self.local, port))
    }

    fn bound(&mut self, port: u16) -> SocketId {
        let id = self.socket();
        let address = self.at(port);
        self.host.bind(id, &address, NOW).unwrap();
        id
    }

    fn send(&mut self, id: SocketId, data: &[u8], to: Option<u16>) -> Result<usize, Errno> {
        let address = to.map(|port| self.at(port));
        let message = Outgoing {
            data: &[data],
            address: address.as_ref(),
            ..Outgoing::default()
        };
        self.host.send_message(id, message, NOW)
    }

    fn receive(
        &mut self,
        id: SocketId,
        room: usize,
        flags: MessageFlags,
    ) -> Result<(Vec<u8>, Received), Errno> {
        let mut data = vec![0; room];
        let message = Incoming {
            buffers: &mut [&mut data],
            flags,
            ancillary_room: 256,
        };
        let received = self.host.receive_message(id, message, NOW)?;
        data.truncate(received.length.min(room));
        Ok((data, received))
    }

    fn text(&mut self, id: SocketId) -> Result<String, Errno> {
        let (data, _) = self.receive(id, 100, MessageFlags::empty())?;
        Ok(String::from_utf8(data).unwrap())
    }
}

#[test]
fn a_datagram_is_there_when_send_returns_and_tells_where_it_came_from() {
    each_family(|mut world| {
        let (a, b) = (world.bound(1000), world.bound(2000));
        assert_eq!(world.host.readiness(b), Readiness::OUT);
        assert_eq!(world.send(a, b"hello", Some(2000)), Ok(5));
        assert_eq!(world.host.readiness(b), Readiness::IN | Readiness::OUT);
        let (data, received) = world.receive(b, 100, MessageFlags::empty()).unwrap();
        assert_eq!(
            (data.as_slice(), received.address),
            (&b"hello"[..], Some(world.at(1000)))
        );
        assert_eq!(world.text(b), Err(Errno::EAGAIN));
    });
}

#[test]
fn a_short_buffer_truncates_and_peeking_leaves_the_datagram() {
    each_family(|mut world| {
        let (a, b) = (world.bound(1000), world.bound(2000));
        world.send(a, b"hello", Some(2000)).unwrap();
        let (data, received) = world
            .receive(b, 2, MessageFlags::PEEK | MessageFlags::TRUNC)
            .unwrap();
        assert_eq!((&data[..2], received.length), (&b"he"[..], 5));
        assert!(received.flags.contains(MessageFlags::TRUNC));
        assert_eq!(world.receive(b, 2, MessageFlags::empty()).unwrap().0, b"he");
        assert_eq!(world.text(b), Err(Errno::EAGAIN));
    });
}

#[test]
fn a_port_without_a_socket_refuses_a_connected_sender_once() {
    each_family(|mut world| {
        let a = world.socket();
        let nobody = world.at(9);
        world.host.connect(a, &nobody, NOW).unwrap();
        assert_eq!(world.send(a, b"x", None), Ok(1));
        assert_eq!(world.host.readiness(a), Readiness::OUT | Readiness::ERR);
        assert_eq!(world.send(a, b"x", None), Err(Errno::ECONNREFUSED));
        assert_eq!(world.host.readiness(a), Readiness::OUT);
        let stranger = world.bound(1000);
        assert_eq!(world.send(stranger, b"x", Some(9)), Ok(1));
        assert_eq!(world.host.readiness(stranger), Readiness::OUT);
    });
}

#[test]
fn a_connected_socket_hears_only_its_peer_until_it_disconnects() {
    each_family(|mut world| {
        let (a, b, c) = (world.bound(1000), world.bound(2000), world.bound(3000));
        let peer = world.at(1000);
        world.host.connect(b, &peer, NOW).unwrap();
        assert_eq!(world.host.peer_address(b), Ok(peer));
        world.send(c, b"stranger", Some(2000)).unwrap();
        world.send(a, b"friend", Some(2000)).unwrap();
        assert_eq!(world.text(b).unwrap(), "friend");
        world
            .host
            .connect(b, &SocketAddress::Unspecified, NOW)
            .unwrap();
        assert_eq!(world.host.peer_address(b), Err(Errno::ENOTCONN));
        world.send(c, b"stranger", Some(2000)).unwrap();
        assert_eq!(world.text(b).unwrap(), "stranger");
    });
}

#[test]
fn the_port_that_sending_took_is_given_back_by_closing() {
    each_family(|mut world| {
        let (a, b) = (world.socket(), world.bound(2000));
        world.send(a, b"x", Some(2000)).unwrap();
        let Some((_, port)) = world.host.local_address(a).unwrap().ip() else {
            panic!("no address")
        };
        assert!(port >= 32_768);
        let again = world.socket();
        let taken = world.at(port);
        assert_eq!(world.host.bind(again, &taken, NOW), Err(Errno::EADDRINUSE));
        world.host.close(a, NOW).unwrap();
        assert_eq!(world.host.bind(again, &taken, NOW), Ok(()));
        let _ = b;
    });
}

#[test]
fn misuse_is_answered_in_linuxs_order() {
    each_family(|mut world| {
        let a = world.socket();
        // udpv6_sendmsg looks for an address first, udp_sendmsg at the length.
        let first = match world.local {
            IpAddr::V4(_) => Errno::EMSGSIZE,
            IpAddr::V6(_) => Errno::EDESTADDRREQ,
        };
        assert_eq!(world.send(a, &[0; 70_000], None), Err(first));
        assert_eq!(world.send(a, &[0; 70_000], Some(9)), Err(Errno::EMSGSIZE));
        assert_eq!(world.send(a, b"x", None), Err(Errno::EDESTADDRREQ));
        assert_eq!(world.send(a, b"x", Some(0)), Err(Errno::EINVAL));
        assert_eq!(world.send(a, &[0; 65_530], Some(9)), Err(Errno::EMSGSIZE));
        let elsewhere = match world.local {
            IpAddr::V6(address) if address.to_ipv4_mapped().is_none() => "[2001:db8::1]:9",
            IpAddr::V6(_) => "[::ffff:192.0.2.1]:9",
            IpAddr::V4(_) => "192.0.2.1:9",
        };
        let elsewhere = SocketAddress::from(elsewhere.parse::<SocketAddr>().unwrap());
        assert_eq!(
            world.host.connect(a, &elsewhere, NOW),
            Err(Errno::ENETUNREACH)
        );
        assert_eq!(world.host.listen(a, 1, NOW), Err(Errno::EOPNOTSUPP));
        assert_eq!(
            world.host.shutdown(a, Shutdown::Write, NOW),
            Err(Errno::ENOTCONN)
        );
        assert_eq!(world.send(a, b"x", Some(9)), Err(Errno::EPIPE));
    });
}

#[test]
fn the_largest_datagram_arrives_whole_through_fragments() {
    each_family(|mut world| {
        let (a, b) = (world.bound(1000), world.bound(2000));
        let data: Vec<u8> = (0..65_507u32).map(|index| (index % 251) as u8).collect();
        assert_eq!(world.send(a, &data, Some(2000)), Ok(65_507));
        assert_eq!(
            world.receive(b, 70_000, MessageFlags::empty()).unwrap().0,
            data
        );
    });
}

#[test]
fn a_full_queue_drops_and_counts_and_closing_leaves_nothing() {
    each_family(|mut world| {
        let (a, b) = (world.bound(1000), world.bound(2000));
        for _ in 0..1000 {
            world.send(a, &[7; 1000], Some(2000)).unwrap();
        }
        let counters = world.host.counters();
        assert!(counters.udp_rcvbuf_errors + counters.udp6_rcvbuf_errors > 0);
        world.host.close(a, NOW).unwrap();
        world.host.close(b, NOW).unwrap();
        assert!(world.host.snapshot().sockets.is_empty());
        assert!(world.host.stack.ports.is_empty());
    });
}

#[test]
fn an_error_queue_tells_who_refused_and_what() {
    let mut world = World {
        host: Host::new(Config::default()),
        domain: Domain::Inet,
        local: [127, 0, 0, 1].into(),
    };
    let a = world.bound(1000);
    let socket = world.host.get_mut(a).unwrap();
    socket.options.switches |= crate::options::Switches::RECEIVE_ERRORS;
    world.send(a, b"anyone?", Some(9)).unwrap();
    assert_eq!(world.host.readiness(a), Readiness::OUT | Readiness::ERR);
    let (data, received) = world.receive(a, 100, MessageFlags::ERRQUEUE).unwrap();
    assert_eq!(
        (data.as_slice(), received.address),
        (&b"anyone?"[..], Some(world.at(9)))
    );
    let [Ancillary::ExtendedError(error)] = received.ancillary.as_slice() else {
        panic!(
            "expected one extended error, found {:?}",
            received.ancillary
        )
    };
    assert_eq!(
        (error.errno.unwrap(), error.kind, error.code),
        (Errno::ECONNREFUSED, 3, 3)
    );
    assert_eq!(world.host.readiness(a), Readiness::OUT);
}

#[test]
fn ipv6_mtu_bounds_the_fragments_of_a_datagram() {
    let mut world = World {
        host: Host::new(Config::default()),
        domain: Domain::Inet6,
        local: core::net::Ipv6Addr::LOCALHOST.into(),
    };
    let a = world.bound(1000);
    let b = world.bound(1001);
    let mut fragments_with = |mtu: i32, length: usize| {
        let (level, name) = (41, 24);
        let value = mtu.to_ne_bytes();
        world.host.set_option(a, level, name, &value, NOW).unwrap();
        let before = world.host.counters().ip6_frag_creates;
        world.send(a, &vec![7; length], Some(1001)).unwrap();
        let received = world.receive(b, 10_000, MessageFlags::empty()).unwrap();
        assert_eq!(received.0, vec![7; length]);
        world.host.counters().ip6_frag_creates - before
    };
    assert_eq!(fragments_with(0, 5000), 0);
    // Each takes 1280 bytes less two headers, a multiple of eight: 1232 of the 5008 with the UDP header.
    assert_eq!(fragments_with(1280, 5000), 5);
    assert_eq!(fragments_with(1280, 1232), 0);
    assert_eq!(fragments_with(1280, 1233), 2);
    assert_eq!(fragments_with(3000, 5000), 2);
}

#[test]
fn a_raw_socket_sees_its_protocol_and_the_host_answers_pings() {
    for (domain, local, protocol, request) in [
        (Domain::Inet, "127.0.0.1:0", 1, [8, 0, 0, 0, 1, 2, 0, 1]),
        (Domain::Inet6, "[::1]:0", 58, [128, 0, 0, 0, 1, 2, 0, 1]),
    ] {
        let mut host = Host::new(Config::default());
        let ping = host
            .socket(domain, SocketType::Datagram, protocol, Credentials::ROOT)
            .unwrap();
        let raw = host
            .socket(domain, SocketType::Raw, protocol, Credentials::ROOT)
            .unwrap();
        let to = SocketAddress::from(local.parse::<SocketAddr>().unwrap());
        let message = Outgoing {
            data: &[&request],
            address: Some(&to),
            ..Outgoing::default()
        };
        assert_eq!(host.send_message(ping, message, NOW), Ok(8));
        let mut kinds = Vec::new();
        let mut data = [0; 100];
        while let Ok(received) = host.receive_message(
            raw,
            Incoming {
                buffers: &mut [&mut data],
                ..Incoming::default()
            },
            NOW,
        ) {
            kinds.push(data[received.length - 8]);
        }
        let reply = if domain == Domain::Inet { 0 } else { 129 };
        assert_eq!(kinds, [request[0], reply]);
        let received = host
            .receive_message(
                ping,
                Incoming {
                    buffers: &mut [&mut data],
                    ..Incoming::default()
                },
                NOW,
            )
            .unwrap();
        assert_eq!((received.length, data[0]), (8, reply));
    }
}

#[test]
fn only_root_may_have_raw_sockets() {
    let mut host = Host::new(Config::default());
    let nobody = Credentials {
        pid: 1,
        uid: 65_534,
        gid: 65_534,
    };
    assert_eq!(
        host.socket(Domain::Inet, SocketType::Raw, 1, nobody),
        Err(Errno::EPERM)
    );
    assert_eq!(
        host.socket(Domain::Inet, SocketType::Raw, 0, Credentials::ROOT),
        Err(Errno::EPROTONOSUPPORT)
    );
    assert!(
        host.socket(Domain::Inet, SocketType::Datagram, 1, nobody)
            .is_ok()
    );
}

#[test]
fn a_recorded_route_begins_with_the_source() {
    let mut host = Host::new(Config::default());
    let raw = host
        .socket(Domain::Inet, SocketType::Raw, 17, Credentials::ROOT)
        .unwrap();
    let sender = host
        .socket(Domain::Inet, SocketType::Datagram, 0, Credentials::ROOT)
        .unwrap();
    let route = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0];
    host.set_option(sender, 0, 4, &route, NOW).unwrap();
    let to = SocketAddress::from("127.0.0.1:9".parse::<SocketAddr>().unwrap());
    let message = Outgoing {
        data: &[b"x"],
        address: Some(&to),
        ..Outgoing::default()
    };
    host.send_message(sender, message, NOW).unwrap();
    let mut packet = vec![0; 100];
    let received = host
        .receive_message(
            raw,
            Incoming {
                buffers: &mut [&mut packet],
                ..Incoming::default()
            },
            NOW,
        )
        .unwrap();
    assert_eq!(received.length, 20 + 12 + 8 + 1);
    assert_eq!(
        packet[20..32],
        [7, 11, 8, 127, 0, 0, 1, 0, 0, 0, 0, 0],
        "the option, with the pointer behind the first address"
    );
    // What was set is told as it was set.
    let told = host.get_option(sender, 0, 4, 40, NOW).unwrap();
    assert_eq!(told[..11], route);
}
