//! Requests and their answers.

use std::vec::Vec;

use super::message::{Attributes, Message, Messages, Writer, number_u32};
use crate::{
    Config, Credentials, Domain, Errno, Host, Incoming, Instant, InterfaceConfig, IpCidr, Medium,
    MessageFlags, OffloadCapabilities, Outgoing, Readiness, Route, RouteMetrics, SocketAddress,
    SocketId, SocketType,
};

pub(super) const NOW: Instant = Instant::from_secs(1);
pub(super) const USER: Credentials = Credentials {
    pid: 77,
    uid: 1000,
    gid: 1000,
};
/// `NLM_F_REQUEST`, and with `NLM_F_ACK` or `NLM_F_DUMP`.
const REQUEST: u16 = 1;
const ACK: u16 = 5;
const DUMP: u16 = 0x301;
const GETLINK: u16 = 18;
const GETADDR: u16 = 22;
const GETROUTE: u16 = 26;

fn cidr(text: &str, length: u8) -> IpCidr {
    IpCidr::new(text.parse().unwrap(), length).unwrap()
}

pub(super) fn host() -> Host {
    Host::new(Config {
        seed: 1,
        addresses: std::vec![cidr("10.0.2.100", 24), cidr("fd00::100", 64)],
        ..Config::default()
    })
}

fn socket_of(host: &mut Host, credentials: Credentials) -> SocketId {
    host.socket(Domain::Netlink, SocketType::Raw, 0, credentials)
        .unwrap()
}

pub(super) fn send(host: &mut Host, id: SocketId, bytes: &[u8]) -> Result<usize, Errno> {
    let outgoing = Outgoing {
        data: &[bytes],
        ..Outgoing::default()
    };
    host.send_message(id, outgoing, NOW)
}

pub(super) fn receive(
    host: &mut Host,
    id: SocketId,
    room: usize,
    flags: MessageFlags,
) -> Result<Vec<u8>, Errno> {
    let mut buffer = std::vec![0; room];
    let incoming = Incoming {
        buffers: &mut [&mut buffer],
        flags,
        ancillary_room: 0,
    };
    let received = host.receive_message(id, incoming, NOW)?;
    assert_eq!(
        received.address,
        Some(SocketAddress::Netlink { port: 0, groups: 0 })
    );
    buffer.truncate(received.length);
    Ok(buffer)
}

pub(super) fn request(
    kind: u16,
    flags: u16,
    fixed: &[u8],
    fill: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    let mut writer = Writer::new(kind, flags, 5, 0);
    writer.fixed(fixed);
    fill(&mut writer);
    writer.finish()
}

/// Everything that answers a request, up to the end of a dump.
pub(super) fn answers(host: &mut Host, id: SocketId, bytes: &[u8]) -> Vec<u8> {
    send(host, id, bytes).unwrap();
    let mut all = Vec::new();
    while let Ok(datagram) = receive(host, id, 65_536, MessageFlags::empty()) {
        all.extend(datagram);
    }
    all
}

/// The errno of an `NLMSG_ERROR`, 0 for an acknowledgement.
pub(super) fn error_in(bytes: &[u8]) -> Option<i32> {
    let first = Messages::new(bytes).next()?;
    (first.kind == 2).then(|| number_u32(first.payload, 0).unwrap().cast_signed())
}

fn text(message: &Message<'_>, fixed: usize, kind: u16) -> std::string::String {
    let found = Attributes::after(message.payload, fixed)
        .find(kind)
        .unwrap();
    std::string::String::from_utf8(found.as_text().to_vec()).unwrap()
}

#[test]
fn a_dump_lists_the_links_and_says_that_it_is_done() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    let bytes = answers(&mut host, id, &request(GETLINK, DUMP, &[0; 16], |_| {}));
    let messages: Vec<_> = Messages::new(&bytes).collect();
    let kinds: Vec<u16> = messages.iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [16, 16, 3]);
    assert!(messages.iter().all(|message| message.flags == 2));
    assert!(
        messages
            .iter()
            .all(|message| (message.sequence, message.port) == (5, 77))
    );
    assert_eq!(text(&messages[0], 16, 3), "lo");
    assert_eq!(text(&messages[1], 16, 3), "eth0");
    let mtu = Attributes::after(messages[1].payload, 16).find(4).unwrap();
    assert_eq!(mtu.as_u32(), Some(1500));
}

