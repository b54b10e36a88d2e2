//! Groups: joining and leaving by every call, who hears what, from whom, and how a socket sends.
//!
//! The kernel arm has the loopback interface alone, which has no route to any group: over IPv6 nothing can be sent there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{POLLIN, SOCK_DGRAM, SOCK_STREAM};

use super::Registry;
use super::option_table::{
    IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_DROP_MEMBERSHIP,
    IP_DROP_SOURCE_MEMBERSHIP, IP_MSFILTER, IP_MULTICAST_ALL, IP_MULTICAST_IF, IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL, IP_PKTINFO, IP_RECVTTL, IP_UNBLOCK_SOURCE, IPV6_ADD_MEMBERSHIP,
    IPV6_DROP_MEMBERSHIP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, MCAST_BLOCK_SOURCE,
    MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_GROUP, MCAST_LEAVE_SOURCE_GROUP,
    MCAST_MSFILTER, MCAST_UNBLOCK_SOURCE, SO_BROADCAST, SO_REUSEADDR,
};
use crate::world::Opt;
use crate::{Address, Flavor, Handle, Reception, World};

pub(super) fn register(r: &mut Registry) {
    r.inet("dgram", "groups_by_the_older_calls", |w| {
        older(w, SOCK_DGRAM)
    });
    r.inet("stream", "groups_by_the_older_calls", |w| {
        older(w, SOCK_STREAM);
    });
    r.inet("dgram", "groups_of_rfc_3678", |w| newer(w, SOCK_DGRAM));
    r.inet("stream", "groups_of_rfc_3678", |w| newer(w, SOCK_STREAM));
    r.inet("dgram", "groups_of_ipv6", |w| groups_v6(w, SOCK_DGRAM));
    r.inet("stream", "groups_of_ipv6", |w| groups_v6(w, SOCK_STREAM));
    r.inet("dgram", "filters_as_a_whole", filters);
    r.inet("dgram", "how_many_groups", how_many);
    r.inet("dgram", "the_interface_to_send_by", interface);
    r.inet("dgram", "members_hear_their_group", members);
    r.inet("dgram", "a_group_nobody_joined", nobody);
    r.inet("dgram", "sources_are_filtered", sources);
    r.inet("dgram", "leaving_ends_it", leaving);
    r.inet("dgram", "bound_and_connected_to_groups", names);
    r.inet("dgram", "what_is_told_of_a_group_datagram", told);
    r.inet("dgram", "broadcast_reaches_all", broadcast);
    r.one(
        "inet6",
        "dgram",
        "no_way_to_ipv6_groups",
        Flavor::V6,
        no_way,
    );
    r.one("inet", "raw", "raw_members", Flavor::V4, raw_members);
}

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const OTHER: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 4);
const LO: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn words(addresses: &[Ipv4Addr]) -> Vec<u8> {
    addresses.iter().flat_map(Ipv4Addr::octets).collect()
}

/// `ip_mreqn`
fn numbered(group: Ipv4Addr, address: Ipv4Addr, index: u32) -> Vec<u8> {
    [words(&[group, address]), index.to_ne_bytes().to_vec()].concat()
}

/// `ipv6_mreq`
fn request_v6(group: Ipv6Addr, index: u32) -> Vec<u8> {
    [&group.octets()[..], &index.to_ne_bytes()].concat()
}

/// `sockaddr_storage`
fn storage(address: IpAddr) -> Vec<u8> {
    let mut bytes = match address {
        IpAddr::V4(address) => [&2_u16.to_ne_bytes()[..], &[0; 2], &address.octets()].concat(),
        IpAddr::V6(address) => [&10_u16.to_ne_bytes()[..], &[0; 6], &address.octets()].concat(),
    };
    bytes.resize(128, 0);
    bytes
}

/// `group_req`, `group_source_req`
fn group_request(index: u32, addresses: &[IpAddr]) -> Vec<u8> {
    let mut bytes = [index.to_ne_bytes(), [0; 4]].concat();
    for address in addresses {
        bytes.extend(storage(*address));
    }
    bytes
}

fn short(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() - 1]
}

