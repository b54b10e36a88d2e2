//! Groups on an interface that is not the loopback: what leaves, what comes back, and what comes in.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

use sockeye_wire::Frame;

use crate::{
    Config, Credentials, Domain, Host, Incoming, Instant, InterfaceId, IpCidr, MessageFlags,
    Outgoing, SocketAddress, SocketId, SocketType,
};

const NOW: Instant = Instant::from_secs(5);
const PORT: u16 = 5000;

/// One family's side of a test.
struct Side {
    own: IpAddr,
    peer: IpAddr,
    group: IpAddr,
    domain: Domain,
}

fn sides() -> [Side; 2] {
    [
        Side {
            own: Ipv4Addr::new(10, 0, 0, 1).into(),
            peer: Ipv4Addr::new(10, 0, 0, 2).into(),
            group: Ipv4Addr::new(239, 1, 2, 3).into(),
            domain: Domain::Inet,
        },
        Side {
            own: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).into(),
            peer: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2).into(),
            group: Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 1, 2).into(),
            domain: Domain::Inet6,
        },
    ]
}

/// A host with this address on `eth0`.
fn host(address: IpAddr) -> (Host, InterfaceId) {
    let prefix = if address.is_ipv4() { 24 } else { 64 };
    let host = Host::new(Config {
        seed: 1,
        addresses: std::vec![IpCidr::new(address, prefix).unwrap()],
        ..Config::default()
    });
    let eth0 = host.interface_by_name("eth0").unwrap();
    (host, eth0)
}

