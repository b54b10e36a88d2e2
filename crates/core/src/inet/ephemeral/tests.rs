//! The order is Linux's, and the sets find what the order would.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn connect_begins_with_the_parity_of_the_first_port_and_bind_with_the_other() {
    let ports =
        |for_connect| -> Vec<u16> { Order::new(&(10..=15), 4, for_connect).ports().collect() };
    assert_eq!(ports(true), [14, 10, 12, 15, 11, 13]);
    assert_eq!(ports(false), [15, 11, 13, 14, 10, 12]);
}

#[test]
fn the_last_free_port_is_found_in_either_half() {
    let range = 32_768..=60_999;
    for last in [32_768, 32_769, 40_000, 60_998, 60_999] {
        let taken: PortSet = range.clone().filter(|port| *port != last).collect();
        for offset in [0, 1, 28_231, u32::MAX] {
            let order = Order::new(&range, offset, true);
            assert_eq!(order.outside(&[&taken]).next(), Some(last));
        }
    }
    let all: PortSet = range.clone().collect();
    assert_eq!(all.len(), range.len());
    assert_eq!(Order::new(&range, 7, true).outside(&[&all]).next(), None);
}

proptest! {
    #[test]
    fn each_port_comes_once(low in 1..=u16::MAX, length in 0..300u16, offset: u32, for_connect: bool) {
        let range = low..=low.saturating_add(length);
        let mut ports: Vec<u16> = Order::new(&range, offset, for_connect).ports().collect();
        ports.sort_unstable();
        prop_assert_eq!(ports, range.collect::<Vec<_>>());
    }

    #[test]
    fn the_sets_find_what_the_order_finds(
        low in 1..=u16::MAX,
        length in 0..300u16,
        offset: u32,
        for_connect: bool,
        first: BTreeSet<u16>,
        second in prop::collection::btree_set(0..=u16::MAX, 0..3000),
        gaps in 1..20u16,
    ) {
        let range = low..=low.saturating_add(length);
        // Mostly taken, so that there is something to look for.
        let crowd: BTreeSet<u16> = range.clone().filter(|port| port % gaps != 0).collect();
        let sets = [&first, &second, &crowd].map(|set| set.iter().copied().collect::<PortSet>());
        let order = Order::new(&range, offset, for_connect);
        let expected: Vec<u16> = order
            .ports()
            .filter(|port| ![&first, &second, &crowd].iter().any(|set| set.contains(port)))
            .collect();
        let found: Vec<u16> = order.outside(&sets.each_ref()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_not_taken_out(steps: Vec<(u16, bool)>) {
        let mut set = PortSet::new();
        let mut model = BTreeSet::new();
        for (port, is_in) in steps {
            set.set(port, is_in);
            if is_in { model.insert(port); } else { model.remove(&port); }
        }
        prop_assert_eq!(set.len(), model.len());
        let all = Order::new(&(0..=u16::MAX), 0, true).ports();
        for port in all.filter(|port| !model.contains(port)) {
            let alone = Order::new(&(port..=port), 0, true);
            prop_assert_eq!(alone.outside(&[&set]).next(), Some(port));
        }
    }
}