fn older(w: &mut World<'_>, kind: i32) {
    let s = w.socket(kind);
    let not_ours = Ipv4Addr::new(10, 9, 8, 7);
    for request in [
        words(&[GROUP, ANY]),
        words(&[GROUP, LO]),
        words(&[GROUP, LO]),
        words(&[GROUP, not_ours]),
        words(&[not_ours, LO]),
        words(&[OTHER, Ipv4Addr::new(127, 0, 0, 9)]),
        numbered(OTHER, LO, 1),
        numbered(Ipv4Addr::new(239, 1, 2, 5), not_ours, 1),
        numbered(Ipv4Addr::new(239, 1, 2, 6), LO, 77),
        numbered(Ipv4Addr::new(239, 1, 2, 7), LO, 1)[..9].to_vec(),
        numbered(Ipv4Addr::new(239, 1, 2, 8), LO, 1)[..7].to_vec(),
        vec![],
    ] {
        let _ = w.set(s, IP_ADD_MEMBERSHIP, &request);
    }
    for request in [
        words(&[GROUP, ANY]),
        words(&[GROUP, not_ours]),
        words(&[GROUP, LO]),
        words(&[GROUP, LO]),
        words(&[OTHER, LO]),
        numbered(Ipv4Addr::new(239, 1, 2, 5), ANY, 2),
        numbered(Ipv4Addr::new(239, 1, 2, 5), not_ours, 0),
        words(&[not_ours, LO]),
        vec![1; 7],
    ] {
        let _ = w.set(s, IP_DROP_MEMBERSHIP, &request);
    }
    w.note("with sources");
    let source = Ipv4Addr::new(127, 0, 0, 5);
    let second = Ipv4Addr::new(127, 0, 0, 6);
    for (option, group, of) in [
        (IP_BLOCK_SOURCE, GROUP, source),
        (IP_ADD_SOURCE_MEMBERSHIP, GROUP, source),
        (IP_ADD_SOURCE_MEMBERSHIP, GROUP, source),
        (IP_ADD_SOURCE_MEMBERSHIP, GROUP, second),
        (IP_BLOCK_SOURCE, GROUP, second),
        (IP_DROP_SOURCE_MEMBERSHIP, GROUP, second),
        (IP_DROP_SOURCE_MEMBERSHIP, GROUP, second),
        (IP_DROP_SOURCE_MEMBERSHIP, GROUP, source),
        (IP_DROP_SOURCE_MEMBERSHIP, GROUP, source),
        (IP_ADD_SOURCE_MEMBERSHIP, source, source),
        (IP_UNBLOCK_SOURCE, GROUP, source),
    ] {
        let _ = w.set(s, option, &words(&[group, LO, of]));
    }
    let _ = w.set(s, IP_ADD_SOURCE_MEMBERSHIP, &words(&[GROUP, ANY, source]));
    let _ = w.set(s, IP_ADD_SOURCE_MEMBERSHIP, &[1; 11]);
    let _ = w.set(s, IP_ADD_SOURCE_MEMBERSHIP, &[1; 13]);
    for option in [IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_BLOCK_SOURCE] {
        w.get(s, option, 16);
    }
}

/// The calls of RFC 3678 at both levels.
fn newer(w: &mut World<'_>, kind: i32) {
    let s = w.socket(kind);
    let v6: IpAddr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2).into();
    for (options, group, source, other) in [
        (
            &GROUP_CALLS,
            IpAddr::V4(GROUP),
            IpAddr::V4(Ipv4Addr::new(127, 0, 0, 5)),
            v6,
        ),
        (
            &GROUP_CALLS_V6,
            v6,
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            IpAddr::V4(GROUP),
        ),
    ] {
        let [join, block, unblock, leave, join_source, leave_source] = *options;
        for (option, request) in [
            (join, group_request(0, &[group])),
            (join, group_request(1, &[source])),
            (join, group_request(1, &[other])),
            (join, group_request(9, &[group])),
            (join, short(&group_request(1, &[group])).to_vec()),
            (join, group_request(1, &[group])),
            (join, group_request(1, &[group])),
            (block, group_request(1, &[group, source])),
            (block, group_request(1, &[group, source])),
            (join_source, group_request(1, &[group, source])),
            (unblock, group_request(1, &[group, group])),
            (unblock, group_request(1, &[group, source])),
            (join_source, group_request(1, &[group, source])),
            (leave, group_request(1, &[source])),
            (leave, group_request(1, &[other])),
            (leave, group_request(1, &[group])),
            (leave, group_request(1, &[group])),
            (join_source, group_request(1, &[group, other])),
            (join_source, group_request(1, &[source, source])),
            (join_source, group_request(9, &[group, source])),
            (join_source, group_request(1, &[group, source])),
            (join_source, group_request(1, &[group, group])),
            (leave_source, group_request(1, &[group, source])),
            (leave_source, group_request(1, &[group, group])),
            (leave, group_request(1, &[group])),
            (
                leave_source,
                short(&group_request(1, &[group, source])).to_vec(),
            ),
        ] {
            let _ = w.set(s, option, &request);
        }
        w.get(s, join, 200);
    }
}

