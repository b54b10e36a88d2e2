//! Interfaces, addresses and routes of a host.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Host, Stack};
use crate::Errno;
use crate::config::{InterfaceConfig, Medium, OffloadCapabilities};
use crate::ids::InterfaceId;
use crate::interface::{Interface, InterfaceInfo, LOOPBACK_MTU};
use crate::ip::routes::{IpCidr, Route, RouteMetrics};

impl Host {
    /// Adds an interface: its addresses are this host's, and their networks are reached by it.
    ///
    /// # Errors
    /// `EEXIST` if there is one of this name, `ENFILE` if there are as many as there are numbers for.
    pub fn add_interface(&mut self, config: InterfaceConfig) -> Result<InterfaceId, Errno> {
        if self.interface_by_name(&config.name).is_some() {
            return Err(Errno::EEXIST);
        }
        let addresses = config.addresses.clone();
        let id = self
            .stack
            .interfaces
            .insert_with(|_| Interface::new(config))
            .ok_or(Errno::ENFILE)?;
        for address in addresses {
            self.stack.local_addresses.insert(address.address(), id);
            self.stack.add_route(Route {
                destination: address,
                gateway: None,
                interface: id,
                preferred_source: address.address().is_ipv4().then_some(address.address()),
                metric: 0,
                metrics: RouteMetrics::default(),
            });
        }
        Ok(id)
    }

    /// Adds a route.
    pub fn add_route(&mut self, route: Route) {
        self.stack.add_route(route);
    }

    /// Takes a route away; whether it was there.
    pub fn remove_route(&mut self, route: &Route) -> bool {
        self.stack.route_generation = self.stack.route_generation.wrapping_add(1);
        self.stack.routes.remove(route)
    }

    /// All routes.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.stack.routes.iter()
    }

    /// The interface of this name: `SO_BINDTODEVICE`, `if_nametoindex`.
    pub fn interface_by_name(&self, name: &str) -> Option<InterfaceId> {
        self.interfaces()
            .find(|(_, known)| *known == name)
            .map(|(id, _)| id)
    }

    /// All interfaces with their names.
    pub fn interfaces(&self) -> impl Iterator<Item = (InterfaceId, &str)> {
        self.stack
            .interfaces
            .iter()
            .map(|(id, interface)| (id, interface.name.as_str()))
    }

    /// All interfaces as Linux shows them to programs.
    pub fn interface_infos(&self) -> impl Iterator<Item = InterfaceInfo<'_>> {
        self.stack
            .interfaces
            .iter()
            .map(|(id, interface)| interface.info(id))
    }

    /// An interface's addresses.
    pub fn interface_addresses(&self, id: InterfaceId) -> &[IpCidr] {
        self.stack
            .interface(id)
            .map_or(&[], |interface| &interface.addresses)
    }

    pub(super) fn add_loopback(&mut self) {
        let own = [
            IpCidr::new(Ipv4Addr::LOCALHOST.into(), 8),
            IpCidr::new(Ipv6Addr::LOCALHOST.into(), 128),
        ];
        let id = self.add_interface(InterfaceConfig {
            name: "lo".into(),
            mtu: LOOPBACK_MTU,
            addresses: own.into_iter().flatten().collect(),
            medium: Medium::Ip,
            offload: OffloadCapabilities {
                checksum: true,
                segmentation: usize::MAX,
            },
        });
        debug_assert_eq!(id, Ok(InterfaceId::LOOPBACK));
    }
}

impl Stack {
    /// An interface, if it exists.
    pub(crate) fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.get(id)
    }

    /// The interface with this `ifindex`.
    pub(crate) fn interface_by_index(&self, ifindex: u32) -> Option<InterfaceId> {
        self.interfaces
            .iter()
            .map(|(id, _)| id)
            .find(|id| id.ifindex() == ifindex)
    }

    fn add_route(&mut self, route: Route) {
        self.route_generation = self.route_generation.wrapping_add(1);
        self.routes.add(route);
    }
}
