//! What a host tells of its sockets. What Linux answers is compared in the dual runs; here are bounds, and misuse of any
//! kind.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::message::{Attributes, Messages, Writer, number_u32};
use super::super::tests::{NOW, USER, answers, error_in, host, receive, request, send};
use crate::{
    Credentials, Domain, Errno, Host, MessageFlags, Readiness, SocketAddress, SocketId, SocketType,
};

/// `NLM_F_REQUEST`, alone and with `NLM_F_DUMP`.
const ONE: u16 = 1;
const DUMP: u16 = 0x301;
const BY_FAMILY: u16 = 20;

fn socket(host: &mut Host, domain: Domain, kind: SocketType, protocol: i32) -> SocketId {
    host.socket(domain, kind, protocol, Credentials::ROOT)
        .unwrap()
}

fn diag(host: &mut Host, credentials: Credentials) -> SocketId {
    host.socket(Domain::Netlink, SocketType::Raw, 4, credentials)
        .unwrap()
}

fn local(port: u16) -> SocketAddress {
    SocketAddress::new([127, 0, 0, 1].into(), port)
}

fn listener(host: &mut Host, port: u16) -> SocketId {
    let id = socket(host, Domain::Inet, SocketType::Stream, 0);
    host.bind(id, &local(port), NOW).unwrap();
    host.listen(id, 1000, NOW).unwrap();
    id
}

/// `struct inet_diag_req_v2` that any socket fits.
fn everything(protocol: u8, extensions: u8) -> [u8; 56] {
    let mut fixed = [0; 56];
    fixed[..4].copy_from_slice(&[2, protocol, extensions, 0]);
    fixed[4..8].fill(0xff);
    fixed[48..].fill(0xff);
    fixed
}

/// The local port and the inode number of each socket that an answer tells of.
fn rows(bytes: &[u8]) -> Vec<(u16, u32)> {
    let told = Messages::new(bytes).filter(|message| message.kind == BY_FAMILY);
    told.map(|message| {
        let port = u16::from_be_bytes([message.payload[4], message.payload[5]]);
        (port, number_u32(message.payload, 68).unwrap())
    })
    .collect()
}

#[test]
fn a_long_dump_goes_on_as_it_is_read_and_tells_each_socket_once() {
    const SOCKETS: u16 = 5000;
    const ROOM: usize = 8192;
    let mut host = host();
    let opened: Vec<SocketId> = (0..SOCKETS)
        .map(|number| listener(&mut host, 10_000 + number))
        .collect();
    let asker = diag(&mut host, USER);
    let bytes = request(BY_FAMILY, DUMP, &everything(6, 0xff), |_| {});
    send(&mut host, asker, &bytes).unwrap();
    let mut told = Vec::new();
    let mut datagrams = 0;
    while let Ok(datagram) = receive(&mut host, asker, ROOM, MessageFlags::empty()) {
        assert!(datagram.len() <= ROOM);
        told.extend(rows(&datagram));
        datagrams += 1;
        // Not more than one datagram is made before it is wanted.
        let memory = host.summary(asker).unwrap().memory;
        assert!(memory < 2 * ROOM, "{memory} bytes for one asker");
        // What is closed behind the place and before it changes nothing for the others.
        let closed = opened.get(datagrams * 2 + 4000).copied();
        if let Some(id) = closed.filter(|_| datagrams < 100) {
            host.close(id, NOW).unwrap();
        }
    }
    assert!(datagrams > 100);
    let ports: BTreeSet<u16> = told.iter().map(|(port, _)| *port).collect();
    assert_eq!(ports.len(), told.len(), "no socket is told twice");
    assert!(told.len() >= usize::from(SOCKETS) - 100);
    let inodes: BTreeSet<u32> = told.iter().map(|(_, inode)| *inode).collect();
    assert_eq!(
        inodes.len(),
        told.len(),
        "inode numbers are their sockets' own"
    );
    for (port, inode) in told.iter().filter(|(port, _)| *port < 14_000) {
        let id = host.socket_of_inode(*inode).unwrap();
        assert_eq!(host.local_address(id).unwrap(), local(*port));
    }
}

