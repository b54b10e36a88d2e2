//! Datagrams out: route, source address, header, fragments, queue.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::{IpAddr, Ipv4Addr};

use sockeye_wire::ipv4::Ipv4Option;
use sockeye_wire::{Frame, Headers, IpProtocol, Ipv4Header, Ipv4Options, Ipv6Header};

use super::fragment::fragment;
use super::routes::{Route, RouteMetrics};
use crate::host::Stack;
use crate::ids::InterfaceId;
use crate::interface::Interface;
use crate::{Errno, Loopback};

/// The packet that was sent last, for its sender's error queue (`SO_TIMESTAMPING`).
#[derive(Debug, Default)]
pub(crate) enum Kept {
    /// Not wanted, as almost always.
    #[default]
    Nothing,
    /// The next one is.
    Wanted,
    /// Here it is.
    Frame(Box<Frame>),
}

/// Who is to get a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Those that the link carries it to.
    pub(crate) link: bool,
    /// This host's own sockets, as if it had come in by the same interface: what is sent to many.
    pub(crate) host: bool,
}

impl Reach {
    pub(crate) const LINK: Self = Self {
        link: true,
        host: false,
    };
    pub(crate) const BOTH: Self = Self {
        link: true,
        host: true,
    };
}

/// How packets to one destination travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Where they leave; `lo` for every address of this host.
    pub(crate) interface: InterfaceId,
    /// The source address to use.
    pub(crate) source: IpAddr,
    /// The longest packet.
    pub(crate) mtu: usize,
    /// What routers say does not change that (`mtu lock`), and they may cut packets of IPv4.
    pub(crate) is_mtu_locked: bool,
    /// `Stack::route_generation` when the path was found: it is stale when that has moved on.
    pub(crate) generation: u32,
    /// Who gets them.
    pub(crate) reach: Reach,
}

/// Whether a datagram that is too long may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fragmentation {
    /// Here and (IPv4) on the way.
    Allowed,
    /// Here, but not on the way: `IP_PMTUDISC_WANT`, the usual, where the packet fits the path.
    LocalOnly,
    /// On the way (IPv4), but not here: `IP_PMTUDISC_INTERFACE`.
    OnTheWay,
    /// Nowhere: `EMSGSIZE`.
    Forbidden,
}

/// What goes into an IP header.
#[derive(Clone, Debug)]
pub(crate) struct IpMeta {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: IpProtocol,
    pub(crate) hop_limit: u8,
    pub(crate) traffic_class: u8,
    pub(crate) flow_label: u32,
    pub(crate) fragmentation: Fragmentation,
    /// Of IPv4.
    pub(crate) options: Option<Arc<Ipv4Options>>,
}

impl IpMeta {
    /// The options for a packet from this source, which is where a recorded route begins.
    fn options_from(&self, source: Ipv4Addr) -> Ipv4Options {
        let Some(options) = &self.options else {
            return Ipv4Options::new_const();
        };
        let mut options = (**options).clone();
        let route = (Ipv4Option::iter(&options).map_while(Result::ok))
            .find(|option| option.kind == Ipv4Option::RECORD_ROUTE)
            .map(|option| (option.offset, option.data.first().copied().unwrap_or(0)));
        if let Some((start, pointer)) = route {
            // RFC 791 3.1: the pointer counts from 1 at the option's type.
            let at = start + usize::from(pointer).saturating_sub(1);
            let is_within = options
                .get(start + 1)
                .is_some_and(|length| usize::from(pointer) + 3 <= usize::from(*length));
            if is_within && let Some(slot) = options.get_mut(at..at + 4) {
                slot.copy_from_slice(&source.octets());
                if let Some(place) = options.get_mut(start + 2) {
                    *place = pointer.saturating_add(4);
                }
            }
        }
        options
    }
}

/// Which routes a socket may use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Via {
    /// `SO_BINDTODEVICE`: only those that leave by it.
    pub(crate) device: Option<InterfaceId>,
    /// `SO_DONTROUTE`, `MSG_DONTROUTE`: only those without a gateway. IPv6 takes no notice of it (`sk_localroute`).
    pub(crate) is_on_link: bool,
}

impl From<Option<InterfaceId>> for Via {
    fn from(device: Option<InterfaceId>) -> Self {
        Self {
            device,
            is_on_link: false,
        }
    }
}

impl Via {
    fn allows(&self, route: &Route) -> bool {
        self.device.is_none_or(|device| route.interface == device)
            && !(self.is_on_link && matches!(route.gateway, Some(IpAddr::V4(_))))
    }
}