#[test]
fn addresses_are_those_of_the_family_and_the_interface_asked_for() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    let count = |host: &mut Host, fixed: &[u8]| {
        let bytes = answers(host, id, &request(GETADDR, DUMP, fixed, |_| {}));
        let entries = Messages::new(&bytes).filter(|message| message.kind == 20);
        (
            entries.clone().count(),
            entries.map(|entry| entry.flags).max(),
        )
    };
    assert_eq!(count(&mut host, &[0; 8]), (4, Some(2)));
    assert_eq!(count(&mut host, &[2, 0, 0, 0, 0, 0, 0, 0]), (2, Some(2)));
    assert_eq!(count(&mut host, &[10, 0, 0, 0, 0, 0, 0, 0]), (2, Some(2)));
    let one: Vec<u8> = [[0; 4], 2_u32.to_ne_bytes()].concat();
    assert_eq!(count(&mut host, &one), (4, Some(2)));
    host.set_option(id, 270, 12, &1_i32.to_ne_bytes(), NOW)
        .unwrap();
    assert_eq!(count(&mut host, &one), (2, Some(0x22)));
    let none: Vec<u8> = [[0; 4], 9_u32.to_ne_bytes()].concat();
    let bytes = answers(&mut host, id, &request(GETADDR, DUMP, &none, |_| {}));
    let done = Messages::new(&bytes).next().unwrap();
    assert_eq!(number_u32(done.payload, 0).unwrap().cast_signed(), -19);
}

#[test]
fn one_link_is_found_by_index_or_name() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&2_u32.to_ne_bytes());
    let bytes = answers(&mut host, id, &request(GETLINK, REQUEST, &fixed, |_| {}));
    let link = Messages::new(&bytes).next().unwrap();
    assert_eq!((link.flags, text(&link, 16, 3).as_str()), (0, "eth0"));
    let named = request(GETLINK, ACK, &[0; 16], |writer| {
        writer.text(3, "lo");
    });
    let bytes = answers(&mut host, id, &named);
    let link = Messages::new(&bytes).next().unwrap();
    assert_eq!(text(&link, 16, 3), "lo");
    // The acknowledgement that was asked for comes behind it, and quotes the header only.
    let acknowledgement = Messages::new(&bytes).nth(1).unwrap();
    assert_eq!((acknowledgement.kind, acknowledgement.flags), (2, 0x100));
    assert_eq!(acknowledgement.payload.len(), 20);
    let bytes = answers(&mut host, id, &request(GETLINK, REQUEST, &[0; 16], |_| {}));
    assert_eq!(error_in(&bytes), Some(-22));
}

#[test]
fn the_way_to_a_destination_is_told_as_packets_take_it() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    let mut ask = |destination: [u8; 4]| {
        let fixed = [2, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let bytes = request(GETROUTE, REQUEST, &fixed, |writer| {
            writer.attribute(1, &destination);
        });
        let bytes = answers(&mut host, id, &bytes);
        if let Some(errno) = error_in(&bytes) {
            return Err(errno);
        }
        let route = Messages::new(&bytes).next().unwrap();
        let of = |kind| Attributes::after(route.payload, 12).find(kind).unwrap();
        Ok((
            route.payload[7],
            of(4).as_u32().unwrap(),
            of(7).value.to_vec(),
        ))
    };
    assert_eq!(ask([10, 0, 2, 7]), Ok((1, 2, std::vec![10, 0, 2, 100])));
    assert_eq!(ask([10, 0, 2, 100]), Ok((2, 1, std::vec![10, 0, 2, 100])));
    assert_eq!(ask([127, 3, 2, 1]), Ok((2, 1, std::vec![127, 0, 0, 1])));
    assert_eq!(ask([10, 0, 2, 255]), Ok((3, 2, std::vec![10, 0, 2, 100])));
    assert_eq!(ask([8, 8, 8, 8]), Err(-101));
}