#[test]
fn a_filter_that_takes_long_lets_others_go_first() {
    let mut host = host();
    for port in 1000..4000 {
        listener(&mut host, port);
    }
    let asker = diag(&mut host, USER);
    // Nothing, very often, and then a jump that nobody takes.
    let mut code = [0, 4, 0, 0].repeat(8000);
    code.extend([1, 4, 8, 0]);
    let bytes = request(BY_FAMILY, DUMP, &everything(6, 0), |writer| {
        writer.attribute(1, &code);
    });
    send(&mut host, asker, &bytes).unwrap();
    let mut pauses = 0;
    let end = loop {
        assert!(host.readiness(asker).contains(Readiness::IN));
        match receive(&mut host, asker, 65_536, MessageFlags::empty()) {
            Ok(datagram) => break datagram,
            Err(errno) => assert_eq!(errno, Errno::EAGAIN),
        }
        pauses += 1;
    };
    assert!((3..20).contains(&pauses), "{pauses}");
    assert_eq!(Messages::new(&end).next().unwrap().kind, 3);
    assert!(!host.readiness(asker).contains(Readiness::IN));
}

#[test]
fn a_dump_under_way_is_not_joined_by_another() {
    let mut host = host();
    for port in 1000..1100 {
        listener(&mut host, port);
    }
    let asker = diag(&mut host, USER);
    let bytes = request(BY_FAMILY, DUMP, &everything(6, 0), |_| {});
    send(&mut host, asker, &bytes).unwrap();
    let first = receive(&mut host, asker, 65_536, MessageFlags::empty()).unwrap();
    assert!(!rows(&first).is_empty());
    let mut errors = 0;
    let all = answers(&mut host, asker, &bytes);
    for message in Messages::new(&all) {
        errors += usize::from(error_in(message.whole) == Some(-16));
    }
    assert_eq!(errors, 1, "EBUSY, and the dump goes on");
    assert_eq!(rows(&first).len() + rows(&all).len(), 100);
}

#[test]
fn raw_sockets_are_listed_by_their_protocol() {
    let mut host = host();
    socket(&mut host, Domain::Inet, SocketType::Raw, 1);
    socket(&mut host, Domain::Inet, SocketType::Raw, 255);
    socket(&mut host, Domain::Inet6, SocketType::Raw, 58);
    let asker = diag(&mut host, USER);
    let bytes = request(BY_FAMILY, DUMP, &everything(255, 0), |_| {});
    let told = rows(&answers(&mut host, asker, &bytes));
    let protocols: Vec<u16> = told.iter().map(|(protocol, _)| *protocol).collect();
    assert_eq!(protocols, [1, 255]);
    // One is found by its protocol (`sdiag_raw_protocol`).
    let mut one = everything(255, 0);
    one[3] = 255;
    let bytes = request(BY_FAMILY, ONE, &one, |_| {});
    assert_eq!(rows(&answers(&mut host, asker, &bytes)), [told[1]]);
    one[3] = 89;
    let bytes = request(BY_FAMILY, ONE, &one, |_| {});
    assert_eq!(error_in(&answers(&mut host, asker, &bytes)), Some(-2));
}