impl Stack {
    /// How to reach `destination`, from `source` if that is fixed already, by what the socket may use.
    ///
    /// `ENETUNREACH` without a route, `EINVAL` for a loopback source to elsewhere (`ip_route_output_key`).
    pub(crate) fn route(
        &self,
        destination: IpAddr,
        source: Option<IpAddr>,
        via: impl Into<Via>,
    ) -> Result<Path, Errno> {
        let via = via.into();
        let source = source.filter(|source| !source.is_unspecified());
        let generation = self.route_generation;
        if via
            .device
            .is_some_and(|device| self.interface(device).is_none())
        {
            // SO_BINDTOIFINDEX takes any number.
            return Err(match destination {
                IpAddr::V4(_) => Errno::ENODEV,
                IpAddr::V6(_) => Errno::ENETUNREACH,
            });
        }
        if self.is_local(destination) {
            return Ok(self.path_home(destination, source));
        }
        let route = self
            .routes
            .find(destination, |route| via.allows(route))
            .ok_or(Errno::ENETUNREACH)?;
        let interface = self.interface(route.interface).ok_or(Errno::ENETUNREACH)?;
        if source.is_some_and(|source| source.is_loopback())
            && route.interface != InterfaceId::LOOPBACK
        {
            return Err(match destination {
                IpAddr::V4(_) => Errno::EINVAL,
                IpAddr::V6(_) => Errno::ENETUNREACH,
            });
        }
        let source = source
            .or(route.preferred_source)
            .or_else(|| interface.source_for(destination))
            .or_else(|| self.any_source_for(destination))
            .ok_or(match destination {
                IpAddr::V4(_) => Errno::ENETUNREACH,
                IpAddr::V6(_) => Errno::EADDRNOTAVAIL,
            })?;
        Ok(Path {
            interface: route.interface,
            source,
            mtu: longest_packet(destination, route.metrics.mtu_of(interface.mtu)),
            is_mtu_locked: route.metrics.is_mtu_locked,
            generation,
            reach: Reach::LINK,
        })
    }

    /// What the route to `destination` says of the path.
    pub(crate) fn route_metrics(&self, destination: IpAddr, via: Via) -> RouteMetrics {
        if !self.routes.has_metrics() || self.is_local(destination) {
            return RouteMetrics::default();
        }
        let route = self.routes.find(destination, |route| via.allows(route));
        route.map_or(RouteMetrics::default(), |route| route.metrics)
    }

    /// The way of packets that come back to this host.
    pub(crate) fn path_home(&self, destination: IpAddr, source: Option<IpAddr>) -> Path {
        let mtu = self
            .interface(InterfaceId::LOOPBACK)
            .map_or(0, |interface| interface.mtu);
        Path {
            interface: InterfaceId::LOOPBACK,
            // The route to an own address has that address as its preferred source; all of 127/8 has 127.0.0.1.
            source: source.unwrap_or(if destination.is_loopback() {
                super::loopback_like(destination)
            } else {
                destination
            }),
            mtu: longest_packet(destination, mtu),
            is_mtu_locked: false,
            generation: self.route_generation,
            reach: Reach::LINK,
        }
    }