const GROUP_CALLS: [Opt; 6] = [
    MCAST_JOIN_GROUP,
    MCAST_BLOCK_SOURCE,
    MCAST_UNBLOCK_SOURCE,
    MCAST_LEAVE_GROUP,
    MCAST_JOIN_SOURCE_GROUP,
    MCAST_LEAVE_SOURCE_GROUP,
];

const GROUP_CALLS_V6: [Opt; 6] = {
    let mut options = GROUP_CALLS;
    let mut at = 0;
    while at < options.len() {
        options[at].level = libc::IPPROTO_IPV6;
        at += 1;
    }
    options
};

fn groups_v6(w: &mut World<'_>, kind: i32) {
    let s = w.socket(kind);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    for (option, request) in [
        (IPV6_ADD_MEMBERSHIP, request_v6(group, 0)),
        (IPV6_ADD_MEMBERSHIP, request_v6(group, 9)),
        (IPV6_ADD_MEMBERSHIP, request_v6(group, u32::MAX)),
        (IPV6_ADD_MEMBERSHIP, request_v6(Ipv6Addr::LOCALHOST, 1)),
        (IPV6_ADD_MEMBERSHIP, request_v6(GROUP.to_ipv6_mapped(), 1)),
        (IPV6_ADD_MEMBERSHIP, short(&request_v6(group, 1)).to_vec()),
        (IPV6_ADD_MEMBERSHIP, request_v6(group, 1)),
        (IPV6_ADD_MEMBERSHIP, request_v6(group, 1)),
        (IPV6_ADD_MEMBERSHIP, request_v6(group, 0)),
        (IPV6_DROP_MEMBERSHIP, request_v6(group, 2)),
        (IPV6_DROP_MEMBERSHIP, request_v6(Ipv6Addr::LOCALHOST, 1)),
        (IPV6_DROP_MEMBERSHIP, request_v6(group, 0)),
        (IPV6_DROP_MEMBERSHIP, request_v6(group, 1)),
        (IPV6_DROP_MEMBERSHIP, vec![]),
    ] {
        let _ = w.set(s, option, &request);
    }
    w.get(s, IPV6_ADD_MEMBERSHIP, 20);
}