fn socket(host: &mut Host, side: &Side, port: u16) -> SocketId {
    let id = host
        .socket(side.domain, SocketType::Datagram, 0, Credentials::ROOT)
        .unwrap();
    set(host, id, (1, 2), 1);
    let any = match side.domain {
        Domain::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    host.bind(id, &SocketAddress::new(any, port), NOW).unwrap();
    // MCAST ALL off: only what a membership brings is heard.
    let all = if side.own.is_ipv4() {
        (0, 49)
    } else {
        (41, 29)
    };
    set(host, id, all, 0);
    id
}

fn set(host: &mut Host, id: SocketId, (level, name): (i32, i32), value: i32) {
    host.set_option(id, level, name, &value.to_ne_bytes(), NOW)
        .unwrap();
}

/// Joins or leaves on `eth0`, which has the index 2.
fn change(host: &mut Host, id: SocketId, group: IpAddr, names: [i32; 2]) {
    let index = 2_u32.to_ne_bytes();
    let (level, name, value) = match group {
        IpAddr::V4(group) => {
            let request = [group.octets(), [0; 4], index].concat();
            (0, names[0], request)
        }
        IpAddr::V6(group) => (41, names[1], [&group.octets()[..], &index].concat()),
    };
    host.set_option(id, level, name, &value, NOW).unwrap();
}

fn join(host: &mut Host, id: SocketId, group: IpAddr) {
    change(host, id, group, [35, 20]);
}

/// Sends to the group by `eth0`.
fn send(host: &mut Host, id: SocketId, group: IpAddr) {
    match group {
        IpAddr::V4(_) => {
            let request = [[0; 4], [0; 4], 2_u32.to_ne_bytes()].concat();
            host.set_option(id, 0, 32, &request, NOW).unwrap();
        }
        IpAddr::V6(_) => set(host, id, (41, 17), 2),
    }
    let message = Outgoing {
        data: &[b"x"],
        address: Some(&SocketAddress::new(group, PORT)),
        ..Outgoing::default()
    };
    assert_eq!(host.send_message(id, message, NOW), Ok(1));
}

/// Who sent what waits in the socket's queue.
fn heard(host: &mut Host, id: SocketId) -> Vec<Option<IpAddr>> {
    let mut senders = Vec::new();
    let mut room = [0; 10];
    while let Ok(received) = host.receive_message(
        id,
        Incoming {
            buffers: &mut [&mut room],
            flags: MessageFlags::empty(),
            ancillary_room: 0,
        },
        NOW,
    ) {
        senders.push(received.address.map(|address| address.ip().unwrap().0));
    }
    senders
}

fn sent(host: &mut Host, interface: InterfaceId) -> Vec<Frame> {
    core::iter::from_fn(|| host.transmit(interface)).collect()
}

#[test]
fn a_datagram_reaches_the_members_on_the_link_and_on_the_host() {
    for side in sides() {
        let (mut ours, eth0) = host(side.own);
        let (mut theirs, their_eth0) = host(side.peer);
        let (member, other) = (
            socket(&mut theirs, &side, PORT),
            socket(&mut theirs, &side, PORT),
        );
        join(&mut theirs, member, side.group);
        let own_member = socket(&mut ours, &side, PORT);
        join(&mut ours, own_member, side.group);
        let sender = socket(&mut ours, &side, 1);
        send(&mut ours, sender, side.group);
        assert_eq!(heard(&mut ours, own_member), [Some(side.own)]);
        let frames = sent(&mut ours, eth0);
        assert_eq!(frames.len(), 1);
        for frame in frames {
            theirs.receive(their_eth0, frame, NOW);
        }
        assert_eq!(heard(&mut theirs, member), [Some(side.own)]);
        assert_eq!(heard(&mut theirs, other), []);
    }
}

#[test]
fn without_loop_nothing_comes_back_and_without_time_to_live_nothing_leaves() {
    for side in sides() {
        let (mut host, eth0) = host(side.own);
        let member = socket(&mut host, &side, PORT);
        join(&mut host, member, side.group);
        let sender = socket(&mut host, &side, 1);
        let (echo, hops) = if side.own.is_ipv4() {
            ((0, 34), (0, 33))
        } else {
            ((41, 19), (41, 18))
        };
        set(&mut host, sender, echo, 0);
        send(&mut host, sender, side.group);
        assert_eq!(heard(&mut host, member), []);
        assert_eq!(sent(&mut host, eth0).len(), 1);
        set(&mut host, sender, echo, 1);
        set(&mut host, sender, hops, 0);
        send(&mut host, sender, side.group);
        assert_eq!(heard(&mut host, member), [Some(side.own)]);
        assert_eq!(sent(&mut host, eth0).len(), 0);
    }
}

#[test]
fn nobody_is_left_a_member_by_a_socket_that_is_closed() {
    for side in sides() {
        let (mut host, eth0) = host(side.own);
        let (first, second) = (
            socket(&mut host, &side, PORT),
            socket(&mut host, &side, PORT),
        );
        join(&mut host, first, side.group);
        join(&mut host, second, side.group);
        assert!(host.stack.groups.is_joined(eth0, side.group));
        host.close(first, NOW).unwrap();
        assert!(host.stack.groups.is_joined(eth0, side.group));
        change(&mut host, second, side.group, [36, 21]);
        assert!(!host.stack.groups.is_joined(eth0, side.group));
    }
}

#[test]
fn a_membership_is_of_one_interface() {
    for side in sides() {
        let (mut host, eth0) = host(side.own);
        let member = socket(&mut host, &side, PORT);
        join(&mut host, member, side.group);
        let sender = socket(&mut host, &side, 1);
        send(&mut host, sender, side.group);
        let frame = sent(&mut host, eth0).remove(0);
        assert_eq!(heard(&mut host, member).len(), 1);
        host.receive(InterfaceId::LOOPBACK, frame, NOW);
        assert_eq!(heard(&mut host, member), []);
    }
}

#[test]
fn a_broadcast_reaches_the_host_itself_too() {
    let side = &sides()[0];
    for address in [Ipv4Addr::new(10, 0, 0, 255), Ipv4Addr::BROADCAST] {
        let (mut ours, eth0) = host(side.own);
        let (mut theirs, their_eth0) = host(side.peer);
        let receiver = socket(&mut ours, side, PORT);
        let broadcast = |host: &mut Host| {
            let sender = socket(host, side, 1);
            set(host, sender, (1, 6), 1);
            host.set_option(sender, 1, 25, b"eth0", NOW).unwrap();
            let message = Outgoing {
                data: &[b"x"],
                address: Some(&SocketAddress::new(address.into(), PORT)),
                ..Outgoing::default()
            };
            assert_eq!(host.send_message(sender, message, NOW), Ok(1));
        };
        broadcast(&mut ours);
        assert_eq!(heard(&mut ours, receiver), [Some(side.own)]);
        let own = sent(&mut ours, eth0).remove(0);
        broadcast(&mut theirs);
        ours.receive(eth0, sent(&mut theirs, their_eth0).remove(0), NOW);
        assert_eq!(heard(&mut ours, receiver), [Some(side.peer)]);
        // From the link it can't be our own.
        ours.receive(eth0, own, NOW);
        assert_eq!(heard(&mut ours, receiver), []);
    }
}