#[test]
fn a_route_tells_what_it_says_of_its_path() {
    let mut host = host();
    let interface = host.interface_by_name("eth0").unwrap();
    host.add_route(Route {
        destination: cidr("10.7.0.0", 16),
        gateway: None,
        interface,
        preferred_source: None,
        metric: 0,
        metrics: RouteMetrics {
            mtu: Some(1200),
            is_mtu_locked: true,
            advertised_mss: Some(700),
            initial_window: Some(3),
        },
    });
    let id = socket_of(&mut host, USER);
    let fixed = [2, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let one = request(GETROUTE, REQUEST, &fixed, |writer| {
        writer.attribute(1, &[10, 7, 7, 7]);
    });
    let all = request(
        GETROUTE,
        DUMP,
        &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        |_| {},
    );
    for asked in [one, all] {
        let bytes = answers(&mut host, id, &asked);
        let told = Messages::new(&bytes)
            .filter_map(|route| Attributes::after(route.payload, 12).find(8))
            .map(|metrics| {
                Attributes::after(metrics.value, 0)
                    .map(|one| (one.kind, one.as_u32().unwrap()))
                    .collect::<Vec<_>>()
            });
        // As `ip route` asks: RTAX_LOCK with the bit of RTAX_MTU, RTAX_MTU, RTAX_ADVMSS, RTAX_INITCWND.
        assert_eq!(
            told.collect::<Vec<_>>(),
            [[(1, 4), (2, 1200), (8, 700), (11, 3)]]
        );
    }
}

#[test]
fn a_table_that_is_not_there_ends_a_strict_dump_with_an_error() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    host.set_option(id, 270, 12, &1_i32.to_ne_bytes(), NOW)
        .unwrap();
    let fixed = [2, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0];
    let bytes = answers(&mut host, id, &request(GETROUTE, DUMP, &fixed, |_| {}));
    let done = Messages::new(&bytes).next().unwrap();
    assert_eq!(done.kind, 3);
    assert_eq!(number_u32(done.payload, 0).unwrap().cast_signed(), -2);
}

#[test]
fn nothing_is_changed_whoever_asks() {
    for credentials in [USER, Credentials::ROOT] {
        let mut host = host();
        let id = socket_of(&mut host, credentials);
        for kind in [16, 17, 19, 20, 21, 24, 25, 28] {
            let bytes = answers(&mut host, id, &request(kind, REQUEST, &[0; 16], |_| {}));
            assert_eq!(error_in(&bytes), Some(-1), "type {kind}");
        }
    }
}

#[test]
fn what_is_no_request_is_only_acknowledged() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    for kind in [GETLINK, 3] {
        assert!(answers(&mut host, id, &request(kind, 0, &[0; 16], |_| {})).is_empty());
        let bytes = answers(&mut host, id, &request(kind, 4, &[0; 16], |_| {}));
        assert_eq!(error_in(&bytes), Some(0));
    }
    let bytes = answers(&mut host, id, &request(200, REQUEST, &[0; 16], |_| {}));
    assert_eq!(error_in(&bytes), Some(-95));
    assert_eq!(send(&mut host, id, &[]), Err(Errno::ENODATA));
}

#[test]
fn a_long_dump_keeps_one_datagram_at_a_time() {
    let mut host = host();
    for number in 0..200_u8 {
        host.add_interface(InterfaceConfig {
            name: std::format!("eth{}", u16::from(number) + 1),
            mtu: 1500,
            addresses: std::vec![cidr(&std::format!("10.1.{number}.1"), 24)],
            medium: Medium::Ip,
            offload: OffloadCapabilities::default(),
        })
        .unwrap();
    }
    let id = socket_of(&mut host, USER);
    let bytes = request(GETLINK, DUMP, &[0; 16], |_| {});
    send(&mut host, id, &bytes).unwrap();
    // Another while it runs is refused; the refusal is read in its turn.
    send(&mut host, id, &bytes).unwrap();
    let (mut links, mut refusals, mut ends, mut largest) = (0, 0, 0, 0);
    while let Ok(datagram) = receive(&mut host, id, 8192, MessageFlags::empty()) {
        largest = largest.max(datagram.len());
        for message in Messages::new(&datagram) {
            match message.kind {
                16 => links += 1,
                2 => refusals += i32::from(error_in(&datagram) == Some(-16)),
                _ => ends += 1,
            }
        }
        let summary = host.summary(id).unwrap();
        assert!(summary.recv_q < 10_000, "{} bytes wait", summary.recv_q);
    }
    assert_eq!((links, refusals, ends), (202, 1, 1));
    assert!((4096..=8192).contains(&largest), "{largest}");
}

