use proptest::prelude::*;

use super::*;
use crate::ids::{Slab, SocketKind};

fn ids(count: usize) -> alloc::vec::Vec<SocketId> {
    let mut slab: Slab<(), SocketKind> = Slab::new();
    (0..count)
        .map(|_| slab.insert_with(|_| ()).unwrap())
        .collect()
}

fn tuple(local: &str, remote_port: u16) -> FourTuple {
    let local: IpAddr = local.parse().unwrap();
    let remote = if local.is_ipv4() {
        "10.9.9.9"
    } else {
        "fd00::9"
    };
    FourTuple {
        space: PortSpace::Tcp,
        local,
        local_port: 80,
        remote: remote.parse().unwrap(),
        remote_port,
    }
}

fn receiver(id: SocketId) -> Receiver {
    Receiver {
        id,
        reuse_port: false,
        v6_only: false,
        device: None,
    }
}

#[test]
fn the_most_specific_receiver_gets_the_packet() {
    let id = ids(4);
    let mut table = Receivers::new(Keyed::new(1, 2));
    let lo = InterfaceId::LOOPBACK;
    let v4 = tuple("10.0.0.1", 1);
    let v6 = tuple("fd00::1", 1);
    table.insert(PortSpace::Tcp, "::".parse().unwrap(), 80, receiver(id[0]));
    assert_eq!(table.find(&v4, lo), Some(id[0]));
    assert_eq!(table.find(&v6, lo), Some(id[0]));
    table.insert(
        PortSpace::Tcp,
        "0.0.0.0".parse().unwrap(),
        80,
        receiver(id[1]),
    );
    assert_eq!(table.find(&v4, lo), Some(id[1]));
    assert_eq!(table.find(&v6, lo), Some(id[0]));
    table.insert(
        PortSpace::Tcp,
        "10.0.0.1".parse().unwrap(),
        80,
        receiver(id[2]),
    );
    assert_eq!(table.find(&v4, lo), Some(id[2]));
    table.remove(PortSpace::Tcp, "10.0.0.1".parse().unwrap(), 80, id[2]);
    table.remove(PortSpace::Tcp, "0.0.0.0".parse().unwrap(), 80, id[1]);
    table.remove(PortSpace::Tcp, "::".parse().unwrap(), 80, id[0]);
    table.insert(
        PortSpace::Tcp,
        "::".parse().unwrap(),
        80,
        Receiver {
            v6_only: true,
            ..receiver(id[3])
        },
    );
    assert_eq!(table.find(&v4, lo), None);
    assert_eq!(table.find(&v6, lo), Some(id[3]));
}

#[test]
fn a_reuseport_group_shares_evenly_and_a_peer_stays_with_its_socket() {
    let id = ids(4);
    let mut table = Receivers::new(Keyed::new(1, 2));
    for id in &id {
        let shared = Receiver {
            reuse_port: true,
            ..receiver(*id)
        };
        table.insert(PortSpace::Tcp, "0.0.0.0".parse().unwrap(), 80, shared);
    }
    let mut counts = [0; 4];
    for port in 1..=4000 {
        let found = table
            .find(&tuple("10.0.0.1", port), InterfaceId::LOOPBACK)
            .unwrap();
        assert_eq!(
            table.find(&tuple("10.0.0.1", port), InterfaceId::LOOPBACK),
            Some(found)
        );
        counts[id.iter().position(|id| *id == found).unwrap()] += 1;
    }
    assert!(
        counts.iter().all(|count| (800..1200).contains(count)),
        "{counts:?}"
    );
}

/// How many of 400 peers each of the two sockets gets.
fn shares(table: &Receivers, id: &[SocketId]) -> [usize; 2] {
    let mut counts = [0; 2];
    for port in 1..=400 {
        let found = table.find(&tuple("10.0.0.1", port), InterfaceId::LOOPBACK);
        if let Some(index) = id.iter().position(|id| Some(*id) == found) {
            counts[index] += 1;
        }
    }
    counts
}

#[test]
fn reuseport_may_be_changed_while_receiving() {
    // Linux, with two listeners: what becomes of the group when one of them changes its mind.
    let id = ids(2);
    let place = "0.0.0.0".parse().unwrap();
    let mut table = Receivers::new(Keyed::new(1, 2));
    let with = |id, reuse_port| Receiver {
        reuse_port,
        ..receiver(id)
    };
    table.insert(PortSpace::Tcp, place, 80, with(id[0], false));
    table.update(PortSpace::Tcp, place, 80, with(id[0], true));
    assert_eq!(shares(&table, &id), [400, 0]);
    table.insert(PortSpace::Tcp, place, 80, with(id[1], true));
    let is_shared = |table: &Receivers| shares(table, &id).iter().all(|count| *count > 120);
    assert!(is_shared(&table));
    table.update(PortSpace::Tcp, place, 80, with(id[0], false));
    assert!(is_shared(&table));
    table.update(PortSpace::Tcp, place, 80, with(id[0], true));
    table.update(PortSpace::Tcp, place, 80, with(id[1], false));
    assert_eq!(shares(&table, &id), [0, 400]);
    table.update(PortSpace::Tcp, place, 80, with(id[1], true));
    assert!(is_shared(&table));
}

#[test]
fn a_receiver_that_is_bound_to_a_device_hears_only_that() {
    let id = ids(2);
    let place = "0.0.0.0".parse().unwrap();
    let mut table = Receivers::new(Keyed::new(1, 2));
    table.insert(PortSpace::Tcp, place, 80, receiver(id[0]));
    let other = InterfaceId::from_ifindex(2);
    let bound = Receiver {
        device: Some(other),
        ..receiver(id[0])
    };
    table.update(PortSpace::Tcp, place, 80, bound);
    assert_eq!(shares(&table, &id), [0, 0]);
    assert_eq!(table.find(&tuple("10.0.0.1", 1), other), Some(id[0]));
    table.update(PortSpace::Tcp, place, 80, receiver(id[0]));
    assert_eq!(shares(&table, &id), [400, 0]);
}

#[test]
fn a_connection_is_found_by_its_names_only() {
    let id = ids(1);
    let mut table = Connections::new(Keyed::new(1, 2));
    let names = tuple("fd00::1", 7);
    assert!(table.insert(&names, id[0]));
    assert!(!table.insert(&names, id[0]));
    assert_eq!(table.find(&names), Some(id[0].index()));
    assert_eq!(table.find(&names.reversed()), None);
    assert_eq!(
        table.find(&FourTuple {
            space: PortSpace::Udp,
            ..names
        }),
        None
    );
    table.remove(&names, id[0]);
    assert_eq!((table.find(&names), table.len()), (None, 0));
}

proptest! {
    #[test]
    fn an_entry_keeps_a_slot_and_what_of_a_hash_the_table_goes_by(hash: u64, slot: u32) {
        let hash = Entry::kept(hash);
        let entry = Entry::new(hash, slot);
        prop_assert_eq!((entry.hash(), entry.slot()), (hash, slot));
        prop_assert_eq!(Entry::kept(hash), hash);
    }
}