#[test]
fn marks_and_ends_are_for_the_privileged() {
    let mut host = host();
    listener(&mut host, 80);
    let mut one = everything(6, 0);
    one[8..10].copy_from_slice(&80_u16.to_be_bytes());
    one[12..16].copy_from_slice(&[127, 0, 0, 1]);
    let end = request(21, ONE, &one, |_| {});
    let find = request(BY_FAMILY, ONE, &one, |_| {});
    let mark = request(BY_FAMILY, DUMP, &everything(6, 0), |writer| {
        writer.attribute(1, &[10, 12, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    });
    let has_mark = |bytes: &[u8]| {
        let message = Messages::new(bytes).next().unwrap();
        Attributes::after(message.payload, 72).find(15).is_some()
    };
    let user = diag(&mut host, USER);
    assert_eq!(error_in(&answers(&mut host, user, &end)), Some(-1));
    assert_eq!(error_in(&answers(&mut host, user, &mark)), Some(-1));
    assert!(!has_mark(&answers(&mut host, user, &find)));
    let root = diag(&mut host, Credentials::ROOT);
    assert_eq!(rows(&answers(&mut host, root, &mark)).len(), 1);
    assert!(has_mark(&answers(&mut host, root, &find)));
    assert_eq!(answers(&mut host, root, &end), b"");
    assert_eq!(error_in(&answers(&mut host, root, &find)), Some(-2));
}

/// Connections that no program has, or not yet, are ended as well.
#[test]
fn what_no_program_has_is_ended_too() {
    let mut host = host();
    let server = listener(&mut host, 80);
    let client = socket(&mut host, Domain::Inet, SocketType::Stream, 0);
    let _begun = host.connect(client, &local(80), NOW);
    let orphan = socket(&mut host, Domain::Inet, SocketType::Stream, 0);
    let _begun = host.connect(orphan, &local(80), NOW);
    let peers = [client, orphan].map(|id| match host.local_address(id).unwrap() {
        SocketAddress::V4(address) => address.port(),
        other => panic!("{other}"),
    });
    // Its FIN waits behind what nobody reads, so that it stays.
    let left = crate::Outgoing {
        data: &[&[7; 1 << 20]],
        ..crate::Outgoing::default()
    };
    let _sent = host.send_message(orphan, left, NOW);
    host.close(orphan, NOW).unwrap();
    let asker = diag(&mut host, Credentials::ROOT);
    let end = |host: &mut Host, from: u16, to: u16| {
        let mut one = everything(6, 0);
        one[8..10].copy_from_slice(&from.to_be_bytes());
        one[10..12].copy_from_slice(&to.to_be_bytes());
        one[12..16].copy_from_slice(&[127, 0, 0, 1]);
        one[28..32].copy_from_slice(&[127, 0, 0, 1]);
        error_in(&answers(host, asker, &request(21, 5, &one, |_| {})))
    };
    // The one that waits to be accepted, then the orphan.
    assert_eq!(end(&mut host, 80, peers[0]), Some(0));
    assert_eq!(end(&mut host, peers[1], 80), Some(0));
    assert_eq!(end(&mut host, peers[1], 80), Some(-2));
    let all = request(BY_FAMILY, DUMP, &everything(6, 0), |_| {});
    let told = rows(&answers(&mut host, asker, &all));
    assert!(!told.iter().any(|(port, _)| *port == peers[1]));
    // Both are accepted all the same, and found to be over.
    for _ in 0..2 {
        let accepted = host.accept(server, NOW).unwrap().socket;
        host.close(accepted, NOW).unwrap();
    }
    assert_eq!(host.accept(server, NOW).unwrap_err(), Errno::EAGAIN);
    host.close(client, NOW).unwrap();
    host.close(server, NOW).unwrap();
    host.close(asker, NOW).unwrap();
    let left = host.snapshot().sockets;
    assert!(left.is_empty(), "{left:?}");
}

/// Sockets of every kind, in many states.
fn crowd() -> (Host, SocketId) {
    let mut host = host();
    let server = listener(&mut host, 80);
    for closes in [false, true] {
        let client = socket(&mut host, Domain::Inet, SocketType::Stream, 0);
        let _begun = host.connect(client, &local(80), NOW);
        if closes {
            let accepted = host.accept(server, NOW).unwrap().socket;
            host.close(client, NOW).unwrap();
            host.close(accepted, NOW).unwrap();
        }
    }
    for (domain, kind, protocol) in [
        (Domain::Inet, SocketType::Datagram, 0),
        (Domain::Inet6, SocketType::Datagram, 136),
        (Domain::Inet, SocketType::Datagram, 1),
        (Domain::Inet6, SocketType::Raw, 58),
        (Domain::Unix, SocketType::SeqPacket, 0),
    ] {
        socket(&mut host, domain, kind, protocol);
    }
    host.socket_pair(Domain::Unix, SocketType::Stream, 0, USER)
        .unwrap();
    let asker = diag(&mut host, Credentials::ROOT);
    (host, asker)
}

proptest! {
    /// Whatever is asked is answered, in a bounded number of datagrams, and the host is as before.
    #[test]
    fn no_request_does_harm(
        kind in 16_u16..24,
        is_dump in any::<bool>(),
        family in prop::sample::select(std::vec![1_u8, 2, 10, 16, 17, 99]),
        protocol in prop::sample::select(std::vec![0_u8, 4, 6, 17, 136, 255]),
        rest in prop::collection::vec(any::<u8>(), 0..90),
        code in prop::collection::vec(prop::sample::select(std::vec![0_u8, 1, 2, 4, 7, 8, 10, 12, 16, 20, 255]), 0..64),
    ) {
        let (mut host, asker) = crowd();
        let mut fixed = std::vec![family, protocol];
        fixed.extend(rest);
        let mut writer = Writer::new(kind, if is_dump { DUMP } else { ONE }, 1, 0);
        writer.fixed(&fixed);
        writer.attribute(1, &code);
        let _sent = send(&mut host, asker, &writer.finish());
        let mut datagrams = 0;
        while receive(&mut host, asker, 65_536, MessageFlags::empty()).is_ok() {
            datagrams += 1;
            prop_assert!(datagrams < 20);
        }
        let again = answers(&mut host, asker, &request(BY_FAMILY, DUMP, &everything(17, 0xff), |_| {}));
        prop_assert!(Messages::new(&again).last().is_some_and(|done| done.kind == 3));
    }

    /// A filter that is taken comes to an end, whatever it says.
    #[test]
    fn every_filter_comes_to_an_end(
        code in prop::collection::vec((0_u8..14, 0_u8..8, 0_u16..10), 1..24),
    ) {
        let (mut host, asker) = crowd();
        let mut bytes = Vec::new();
        for (number, yes, no) in code {
            bytes.extend([number, yes * 4]);
            bytes.extend((no * 4).to_ne_bytes());
        }
        let asked = request(BY_FAMILY, DUMP, &everything(6, 0), |writer| {
            writer.attribute(1, &bytes);
        });
        let told = answers(&mut host, asker, &asked);
        let last = Messages::new(&told).last().map(|last| last.kind);
        prop_assert!(matches!(last, Some(2 | 3)));
    }
}

/// `struct inet_diag_req_v2` for the socket at one name with a peer at another, of IPv4.
fn named(protocol: u8, own: &SocketAddress, peer: &SocketAddress) -> [u8; 56] {
    let mut fixed = everything(protocol, 0);
    fixed[8..48].fill(0);
    for (port, address, name) in [(8, 12, own), (10, 28, peer)] {
        let Some((core::net::IpAddr::V4(ip), number)) = name.ip() else {
            panic!("{name:?}");
        };
        fixed[port..port + 2].copy_from_slice(&number.to_be_bytes());
        fixed[address..address + 4].copy_from_slice(&ip.octets());
    }
    fixed
}

#[test]
fn who_stands_for_somebody_elsewhere_is_not_told_of_and_not_ended() {
    const DESTROY: u16 = 21;
    let mut host = host();
    let own = |port| SocketAddress::new([10, 0, 2, 100].into(), port);
    let client = SocketAddress::new([203, 0, 113, 7].into(), 4444);
    let asker = diag(&mut host, Credentials::ROOT);
    for (kind, protocol) in [(SocketType::Stream, 6), (SocketType::Datagram, 17)] {
        let server = socket(&mut host, Domain::Inet, kind, 0);
        host.bind(server, &own(80), NOW).unwrap();
        if kind == SocketType::Stream {
            host.listen(server, 1, NOW).unwrap();
        }
        let proxy = socket(&mut host, Domain::Inet, kind, 0);
        host.stand_in(proxy).unwrap();
        host.bind(proxy, &client, NOW).unwrap();
        let _under_way = host.connect(proxy, &own(80), NOW);
        assert_eq!(host.peer_address(proxy), Ok(own(80)), "{kind:?}");
        let told = |host: &mut Host| {
            let bytes = request(BY_FAMILY, DUMP, &everything(protocol, 0), |_| {});
            let mut ports: Vec<u16> = rows(&answers(host, asker, &bytes))
                .iter()
                .map(|(port, _)| *port)
                .collect();
            ports.dedup();
            ports
        };
        assert_eq!(told(&mut host), [80], "{kind:?}");
        let refused = |host: &mut Host| {
            let itself = named(protocol, &client, &own(80));
            // `udp_dump_one` names a packet that comes in.
            let asked = match kind {
                SocketType::Datagram => named(protocol, &own(80), &client),
                _ => itself,
            };
            for (kind, names) in [(BY_FAMILY, asked), (DESTROY, itself)] {
                let told = answers(host, asker, &request(kind, ONE, &names, |_| {}));
                let errno = error_in(&told).and_then(|errno| Errno::from_number(-errno));
                assert_eq!(errno, Some(Errno::ENOENT), "{kind} {protocol}");
            }
        };
        refused(&mut host);
        assert_eq!(host.peer_address(proxy), Ok(own(80)), "{kind:?}");
        if kind == SocketType::Stream {
            // Its end is in TIME-WAIT, and the other gone.
            let accepted = host.accept(server, NOW).unwrap();
            host.close(proxy, NOW).unwrap();
            host.close(accepted.socket, NOW).unwrap();
            let sockets = host.snapshot().sockets;
            let waits = |row: &&crate::host::SocketSummary| row.state == "TIME-WAIT";
            assert!(sockets.iter().find(waits).unwrap().stands_in);
            assert_eq!(told(&mut host), [80]);
            refused(&mut host);
            assert!(host.snapshot().sockets.iter().any(|row| row.stands_in));
        }
    }
}
