//! Datagrams over hostile wires: they may be lost, but none is torn, mixed up or, on a wire that does not duplicate, doubled.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_core::{
    Credentials, Domain, Errno, Incoming, Outgoing, SocketAddress, SocketId, SocketType,
};
use sockeye_worlds::{Random, Side, World};

const USER: Credentials = Credentials {
    pid: 1,
    uid: 1000,
    gid: 1000,
};

fn bound(world: &mut World, side: Side, address: SocketAddr) -> SocketId {
    let now = world.now;
    let host = world.host(side);
    let domain = if address.is_ipv4() {
        Domain::Inet
    } else {
        Domain::Inet6
    };
    let socket = host.socket(domain, SocketType::Datagram, 0, USER).unwrap();
    host.bind(socket, &SocketAddress::from(address), now)
        .unwrap();
    socket
}

/// A datagram: its number, and bytes that follow from it.
fn datagram(number: u32, length: usize) -> Vec<u8> {
    let mut random = Random::new(u64::from(number));
    let mut data = number.to_be_bytes().to_vec();
    data.extend(std::iter::repeat_with(|| random.number().to_le_bytes()[0]).take(length));
    data
}

/// Sends so many datagrams and answers how often each arrived.
fn run(seed: u64, is_v6: bool, wire: &str, count: u32, longest: usize) -> BTreeMap<u32, usize> {
    let mut world = World::new(seed, wire, 1500);
    let to = World::endpoint(Side::Server, is_v6, 5000);
    let sender = bound(
        &mut world,
        Side::Client,
        World::endpoint(Side::Client, is_v6, 5001),
    );
    let receiver = bound(&mut world, Side::Server, to);
    let mut random = Random::new(seed);
    let mut arrived = BTreeMap::new();
    let mut lengths = BTreeMap::new();
    for number in 0..count {
        let data = datagram(number, random.below(longest));
        lengths.insert(number, data.len());
        let (now, address) = (world.now, SocketAddress::from(to));
        let outgoing = Outgoing {
            data: &[&data],
            address: Some(&address),
            ..Outgoing::default()
        };
        assert_eq!(
            world.host(Side::Client).send_message(sender, outgoing, now),
            Ok(data.len())
        );
        world.pass(Duration::from_millis(3));
        if number + 1 == count {
            // Longer than any fragment is waited for.
            world.pass(Duration::from_secs(90));
        }
        loop {
            let mut buffer = vec![0; 70_000];
            let now = world.now;
            let incoming = Incoming {
                buffers: &mut [&mut buffer],
                ..Incoming::default()
            };
            match world
                .host(Side::Server)
                .receive_message(receiver, incoming, now)
            {
                Ok(received) => {
                    let data = &buffer[..received.length];
                    let number = u32::from_be_bytes(data[..4].try_into().unwrap());
                    assert_eq!(
                        data.len(),
                        lengths[&number],
                        "seed {seed}: the length of {number}"
                    );
                    assert!(
                        data == datagram(number, data.len() - 4),
                        "seed {seed}: the bytes of {number}"
                    );
                    *arrived.entry(number).or_default() += 1;
                }
                Err(Errno::EAGAIN) => break,
                Err(errno) => panic!("seed {seed}: {errno:?}"),
            }
        }
    }
    arrived
}

#[test]
fn fragments_come_together_on_a_wire_that_only_delays() {
    for is_v6 in [false, true] {
        for seed in 0..5 {
            let arrived = run(seed, is_v6, "delay 5ms 2ms", 40, 20_000);
            assert_eq!(arrived.len(), 40, "seed {seed}");
            assert!(arrived.values().all(|times| *times == 1));
        }
    }
}

#[test]
fn what_arrives_is_whole_and_arrives_once() {
    for is_v6 in [false, true] {
        for seed in 0..5 {
            let arrived = run(seed, is_v6, "delay 5ms 4ms loss 10% reorder 20%", 60, 9000);
            assert!(
                arrived.values().all(|times| *times == 1),
                "seed {seed}: {arrived:?}"
            );
            assert!(
                !arrived.is_empty() && arrived.len() < 60,
                "seed {seed}: {} arrived",
                arrived.len()
            );
        }
    }
}

#[test]
fn a_duplicating_wire_tears_nothing() {
    for seed in 0..5 {
        let arrived = run(seed, false, "delay 5ms 4ms duplicate 20%", 60, 9000);
        assert_eq!(arrived.len(), 60, "seed {seed}");
        assert!(
            arrived.values().all(|times| *times <= 2),
            "seed {seed}: {arrived:?}"
        );
    }
}

/// One flipped bit is always noticed. Two of them, in two fragments, may cancel each other out in the checksum: these
/// datagrams are one packet each.
#[test]
fn a_flipped_bit_is_noticed() {
    for is_v6 in [false, true] {
        for seed in 0..20 {
            let arrived = run(seed, is_v6, "delay 5ms corrupt 30%", 60, 1400);
            assert!(
                arrived.values().all(|times| *times == 1),
                "seed {seed}: {arrived:?}"
            );
            assert!(
                !arrived.is_empty() && arrived.len() < 60,
                "seed {seed}: {} arrived",
                arrived.len()
            );
        }
    }
}
