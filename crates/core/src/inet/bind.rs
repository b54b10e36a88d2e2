//! `bind` of the internet sockets, ports that are chosen by the host, and the addresses that calls name.
//!
//! The order of the checks is Linux's (`__inet_bind`, `__inet6_bind`).

use core::net::{IpAddr, Ipv4Addr};

use super::bind_table::{BindAddress, BindTable, Binding, Holder, PortSpace};
use super::ephemeral::{Order, PROBES};
use super::{Names, any_address};
use crate::address::unmapped;
use crate::host::Stack;
use crate::options::{SharedOptions, Switches};
use crate::socket::Socket;
use crate::{Domain, Errno, SocketAddress};

/// An address that a call names, IPv4-mapped ones as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) scope_id: u32,
    /// It was written as `::ffff:a.b.c.d`.
    pub(crate) is_mapped: bool,
}

/// Reads a name for a socket of `domain`, of which the family alone is checked.
pub(crate) fn named(domain: Domain, address: &SocketAddress) -> Result<Named, Errno> {
    match (domain, address) {
        (Domain::Inet, SocketAddress::V4(address)) => Ok(Named {
            address: (*address.ip()).into(),
            port: address.port(),
            scope_id: 0,
            is_mapped: false,
        }),
        (Domain::Inet6, SocketAddress::V6(address)) => {
            let ip = IpAddr::V6(*address.ip());
            let unmapped = unmapped(ip);
            Ok(Named {
                address: unmapped,
                port: address.port(),
                scope_id: address.scope_id(),
                is_mapped: unmapped.is_ipv4(),
            })
        }
        // A sockaddr_in is shorter than AF_INET6 takes, which Linux finds before it looks at the family.
        (Domain::Inet6, SocketAddress::V4(_) | SocketAddress::Unspecified) => Err(Errno::EINVAL),
        (_, SocketAddress::Malformed(errno)) => Err(*errno),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// The peer that `connect` or `sendto` names. The unspecified address means this host.
pub(crate) fn destination(
    owner: &Owner<'_>,
    names: &Names,
    address: &SocketAddress,
) -> Result<Named, Errno> {
    let mut named = match (owner.domain, address) {
        // Datagram sockets of AF_INET6 take a sockaddr_in as the mapped address.
        (Domain::Inet6, SocketAddress::V4(address)) if !owner.is_stream => {
            if owner.options.is_on(Switches::V6_ONLY) {
                return Err(Errno::EAFNOSUPPORT);
            }
            Named {
                address: (*address.ip()).into(),
                port: address.port(),
                scope_id: 0,
                is_mapped: true,
            }
        }
        _ => named(owner.domain, address)?,
    };
    if named.is_mapped && owner.options.is_on(Switches::V6_ONLY) {
        return Err(Errno::ENETUNREACH);
    }
    if named.address.is_unspecified() {
        // A socket that is bound to an IPv4 address speaks IPv4, even to `::`.
        let speaks_v4 =
            named.address.is_ipv4() || (names.local().is_ipv4() && names.is_address_bound);
        named.address = if speaks_v4 {
            Ipv4Addr::LOCALHOST.into()
        } else {
            crate::ip::loopback_like(named.address)
        };
    }
    // An AF_INET6 socket bound to one family can't reach the other.
    if names.is_address_bound
        && !names.local().is_unspecified()
        && names.local().is_ipv4() != named.address.is_ipv4()
    {
        return Err(match named.address {
            IpAddr::V4(_) => Errno::EINVAL,
            IpAddr::V6(_) => Errno::EAFNOSUPPORT,
        });
    }
    Ok(named)
}

/// What of a socket decides where it may be bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) domain: Domain,
    pub(crate) is_stream: bool,
    pub(crate) options: &'a SharedOptions,
    pub(crate) uid: u32,
}

/// `bind(2)`: checks the address, claims the port. The caller makes the socket receive there.
pub(crate) fn bind(
    stack: &mut Stack,
    owner: &Owner<'_>,
    names: &mut Names,
    address: &SocketAddress,
    space: PortSpace,
) -> Result<(), Errno> {
    let named = named(owner.domain, address)?;
    let Named { address, port, .. } = named;
    let is_privileged = port != 0 && port < stack.config.sysctl.ip_unprivileged_port_start;
    let may_not = is_privileged && owner.uid != 0 && takes_ports(space);
    let is_bound_already = names.local_port != 0 || names.is_address_bound;
    match owner.domain {
        Domain::Inet | Domain::Unix | Domain::Netlink => {
            stack.check_bindable(owner, address)?;
            if may_not {
                return Err(Errno::EACCES);
            }
            if is_bound_already {
                return Err(Errno::EINVAL);
            }
        }
        Domain::Inet6 => {
            if address.is_multicast() && owner.is_stream && !named.is_mapped {
                return Err(Errno::EINVAL);
            }
            if may_not {
                return Err(Errno::EACCES);
            }
            if is_bound_already {
                return Err(Errno::EINVAL);
            }
            if named.is_mapped && owner.options.is_on(Switches::V6_ONLY) {
                return Err(Errno::EINVAL);
            }
            if let IpAddr::V6(v6) = address
                && v6.is_unicast_link_local()
                && named.scope_id == 0
                && owner.options.device.is_none()
            {
                return Err(Errno::EINVAL);
            }
            stack.check_bindable(owner, address)?;
        }
    }
    claim(stack, owner, names, space, address, port)?;
    names.set_local(address);
    names.scope_id = named.scope_id;
    names.is_address_bound = !address.is_unspecified() || named.is_mapped;
    names.is_port_bound = port != 0;
    Ok(())
}

/// A socket that was bound to an IPv6 address of its own can't reach IPv4 any more, and `IPV6_V6ONLY` says so
/// (`__inet6_bind`).
pub(crate) fn narrow(socket: &mut Socket) {
    let is_v6 = socket
        .names()
        .is_some_and(|names| names.local().is_ipv6() && !names.local().is_unspecified());
    if socket.domain == Domain::Inet6 && is_v6 {
        socket.options.switches.insert(Switches::V6_ONLY);
    }
}

/// Gives a socket that has none a port of the host's choice, at the address it has or at all of them.
pub(crate) fn autobind(
    stack: &mut Stack,
    owner: &Owner<'_>,
    names: &mut Names,
    space: PortSpace,
) -> Result<(), Errno> {
    if names.local_port != 0 {
        return Ok(());
    }
    // inet_autobind turns every failure into EAGAIN.
    claim(stack, owner, names, space, names.local(), 0).map_err(|_| Errno::EAGAIN)
}

/// Gives the claim on the port back.
pub(crate) fn release(stack: &mut Stack, names: &mut Names) {
    if let Some(claim) = names.claim.take() {
        stack.ports.remove(claim);
    }
    names.local_port = 0;
}

/// After `connect(AF_UNSPEC)`: what was chosen by the host is forgotten, what `bind` gave stays.
pub(crate) fn forget_peer(stack: &mut Stack, domain: Domain, names: &mut Names) {
    let any = any_address(domain);
    names.set_remote(any);
    names.remote_port = 0;
    if !names.is_address_bound {
        names.set_local(any);
    }
    if !names.is_port_bound {
        release(stack, names);
    }
}

/// The claim that a socket makes on a port.
pub(crate) fn binding_of(
    owner: &Owner<'_>,
    space: PortSpace,
    address: IpAddr,
    port: u16,
    holder: Holder,
) -> Binding {
    Binding {
        space,
        port,
        address: BindAddress::new(address, owner.options.is_on(Switches::V6_ONLY)),
        device: owner.options.device,
        reuse_address: owner.options.is_on(Switches::REUSE_ADDRESS),
        reuse_port: owner.options.is_on(Switches::REUSE_PORT),
        uid: owner.uid,
        holder,
    }
}

/// Fits the claim on the port to the address and the options that the socket has by now: `connect` chooses an address, a
/// disconnect gives it back, options may be set at any time. The port stays the socket's.
pub(crate) fn fit_claim(stack: &mut Stack, owner: &Owner<'_>, names: &mut Names) {
    let local = names.local();
    if let Some(claim) = &mut names.claim {
        let binding = stack.ports.binding(*claim);
        let (space, port, holder) = (binding.space, binding.port, binding.holder);
        let fitted = binding_of(owner, space, local, port, holder);
        stack.ports.replace(claim, fitted);
    }
}

fn claim(
    stack: &mut Stack,
    owner: &Owner<'_>,
    names: &mut Names,
    space: PortSpace,
    address: IpAddr,
    port: u16,
) -> Result<(), Errno> {
    let mut binding = binding_of(owner, space, address, port, Holder::Bound);
    if port != 0 {
        if stack.ports.conflicts(&binding) {
            return Err(Errno::EADDRINUSE);
        }
    } else {
        // A port that the host chooses is nobody else's, whatever SO_REUSEADDR says (`inet_csk_find_open_port`).
        let range = stack.port_range(space, owner.options);
        let order = Order::new(&range, stack.rng.next_u32(), false);
        let alone = Binding {
            reuse_address: false,
            reuse_port: false,
            ..binding
        };
        let is_free = |ports: &BindTable<_>, port| !ports.conflicts(&Binding { port, ..alone });
        let nearby = order
            .ports()
            .take(PROBES)
            .find(|port| is_free(&stack.ports, *port));
        let free = nearby
            .or_else(|| order.outside(&[&stack.ports.sets(space).occupied]).next())
            // The last resort: ports that others have at other addresses.
            .or_else(|| order.ports().find(|port| is_free(&stack.ports, *port)));
        binding.port = free.ok_or(Errno::EADDRINUSE)?;
    }
    names.claim = Some(stack.ports.insert(binding).ok_or(Errno::ENOMEM)?);
    names.local_port = binding.port;
    Ok(())
}

fn takes_ports(space: PortSpace) -> bool {
    matches!(space, PortSpace::Tcp | PortSpace::Udp | PortSpace::UdpLite)
}

impl Stack {
    /// Whether a socket may be bound to the address: `EADDRNOTAVAIL` if it is not this host's.
    pub(crate) fn check_bindable(&self, owner: &Owner<'_>, address: IpAddr) -> Result<(), Errno> {
        let is_free = self.config.sysctl.ip_nonlocal_bind
            || owner.options.is_on(Switches::FREE_BIND)
            || owner.options.is_on(Switches::TRANSPARENT);
        let is_to_many = address.is_multicast()
            || matches!(address, IpAddr::V4(address) if address.is_broadcast());
        if is_free || address.is_unspecified() || is_to_many || self.is_local(address) {
            Ok(())
        } else {
            Err(Errno::EADDRNOTAVAIL)
        }
    }

    /// `IP_LOCAL_PORT_RANGE` and `ip_local_port_range`; identifiers of echo sockets are all numbers but 0.
    pub(crate) fn port_range(
        &self,
        space: PortSpace,
        options: &SharedOptions,
    ) -> core::ops::RangeInclusive<u16> {
        if takes_ports(space) {
            options.port_range(&self.config.sysctl)
        } else {
            1..=u16::MAX
        }
    }
}
