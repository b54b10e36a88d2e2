//! Conflicts as Linux decides them, and bounds.

use alloc::vec::Vec;
use core::hash::BuildHasherDefault;

use proptest::prelude::*;
use siphasher::sip::SipHasher13;

use super::*;
use crate::inet::ephemeral::Order;

type Table = BindTable<BuildHasherDefault<SipHasher13>>;

fn table() -> Table {
    BindTable::new(BuildHasherDefault::default())
}

fn binding(address: &str) -> Binding {
    Binding {
        space: PortSpace::Tcp,
        port: 80,
        address: BindAddress::new(address.parse().unwrap(), false),
        device: None,
        reuse_address: false,
        reuse_port: false,
        uid: 0,
        holder: Holder::Bound,
    }
}

fn conflict(first: Binding, second: Binding) -> bool {
    let mut table = table();
    let _claim = table.insert(first);
    table.conflicts(&second)
}

#[test]
fn a_wildcard_conflicts_with_each_address_of_its_families() {
    assert!(conflict(binding("0.0.0.0"), binding("127.0.0.1")));
    assert!(conflict(binding("127.0.0.1"), binding("0.0.0.0")));
    assert!(conflict(binding("::"), binding("127.0.0.1")));
    assert!(conflict(binding("::"), binding("::1")));
    assert!(conflict(binding("::ffff:127.0.0.1"), binding("127.0.0.1")));
    assert!(!conflict(binding("127.0.0.1"), binding("127.0.0.2")));
    assert!(!conflict(binding("0.0.0.0"), binding("::1")));
}

#[test]
fn v6only_keeps_the_ipv6_wildcard_apart_from_ipv4() {
    let only = Binding {
        address: BindAddress::new("::".parse().unwrap(), true),
        ..binding("::")
    };
    assert!(!conflict(only, binding("0.0.0.0")));
    assert!(!conflict(binding("127.0.0.1"), only));
    assert!(conflict(only, binding("::1")));
    assert!(conflict(only, only));
}

#[test]
fn reuse_address_is_shared_unless_the_other_listens() {
    let reuse = Binding {
        reuse_address: true,
        ..binding("0.0.0.0")
    };
    assert!(!conflict(reuse, reuse));
    assert!(conflict(binding("0.0.0.0"), reuse));
    assert!(conflict(
        Binding {
            holder: Holder::Listening,
            ..reuse
        },
        reuse
    ));
    assert!(!conflict(
        Binding {
            holder: Holder::TimeWait,
            ..reuse
        },
        reuse
    ));
}

#[test]
fn reuse_port_is_shared_within_one_user() {
    let reuse = Binding {
        reuse_port: true,
        holder: Holder::Listening,
        ..binding("0.0.0.0")
    };
    assert!(!conflict(reuse, reuse));
    assert!(conflict(reuse, Binding { uid: 1, ..reuse }));
    assert!(!conflict(
        Binding {
            holder: Holder::TimeWait,
            ..reuse
        },
        Binding { uid: 1, ..reuse }
    ));
}

#[test]
fn other_protocols_ports_and_devices_do_not_conflict() {
    let on = |bits| Binding {
        device: Some(InterfaceId::from_bits(bits)),
        ..binding("0.0.0.0")
    };
    assert!(!conflict(
        binding("::"),
        Binding {
            space: PortSpace::Udp,
            ..binding("::")
        }
    ));
    assert!(!conflict(
        binding("::"),
        Binding {
            port: 81,
            ..binding("::")
        }
    ));
    assert!(!conflict(on(1), on(2)));
    assert!(conflict(on(1), binding("0.0.0.0")));
}

#[test]
fn a_socket_does_not_conflict_with_itself() {
    let mut table = table();
    let own = binding("0.0.0.0");
    let claim = table.insert(own).unwrap();
    let listening = Binding {
        holder: Holder::Listening,
        ..own
    };
    assert!(!table.conflicts_without(claim, &listening));
    assert_eq!(table.insert(own), Some(claim));
    assert!(table.conflicts_without(claim, &listening));
}

#[test]
fn ports_of_connections_are_shared_by_connections_only() {
    let mut table = table();
    let connected = Binding {
        holder: Holder::Connected,
        ..binding("127.0.0.1")
    };
    let _claim = table.insert(connected);
    assert!(table.is_free_for_connect(&connected));
    assert!(table.conflicts(&binding("0.0.0.0")));
    let _claim = table.insert(binding("127.0.0.2"));
    assert!(!table.is_free_for_connect(&connected));
}

proptest! {
    #[test]
    fn claims_that_were_all_removed_leave_nothing(
        claims in proptest::collection::vec((0u16..4, any::<bool>(), any::<bool>(), 0u8..3), 0..100)
    ) {
        let mut table = table();
        let mut held: Vec<Claim> = claims
            .into_iter()
            .filter_map(|(port, reuse_address, reuse_port, address)| table.insert(Binding {
                port,
                reuse_address,
                reuse_port,
                address: BindAddress::V4([127, 0, 0, address].into()),
                ..binding("0.0.0.0")
            }))
            .collect();
        for claim in &mut held {
            let binding = table.binding(*claim);
            table.replace(claim, Binding { holder: Holder::TimeWait, ..binding });
            prop_assert_eq!(table.binding(*claim).holder, Holder::TimeWait);
        }
        held.into_iter().for_each(|claim| table.remove(claim));
        prop_assert!(table.is_empty());
    }

    #[test]
    fn the_sets_follow_the_claims(
        steps in prop::collection::vec((1..40u16, 0..3usize, 1..4u8, any::<bool>()), 0..100),
        when in 0..100usize,
    ) {
        let holders = [Holder::Bound, Holder::Connected, Holder::TimeWait];
        let (mut table, mut held) = (table(), Vec::new());
        for (step, (port, holder, address, is_new)) in steps.into_iter().enumerate() {
            if step == when {
                table.sets(PortSpace::Tcp);
            }
            if is_new || held.is_empty() {
                let binding = Binding {
                    port,
                    holder: holders[holder],
                    address: BindAddress::V4([127, 0, 0, address].into()),
                    ..binding("0.0.0.0")
                };
                held.push(table.insert(binding).unwrap());
            } else {
                let claim = held.swap_remove(usize::from(port) % held.len());
                table.remove(claim);
            }
        }
        let held: Vec<Binding> = held.into_iter().map(|claim| table.binding(claim)).collect();
        let has = |port, is_bound: bool| held.iter().any(|binding| {
            binding.port == port && (!is_bound || binding.holder == Holder::Bound)
        });
        let all = || Order::new(&(1..=50), 0, true);
        let sets = table.sets(PortSpace::Tcp);
        let occupied = [&sets.occupied];
        let bound = [&sets.bound];
        let free: Vec<u16> = all().outside(&occupied).collect();
        prop_assert_eq!(free, all().ports().filter(|port| !has(*port, false)).collect::<Vec<_>>());
        let free: Vec<u16> = all().outside(&bound).collect();
        prop_assert_eq!(free, all().ports().filter(|port| !has(*port, true)).collect::<Vec<_>>());
    }
}
