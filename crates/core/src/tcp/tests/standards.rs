//! Rules of RFC 9293 that need a stranger or a look inside.

use core::time::Duration;

use sockeye_wire::{TcpHeader, TcpOptions};

use super::peer::{ACK, Peer, SYN, exposed, exposed_listener, modern};
use super::*;

/// The number of the SYN-ACK that `peer` is answered with.
fn initial_number(host: &mut Host, peer: Peer, now: Instant) -> u32 {
    peer.asks(host, TcpOptions::NONE, now);
    peer.hears(host)[0].sequence
}

/// RFC 9293 3.4.1, RFC 6528 3
#[test]
fn initial_numbers_follow_a_clock_and_a_keyed_hash() {
    let mut host = exposed(|_| {});
    exposed_listener(&mut host, 100);
    let second = Duration::from_secs(1);
    let peer = Peer::number(1);
    let other = Peer { port: 4001, ..peer };
    let first = initial_number(&mut host, peer, NOW);
    let neighbour = initial_number(&mut host, other, NOW);
    // Ports that follow each other have numbers that have nothing to do with each other.
    assert!(first.wrapping_sub(neighbour).cast_signed().unsigned_abs() > 1 << 16);

    // Another host with other keys, at the same time, gives others; the same keys a second later are further by the clock.
    let config = Config {
        seed: 6,
        addresses: vec![IpCidr::new("10.0.0.1".parse().unwrap(), 8).unwrap()],
        ..Config::default()
    };
    let mut stranger = Host::new(config);
    exposed_listener(&mut stranger, 100);
    assert_ne!(initial_number(&mut stranger, peer, NOW), first);

    let mut again = exposed(|_| {});
    exposed_listener(&mut again, 100);
    let later = initial_number(&mut again, peer, NOW + second);
    // RFC 6528 3 asks for 4 microseconds a step or less; Linux's clock steps each 64 ns.
    assert_eq!(later.wrapping_sub(first), 1_000_000_000 / 64);
}

/// RFC 9293 3.9.2.3
#[test]
fn nothing_answers_a_segment_to_or_from_many() {
    let mut host = exposed(|_| {});
    exposed_listener(&mut host, 5);
    let eth0 = host.interface_by_name("eth0").unwrap();
    let many = ["224.0.0.5", "255.255.255.255", "10.255.255.255", "0.0.0.0"];
    for from in many {
        let peer = Peer {
            address: from.parse().unwrap(),
            ..Peer::number(1)
        };
        for flags in [SYN, ACK] {
            let header = TcpHeader {
                sequence: 7,
                acknowledgment: 9,
                flags,
                options: modern(),
                ..TcpHeader::default()
            };
            peer.sends(&mut host, header, b"", NOW);
            assert!(host.transmit(eth0).is_none(), "from {from}");
        }
    }
    for to in ["224.0.0.1", "255.255.255.255", "10.255.255.255"] {
        let peer = Peer::number(2);
        for flags in [SYN, ACK] {
            let header = TcpHeader {
                flags,
                ..TcpHeader::default()
            };
            peer.sends_from_to(&mut host, to.parse().unwrap(), 80, header, b"", NOW);
            assert!(host.transmit(eth0).is_none(), "to {to}");
        }
    }
}

/// RFC 7323 5.4, 7.1: strangers learn nothing of the clock, and one peer sees it go on.
#[test]
fn timestamps_are_set_off_for_each_destination() {
    let mut host = exposed(|_| {});
    exposed_listener(&mut host, 100);
    let mut stamp = |peer: Peer| {
        peer.asks(&mut host, modern(), NOW);
        let answer = &peer.hears(&mut host)[0];
        answer.options.timestamps.unwrap().value
    };
    let peer = Peer::number(1);
    let first = stamp(peer);
    assert_ne!(stamp(Peer::number(2)), first);
    // RFC 6191: the next connection of the same peer is not older.
    assert_eq!(stamp(Peer { port: 4001, ..peer }), first);
}

/// The flow labels of what a host has sent over IPv6.
fn labels(host: &mut Host) -> Vec<u32> {
    let interface = host.interface_by_name("eth0").unwrap();
    let frames = core::iter::from_fn(|| host.transmit(interface));
    let label = |frame: crate::Frame| match frame.ip().unwrap() {
        sockeye_wire::IpView::V6(view) => view.flow_label(),
        sockeye_wire::IpView::V4(_) => 0,
    };
    frames.map(label).collect()
}

/// A connection attempt that nobody answers: the labels of its first SYN and of three more.
fn labels_of_syns(autoflow: u8, port: u16, is_chosen: Option<i32>, txrehash: bool) -> Vec<u32> {
    let mut host = Host::new(Config {
        seed: 5,
        addresses: vec![IpCidr::new("fd00::1".parse().unwrap(), 64).unwrap()],
        ..Config::default()
    });
    host.sysctl_mut().auto_flowlabels = autoflow;
    host.sysctl_mut().txrehash = txrehash;
    let client = tcp(&mut host, Domain::Inet6);
    if let Some(value) = is_chosen {
        let set = host.set_option(client, 41, 70, &value.to_ne_bytes(), NOW);
        assert_eq!(set, Ok(()));
    }
    let local = SocketAddress::new("fd00::1".parse().unwrap(), port);
    host.bind(client, &local, NOW).unwrap();
    let remote = SocketAddress::new("fd00::2".parse().unwrap(), 80);
    assert_eq!(host.connect(client, &remote, NOW), Err(Errno::EINPROGRESS));
    let mut all = labels(&mut host);
    while all.len() < 4 {
        let deadline = host.next_deadline().unwrap();
        host.advance(deadline);
        all.extend(labels(&mut host));
    }
    all
}

/// RFC 6437 2, 3: a label is for a flow, not 0, and not to be guessed from another's.
#[test]
fn flows_over_ipv6_have_labels_that_change_with_timeouts() {
    let is_label = |label: &u32| (1..1 << 20).contains(label);
    let first = labels_of_syns(1, 5000, None, true);
    assert!(first.iter().all(is_label), "{first:?}");
    let mut different = first.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 4, "{first:?}");
    assert_ne!(labels_of_syns(1, 5001, None, true)[0], first[0]);
    // As long as it looks for no other path it is the same.
    assert_eq!(labels_of_syns(1, 5000, None, false), [first[0]; 4]);
    // auto_flowlabels, and what the socket says.
    for (autoflow, chosen, is_labelled) in [
        (0, Some(1), false),
        (1, Some(0), false),
        (2, None, false),
        (2, Some(1), true),
        (3, Some(0), true),
    ] {
        let labels = labels_of_syns(autoflow, 5000, chosen, true);
        assert_eq!(labels[0] == first[0], is_labelled, "{autoflow} {chosen:?}");
        assert_eq!(labels.iter().all(|label| *label == 0), !is_labelled);
    }
}
