//! Datagrams between a program of the host and a socket that stands for somebody elsewhere. Of connections
//! `tcp/tests/transparent.rs` tells.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;

use sockeye_wire::Frame;

use crate::{
    Ancillary, Config, Credentials, Domain, Errno, Host, Incoming, Instant, InterfaceId, IpCidr,
    Loopback, MessageFlags, Outgoing, Readiness, Received, SocketAddress, SocketId, SocketType,
};

const NOW: Instant = Instant::ZERO;

fn named(name: &str) -> SocketAddress {
    SocketAddress::from(name.parse::<SocketAddr>().unwrap())
}

fn host(loopback: Loopback) -> Host {
    let address = |ip: &str, bits| IpCidr::new(ip.parse().unwrap(), bits).unwrap();
    Host::new(Config {
        addresses: vec![address("10.0.0.1", 24), address("fd00::1", 64)],
        loopback,
        ..Config::default()
    })
}

fn socket(host: &mut Host, domain: Domain) -> SocketId {
    let root = Credentials::ROOT;
    host.socket(domain, SocketType::Datagram, 0, root).unwrap()
}

fn bound(host: &mut Host, domain: Domain, name: &str) -> SocketId {
    let id = socket(host, domain);
    host.bind(id, &named(name), NOW).unwrap();
    id
}

/// A socket that stands for `client` and is connected to `own`.
fn stand_in(host: &mut Host, client: &str, own: &str) -> SocketId {
    let domain = match client.starts_with('[') {
        true => Domain::Inet6,
        false => Domain::Inet,
    };
    let id = socket(host, domain);
    host.stand_in(id).unwrap();
    host.bind(id, &named(client), NOW).unwrap();
    host.connect(id, &named(own), NOW).unwrap();
    id
}

fn send(
    host: &mut Host,
    id: SocketId,
    data: &[u8],
    to: Option<&SocketAddress>,
) -> Result<usize, Errno> {
    let outgoing = Outgoing {
        data: &[data],
        address: to,
        ..Outgoing::default()
    };
    host.send_message(id, outgoing, NOW)
}

fn receive(host: &mut Host, id: SocketId) -> Result<(Vec<u8>, SocketAddress), Errno> {
    let mut buffer = vec![0; 70_000];
    let incoming = Incoming {
        buffers: &mut [&mut buffer],
        flags: MessageFlags::empty(),
        ancillary_room: 0,
    };
    let Received {
        length, address, ..
    } = host.receive_message(id, incoming, NOW)?;
    buffer.truncate(length);
    Ok((buffer, address.unwrap()))
}

/// A client, the port it is connected to, and where a program listens there.
const PAIRS: [(&str, &str, Domain, &str); 6] = [
    (
        "203.0.113.7:4444",
        "10.0.0.1:53",
        Domain::Inet,
        "0.0.0.0:53",
    ),
    (
        "203.0.113.7:4444",
        "10.0.0.1:53",
        Domain::Inet,
        "10.0.0.1:53",
    ),
    ("203.0.113.7:4444", "10.0.0.1:53", Domain::Inet6, "[::]:53"),
    ("127.0.0.9:4444", "10.0.0.1:53", Domain::Inet, "0.0.0.0:53"),
    (
        "[2001:db8::7]:4444",
        "[fd00::1]:53",
        Domain::Inet6,
        "[::]:53",
    ),
    ("[::1]:4444", "[fd00::1]:53", Domain::Inet6, "[::]:53"),
];

#[test]
fn who_is_asked_by_a_stand_in_answers_it_at_its_name() {
    for (client, own, domain, at) in PAIRS {
        let mut host = host(Loopback::Internal);
        let server = bound(&mut host, domain, at);
        let proxy = stand_in(&mut host, client, own);
        let longest = if client.starts_with('[') {
            65_527
        } else {
            65_507
        };
        for length in [0, 1, 1500, longest] {
            let data = vec![7; length];
            assert_eq!(send(&mut host, proxy, &data, None), Ok(length), "{client}");
            let (question, peer) = receive(&mut host, server).unwrap();
            assert_eq!(question, data, "{client}");
            let seen = peer.ip().unwrap();
            let expected = client.parse::<SocketAddr>().unwrap();
            assert_eq!(
                (seen.0.to_canonical(), seen.1),
                (expected.ip(), expected.port())
            );
            assert_eq!(
                send(&mut host, server, &data, Some(&peer)),
                Ok(length),
                "{client} {at}"
            );
            // From the address that was asked, whatever else a route would take.
            assert_eq!(
                receive(&mut host, proxy),
                Ok((data, named(own))),
                "{client} {at}"
            );
        }
        assert_eq!(
            send(&mut host, proxy, &vec![0; longest + 1], None),
            Err(Errno::EMSGSIZE)
        );
    }
}

#[test]
fn a_socket_connected_to_the_client_speaks_with_the_stand_in() {
    for (client, own, domain, at) in PAIRS {
        let mut host = host(Loopback::Internal);
        let server = bound(&mut host, domain, at);
        let proxy = stand_in(&mut host, client, own);
        send(&mut host, proxy, b"first", None).unwrap();
        let (_, peer) = receive(&mut host, server).unwrap();
        host.connect(server, &peer, NOW).unwrap();
        send(&mut host, server, b"answer", None).unwrap();
        assert_eq!(receive(&mut host, proxy).unwrap().0, b"answer", "{client}");
        send(&mut host, proxy, b"second", None).unwrap();
        assert_eq!(receive(&mut host, server).unwrap().0, b"second", "{client}");
    }
}

