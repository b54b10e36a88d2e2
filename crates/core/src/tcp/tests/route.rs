//! What a route says of its path (`ip route`: mtu, lock, advmss). The answers are Linux's in the same place.

use sockeye_wire::Frame;

use super::peer::exposed;
use super::*;
use crate::{Route, RouteMetrics};

const PEER: [u8; 4] = [10, 7, 7, 7];

/// A host whose route to the peer says this.
fn host_with(metrics: RouteMetrics) -> Host {
    let mut host = exposed(|_| {});
    let interface = host.interface_by_name("eth0").unwrap();
    host.add_route(Route {
        destination: IpCidr::new(PEER.into(), 16).unwrap(),
        gateway: None,
        interface,
        preferred_source: None,
        metric: 0,
        metrics,
    });
    host
}

fn locked() -> RouteMetrics {
    RouteMetrics {
        mtu: Some(1000),
        is_mtu_locked: true,
        advertised_mss: Some(700),
        ..RouteMetrics::default()
    }
}

fn sent(host: &mut Host) -> Vec<Vec<u8>> {
    let eth0 = host.interface_by_name("eth0").unwrap();
    let frames = core::iter::from_fn(|| host.transmit(eth0));
    frames.map(|frame: Frame| frame.to_vec()).collect()
}

fn may_be_cut(packet: &[u8]) -> bool {
    packet[6] & 0x40 == 0
}

#[test]
fn a_syn_tells_the_mss_of_its_route_and_may_be_cut_where_the_mtu_is_locked() {
    for metrics in [locked(), RouteMetrics::default()] {
        let is_locked = metrics.is_mtu_locked;
        let mut host = host_with(metrics);
        let id = tcp(&mut host, Domain::Inet);
        let there = SocketAddress::new(PEER.into(), 80);
        assert_eq!(host.connect(id, &there, NOW), Err(Errno::EINPROGRESS));
        let packets = sent(&mut host);
        let mss: u16 = if is_locked { 700 } else { 1460 };
        let [high, low] = mss.to_be_bytes();
        assert_eq!(packets[0][40..44], [2, 4, high, low]);
        assert_eq!(may_be_cut(&packets[0]), is_locked);
    }
}

#[test]
fn datagrams_follow_the_mtu_of_their_route_unless_the_device_s_was_asked_for() {
    const IP_MTU_DISCOVER: i32 = 10;
    const IP_MTU: i32 = 14;
    let mut host = host_with(locked());
    let id = host
        .socket(Domain::Inet, SocketType::Datagram, 0, Credentials::ROOT)
        .unwrap();
    let there = SocketAddress::new(PEER.into(), 80);
    host.connect(id, &there, NOW).unwrap();
    let mtu = host.get_option(id, 0, IP_MTU, 4, NOW).unwrap();
    assert_eq!(mtu[..4], 1000_i32.to_ne_bytes());
    let mut lengths = |how: i32| {
        let how = how.to_ne_bytes();
        host.set_option(id, 0, IP_MTU_DISCOVER, &how, NOW).unwrap();
        let data = vec![0; 1200];
        let outgoing = Outgoing {
            data: &[&data],
            ..Outgoing::default()
        };
        let answer = host.send_message(id, outgoing, NOW);
        let packets = sent(&mut host);
        let cut: Vec<_> = packets.iter().map(|one| may_be_cut(one)).collect();
        (answer, packets.iter().map(Vec::len).collect(), cut)
    };
    // IP_PMTUDISC_WANT, _DO, _PROBE.
    assert_eq!(lengths(1), (Ok(1200), vec![996, 252], vec![true, true]));
    assert_eq!(lengths(2), (Err(Errno::EMSGSIZE), vec![], vec![]));
    assert_eq!(lengths(3), (Ok(1200), vec![1228], vec![false]));
}
