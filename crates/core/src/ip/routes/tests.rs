//! Longest prefix, metric, families, and a model.

use proptest::prelude::*;

use super::*;

fn interface(index: u32) -> InterfaceId {
    InterfaceId::from_ifindex(index)
}

fn route(destination: &str, prefix_len: u8, index: u32, metric: u32) -> Route {
    Route {
        destination: IpCidr::new(destination.parse().unwrap(), prefix_len).unwrap(),
        gateway: None,
        interface: interface(index),
        preferred_source: None,
        metric,
        metrics: RouteMetrics::default(),
    }
}

fn lookup(table: &RoutingTable, destination: &str) -> Option<u32> {
    table
        .lookup(destination.parse().unwrap(), None)
        .map(|route| route.interface.ifindex())
}

#[test]
fn the_longest_prefix_wins_whatever_the_order_and_metric() {
    let mut table = RoutingTable::default();
    for route in [
        route("0.0.0.0", 0, 1, 0),
        route("10.1.2.0", 24, 3, 900),
        route("10.0.0.0", 8, 2, 0),
    ] {
        table.add(route);
    }
    table.add(route("::", 0, 4, 0));
    table.add(route("fd00::", 64, 5, 0));
    assert_eq!(lookup(&table, "10.1.2.3"), Some(3));
    assert_eq!(lookup(&table, "10.9.9.9"), Some(2));
    assert_eq!(lookup(&table, "192.0.2.1"), Some(1));
    assert_eq!(lookup(&table, "fd00::7"), Some(5));
    assert_eq!(lookup(&table, "2001:db8::1"), Some(4));
}

#[test]
fn no_route_of_the_family_is_none() {
    let mut table = RoutingTable::default();
    table.add(route("0.0.0.0", 0, 1, 0));
    assert_eq!(lookup(&table, "::1"), None);
    assert!(table.remove(&route("0.0.0.0", 0, 1, 0)));
    assert!(!table.remove(&route("0.0.0.0", 0, 1, 0)));
    assert_eq!(lookup(&table, "192.0.2.1"), None);
}

#[test]
fn the_smallest_metric_of_a_prefix_wins_unless_an_interface_is_asked_for() {
    let mut table = RoutingTable::default();
    table.add(route("10.0.0.0", 8, 1, 20));
    table.add(route("10.0.0.0", 8, 2, 10));
    assert_eq!(lookup(&table, "10.0.0.1"), Some(2));
    let asked = table.lookup("10.0.0.1".parse().unwrap(), Some(interface(1)));
    assert_eq!(asked.map(|route| route.metric), Some(20));
}

proptest! {
    #[test]
    fn agrees_with_a_scan(
        routes in proptest::collection::vec((any::<u32>(), 0u8..=32, 0u32..4), 0..40),
        destination in any::<u32>(),
    ) {
        let mut table = RoutingTable::default();
        let routes: Vec<Route> = routes
            .into_iter()
            .enumerate()
            .map(|(index, (address, prefix_len, metric))| Route {
                destination: IpCidr::new(IpAddr::V4(address.into()), prefix_len).unwrap(),
                gateway: None,
                interface: interface(u32::try_from(index).unwrap()),
                preferred_source: None,
                metric,
                metrics: RouteMetrics::default(),
            })
            .collect();
        routes.iter().for_each(|route| table.add(*route));
        let destination = IpAddr::V4(destination.into());
        let best = routes
            .iter()
            .filter(|route| route.destination.contains(destination))
            .max_by_key(|route| (route.destination.prefix_len(), core::cmp::Reverse(route.metric)));
        let found = table.lookup(destination, None);
        let rank = |route: &Route| (route.destination.prefix_len(), route.metric);
        prop_assert_eq!(found.map(rank), best.map(rank));
    }
}