fn filters(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    let source = |n: u8| Ipv4Addr::new(127, 0, 0, n);
    let filter = |mode: u32, count: u32, sources: &[Ipv4Addr]| {
        [
            words(&[GROUP, LO]),
            mode.to_ne_bytes().to_vec(),
            count.to_ne_bytes().to_vec(),
            words(sources),
        ]
        .concat()
    };
    let all: Vec<Ipv4Addr> = (1..=11).map(source).collect();
    for value in [
        filter(0, 0, &[]),
        filter(1, 0, &[]),
        filter(2, 0, &[]),
        short(&filter(0, 0, &[])).to_vec(),
    ] {
        let _ = w.set(s, IP_MSFILTER, &value);
    }
    let _ = w.set(s, IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    for value in [
        filter(1, 2, &all[..2]),
        filter(1, 3, &all[..2]),
        filter(0, 10, &all[..10]),
        filter(0, 11, &all),
        filter(7, 1, &all[..1]),
        vec![0; 200_000],
    ] {
        let _ = w.set(s, IP_MSFILTER, &value);
    }
    w.note("the mode is as it was set last");
    let _ = w.set(s, IP_BLOCK_SOURCE, &words(&[GROUP, LO, source(1)]));
    let _ = w.set(s, IP_UNBLOCK_SOURCE, &words(&[GROUP, LO, source(1)]));
    let _ = w.set(s, IP_ADD_SOURCE_MEMBERSHIP, &words(&[GROUP, LO, source(1)]));
    let _ = w.set(s, IP_MSFILTER, &filter(1, 0, &[]));
    let _ = w.set(s, IP_DROP_MEMBERSHIP, &words(&[GROUP, LO]));
    w.note("the same for both families");
    let group_filter = |group: IpAddr, mode: u32, sources: &[IpAddr]| {
        let mut value = group_request(1, &[group]);
        value.extend(mode.to_ne_bytes());
        value.extend(u32::try_from(sources.len()).unwrap_or(0).to_ne_bytes());
        for source in sources {
            value.extend(storage(*source));
        }
        value
    };
    let v6 = Opt {
        level: libc::IPPROTO_IPV6,
        ..MCAST_MSFILTER
    };
    let group_v6: IpAddr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2).into();
    let source_v6: IpAddr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into();
    let _ = w.set(s, IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    let _ = w.set(
        s,
        Opt {
            level: libc::IPPROTO_IPV6,
            ..MCAST_JOIN_GROUP
        },
        &group_request(1, &[group_v6]),
    );
    for (option, group, source, other) in [
        (MCAST_MSFILTER, GROUP.into(), source(5).into(), source_v6),
        (v6, group_v6, source_v6, source(5).into()),
    ] {
        for value in [
            group_filter(group, 1, &[source]),
            group_filter(group, 0, &[source, group]),
            group_filter(group, 3, &[source]),
            group_filter(group, 0, &[other]),
            group_filter(other, 0, &[source]),
            short(&group_filter(group, 0, &[source])).to_vec(),
            short(&group_filter(group, 0, &[])).to_vec(),
            group_filter(group, 1, &[]),
            group_filter(group, 0, &[]),
        ] {
            let _ = w.set(s, option, &value);
        }
    }
}

fn how_many(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    for n in 1..=22 {
        let group = Ipv4Addr::new(239, 5, 5, n);
        let _ = w.set(s, IP_ADD_MEMBERSHIP, &words(&[group, LO]));
    }
    for n in 1..=12 {
        let source = Ipv4Addr::new(127, 1, 1, n);
        let group = Ipv4Addr::new(239, 5, 5, 1);
        let _ = w.set(s, IP_BLOCK_SOURCE, &words(&[group, LO, source]));
    }
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    for n in 1..=30 {
        let mut segments = group.segments();
        segments[7] = n;
        let request = request_v6(segments.into(), 1);
        let _ = w.set(s, IPV6_ADD_MEMBERSHIP, &request);
    }
}

fn interface(w: &mut World<'_>) {
    let s = w.socket(SOCK_DGRAM);
    for value in [
        words(&[LO]),
        words(&[Ipv4Addr::new(10, 9, 8, 7)]),
        words(&[ANY, Ipv4Addr::new(127, 0, 0, 7)]),
        numbered(ANY, Ipv4Addr::new(5, 6, 7, 8), 1),
        numbered(ANY, LO, 9),
        vec![],
        vec![1; 3],
        words(&[ANY]),
    ] {
        let _ = w.set(s, IP_MULTICAST_IF, &value);
        for length in [0, 1, 4, 12] {
            w.get(s, IP_MULTICAST_IF, length);
        }
    }
    for value in [1, 0, 9, -1] {
        let _ = w.set_int(s, IPV6_MULTICAST_IF, value);
        w.get_int(s, IPV6_MULTICAST_IF);
    }
    for option in [IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS] {
        for value in [0, 7, 255, 256, -1, -2] {
            let _ = w.set_int(s, option, value);
            w.get_int(s, option);
        }
    }
}

/// A socket that shares a port, bound to an address or none.
fn receiver(w: &mut World<'_>, address: Ipv4Addr, port: u16) -> Handle {
    w.quietly(|w| {
        let s = w.socket(SOCK_DGRAM);
        let _ = w.set_int(s, SO_REUSEADDR, 1);
        let ip: IpAddr = match w.flavor {
            Flavor::V4 => address.into(),
            Flavor::V6 | Flavor::Mapped if address.is_unspecified() => Ipv6Addr::UNSPECIFIED.into(),
            Flavor::V6 | Flavor::Mapped => address.to_ipv6_mapped().into(),
        };
        let _ = w.bind(s, &Address::inet(ip, port));
        s
    })
}

/// A socket of this address, which decides the interface.
fn sender(w: &mut World<'_>, source: Ipv4Addr) -> Handle {
    w.quietly(|w| {
        let s = w.socket(SOCK_DGRAM);
        let port = w.port("from");
        let ip = to(w, source);
        let _ = w.bind(s, &Address::inet(ip, port));
        s
    })
}

/// An IPv4 address as the flavor's sockets write it.
fn to(w: &World<'_>, address: Ipv4Addr) -> IpAddr {
    if w.flavor == Flavor::V4 {
        address.into()
    } else {
        address.to_ipv6_mapped().into()
    }
}

fn send(w: &mut World<'_>, from: Handle, group: Ipv4Addr, port: u16, data: &[u8]) {
    let address = Address::inet(to(w, group), port);
    let _ = w.send_to(from, data, &address);
    w.settle();
}

fn hear(w: &mut World<'_>, sockets: &[Handle]) {
    for socket in sockets {
        let _ = w.recv(*socket, 100, 0);
        let _ = w.recv(*socket, 100, 0);
    }
}

fn members(w: &mut World<'_>) {
    let port = w.port("P");
    let all = [
        receiver(w, ANY, port),
        receiver(w, ANY, port),
        receiver(w, GROUP, port),
        receiver(w, OTHER, port),
        receiver(w, LO, port),
        receiver(w, ANY, port),
    ];
    for member in &all[..4] {
        let _ = w.set(*member, IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    }
    let _ = w.set_int(all[5], IP_MULTICAST_ALL, 0);
    let from = sender(w, LO);
    send(w, from, GROUP, port, b"to the group");
    hear(w, &all);
    w.note("the second is a member of the other, too, and the last hears nothing");
    let _ = w.set(all[1], IP_ADD_MEMBERSHIP, &words(&[OTHER, LO]));
    send(w, from, OTHER, port, b"to the other");
    hear(w, &all);
    w.note("who sends on lo hears itself in any case");
    let _ = w.set_int(from, IP_MULTICAST_LOOP, 0);
    send(w, from, GROUP, port, b"no loop");
    let _ = w.set_int(from, IP_MULTICAST_TTL, 0);
    send(w, from, GROUP, port, b"no time to live");
    hear(w, &all);
    w.note("another port");
    let other = w.port("Q");
    send(w, from, GROUP, other, b"elsewhere");
    hear(w, &all);
    w.error(from);
}

fn nobody(w: &mut World<'_>) {
    let port = w.port("P");
    let s = receiver(w, ANY, port);
    let from = sender(w, LO);
    send(w, from, GROUP, port, b"x");
    hear(w, &[s]);
    w.note("all systems are members of their group");
    send(w, from, Ipv4Addr::new(224, 0, 0, 1), port, b"y");
    hear(w, &[s]);
    w.note("without a route and an address");
    let unbound = w.socket(SOCK_DGRAM);
    send(w, unbound, GROUP, port, b"z");
    let _ = w.set(unbound, IP_MULTICAST_IF, &words(&[LO]));
    send(w, unbound, GROUP, port, b"z");
    w.local(unbound);
}

fn sources(w: &mut World<'_>) {
    let port = w.port("P");
    let all = [
        receiver(w, ANY, port),
        receiver(w, ANY, port),
        receiver(w, ANY, port),
    ];
    let (five, six) = (Ipv4Addr::new(127, 0, 0, 5), Ipv4Addr::new(127, 0, 0, 6));
    let from = [sender(w, five), sender(w, six)];
    let _ = w.set(all[0], IP_ADD_SOURCE_MEMBERSHIP, &words(&[GROUP, LO, five]));
    w.note("who is no member hears what a member listens to");
    for sender in from {
        send(w, sender, GROUP, port, b"included");
        hear(w, &all);
    }
    let _ = w.set(all[1], IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    let _ = w.set(all[1], IP_BLOCK_SOURCE, &words(&[GROUP, LO, five]));
    for sender in from {
        send(w, sender, GROUP, port, b"and excluded");
        hear(w, &all);
    }
    let _ = w.set(all[1], IP_UNBLOCK_SOURCE, &words(&[GROUP, LO, five]));
    let _ = w.set(
        all[0],
        IP_DROP_SOURCE_MEMBERSHIP,
        &words(&[GROUP, LO, five]),
    );
    for sender in from {
        send(w, sender, GROUP, port, b"all");
        hear(w, &all);
    }
}

fn leaving(w: &mut World<'_>) {
    let port = w.port("P");
    let all = [receiver(w, ANY, port), receiver(w, ANY, port)];
    let from = sender(w, LO);
    for member in all {
        let _ = w.set(member, IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    }
    send(w, from, GROUP, port, b"both");
    let _ = w.set(all[0], IP_DROP_MEMBERSHIP, &words(&[GROUP, LO]));
    send(w, from, GROUP, port, b"one is a member");
    w.close(all[1]);
    w.settle();
    send(w, from, GROUP, port, b"none is");
    for _ in 0..3 {
        let _ = w.recv(all[0], 100, 0);
    }
}

fn names(w: &mut World<'_>) {
    let port = w.port("P");
    let group = Address::inet(to(w, GROUP), port);
    let s = receiver(w, GROUP, port);
    w.local(s);
    let _ = w.set(s, IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    let from = sender(w, LO);
    w.connect(from, &group);
    w.peer(from);
    let _ = w.send(from, b"x", 0);
    w.settle();
    hear(w, &[s]);
    w.note("connected to another than the sender, then to the sender");
    let other = w.port("other");
    let other = Address::inet(to(w, LO), other);
    w.connect(s, &other);
    let _ = w.send(from, b"not for it", 0);
    w.settle();
    hear(w, &[s]);
    let name = w.local(from);
    w.connect(s, &name);
    w.local(s);
    let _ = w.send(from, b"from the peer", 0);
    w.settle();
    hear(w, &[s]);
    w.note("connecting needs a way");
    let unbound = w.socket(SOCK_DGRAM);
    w.connect(unbound, &group);
    let _ = w.set(unbound, IP_MULTICAST_IF, &words(&[LO]));
    w.connect(unbound, &group);
    w.local(unbound);
    w.poll(unbound);
}

fn told(w: &mut World<'_>) {
    let port = w.port("P");
    let s = receiver(w, ANY, port);
    let from = sender(w, Ipv4Addr::new(127, 0, 0, 5));
    let _ = w.set(s, IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    let _ = w.set_int(s, IP_PKTINFO, 1);
    let _ = w.set_int(s, IP_RECVTTL, 1);
    for ttl in [1, 0, 9] {
        let _ = w.set_int(from, IP_MULTICAST_TTL, ttl);
        send(w, from, GROUP, port, b"x");
        w.wait(s, POLLIN);
        let _ = w.receive_message(
            s,
            &Reception {
                buffers: vec![10],
                control_room: 256,
                flags: 0,
            },
        );
    }
}

fn broadcast(w: &mut World<'_>) {
    let port = w.port("P");
    let everyone = Ipv4Addr::BROADCAST;
    let all = [
        receiver(w, ANY, port),
        receiver(w, everyone, port),
        receiver(w, LO, port),
    ];
    let _ = w.set_int(all[0], IP_PKTINFO, 1);
    let from = sender(w, LO);
    send(w, from, everyone, port, b"may not");
    let _ = w.set_int(from, SO_BROADCAST, 1);
    for address in [everyone, Ipv4Addr::new(127, 255, 255, 255)] {
        send(w, from, address, port, b"all");
        let _ = w.receive_message(
            all[0],
            &Reception {
                buffers: vec![10],
                control_room: 256,
                flags: 0,
            },
        );
        hear(w, &all);
    }
    let unbound = w.socket(SOCK_DGRAM);
    let _ = w.set_int(unbound, SO_BROADCAST, 1);
    send(w, unbound, everyone, port, b"no route");
}

fn no_way(w: &mut World<'_>) {
    let port = w.port("P");
    let group = |first: u16| Address::Inet {
        ip: Ipv6Addr::new(first, 0, 0, 0, 0, 0, 1, 2).into(),
        port,
        scope: 1,
    };
    let s = w.socket(SOCK_DGRAM);
    for first in [0xff01, 0xff02, 0xff05, 0xff0e] {
        let _ = w.send_to(s, b"x", &group(first));
        w.connect(s, &group(first));
    }
    let _ = w.set_int(s, IPV6_MULTICAST_IF, 1);
    let _ = w.send_to(s, b"x", &group(0xff02));
}

fn raw_members(w: &mut World<'_>) {
    const PROTOCOL: i32 = 253;
    let all: Vec<Handle> = (0..3)
        .map(|_| w.socket_of(libc::AF_INET, libc::SOCK_RAW, PROTOCOL))
        .collect();
    let _ = w.set(all[0], IP_ADD_MEMBERSHIP, &words(&[GROUP, LO]));
    let _ = w.set_int(all[1], IP_MULTICAST_ALL, 0);
    let from = w.socket_of(libc::AF_INET, libc::SOCK_RAW, PROTOCOL);
    let _ = w.set(from, IP_MULTICAST_IF, &words(&[LO]));
    let _ = w.set_int(from, IP_MULTICAST_ALL, 0);
    for group in [GROUP, OTHER] {
        let _ = w.send_to(from, b"x", &Address::inet(group, 0));
        w.settle();
        for s in &all {
            let answer = w.quietly(|w| w.recv(*s, 100, 0));
            w.note(&format!("{:?}", answer.map(|received| received.length)));
        }
    }
}