    /// An address of any other interface: an interface without addresses borrows one.
    pub(crate) fn any_source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        let others = self
            .interfaces
            .iter()
            .filter(|(id, _)| *id != InterfaceId::LOOPBACK);
        others
            .filter_map(|(_, interface)| interface.source_for(destination))
            .next()
    }

    /// Whether packets to this address come back to this host.
    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        // RFC 1122 3.2.1.3 (g): all of 127/8.
        address.is_loopback() || self.local_addresses.contains_key(&address)
    }

    /// Whether packets to this address are for all hosts of a link: `SO_BROADCAST` allows to send them.
    pub(crate) fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else {
            return false;
        };
        address.is_broadcast()
            || self
                .interfaces
                .iter()
                .any(|(_, interface)| interface.has_broadcast(address))
    }

    /// Writes the IP header of a packet of `length` bytes of transport header and data. The caller appends the transport
    /// header, its checksum left out or filled in.
    pub(crate) fn ip_header(
        &mut self,
        headers: &mut Headers,
        meta: &IpMeta,
        path: &Path,
        length: usize,
    ) {
        match (meta.source, meta.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let options = meta.options_from(source);
                let fits = length + 20 + options.len() <= path.mtu;
                let dont_fragment = match meta.fragmentation {
                    Fragmentation::Allowed | Fragmentation::OnTheWay => false,
                    Fragmentation::LocalOnly => fits,
                    Fragmentation::Forbidden => true,
                };
                // RFC 6864 4.1: an atomic datagram needs no identification.
                let identification = if dont_fragment {
                    0
                } else {
                    self.next_identification()
                };
                Ipv4Header {
                    traffic_class: meta.traffic_class,
                    identification,
                    dont_fragment,
                    more_fragments: false,
                    fragment_offset: 0,
                    hop_limit: meta.hop_limit,
                    protocol: meta.protocol,
                    source,
                    destination,
                    options,
                    payload_length: length,
                }
                .emit(headers);
            }
            (source, destination) => {
                let header = Ipv6Header {
                    traffic_class: meta.traffic_class,
                    flow_label: meta.flow_label,
                    payload_length: length,
                    next_header: meta.protocol,
                    hop_limit: meta.hop_limit,
                    source: to_v6(source),
                    destination: to_v6(destination),
                };
                header.emit(headers);
            }
        }
    }

    /// Sends a packet, its IP header in place: cuts it if it is too long and may be cut, and queues it on the
    /// interface. `EMSGSIZE` if it may not be cut. A full queue drops it silently, as a device does.
    #[inline]
    pub(crate) fn output(
        &mut self,
        frame: Frame,
        path: &Path,
        fragmentation: Fragmentation,
    ) -> Result<(), Errno> {
        let is_v4 = frame.headers.first().is_some_and(|byte| byte >> 4 == 4);
        let is_long = frame.offload.segment_size.is_none() && frame.len() > path.mtu;
        if !is_long {
            if is_v4 {
                self.counters.ip_out_requests += 1;
            } else {
                self.counters.ip6_out_requests += 1;
            }
            self.echo(&frame, path);
            self.keep(&frame);
            return self.emit(frame, path);
        }
        self.output_in_pieces(frame, path, fragmentation)
    }

    #[cold]
    fn output_in_pieces(
        &mut self,
        mut frame: Frame,
        path: &Path,
        fragmentation: Fragmentation,
    ) -> Result<(), Errno> {
        let is_v4 = frame.headers.first().is_some_and(|byte| byte >> 4 == 4);
        if matches!(
            fragmentation,
            Fragmentation::Forbidden | Fragmentation::OnTheWay
        ) {
            if is_v4 {
                self.counters.ip_frag_fails += 1;
            } else {
                self.counters.ip6_frag_fails += 1;
            }
            return Err(Errno::EMSGSIZE);
        }
        self.echo(&frame, path);
        self.keep(&frame);
        // A fragment has no transport checksum of its own: it must be there before the cut.
        frame.complete_checksum();
        let identification = self.rng.next_u32();
        let fragments = fragment(frame, path.mtu, identification);
        if fragments.is_empty() {
            return Err(Errno::EMSGSIZE);
        }
        let created = u64::try_from(fragments.len()).unwrap_or(u64::MAX);
        if is_v4 {
            self.counters.ip_out_requests += 1;
            self.counters.ip_frag_oks += 1;
            self.counters.ip_frag_creates += created;
        } else {
            self.counters.ip6_out_requests += 1;
            self.counters.ip6_frag_oks += 1;
            self.counters.ip6_frag_creates += created;
        }
        fragments
            .into_iter()
            .try_for_each(|fragment| self.emit(fragment, path))
    }

    /// A copy for the socket that sent it and wants it back with its stamp.
    fn keep(&mut self, frame: &Frame) {
        if let Kept::Wanted = self.kept {
            self.kept = Kept::Frame(Box::new(frame.clone()));
        }
    }

    /// A copy for this host, if it is to have one.
    fn echo(&mut self, frame: &Frame, path: &Path) {
        if path.reach.host {
            self.loopback.push(path.interface, frame.clone());
        }
    }

    /// Whether the interface of this path has no room for a packet.
    pub(crate) fn is_refused(&self, path: &Path) -> bool {
        self.interfaces
            .get(path.interface)
            .is_some_and(Interface::is_full)
    }

    #[inline]
    fn emit(&mut self, frame: Frame, path: &Path) -> Result<(), Errno> {
        if !path.reach.link {
            return Ok(());
        }
        let is_internal =
            path.interface == InterfaceId::LOOPBACK && self.config.loopback == Loopback::Internal;
        if is_internal {
            self.loopback.push(InterfaceId::LOOPBACK, frame);
            return Ok(());
        }
        self.interfaces
            .get_mut(path.interface)
            .ok_or(Errno::ENETDOWN)?
            .push(frame);
        Ok(())
    }

    fn next_identification(&mut self) -> u16 {
        self.identification = self.identification.wrapping_add(1);
        self.identification
    }
}

/// An MTU as far as the header can say: `IP_MAX_MTU`, `IP6_MAX_MTU`.
pub(crate) fn longest_packet(destination: IpAddr, mtu: usize) -> usize {
    mtu.min(match destination {
        IpAddr::V4(_) => 0xffff,
        IpAddr::V6(_) => 0xffff + 40,
    })
}

fn to_v6(address: IpAddr) -> core::net::Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