#[test]
fn a_stand_in_hears_that_nobody_has_the_port() {
    for (client, own, ..) in PAIRS {
        let mut host = host(Loopback::Internal);
        let proxy = stand_in(&mut host, client, own);
        send(&mut host, proxy, b"anybody?", None).unwrap();
        assert!(host.readiness(proxy).contains(Readiness::ERR), "{client}");
        assert_eq!(
            receive(&mut host, proxy),
            Err(Errno::ECONNREFUSED),
            "{client}"
        );
    }
}

#[test]
fn without_its_stand_in_a_client_elsewhere_is_out_of_reach() {
    let mut host = host(Loopback::Internal);
    let server = bound(&mut host, Domain::Inet, "0.0.0.0:53");
    let proxy = stand_in(&mut host, "203.0.113.7:4444", "10.0.0.1:53");
    let client = named("203.0.113.7:4444");
    // Another socket than the one that was asked, and another port of the client's.
    let other = bound(&mut host, Domain::Inet, "0.0.0.0:54");
    let unreachable = Err(Errno::ENETUNREACH);
    assert_eq!(send(&mut host, other, b"x", Some(&client)), unreachable);
    let elsewhere = named("203.0.113.7:4445");
    assert_eq!(send(&mut host, server, b"x", Some(&elsewhere)), unreachable);
    assert_eq!(send(&mut host, server, b"x", Some(&client)), Ok(1));
    host.close(proxy, NOW).unwrap();
    assert_eq!(send(&mut host, server, b"x", Some(&client)), unreachable);
}

#[test]
fn a_stand_in_says_so_before_it_has_a_name() {
    let mut host = host(Loopback::Internal);
    let id = bound(&mut host, Domain::Inet, "0.0.0.0:53");
    assert_eq!(host.stand_in(id), Err(Errno::EINVAL));
}

/// What comes out of `lo`.
fn taken(host: &mut Host) -> Vec<Frame> {
    core::iter::from_fn(|| host.transmit(InterfaceId::LOOPBACK)).collect()
}

#[test]
fn what_was_under_way_to_a_stand_in_reaches_nobody_else() {
    // In one piece and, longer than the loopback's MTU, in two.
    for (client, own, wildcard, length, pieces) in [
        ("203.0.113.7:4444", "10.0.0.1:53", "0.0.0.0:4444", 100, 1),
        ("[2001:db8::7]:4444", "[fd00::1]:53", "[::]:4444", 65_527, 2),
    ] {
        let domain = if pieces == 1 {
            Domain::Inet
        } else {
            Domain::Inet6
        };
        for ends_early in [false, true] {
            let mut host = host(Loopback::External);
            let server = bound(&mut host, domain, own);
            let proxy = stand_in(&mut host, client, own);
            let other = stand_in(&mut host, &client.replace("4444", "4445"), own);
            send(&mut host, server, &vec![7; length], Some(&named(client))).unwrap();
            let frames = taken(&mut host);
            assert_eq!(frames.len(), pieces);
            let bystander = if ends_early {
                host.close(proxy, NOW).unwrap();
                Some(bound(&mut host, domain, wildcard))
            } else {
                None
            };
            for frame in frames {
                host.receive(InterfaceId::LOOPBACK, frame, NOW);
            }
            match bystander {
                Some(bystander) => {
                    assert_eq!(
                        receive(&mut host, bystander),
                        Err(Errno::EAGAIN),
                        "{client}"
                    );
                }
                None => assert_eq!(receive(&mut host, proxy).unwrap().0.len(), length),
            }
            assert_eq!(receive(&mut host, other), Err(Errno::EAGAIN));
        }
    }
}

#[test]
fn who_is_elsewhere_comes_by_the_interface_of_the_address_it_speaks_to() {
    const SO_BINDTODEVICE: i32 = 25;
    const IP_PKTINFO: i32 = 8;
    let mut host = host(Loopback::Internal);
    let eth0 = host.interface_by_name("eth0").unwrap();
    let own = named("10.0.0.1:53");
    for (device, is_reached) in [(&b"eth0\0"[..], true), (b"lo\0", false)] {
        let server = socket(&mut host, Domain::Inet);
        host.set_option(server, 1, SO_BINDTODEVICE, device, NOW)
            .unwrap();
        host.set_option(server, 0, IP_PKTINFO, &1_i32.to_ne_bytes(), NOW)
            .unwrap();
        host.bind(server, &own, NOW).unwrap();
        let proxy = stand_in(&mut host, "203.0.113.7:4444", "10.0.0.1:53");
        send(&mut host, proxy, b"question", None).unwrap();
        let mut buffer = [0; 100];
        let incoming = Incoming {
            buffers: &mut [&mut buffer],
            flags: MessageFlags::empty(),
            ancillary_room: 1000,
        };
        let received = host.receive_message(server, incoming, NOW);
        if is_reached {
            let received = received.unwrap();
            let told = &received.ancillary[..];
            let [Ancillary::PacketInfo { interface, .. }] = told else {
                panic!("{told:?}");
            };
            assert_eq!(*interface, eth0.ifindex());
            let answer = send(&mut host, server, b"answer", received.address.as_ref());
            assert_eq!(answer, Ok(6));
            assert_eq!(
                receive(&mut host, proxy),
                Ok((b"answer".to_vec(), own.clone()))
            );
        } else {
            assert_eq!(received.map(|_| ()), Err(Errno::EAGAIN));
        }
        host.close(server, NOW).unwrap();
        host.close(proxy, NOW).unwrap();
    }
}
