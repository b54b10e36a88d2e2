//! The way to many: groups, and the broadcast address of every link.
//!
//! Where a route is not needed or is not asked is Linux's (`ip_route_output_key_hash_rcu`, `__mkroute_output`,
//! `ip_mc_output`, `ip6_finish_output2`).

use core::net::{IpAddr, Ipv4Addr};

use crate::host::Stack;
use crate::ip::Inbound;
use crate::ip::output::{Path, Reach, Via};
use crate::options::{SharedOptions, Switches};
use crate::{Errno, InterfaceId};

/// What of a sender decides the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) options: &'a SharedOptions,
    /// The source address, if it is fixed.
    pub(crate) source: Option<IpAddr>,
    /// The interface that the call or the socket is bound to.
    pub(crate) device: Option<InterfaceId>,
    /// `MSG_DONTROUTE`; `SO_DONTROUTE` is among the options.
    pub(crate) is_on_link: bool,
}

impl Stack {
    /// The way from a datagram socket to `destination`, which may be one host or many.
    pub(crate) fn route_from(
        &self,
        sender: &Sender<'_>,
        destination: IpAddr,
    ) -> Result<Path, Errno> {
        let Sender {
            options,
            source,
            device,
            is_on_link,
        } = *sender;
        let source = source.filter(|source| !source.is_unspecified());
        if let Some(IpAddr::V4(source)) = source
            && (source.is_multicast() || source.is_broadcast())
        {
            return Err(Errno::EINVAL);
        }
        let multicast = options.multicast();
        match destination {
            IpAddr::V4(address) if address.is_multicast() => {
                let device = device.or(multicast.and_then(|choice| choice.interface));
                let chosen = multicast.map(|choice| IpAddr::V4(choice.address));
                let source = source.or(chosen.filter(|address| !address.is_unspecified()));
                let mut path = self.route_v4_to_many(destination, source, device)?;
                let is_echoed = options.is_on(Switches::MULTICAST_LOOP)
                    && self.groups.is_joined(path.interface, destination);
                path.reach = self.reach(path.interface, is_echoed);
                Ok(path)
            }
            IpAddr::V4(address) if address.is_broadcast() => {
                let mut path = self.route_v4_to_many(destination, source, device)?;
                path.reach = self.reach(path.interface, true);
                Ok(path)
            }
            IpAddr::V4(_) => {
                let via = Via {
                    device,
                    is_on_link: is_on_link || options.via().is_on_link,
                };
                let mut path = self.route(destination, source, via)?;
                if path.interface != InterfaceId::LOOPBACK && self.is_broadcast(destination) {
                    path.reach = Reach::BOTH;
                }
                Ok(path)
            }
            IpAddr::V6(address) if address.is_multicast() => {
                let device = device.or(multicast.and_then(|choice| choice.interface_v6));
                let mut path = self.route_v6_to_many(destination, source, device)?;
                let is_echoed = options.is_on(Switches::MULTICAST_LOOP_V6)
                    && self.groups.is_joined(path.interface, destination);
                path.reach = self.reach(path.interface, is_echoed);
                Ok(path)
            }
            IpAddr::V6(_) => self.route(destination, source, device),
        }
    }

    /// On `lo` what goes out comes in again; elsewhere a copy is made for the host's own members.
    fn reach(&self, interface: InterfaceId, is_echoed: bool) -> Reach {
        if interface == InterfaceId::LOOPBACK || !is_echoed {
            Reach::LINK
        } else {
            Reach::BOTH
        }
    }

    fn route_v4_to_many(
        &self,
        destination: IpAddr,
        source: Option<IpAddr>,
        device: Option<InterfaceId>,
    ) -> Result<Path, Errno> {
        let interface = match (device, source) {
            (Some(device), _) => device,
            // A source address says the interface.
            (None, Some(source)) => self.interface_of(source).ok_or(Errno::ENETUNREACH)?,
            (None, None) => {
                let route = self.routes.lookup(destination, None);
                route.ok_or(Errno::ENETUNREACH)?.interface
            }
        };
        if self.interface(interface).is_none() {
            return Err(Errno::ENODEV);
        }
        self.path_by(interface, destination, source)
            .ok_or(Errno::ENETUNREACH)
    }

    /// Linux has a route to ff00::/8 for each interface but `lo`.
    fn route_v6_to_many(
        &self,
        destination: IpAddr,
        source: Option<IpAddr>,
        device: Option<InterfaceId>,
    ) -> Result<Path, Errno> {
        let interface = device.or_else(|| self.interface_towards(destination));
        let interface = interface.filter(|interface| {
            *interface != InterfaceId::LOOPBACK && self.interface(*interface).is_some()
        });
        let interface = interface.ok_or(Errno::ENETUNREACH)?;
        self.path_by(interface, destination, source)
            .ok_or(Errno::EADDRNOTAVAIL)
    }

    fn path_by(
        &self,
        id: InterfaceId,
        destination: IpAddr,
        source: Option<IpAddr>,
    ) -> Option<Path> {
        let interface = self.interface(id)?;
        let source = source.or_else(|| interface.source_for(destination));
        Some(Path {
            interface: id,
            source: source.or_else(|| self.any_source_for(destination))?,
            mtu: interface.mtu,
            is_mtu_locked: false,
            generation: self.route_generation,
            reach: Reach::LINK,
        })
    }

    /// The address from which to answer a packet that was sent to many over IPv4.
    pub(crate) fn specific_address(&self, inbound: &Inbound<'_>) -> Option<Ipv4Addr> {
        let is_to_many = inbound.is_multicast() || self.is_broadcast(inbound.destination);
        if !is_to_many || inbound.destination.is_ipv6() {
            return None;
        }
        let path = self.route(inbound.source, None, None).ok()?;
        match path.source {
            IpAddr::V4(source) => Some(source),
            IpAddr::V6(_) => None,
        }
    }

    /// The interface that has this address.
    pub(crate) fn interface_of(&self, address: IpAddr) -> Option<InterfaceId> {
        if address.is_loopback() {
            return Some(InterfaceId::LOOPBACK);
        }
        self.local_addresses.get(&address).copied()
    }

    /// The interface on which a group is joined, and by which it is sent to, if none is named.
    pub(crate) fn interface_towards(&self, group: IpAddr) -> Option<InterfaceId> {
        match group {
            IpAddr::V4(_) => self.routes.lookup(group, None).map(|route| route.interface),
            IpAddr::V6(_) => {
                let mut others = self
                    .interfaces
                    .iter()
                    .filter(|(id, _)| *id != InterfaceId::LOOPBACK);
                let has_v6 = |(_, interface): &(InterfaceId, &crate::interface::Interface)| {
                    let mut addresses = interface.addresses.iter();
                    addresses.any(|cidr| cidr.address().is_ipv6())
                };
                others.find(has_v6).map(|(id, _)| id)
            }
        }
    }
}