#[test]
fn readiness_tells_what_can_be_read() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    assert_eq!(host.readiness(id), Readiness::OUT);
    send(&mut host, id, &request(GETLINK, DUMP, &[0; 16], |_| {})).unwrap();
    assert_eq!(host.readiness(id), Readiness::OUT | Readiness::IN);
    let peeked = receive(&mut host, id, 10, MessageFlags::PEEK | MessageFlags::TRUNC).unwrap();
    // The real length, so the buffer was kept whole.
    assert_eq!(peeked.len(), 10);
    while receive(&mut host, id, 9000, MessageFlags::empty()).is_ok() {}
    assert_eq!(host.readiness(id), Readiness::OUT);
}

#[test]
fn answers_that_nobody_reads_are_lost_and_told() {
    let mut host = host();
    let id = socket_of(&mut host, USER);
    let bytes = request(GETLINK, REQUEST, &[0; 16], |_| {});
    let mut error = None;
    for _ in 0..100_000 {
        send(&mut host, id, &bytes).unwrap();
        if host.readiness(id).contains(Readiness::ERR) {
            error = receive(&mut host, id, 100, MessageFlags::empty()).err();
            break;
        }
    }
    assert_eq!(error, Some(Errno::ENOBUFS));
    assert!(host.summary(id).unwrap().recv_q < 300_000);
}

#[test]
fn ports_are_the_processes_numbers_and_unique() {
    let mut host = host();
    let port = |host: &Host, id| match host.local_address(id).unwrap() {
        SocketAddress::Netlink { port, .. } => port,
        other => panic!("{other:?}"),
    };
    let any = SocketAddress::Netlink { port: 0, groups: 1 };
    let first = socket_of(&mut host, USER);
    assert_eq!(port(&host, first), 0);
    host.bind(first, &any, NOW).unwrap();
    assert_eq!(port(&host, first), 77);
    let second = socket_of(&mut host, USER);
    host.bind(second, &any, NOW).unwrap();
    assert!(port(&host, second).cast_signed() < -4096);
    let third = socket_of(&mut host, USER);
    let taken = SocketAddress::Netlink {
        port: 77,
        groups: 0,
    };
    assert_eq!(host.bind(third, &taken, NOW), Err(Errno::EADDRINUSE));
    host.close(first, NOW).unwrap();
    host.bind(third, &taken, NOW).unwrap();
    assert_eq!(
        host.bind(
            third,
            &SocketAddress::Netlink {
                port: 78,
                groups: 0
            },
            NOW
        ),
        Err(Errno::EINVAL)
    );
    let peer = SocketAddress::Netlink { port: 9, groups: 0 };
    assert_eq!(host.connect(second, &peer, NOW), Err(Errno::EPERM));
}

#[test]
fn other_protocols_and_types_are_not_there() {
    let mut host = host();
    let mut open = |kind, protocol| host.socket(Domain::Netlink, kind, protocol, USER).err();
    assert_eq!(open(SocketType::Datagram, 0), None);
    assert_eq!(open(SocketType::Stream, 0), Some(Errno::ESOCKTNOSUPPORT));
    for protocol in [-1, 9, 31, 32, 1000] {
        assert_eq!(
            open(SocketType::Raw, protocol),
            Some(Errno::EPROTONOSUPPORT)
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_request_makes_the_host_panic(
        kind in 0_u16..130,
        flags in proptest::sample::select(std::vec![1_u16, 5, 0x301, 0x305, 0]),
        body in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        is_strict in proptest::bool::ANY,
    ) {
        let mut host = host();
        let id = socket_of(&mut host, USER);
        host.set_option(id, 270, 12, &i32::from(is_strict).to_ne_bytes(), NOW).unwrap();
        let bytes = request(kind, flags, &body, |_| {});
        let all = answers(&mut host, id, &bytes);
        // Every answer is whole messages.
        let read: usize = Messages::new(&all).map(|message| message.whole.len().next_multiple_of(4)).sum();
        proptest::prop_assert_eq!(read, all.len());
    }
}
