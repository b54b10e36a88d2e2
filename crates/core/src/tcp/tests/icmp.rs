//! ICMP errors about segments, with `IP_RECVERR` and without. The answers are Linux's in the same place.

use sockeye_wire::{Frame, TcpFlags, TcpHeader};

use super::peer::{ACK, Peer, SYN, exposed};
use super::*;
use crate::Ancillary;

const SOL_SOCKET: i32 = 1;
const SO_ERROR: i32 = 4;
const IP_RECVERR: i32 = 11;
const HOST_UNREACHABLE: [u8; 2] = [3, 1];

fn sum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}

/// A router's answer to what the host sent last.
fn answer(host: &mut Host, [kind, code]: [u8; 2]) {
    let eth0 = host.interface_by_name("eth0").unwrap();
    let sent = core::iter::from_fn(|| host.transmit(eth0)).last().unwrap();
    let mut icmp = vec![kind, code, 0, 0, 0, 0, 0, 0];
    icmp.extend(&sent.to_vec()[..28]);
    let checksum = sum(&icmp);
    icmp[2..4].copy_from_slice(&checksum);
    let length = u16::try_from(20 + icmp.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 1, 0, 0];
    packet.extend([10, 9, 9, 9, 10, 0, 0, 1]);
    let checksum = sum(&packet);
    packet[10..12].copy_from_slice(&checksum);
    packet.extend(icmp);
    host.receive(eth0, Frame::from_bytes(packet.into()), NOW);
}

/// A socket in SYN-SENT, and the port and number of its SYN.
fn connecting(recverr: bool) -> (Host, SocketId, u16, u32) {
    let mut host = exposed(|_| {});
    let id = tcp(&mut host, Domain::Inet);
    let value = i32::from(recverr).to_ne_bytes();
    host.set_option(id, 0, IP_RECVERR, &value, NOW).unwrap();
    let there = SocketAddress::new("10.7.7.7".parse().unwrap(), 80);
    assert_eq!(host.connect(id, &there, NOW), Err(Errno::EINPROGRESS));
    let (_, port) = host.local_address(id).unwrap().ip().unwrap();
    (host, id, port, 0)
}

fn error(host: &mut Host, id: SocketId) -> i32 {
    let value = host.get_option(id, SOL_SOCKET, SO_ERROR, 4, NOW).unwrap();
    i32::from_ne_bytes(value[..4].try_into().unwrap())
}

#[test]
fn an_attempt_that_icmp_ends_leaves_a_report() {
    for recverr in [false, true] {
        let (mut host, id, port, _) = connecting(recverr);
        answer(&mut host, HOST_UNREACHABLE);
        let all = Readiness::IN | Readiness::OUT | Readiness::HUP | Readiness::RDHUP;
        assert_eq!(host.readiness(id), all | Readiness::ERR);
        let mut buffer = [0; 100];
        let received = host
            .receive_message(
                id,
                Incoming {
                    buffers: &mut [&mut buffer],
                    flags: MessageFlags::ERRQUEUE,
                    ancillary_room: 500,
                },
                NOW,
            )
            .unwrap();
        assert_eq!(received.length, 8);
        assert_eq!(buffer[..2], port.to_be_bytes());
        let there = SocketAddress::new("10.7.7.7".parse().unwrap(), 80);
        assert_eq!(received.address, Some(there));
        let Some(Ancillary::ExtendedError(report)) = received.ancillary.first() else {
            panic!("{:?}", received.ancillary);
        };
        assert_eq!(
            (report.errno, report.kind, report.code),
            (Some(Errno::EHOSTUNREACH), 3, 1)
        );
        // The report took the pending error with it.
        assert_eq!(host.readiness(id), all);
        assert_eq!(error(&mut host, id), 0);
        let again = receive_with(&mut host, id, 1, MessageFlags::ERRQUEUE);
        assert_eq!(again, Err(Errno::EAGAIN));
    }
}

#[test]
fn a_connection_survives_icmp_and_tells_those_who_asked() {
    for recverr in [false, true] {
        let (mut host, id, port, _) = connecting(recverr);
        let server = Peer {
            address: "10.7.7.7".parse().unwrap(),
            port: 80,
            isn: 7000,
        };
        let eth0 = host.interface_by_name("eth0").unwrap();
        let syn = host.transmit(eth0).unwrap();
        let layout = syn.layout().unwrap();
        let syn = sockeye_wire::TcpView::parse(&syn.headers[layout.transport..]).unwrap();
        let header = TcpHeader {
            sequence: server.isn,
            acknowledgment: syn.sequence() + 1,
            flags: SYN | ACK,
            ..TcpHeader::default()
        };
        server.sends_to(&mut host, port, header, b"", NOW);
        assert_eq!(send(&mut host, id, b"abc"), Ok(3));
        answer(&mut host, HOST_UNREACHABLE);
        assert_eq!(host.readiness(id).contains(Readiness::ERR), recverr);
        let expected = if recverr {
            Errno::EHOSTUNREACH
        } else {
            Errno::EAGAIN
        };
        assert_eq!(receive(&mut host, id, 5), Err(expected));
        assert_eq!(send(&mut host, id, b"x"), Ok(1));
        // Nobody who did not ask hears of it, but for those who look.
        let soft = if recverr {
            0
        } else {
            Errno::EHOSTUNREACH as i32
        };
        assert_eq!(error(&mut host, id), soft);
        assert_eq!(error(&mut host, id), 0);
        assert!(crate::tcp::info(&host, id, NOW).is_some());
        assert!(!syn.flags().contains(TcpFlags::RST));
    }
}
